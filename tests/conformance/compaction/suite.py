"""Compaction: Apache Kafka and Moldau clean copies of one data directory, written by Apache Kafka's clients, transactions included. They must leave the same batches:
offsets, keys, values, headers, timestamps, sequences, markers. A second round goes on from Apache Kafka's result: tombstones and markers meet their horizon.
The same of random logs: RandomLogs.java makes segments that both recover and clean, round after round, each broker going on from its own result."""
import random
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


# ---- random logs ----
# Topics that differ in what the cleaner is told; their partitions have the same random logs.
RANDOM_TOPICS = {
    'random-now': {'delete.retention.ms': 0},
    'random-later': {'delete.retention.ms': 3_600_000, 'segment.bytes': 20_000, 'max.message.bytes': 1000},
    'random-lag': {'delete.retention.ms': 0, 'min.compaction.lag.ms': 3_600_000, 'segment.bytes': 6000, 'segment.index.bytes': 1000},
    'random-start': {'delete.retention.ms': 0, 'segment.bytes': 5000},
    'many-keys': {'segment.bytes': 600_000},
}
# The smallest buffer holds 39,000 keys: of the topic many-keys it takes several passes.
RANDOM = {**LOG, 'log.cleaner.min.cleanable.ratio': 0, 'log.segment.bytes': 3000, 'log.cleaner.dedupe.buffer.size': (1 << 20) + 24}
CHECKPOINT = 'cleaner-offset-checkpoint'
LOG_START = 'log-start-offset-checkpoint'


def java(run, *words, seconds=120):
    return run.command([oracle.java(), *oracle.JVM_SMALL, '-cp', f'{run.dir}/classes:{oracle.libs()}/*', 'RandomLogs', *words], seconds=seconds)


def compile_maker(run):
    (run.dir / 'classes').mkdir(exist_ok=True)
    run.command([oracle.java() + 'c', '-d', run.dir / 'classes', '-cp', f'{oracle.libs()}/*', suite.folder / 'RandomLogs.java'])


def create_random_topics(run, broker, partitions):
    run.command([run.prepared, suite.folder / 'topics.py', partitions, repr(RANDOM_TOPICS)], BOOTSTRAP=broker.bootstrap)


def checkpoint(data, name=CHECKPOINT):
    """{'TOPIC-PARTITION': offset}"""
    file = data / name
    lines = file.read_text().splitlines()[2:] if file.exists() else []
    return {f'{topic}-{partition}': int(offset) for topic, partition, offset in (line.split() for line in lines)}


def place(run, data, turn, partitions, starts):
    """Adds what the round adds to each log, as a broker that was killed leaves it: what is beside the records is for the next start to find out."""
    (data / '.kafka_cleanshutdown').unlink(missing_ok=True)
    ends = {}
    for topic in RANDOM_TOPICS:
        for partition in [0] if topic == 'many-keys' else range(partitions):
            folder = data / f'{topic}-{partition}'
            if turn == 1:
                for file in folder.iterdir():
                    if file.name != 'partition.metadata':
                        file.unlink()
            made = run.dir / 'made' / str(turn) / ('keys' if topic == 'many-keys' else str(partition))
            ends[folder.name] = int((made / 'end').read_text())
            for file in made.glob('*.log'):
                shutil.copy2(file, folder)
    # With the old high watermark a pass that comes early would end there.
    for name, more in ((LOG_START, starts), ('replication-offset-checkpoint', ends)):
        written = {**checkpoint(data, name), **more}
        lines = [f'{name.rpartition("-")[0]} {name.rpartition("-")[2]} {offset}\n' for name, offset in sorted(written.items())]
        (data / name).write_text(f'0\n{len(lines)}\n{"".join(lines)}')


def wait_until_quiet(apache, before, logs, seconds=200):
    """Until Apache Kafka's cleaner went on in most logs since `before`, and then has nothing to do for four seconds."""
    quiet_since, last, end = time.monotonic(), None, time.monotonic() + seconds
    while time.monotonic() - quiet_since < 4:
        now, said = checkpoint(apache.log_dir), apache.log.read_text(errors='replace')
        busy = said.count(': Beginning cleaning of log') > said.count(' cleaned log ') + said.count('Marking its partition')
        if busy or now != last or sum(before.get(name) != offset for name, offset in now.items()) < logs * 0.6:
            quiet_since, last = time.monotonic(), now
        if not apache.alive() or time.monotonic() > end:
            raise Failure(f'Apache Kafka ended, or its cleaner does not come to an end\n{apache.log_tail()}')
        time.sleep(0.2)
    if 'Marking its partition' in said:
        raise Failure('Apache Kafka can not compact a log')


