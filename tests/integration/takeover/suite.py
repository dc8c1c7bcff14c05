"""Takeover: one data directory that changes hands between Apache Kafka, which keeps its ZooKeeper, and Moldau, which makes its metadata by `moldau takeover`.
Whoever serves it shows the same records, ids, configurations and committed offsets, and goes on."""
import json
import random
import re
import shutil

from moldau_test import broker as brokers
from moldau_test import install, oracle, paths, process
from moldau_test.scenario import Suite

suite = Suite('takeover', own_broker=True)

LOAD = paths.TESTS / 'fault' / 'kill9' / 'load.py'
OVERRIDES = {'log.segment.bytes': 200000, 'log.index.interval.bytes': 1024, 'log.cleaner.backoff.ms': 200, 'zookeeper.session.timeout.ms': 6000,
             'log.initial.task.delay.ms': 500}


@suite.prepare
def prepare():
    return install.python('confluent-kafka', ['confluent-kafka==2.11.1'])


class Pair:
    """Both brokers over one directory and one port; one of them runs at a time."""

    def __init__(self, run):
        self.run = run
        self.dir = paths.temporary('takeover')
        run._cleanup.append(lambda: shutil.rmtree(self.dir, ignore_errors=True))
        self.apache = run.keep(brokers.make_broker('apache', OVERRIDES, self.dir))
        shared = {key: self.apache.overrides[key] for key in ('listeners', 'log.dirs')}
        self.moldau = run.keep(brokers.make_broker('moldau', {**OVERRIDES, **shared}, self.dir))
        self.moldau.log = self.dir / 'moldau.log'
        self.bootstrap = self.apache.bootstrap
        self.log_dir = self.apache.log_dir

    def takeover(self, *words, code=0):
        """With the properties file of Apache Kafka."""
        command = [paths.broker_binary(), 'takeover', '--config', self.dir / 'kafka' / 'server.properties', '--override', 'zookeeper.connect=', *words]
        got, said = self.run.command(command, check=False)
        self.run.same(got, code, f'exit code of moldau takeover, which said {said!r}')
        return said

    def program(self, *words):
        return self.run.command([self.run.prepared, suite.folder / 'program.py', *words], BOOTSTRAP=self.bootstrap)

    def state(self):
        return json.loads(self.program('state'))

    def tool(self, name, *words):
        return self.run.command(oracle.tool_command(name, '--bootstrap-server', self.bootstrap, *words))

    def consume(self, count):
        """The next records of a Java consumer's group: [(partition, offset)]."""
        out = self.tool('kafka-console-consumer', '--topic', 'orders', '--group', 'java', '--max-messages', str(count), '--timeout-ms', '60000', '--property', 'print.offset=true',
                        '--property', 'print.partition=true', '--consumer-property', 'auto.offset.reset=earliest')
        return [tuple(int(n) for n in found) for found in re.findall(r'Partition:(\d+)\tOffset:(\d+)', out)]

    def check_files(self):
        """kafka-dump-log has nothing to complain of in any segment."""
        files = sorted(str(file) for file in self.log_dir.glob('*-*/*.log'))
        out = self.run.command(oracle.tool_command('kafka-dump-log', '--deep-iteration', '--files', ','.join(files)))
        complaints = [line for line in out.splitlines() if 'isvalid: false' in line or re.search(r'(?i)mismatch|corrupt|invalid|error|exception', line)]
        self.run.same(complaints[:5], [], 'complaints of kafka-dump-log')


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
        self.process = run.spawn([run.prepared, LOAD, 'produce', 'load', self.file], 'producer.log', BOOTSTRAP=pair.bootstrap)

    def more(self, count):
        want = self.file.stat().st_size + count * 8
        process.wait_until(lambda: self.file.stat().st_size >= want or not self.process.alive(), 150, f'{count} more acknowledged records')
        self.run.check(self.process.alive(), f'the producer ended: {self.process.log.read_text(errors="replace")[-1500:]}')

    def finish(self):
        self.process.signal(15)
        self.run.same(self.process.wait(60), 0, 'exit code of the producer')

    def verify(self):
        """Every acknowledged record is at its offset; every number is there once and in order."""
        out = self.run.command([self.run.prepared, LOAD, 'read', 'load'], BOOTSTRAP=self.pair.bootstrap)
        found = {int(p): dict(map(tuple, records)) for p, records in json.loads(out).items()}
        for partition, records in found.items():
            numbers = [records[offset] for offset in sorted(records)]
            self.run.check(numbers == list(range(len(numbers))), f'partition {partition}: a hole, twice or out of order among {len(numbers)} records')
        acked = [tuple(int(n) for n in line.split()) for line in self.file.read_text().split('\n')[:-1]]
        for partition, number, offset in acked:
            got = found[partition].get(offset)
            self.run.check(got == number, f'partition {partition} offset {offset}: acknowledged {number}, found {got}')
        return len(acked)


