"""Cases of a broker's life: starts, memory, topics that come, restarts with little and with much to recover."""
import json
import os
import subprocess
import threading
import time

from harness import JAVA_OPTS, KBENCH, KINDS, Descriptors, brokers, cpu_seconds, kbench, rss_mib

SESSION_S = 6      # Apache Kafka's old ZooKeeper session, while whose life a killed broker cannot come back
READY_S = 900


def start(bench):
    values = {k: [] for k in KINDS}
    for kind in KINDS:
        for _ in range(bench.args.runs):
            with brokers.make_broker(kind) as broker:
                if kind == 'apache':  # its first start makes the cluster
                    broker.start()
                    broker.stop()
                values[kind].append(first_metadata(broker))
    bench.show('cold start to the first Metadata answer', 'seconds', values, 's')


def first_metadata(broker):
    """Starts the broker and asks for Metadata until it answers; seconds from the broker's start, the probe's own run included."""
    probe = {}

    def ask():
        line = [KBENCH, 'ready', '-b', broker.bootstrap, '-n', '0', '-d', '60']
        probe.update(json.loads(subprocess.run(line, stdout=subprocess.PIPE, text=True).stdout or '{}'))
        probe['at'] = time.monotonic()
    begin = time.monotonic()
    thread = threading.Thread(target=ask)
    thread.start()
    broker.start()
    thread.join()
    return probe['at'] - begin


def memory(bench):
    bench.show('resident memory now (after the cases above)', 'rss', {k: [rss_mib(bench.broker(k).pid)] for k in KINDS}, 'MiB')
    values = {}
    for kind in KINDS:
        with brokers.start_broker(kind) as fresh:
            time.sleep(3)
            values[kind] = [rss_mib(fresh.pid)]
    bench.show('resident memory idle', 'rss', values, 'MiB')


def topics(bench):
    metadata = {}
    for words, label in (([], 'one by one'), (['-c', 100], '100 a request')):
        values = {k: [] for k in KINDS}
        for kind in KINDS:
            with brokers.start_broker(kind) as fresh:
                values[kind].append(kbench(fresh, 'create', '-t', bench.name(), '-n', 1000, '-p', 1, '-f', 1, *words)['seconds'])
                if not words:
                    metadata[kind] = [kbench(fresh, 'metadata', '-n', 100) for _ in range(3)]
        bench.show(f'1,000 topics, {label}', 'seconds', values, 's')
    for key in ('p50_ms', 'p99_ms'):
        bench.show('Metadata of 1,000 topics', key, {k: [r[key] for r in metadata[k][1:] if key in r] for k in KINDS}, 'ms')


def one_topic(bench):
    values = {k: [] for k in KINDS}
    for kind in KINDS:
        with brokers.start_broker(kind) as fresh:
            values[kind].append(kbench(fresh, 'create', '-t', bench.name(), '-n', 1, '-p', 2000, '-f', 1)['seconds'])
    bench.show('one topic of 2,000 partitions', 'seconds', values, 's')


def come_back(broker, partitions):
    """Starts the broker; seconds until so many partitions have their leader."""
    begin = time.monotonic()
    broker.start(READY_S)
    ready = subprocess.run([KBENCH, 'ready', '-b', broker.bootstrap, '-n', str(partitions), '-d', str(READY_S)], stdout=subprocess.PIPE, text=True)
    assert ready.stdout, 'not ready'
    return time.monotonic() - begin


def stop(broker, how):
    if how == 'SIGTERM':
        broker.stop(300)
        return
    broker.kill()
    if broker.kind == 'apache':
        time.sleep(SESSION_S)


class BigHeap:
    """Room for what Apache Kafka needs with many partitions; Moldau gets what it always has."""

    def __init__(self, partitions):
        self.gib = 1 if partitions <= 2000 else 4
        self.limits = Descriptors(200_000, 200_000)

    def __enter__(self):
        self.before = os.environ.get(JAVA_OPTS)
        os.environ[JAVA_OPTS] = f'-Xmx{self.gib}G -Xms1G'
        self.limits.__enter__()

    def __exit__(self, *_):
        self.limits.__exit__()
        if self.before is None:
            os.environ.pop(JAVA_OPTS, None)
        else:
            os.environ[JAVA_OPTS] = self.before


def restart(bench, partitions, hows=('SIGTERM', 'SIGKILL')):
    """With some 300 records in each partition."""
    values = {(k, how): [] for k in KINDS for how in hows}
    cost = {key: [] for key in values}
    with BigHeap(partitions):
        for kind in KINDS:
            with brokers.start_broker(kind) as fresh:
                name = bench.name()
                kbench(fresh, 'create', '-t', name, '-n', 1, '-p', partitions, '-f', 1)
                kbench(fresh, 'produce', '-t', name, '-n', 300 * partitions, '-s', 1024, '-X', 'sticky.partitioning.linger.ms=0')
                led = kbench(fresh, 'metadata').get('partitions_led', partitions)
                for how in hows:
                    for _ in range(bench.args.runs):
                        stop(fresh, how)
                        values[(kind, how)].append(come_back(fresh, led))
                        cost[(kind, how)].append(cpu_seconds(fresh.pid))
    for how in hows:
        bench.show(f'restart with {partitions:,} partitions after {how}', 'seconds until all have leaders', {k: values[(k, how)] for k in KINDS}, 's')
        bench.show(f'restart with {partitions:,} partitions after {how}', 'CPU until then', {k: cost[(k, how)] for k in KINDS}, 's')


def dirty(bench):
    """20 GiB (at scale 1) that no flush has reached, in segments of 1 GiB, then kill -9."""
    gib = 20 * bench.args.scale
    values = {k: [] for k in KINDS}
    cost = {k: [] for k in KINDS}
    for kind in KINDS:
        with BigHeap(24), brokers.start_broker(kind) as fresh:
            name = bench.name()
            kbench(fresh, 'create', '-t', name, '-n', 1, '-p', 24, '-f', 1)
            kbench(fresh, 'produce', '-t', name, '-n', int(gib * (1 << 20)), '-s', 1024, seconds=3600)
            led = kbench(fresh, 'metadata').get('partitions_led', 24)
            stop(fresh, 'SIGKILL')
            values[kind].append(come_back(fresh, led))
            cost[kind].append(cpu_seconds(fresh.pid))
    bench.show(f'restart with {gib:.1f} GiB of dirty data after SIGKILL', 'CPU until then', cost, 's')
    bench.show(f'restart with {gib:.1f} GiB of dirty data after SIGKILL', 'seconds until all have leaders', values, 's')


CASES = {
    'memory': memory,
    'start': start,
    'topics': topics,
    'partitions': one_topic,
    'restart': lambda bench: restart(bench, 1050),
}
BY_HAND = {
    'restart-10000': lambda bench: restart(bench, 10_000, ('SIGKILL',)),
    'dirty': dirty,
}