def dumped(run, data, starts):
    """{'TOPIC-PARTITION': lines}; what lies below the log start is nobody's business."""
    found, lines, start = {}, [], 0
    for line in java(run, 'dump', data, *RANDOM_TOPICS, seconds=240).splitlines():
        if line.startswith('== '):
            lines = found.setdefault(line[3:], [])
            start = starts.get(line[3:])
            continue
        if start is not None:
            if line.startswith(('segment ', 'snapshot ', 'producer ')):
                continue
            last = re.match(r'batch \d+\.\.(\d+)|  (\d+)|aborted \d+ \d+\.\.(\d+)', line)
            if int(next(group for group in last.groups() if group)) < start:
                continue
        lines.append(line)
    return found


def same_dumps(run, what, apache, moldau):
    run.same(sorted(moldau), sorted(apache), f'{what}: partitions')
    different = [name for name in apache if apache[name] != moldau[name]]
    for name in different[:5]:
        (run.dir / f'{name}-apache.txt').write_text('\n'.join(apache[name]))
        (run.dir / f'{name}-moldau.txt').write_text('\n'.join(moldau[name]))
    if different:
        name = different[0]
        at = next((i for i, (a, m) in enumerate(zip(apache[name], moldau[name])) if a != m), min(len(apache[name]), len(moldau[name])))
        raise Failure(f'{what}: {len(different)} of {len(apache)} partitions differ; {name}, line {at}: Apache Kafka left\n  {apache[name][at:at + 2]}\nMoldau left\n  {moldau[name][at:at + 2]}')


def random_round(run, pair, seed, turn, partitions, starts):
    for broker in pair:
        place(run, broker.log_dir, turn, partitions, starts)
    apache, moldau = pair
    before = checkpoint(apache.log_dir)
    apache.start()
    wait_until_quiet(apache, before, partitions * (len(RANDOM_TOPICS) - 1))
    apache.stop()
    want = checkpoint(apache.log_dir)
    moldau.start()
    try:
        process.wait_until(lambda: not moldau.alive() or checkpoint(moldau.log_dir) == want, 60, 'the same checkpoint', every=0.2)
    except TimeoutError:
        got = checkpoint(moldau.log_dir)
        odd = {name: (want.get(name), got.get(name)) for name in {*want, *got} if want.get(name) != got.get(name)}
        raise Failure(f'seed {seed} round {turn}: checkpoints (Apache Kafka, Moldau): {dict(list(odd.items())[:6])}\n{moldau.log_tail(5)}') from None
    moldau.stop()
    left = [dumped(run, broker.log_dir, starts) for broker in pair]
    same_dumps(run, f'seed {seed} round {turn}', *left)
    return left[0]


def random_logs(run, seed, rounds, partitions):
    for name in ('apache', 'moldau', 'made'):
        shutil.rmtree(run.dir / name, ignore_errors=True)
    java(run, 'make', run.dir / 'made', seed, rounds, partitions, int(time.time() * 1000))
    pair = [run.keep(brokers.make_broker(kind, RANDOM, run.dir / kind)) for kind in ('apache', 'moldau')]
    for broker in pair:
        broker.start()
        create_random_topics(run, broker, partitions)
        broker.stop()
    rng, starts = random.Random(seed), {}
    for turn in range(1, rounds + 1):
        left = random_round(run, pair, seed, turn, partitions, starts)
        for name, lines in left.items():
            offsets = [int(line.split()[1].split('..')[1]) for line in lines if line.startswith('batch ')]
            if name.startswith('random-start-') and offsets and rng.randrange(2):
                starts[name] = rng.choice(offsets) + rng.randrange(2)  # DeleteRecords
    run.check(any('aborted' in line for lines in left.values() for line in lines), 'no aborted transaction is left')
    for broker in pair:
        broker.close()


@suite.scenario(seconds=400, only='moldau')
def random_small(run):
    compile_maker(run)
    random_logs(run, 1, 2, 12)


@suite.scenario(seconds=7200, only='moldau', long=True)
def random_many(run):
    """Other seeds each time; a failure prints its own."""
    compile_maker(run)
    first = random.randrange(1, 1_000_000)
    for seed in range(first, first + 10):
        random_logs(run, seed, 4, 60)
