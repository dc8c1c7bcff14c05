"""Takeover: one data directory that changes hands between Apache Kafka, which keeps its ZooKeeper, and Moldau, which makes its metadata by `moldau takeover`.
Whoever serves it shows the same records, ids, configurations and committed offsets, and goes on."""
import json
import random
import re
import shutil
import signal
import time

from moldau_test import broker as brokers
from moldau_test import install, oracle, paths, process
from moldau_test.scenario import Suite

suite = Suite('takeover', own_broker=True)

LOAD = paths.TESTS / 'fault' / 'kill9' / 'load.py'
OVERRIDES = {'log.segment.bytes': 200000, 'log.index.interval.bytes': 1024, 'log.cleaner.backoff.ms': 200, 'zookeeper.session.timeout.ms': 6000,
             'log.initial.task.delay.ms': 500, 'transaction.state.log.num.partitions': 2, 'delete.topic.enable': 'true'}


@suite.prepare
def prepare():
    return install.python('confluent-kafka', ['confluent-kafka==2.11.1'])


class Pair:
    """Both brokers over one directory and one port; one of them runs at a time."""

    def __init__(self, run):
        self.run = run
        self.dir = paths.temporary('takeover')
        run._cleanup.append(lambda: shutil.rmtree(self.dir, ignore_errors=True))
        self.log_dirs = [self.dir / 'data', self.dir / 'data-2']
        self.apache = run.keep(brokers.make_broker('apache', {**OVERRIDES, 'log.dirs': ','.join(map(str, self.log_dirs))}, self.dir))
        shared = {key: self.apache.overrides[key] for key in ('listeners', 'log.dirs')}
        self.moldau = run.keep(brokers.make_broker('moldau', {**OVERRIDES, **shared}, self.dir))
        self.moldau.log = self.dir / 'moldau.log'
        self.bootstrap = self.apache.bootstrap

    def takeover(self, *words, code=0):
        """With the properties file of Apache Kafka."""
        got, said = self.run.command(self.takeover_command(*words), check=False)
        self.run.same(got, code, f'exit code of moldau takeover, which said {said!r}')
        return said

    def takeover_command(self, *words):
        return [paths.broker_binary(), 'takeover', '--config', self.dir / 'kafka' / 'server.properties', '--override', 'zookeeper.connect=', *words]

    def back(self):
        """Kafka's ZooKeeper hears what it must know; Kafka is down, ZooKeeper up."""
        file = self.run.dir / 'back'
        self.takeover('--back', file)
        out = self.run.command(oracle.tool_command('zookeeper-shell', '-server', f'127.0.0.1:{self.apache.zk_port}'), text=file.read_text())
        self.run.check('NoNode' not in out and 'does not exist' not in out, 'zookeeper-shell found no node for a command')

    def program(self, *words):
        return self.run.command([self.run.prepared, suite.folder / 'program.py', *words], BOOTSTRAP=self.bootstrap)

    def state(self):
        return json.loads(self.program('state'))

    def tool(self, name, *words):
        return self.run.command(oracle.tool_command(name, '--bootstrap-server', self.bootstrap, *words))

    def group(self, *words):
        return [oracle.java(), *oracle.JVM_SMALL, f'-Dlog4j.configuration=file:{paths.SUPPORT}/oracle/tools-log4j.properties', '-cp', f'{oracle.libs()}/*',
                suite.folder / 'Group.java', *words]

    def consume(self, count):
        """The next records of a Java consumer's group, which commits their leader epochs: [(partition, offset)]."""
        return pairs(self.run.command(self.group('java', 'orders', count), BOOTSTRAP=self.bootstrap, seconds=90))

    def check_files(self):
        """kafka-dump-log has nothing to complain of in any segment."""
        files = sorted(str(file) for log_dir in self.log_dirs for file in log_dir.glob('*-*/*.log'))
        out = self.run.command(oracle.tool_command('kafka-dump-log', '--deep-iteration', '--files', ','.join(files)))
        complaints = [line for line in out.splitlines() if 'isvalid: false' in line or re.search(r'(?i)mismatch|corrupt|invalid|error|exception', line)]
        self.run.same(complaints[:5], [], 'complaints of kafka-dump-log')
        for log_dir in self.log_dirs:
            self.run.command([paths.broker_binary(), 'dump-log', '--verify', log_dir])


