"""Cases of traffic: what a broker's CPU does for records that come and go, and for clients that wait."""
import os
import pathlib
import subprocess

from harness import KINDS, LIMIT, brokers, kbench, rss_mib

PRODUCE = {  # records at scale 1, size, words
    'produce-1k': (1_000_000, 1024, ['-a', 'all']),
    'produce-100': (4_000_000, 100, ['-a', 'all']),
    'produce-100-lz4': (4_000_000, 100, ['-a', 'all', '-z', 'lz4']),
    'produce-100-zstd': (4_000_000, 100, ['-a', 'all', '-z', 'zstd']),
    'produce-small': (1_000_000, 100, ['-a', 'all', '-X', 'batch.size=16384', '-X', 'linger.ms=0']),
}
CONSUME = {'consume-1k': (1_000_000, 1024), 'consume-100': (4_000_000, 100)}
MIB = 1 << 20


def free_mib():
    """Memory that belongs to nobody: no process, no file."""
    for line in pathlib.Path('/proc/meminfo').read_text().splitlines():
        if line.startswith('MemFree'):
            return int(line.split()[1]) // 1024
    return 0


def warm_memory(folder, leave_mib=512):
    """Fills free memory with clean pages of a file, as on a server that has run for a day; returns the file, to be removed at the end.

    A virtual machine gives free pages back to its host; touching one again costs its first user a fault of the host, several times what a broker does with
    it. Pages that are recycled from the cache do not have that cost, so that what is left is the broker's own."""
    path = pathlib.Path(folder) / 'page-cache'
    block = os.urandom(MIB) * 8
    with open(path, 'wb', buffering=0) as f:
        while free_mib() > leave_mib:
            f.write(block)
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_NORMAL)
        os.fdatasync(f.fileno())  # dirty pages are not recycled
    return path


def limit(bench):
    for what in ('produce', 'consume'):
        done = subprocess.run([LIMIT, what], stdout=subprocess.PIPE, text=True)
        print(f'| limit {what} | the unavoidable work | - | - | {done.stdout.strip()} |', flush=True)


def produce(bench, case):
    count, size, words = PRODUCE[case]

    def action(broker):
        topic = bench.topic(broker)
        result = kbench(broker, 'produce', '-t', topic, '-n', int(count * bench.args.scale), '-s', size, *words)
        kbench(broker, 'delete', '-t', topic)
        return result
    bench.paired(case, action, [('broker_cpu_s_per_gib', 's/GiB'), ('mib_per_s', 'MiB/s')])


def consume(bench, case):
    count, size = CONSUME[case]

    def action(broker):
        key = (broker.kind, size)
        if key not in bench.kept:
            bench.kept[key] = bench.topic(broker)
            kbench(broker, 'produce', '-t', bench.kept[key], '-n', int(count * bench.args.scale), '-s', size)
        return kbench(broker, 'consume', '-t', bench.kept[key])
    bench.paired(case, action, [('broker_cpu_s_per_gib', 's/GiB'), ('mib_per_s', 'MiB/s')])


def latency(bench):
    def action(broker):
        key = (broker.kind, 'latency')
        if key not in bench.kept:
            bench.kept[key] = bench.topic(broker, 1)
        result = kbench(broker, 'latency', '-t', bench.kept[key], '-n', 10000, '-s', 100, '-r', 1000)
        result['cores'] = result['broker_cpu_s'] / result['seconds']
        return result
    bench.paired('latency, 1,000 records/s', action, [('cores', ''), ('p50_ms', 'ms'), ('p99_ms', 'ms'), ('p999_ms', 'ms')])


def connections(bench):
    values = {k: [] for k in KINDS}
    for kind in KINDS:
        with brokers.start_broker(kind) as fresh:
            before = rss_mib(fresh.pid)
            result = kbench(fresh, 'idle', '-n', 2000, '-d', 5)
            values[kind].append(max(result.get('broker_rss_mib', 0) - before, 0.01))
    bench.show('2,000 idle connections', 'more memory', values, 'MiB')


CASES = {
    'limit': limit,
    **{case: lambda bench, case=case: produce(bench, case) for case in PRODUCE},
    **{case: lambda bench, case=case: consume(bench, case) for case in CONSUME},
    'latency': latency,
    'connections': connections,
}