def end(broker, clean):
    if clean:
        broker.stop(60)
    else:
        broker.kill()


def there_and_back(run, clean):
    pair = Pair(run)
    pair.apache.start()
    pair.program('fill')
    load = Load(run, pair)
    load.more(500)
    described = pair.tool('kafka-configs', '--entity-type', 'topics', '--describe')
    (run.dir / 'topic-configs').write_text(described)
    read = pair.consume(40)
    before = pair.state()
    pair.takeover('--dry-run', code=1)
    run.check('is in use' in run.log.read_text(), 'a running broker is not named')
    end(pair.apache, clean)
    meta = (pair.log_dir / 'meta.properties').read_bytes()

    run.check('kept safe' in pair.takeover('--dry-run'), 'a dry run without --topic-configs keeps nothing safe')
    run.check(not (pair.log_dir / 'moldau-metadata.db').exists(), 'a dry run writes')
    run.check((pair.log_dir / '.kafka_cleanshutdown').exists() == clean, 'the clean-shutdown marker is not as Apache Kafka left it')
    said = pair.takeover('--keep-leader-epochs', '--topic-configs', run.dir / 'topic-configs')
    run.check('kept safe' not in said and 'retention.ms=3600000000' in said, said)
    run.check((pair.log_dir / '.kafka_cleanshutdown').exists() == clean, 'takeover touches the clean-shutdown marker')

    pair.moldau.start()
    same_state(run, pair.state(), before, 'Moldau')
    configured = pair.tool('kafka-configs', '--entity-type', 'topics', '--describe', '--entity-name', 'table')
    for value in ('cleanup.policy=compact ', 'segment.bytes=20000 ', 'min.cleanable.dirty.ratio=0.01 '):
        run.check(value in described and value in configured, f'{value} of table is lost: {configured}')
    load.more(500)
    pair.program('more', '2')
    read += pair.consume(560)  # up to what Moldau wrote
    served = pair.state()
    end(pair.moldau, clean)
    run.same((pair.log_dir / 'meta.properties').read_bytes(), meta, 'meta.properties')

    pair.apache.start()
    same_state(run, pair.state(), served, 'Apache Kafka')
    load.more(500)
    pair.program('more', '3')
    read += pair.consume(40)
    run.same((len(read), len(set(read))), (640, 640), 'records of the Java group, each once')
    load.finish()
    run.check(load.verify() > 1500, 'too few records')
    end(pair.apache, True)
    pair.check_files()


@suite.scenario(seconds=480, only='moldau')
def clean_there_and_back(run):
    there_and_back(run, True)


@suite.scenario(seconds=480, only='moldau')
def killed_there_and_back(run):
    there_and_back(run, False)


def swaps(run, count):
    rng = random.Random(11)
    pair = Pair(run)
    pair.apache.start()
    pair.program('fill')
    load = Load(run, pair)
    load.more(500)
    owner = pair.apache
    for number in range(count):
        end(owner, rng.random() < 0.5)
        owner = pair.moldau if owner is pair.apache else pair.apache
        if owner is pair.moldau:
            pair.takeover()  # what Apache Kafka made since is added
        owner.start()
        load.more(200 + rng.randrange(1000))
        if number % 5 == 4:
            load.verify()
    load.finish()
    run.check(load.verify() > 200 * count, 'too few records')
    end(owner, True)
    pair.check_files()


@suite.scenario(seconds=480, only='moldau')
def swaps_3(run):
    swaps(run, 3)


@suite.scenario(seconds=4800, only='moldau', long=True)
def swaps_50(run):
    swaps(run, 50)