def pairs(text):
    return [tuple(map(int, line.split())) for line in text.splitlines()]


def same_state(run, got, expected, who):
    """Names what differs; the whole of it stands in the log."""
    for part in ('topics', 'committed'):
        run.same(got[part], expected[part], f'{part} that {who} serves')
    for topic, records in expected['records'].items():
        run.check(got['records'][topic] == records, f'the records of {topic} that {who} serves are others')


class Load:
    """An idempotent producer that lives through every change of hands."""

    def __init__(self, run, pair):
        self.run, self.pair = run, pair
        self.file = run.dir / 'acked'
        self.file.write_bytes(b'')
        self.process = run.spawn([run.prepared, LOAD, 'produce', 'load', self.file], 'producer.log', BOOTSTRAP=pair.bootstrap, PAUSE='0.02')

    def more(self, count):
        want = self.file.stat().st_size + count * 8
        process.wait_until(lambda: self.file.stat().st_size >= want or not self.process.alive(), 150, f'{count} more acknowledged records')
        self.run.check(self.process.alive(), f'the producer ended: {self.process.log.read_text(errors="replace")[-1500:]}')

    def return_to_apache(self):
        """Apache Kafka answers for a moment after its start that there is no such topic; librdkafka then gives up what waits. So it looks away until that has passed."""
        self.process.signal(signal.SIGSTOP)
        self.pair.apache.start()
        self.pair.program('wait')
        self.process.signal(signal.SIGCONT)

    def finish(self):
        self.process.signal(signal.SIGTERM)
        self.run.same(self.process.wait(60), 0, 'exit code of the producer')

    def verify(self):
        """Every acknowledged record is at its offset; every number is there once and in order."""
        acked = [tuple(int(n) for n in line.split()) for line in self.file.read_text().split('\n')[:-1]]  # before it reads: more come meanwhile
        out = self.run.command([self.run.prepared, LOAD, 'read', 'load'], BOOTSTRAP=self.pair.bootstrap)
        found = {int(p): dict(map(tuple, records)) for p, records in json.loads(out).items()}
        for partition, records in found.items():
            numbers = [records[offset] for offset in sorted(records)]
            self.run.check(numbers == list(range(len(numbers))), f'partition {partition}: a hole, twice or out of order among {len(numbers)} records')
        for partition, number, offset in acked:
            got = found[partition].get(offset)
            self.run.check(got == number, f'partition {partition} offset {offset}: acknowledged {number}, found {got}')
        self.found = found
        return len(acked)

    def ends(self):
        """Log end offsets, as verify() found them."""
        return {partition: max(records) + 1 for partition, records in self.found.items()}


class LiveGroup:
    """A Java consumer group that reads all the while, whoever serves."""

    def __init__(self, run, pair, topic):
        self.run = run
        self.process = run.spawn(pair.group('live', topic, 1 << 40), 'live-group', BOOTSTRAP=pair.bootstrap)

    def offsets(self):
        found = {}
        for partition, offset in pairs('\n'.join(re.findall(r'(?m)^\d+ \d+$', self.process.log.read_text(errors='replace')))):
            found.setdefault(partition, []).append(offset)
        return found

    def reaches(self, ends):
        """It has read each partition up to its end, and left nothing out; twice is what a group may do."""
        process.wait_until(lambda: not self.process.alive() or all(offsets and offsets[-1] >= end - 1 for end, offsets in ((end, self.offsets().get(p)) for p, end in ends.items())),
                           90, f'the live group is at {ends}', every=0.3)
        self.run.check(self.process.alive(), 'the live group ended')
        for partition, offsets in self.offsets().items():
            holes = [(before, after) for before, after in zip(offsets, offsets[1:]) if after > before + 1]
            self.run.same((offsets[0], holes), (0, []), f'first offset and holes of partition {partition} as the live group read it')


