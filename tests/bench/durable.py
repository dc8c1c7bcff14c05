"""Cases with flush.messages=1: what an honest acknowledgement costs, beside Apache Kafka with the same setting."""
import concurrent.futures
import os

from harness import JAVA_OPTS, KINDS, brokers, kbench

PARTITIONS = {'durable-1': 1, 'durable-6': 6, 'durable-24': 24}
PRODUCERS = 8
RATE = 100  # more than this Apache Kafka does not follow: an fsync each, one after the other


class Durable:
    """Both brokers, syncing every append, each on a folder of the same disk."""

    def __init__(self, bench):
        self.bench = bench
        os.environ.setdefault(JAVA_OPTS, '-Xmx1G -Xms1G')
        self.running = {}

    def __enter__(self):
        for kind in KINDS:
            self.running[kind] = brokers.start_broker(kind, {'num.partitions': 1, 'group.initial.rebalance.delay.ms': 0, 'log.flush.interval.messages': 1})
        return self

    def __exit__(self, *_):
        for broker in self.running.values():
            broker.close()

    def paired(self, case, action, figures, warm=1):
        results = {k: [] for k in KINDS}
        for n in range(-warm, self.bench.args.runs):
            for kind in (KINDS if n % 2 == 0 else KINDS[::-1]):
                result = action(self.running[kind])
                if n >= 0:
                    results[kind].append(result)
        for key, unit, smaller in figures:
            self.bench.show(case, key, {k: [r[key] for r in v] for k, v in results.items()}, unit, smaller)


def throughput(bench, case):
    """One producer as fast as it goes, batches of at most 16 KiB, several requests in flight."""
    count = int(400_000 * bench.args.scale)

    def action(broker):
        topic = bench.topic(broker, PARTITIONS[case])
        result = kbench(broker, 'produce', '-t', topic, '-n', count, '-s', 1024, '-a', 'all', '-X', 'batch.size=16384')
        kbench(broker, 'delete', '-t', topic)
        return result
    with Durable(bench) as both:
        both.paired(f'{case}: flush.messages=1, one producer', action, [('mib_per_s', 'MiB/s', False), ('broker_cpu_s_per_gib', 's/GiB', True)])


def producers(bench):
    """Many producers, each with its records one by one to the same partition, at a rate that one alone would not reach."""
    def action(broker):
        topic = bench.topic(broker, 1)
        count = int(20_000 * bench.args.scale)
        with concurrent.futures.ThreadPoolExecutor(PRODUCERS) as pool:
            all_of_them = list(pool.map(lambda _: kbench(broker, 'produce', '-t', topic, '-n', count, '-s', 100, '-a', 'all', '-X', 'linger.ms=0', '-X', 'batch.num.messages=1',
                                                         '-X', 'max.in.flight.requests.per.connection=1'), range(PRODUCERS)))
        kbench(broker, 'delete', '-t', topic)
        return {'records_per_s': sum(r['records_per_s'] for r in all_of_them)}
    with Durable(bench) as both:
        both.paired(f'durable-producers: {PRODUCERS} producers, one partition, one by one', action, [('records_per_s', '1/s', False)])


def latency(bench):
    """End to end, records one by one at a steady rate."""
    topics = {}

    def action(broker):
        if broker.kind not in topics:
            topics[broker.kind] = bench.topic(broker, 1)
        return kbench(broker, 'latency', '-t', topics[broker.kind], '-n', int(10_000 * bench.args.scale), '-s', 100, '-r', RATE)
    with Durable(bench) as both:
        both.paired(f'durable-latency: flush.messages=1, {RATE} records/s', action, [('p50_ms', 'ms', True), ('p99_ms', 'ms', True), ('p999_ms', 'ms', True)])


BY_HAND = {
    **{case: lambda bench, case=case: throughput(bench, case) for case in PARTITIONS},
    'durable-producers': producers,
    'durable-latency': latency,
}
