"""Compaction: Apache Kafka and Moldau clean copies of one data directory, written by Apache Kafka's clients, transactions included. They must leave the same batches:
offsets, keys, values, headers, timestamps, sequences, markers. A second round goes on from Apache Kafka's result: tombstones and markers meet their horizon."""
import re
import shutil
import sys
import time

from moldau_test import broker as brokers
from moldau_test import install, oracle, paths, process
from moldau_test.scenario import Failure, Suite

suite = Suite('compaction', own_broker=True)

TOPICS = ('codecs', 'single', 'idempotent', 'transactions')
# The same for every topic, so that Moldau, which does not have Apache Kafka's ZooKeeper, cleans by the same values.
LOG = {'log.cleanup.policy': 'compact', 'log.segment.bytes': 3000, 'log.index.interval.bytes': 500, 'log.cleaner.min.cleanable.ratio': 0.01,
       'log.cleaner.delete.retention.ms': 1500, 'log.cleaner.backoff.ms': 200, 'log.initial.task.delay.ms': 100, 'auto.create.topics.enable': 'true',
       'transaction.state.log.num.partitions': 1, 'offsets.topic.num.partitions': 1, 'log.roll.jitter.ms': 0}
WRITE = {**LOG, 'log.cleaner.enable': 'false'}


@suite.prepare
def prepare():
    return install.python('confluent-kafka', ['confluent-kafka==2.11.1'])


def active_base(folder):
    return max(int(file.name[:20]) for file in folder.glob('*.log'))


def is_clean(data):
    """The checkpoint of the cleaner stands at the active segment of each topic."""
    file = data / 'cleaner-offset-checkpoint'
    if not file.exists():
        return False
    done = {(topic, partition): int(offset) for topic, partition, offset in (line.split() for line in file.read_text().splitlines()[2:])}
    return all(done.get((topic, '0'), -1) == active_base(data / f'{topic}-0') for topic in TOPICS)


def clean(broker):
    broker.start()
    process.wait_until(lambda: not broker.alive() or is_clean(broker.log_dir), 60, 'the cleaner has caught up', every=0.2)
    if not broker.alive():
        raise Failure(f'the {broker.kind} broker ended\n{broker.log_tail()}')
    broker.stop()


def batches(run, data):
    """{topic: batches and records as kafka-dump-log prints them, without what depends on places and on the time of the cleaning}."""
    files = [file for topic in TOPICS for file in sorted((data / f'{topic}-0').glob('*.log'))]
    out = run.command(oracle.tool_command('kafka-dump-log', '--deep-iteration', '--print-data-log', '--files', ','.join(map(str, files))))
    found, topic = {topic: [] for topic in TOPICS}, None
    for line in out.splitlines():
        if line.startswith('Dumping '):
            topic = line.split('/')[-2][:-2]
        elif line.startswith('| offset:'):
            found[topic].append(line)
        elif line.startswith('baseOffset:'):
            if 'isvalid: true' not in line:
                raise Failure(f'{topic}: {line}')
            line = re.sub(r' (position|size|crc): \d+', '', line)
            found[topic].append(re.sub(r'deleteHorizonMs: OptionalLong\[\d+\]', 'deleteHorizonMs: set', line))
        elif re.search('mismatch|exception|error|invalid', line, re.I):
            raise Failure(f'{topic}: {line}')
    return found


def compare(run, apache, moldau):
    for topic in TOPICS:
        theirs, ours = apache[topic], moldau[topic]
        (run.dir / f'{topic}-apache.txt').write_text('\n'.join(theirs))
        (run.dir / f'{topic}-moldau.txt').write_text('\n'.join(ours))
        for a, m in zip(theirs, ours):
            if a != m:
                raise Failure(f'{topic}: Apache Kafka left\n  {a}\nMoldau left\n  {m}')
        run.same(len(ours), len(theirs), f'{topic}: batches and records left')
        run.check(any(line.startswith('|') for line in ours), f'{topic} is empty')


@suite.scenario(seconds=400, only='moldau')
def same_input(run):
    for name in ('apache', 'moldau-1', 'moldau-2'):
        shutil.rmtree(run.dir / name, ignore_errors=True)  # of a run before
    apache = run.keep(brokers.make_broker('apache', WRITE, run.dir / 'apache'))
    for turn in (1, 2):
        apache.overrides.update(WRITE)
        apache.start()
        run.command([run.prepared, suite.folder / 'produce.py', turn], BOOTSTRAP=apache.bootstrap)
        apache.stop()
        time.sleep(2)  # horizons that the round before set have passed
        moldau = run.keep(brokers.make_broker('moldau', LOG, run.dir / f'moldau-{turn}'))
        moldau.dir.mkdir(parents=True, exist_ok=True)
        shutil.copytree(apache.log_dir, moldau.log_dir)
        before = batches(run, apache.log_dir)
        apache.overrides.update({**LOG, 'log.cleaner.enable': 'true'})
        clean(apache)
        configs = moldau.dir / 'topic-configs.yaml'
        configs.write_text(''.join(f'{topic}: {{cleanup.policy: compact}}\n' for topic in TOPICS))
        run.command([paths.broker_binary(), 'takeover', '--override', f'log.dirs={moldau.log_dir}', '--topic-configs', configs])
        clean(moldau)
        left = batches(run, moldau.log_dir)
        compare(run, batches(run, apache.log_dir), left)
        for topic in TOPICS:
            run.check(len(left[topic]) < len(before[topic]), f'{topic}: nothing was compacted')
        run.command([sys.executable, suite.folder.parent / 'storage' / 'check-dump-log', moldau.log_dir, '--compacted'])