def end(broker, clean):
    if clean:
        broker.stop(60)
    else:
        broker.kill()


def interrupted(run, pair, *words):
    """Killed at any moment, repeated until it is through: as if it had been let alone."""
    rng = random.Random(5)
    whole = pair.takeover('--dry-run', *words)
    for _ in range(12):
        child = process.Process(pair.takeover_command(*words), run.dir / 'interrupted.log')
        time.sleep(rng.random() * 0.06)
        child.kill()
    return whole, pair.takeover(*words)


def there_and_back(run, clean, epochs):
    pair = Pair(run)
    pair.apache.start()
    pair.program('fill')
    load = Load(run, pair)
    load.more(500)
    live = LiveGroup(run, pair, 'load')
    described = pair.tool('kafka-configs', '--entity-type', 'topics', '--describe')
    (run.dir / 'topic-configs').write_text(described)
    read = pair.consume(40)
    before = pair.state()
    pair.takeover('--dry-run', code=1)
    run.check('is in use' in run.log.read_text(), 'a running broker is not named')
    end(pair.apache, clean)
    metas = [(log_dir / 'meta.properties').read_bytes() for log_dir in pair.log_dirs]

    run.check('kept safe' in pair.takeover('--dry-run'), 'a dry run without --topic-configs keeps nothing safe')
    run.check(not list(pair.log_dirs[0].glob('moldau*')), 'a dry run writes')
    run.check((pair.log_dirs[0] / '.kafka_cleanshutdown').exists() == clean, 'the clean-shutdown marker is not as Apache Kafka left it')
    planned, said = interrupted(run, pair, *epochs, '--topic-configs', run.dir / 'topic-configs')
    run.check('kept safe' not in said and 'retention.ms=3600000000' in said, said)
    topics = [sorted(re.findall(r'topic (?:known, |: )*.*?(id \S+, \d+ partitions?, leader epoch [^,]+),', text)) for text in (planned, said)]
    run.same(topics[1], topics[0], 'topics that the takeover names, and those of its dry run')
    run.check((pair.log_dirs[0] / '.kafka_cleanshutdown').exists() == clean, 'takeover touches the clean-shutdown marker')

    pair.moldau.start()
    same_state(run, pair.state(), before, 'Moldau')
    configured = pair.tool('kafka-configs', '--entity-type', 'topics', '--describe', '--entity-name', 'table')
    for value in ('cleanup.policy=compact ', 'segment.bytes=20000 ', 'min.cleanable.dirty.ratio=0.01 '):
        run.check(value in described and value in configured, f'{value} of table is lost: {configured}')
    load.more(500)
    pair.program('more', '2')
    read += pair.consume(560)  # up to what Moldau wrote
    served = pair.state()
    if not epochs:
        pair.program('make')
        made = pair.program('made')
    end(pair.moldau, clean)
    run.same([(log_dir / 'meta.properties').read_bytes() for log_dir in pair.log_dirs], metas, 'meta.properties')

    if not epochs:
        pair.back()
    load.return_to_apache()
    same_state(run, pair.state(), served, 'Apache Kafka')
    if not epochs:
        run.same(pair.program('made'), made, 'the topic that was made on Moldau, as Apache Kafka serves it')
    load.more(500)
    pair.program('more', '3')
    read += pair.consume(40)
    run.same((len(read), len(set(read))), (640, 640), 'records of the Java group, each once')
    run.same(json.loads(pair.program('resume')), ['committed'] * 10 + ['plain', 'resumed'], 'payments, when their producer is back')
    load.finish()
    run.check(load.verify() > 1500, 'too few records')
    live.reaches(load.ends())
    end(pair.apache, True)
    pair.check_files()
    again = pair.takeover('--dry-run')
    known = f'topic orders: known, id {served["topics"]["orders"][0]}, 2 partitions, leader epoch {0 if epochs else 3}, configuration as it is'
    run.check(known in again, f'there again, without {known!r}: {again}')


