"""Cases of many partitions: what one costs in memory, and what they cost together while nobody uses them."""
import sys
import time
import urllib.request

from harness import KINDS, Descriptors, brokers, cores_in_use, cpu_seconds, descriptors, kbench, rss_mib
from life import BigHeap, come_back, stop

TOPIC_PARTITIONS = 1000
SETTLE_S = 20
IDLE_S = 60


def create_partitions(bench, broker, partitions):
    """Topics of 1,000 partitions each; seconds it took."""
    began = time.monotonic()
    kbench(broker, 'create', '-t', bench.name(), '-n', max(1, partitions // TOPIC_PARTITIONS), '-p', min(partitions, TOPIC_PARTITIONS), '-f', 1)
    return time.monotonic() - began


def memory_partition(bench):
    """What the resident memory grows by with 10,000 partitions in use: a record was written to each."""
    partitions = 10_000
    values = {k: [] for k in KINDS}
    with BigHeap(partitions):
        for kind in KINDS:
            with brokers.start_broker(kind) as fresh:
                before = rss_mib(fresh.pid)
                name = bench.name()
                kbench(fresh, 'create', '-t', name, '-n', 1, '-p', partitions, '-f', 1)
                kbench(fresh, 'produce', '-t', name, '-n', 30 * partitions, '-s', 100, '-X', 'sticky.partitioning.linger.ms=0')
                time.sleep(SETTLE_S)
                values[kind].append((rss_mib(fresh.pid) - before) * 1024 / partitions)
    bench.show(f'memory a partition, {partitions:,} written to', 'more memory', values, 'KiB')


def idle(bench):
    """Moldau with the limits of a Debian shell and 20,000 partitions; Apache Kafka with as many, a big heap and no limit of descriptors."""
    partitions = bench.args.partitions
    rows = {figure: {} for figure in ('created', 'restart after SIGTERM', 'restart after SIGKILL', 'resident memory', 'cores while idle', 'descriptors', 'Metadata of all')}
    units = {'resident memory': 'MiB', 'cores while idle': '', 'descriptors': '', 'Metadata of all': 'ms'}
    for kind in KINDS:
        with BigHeap(partitions) if kind == 'apache' else Descriptors(1024, bench.args.hard_limit), brokers.start_broker(kind) as fresh:
            def note(figure, value):
                rows[figure].setdefault(kind, []).append(value)
                print(f'{kind}: {figure} {value:.3g}', file=sys.stderr, flush=True)  # the rows come at the end, minutes later
            note('created', create_partitions(bench, fresh, partitions))
            led = kbench(fresh, 'metadata')['partitions_led']
            for how in ('SIGTERM', 'SIGKILL'):
                stop(fresh, how)
                note(f'restart after {how}', come_back(fresh, led))
            note('Metadata of all', kbench(fresh, 'metadata', '-n', 20)['p50_ms'])
            time.sleep(SETTLE_S)
            note('cores while idle', cores_in_use(fresh.pid, IDLE_S))
            note('resident memory', rss_mib(fresh.pid))
            note('descriptors', descriptors(fresh.pid))
            if kind == 'moldau':
                scrape(fresh)
    for figure, values in rows.items():
        bench.show(f'{partitions:,} partitions', figure, values, units.get(figure, 's'))


def scrape(broker):
    """Size and time of /metrics, and its CPU."""
    before, began = cpu_seconds(broker.pid), time.monotonic()
    with urllib.request.urlopen(f'http://127.0.0.1:{broker.http_port}/metrics', timeout=60) as answer:
        size = len(answer.read())
    print(f'| /metrics | {size / 1024:.0f} KiB | - | {(time.monotonic() - began) * 1000:.0f} ms, {cpu_seconds(broker.pid) - before:.2f} CPU s | |', flush=True)


BY_HAND = {'memory-partition': memory_partition, 'idle': idle}