@suite.scenario(seconds=480, only='moldau')
def clean_there_and_back(run):
    """Led above Kafka's epochs; the way back by `moldau takeover --back`."""
    there_and_back(run, True, [])


@suite.scenario(seconds=480, only='moldau')
def killed_there_and_back(run):
    """Led in Kafka's epochs; the way back is to start Kafka."""
    there_and_back(run, False, ['--keep-leader-epochs'])


@suite.scenario(seconds=480, only='moldau', long=True)
def odd_directories(run):
    """What Apache Kafka left half done when it was killed: a move between log directories, deleted topics; and beside it a replica that was set aside."""
    pair = Pair(run)
    pair.apache.start()
    pair.program('fill')
    pair.program('big')
    before, big = pair.state(), pair.program('dump', 'big')
    home = next(log_dir for log_dir in pair.log_dirs if (log_dir / 'big-0').exists())
    other = next(log_dir for log_dir in pair.log_dirs if log_dir != home)
    (run.dir / 'move').write_text(json.dumps({'version': 1, 'partitions': [{'topic': 'big', 'partition': 0, 'replicas': [0], 'log_dirs': [str(other)]}]}))
    pair.tool('kafka-reassign-partitions', '--reassignment-json-file', str(run.dir / 'move'), '--replica-alter-log-dirs-throttle', '1000', '--execute')
    process.wait_until(lambda: list(other.glob('big-0.*-future')), 30, 'the future log')
    end(pair.apache, False)
    run.check(list(other.glob('big-0.*-future')), 'the move is through already')
    run.check([d for log_dir in pair.log_dirs for d in log_dir.glob('doomed-*-delete')], 'the deleted topic is gone already')
    stray = other / f'foreign-0.{"0123456789abcdef" * 2}-stray'
    shutil.copytree(home / 'big-0', stray)
    aside = {file.name: file.read_bytes() for file in stray.iterdir()}

    said = pair.takeover()
    for note in ('-delete: deleted before the stop', '-stray: set aside', '-future: an unfinished move from'):
        run.check(note in said, f'no note "{note}" in {said}')
    run.check('topic foreign' not in said and 'topic doomed' not in said, 'a topic that is not there is taken over')
    pair.moldau.start()
    same_state(run, pair.state(), before, 'Moldau')
    run.check(pair.program('dump', 'big') == big, 'the records of big that Moldau serves are others')
    end(pair.moldau, True)
    run.check({file.name: file.read_bytes() for file in stray.iterdir()} == aside, 'the stray replica was touched')

    pair.back()
    pair.apache.start()
    same_state(run, pair.state(), before, 'Apache Kafka')
    run.check(pair.program('dump', 'big') == big, 'the records of big that Apache Kafka serves are others')
    end(pair.apache, True)
    shutil.rmtree(stray)  # as the kill left it: nobody closed its indexes
    pair.check_files()


def swaps(run, count):
    rng = random.Random(11)
    pair = Pair(run)
    pair.apache.start()
    pair.program('fill')
    load = Load(run, pair)
    load.more(500)
    live = LiveGroup(run, pair, 'load')
    owner = pair.apache
    for number in range(count):
        end(owner, rng.random() < 0.5)
        owner = pair.moldau if owner is pair.apache else pair.apache
        if owner is pair.moldau:
            pair.takeover()  # what Apache Kafka made since is added
            owner.start()
        else:
            pair.back()
            load.return_to_apache()
        load.more(200 + rng.randrange(1000))
        if number % 5 == 4:
            load.verify()
            live.reaches(load.ends())
    load.finish()
    run.check(load.verify() > 200 * count, 'too few records')
    live.reaches(load.ends())
    end(owner, True)
    pair.check_files()


@suite.scenario(seconds=480, only='moldau', long=True)
def swaps_3(run):
    swaps(run, 3)


@suite.scenario(seconds=4800, only='moldau', long=True)
def swaps_50(run):
    swaps(run, 50)
