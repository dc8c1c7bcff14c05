"""Snapshots: `moldau snapshot` beside a running broker and of a stopped one, restored to Moldau and to Apache Kafka. Every record acknowledged before a snapshot began is in it,
once and in order; no committed offset lies behind the data; whatever ends a snapshot early leaves none."""
import json
import random
import re
import shutil
import subprocess
import time

from moldau_test import broker as brokers
from moldau_test import install, oracle, paths, process
from moldau_test.scenario import Suite

suite = Suite('snapshot', own_broker=True)

LOAD = paths.TESTS / 'fault' / 'kill9' / 'load.py'
TAKEOVER = paths.TESTS / 'integration' / 'takeover' / 'program.py'
OVERRIDES = {'log.segment.bytes': 100000, 'log.index.interval.bytes': 1024, 'num.partitions': 2, 'log.initial.task.delay.ms': 500, 'log.cleaner.backoff.ms': 200,
             'log.retention.check.interval.ms': 1000, 'log.segment.delete.delay.ms': 0}


@suite.prepare
def prepare():
    return install.python('confluent-kafka', ['confluent-kafka==2.11.1'])


def says(child, text):
    """The client has printed this on a line of its own."""
    process.wait_until(lambda: not child.alive() or text in child.log.read_text(errors='replace').split('\n'), 60, f'{child.log} says {text}')


class Place:
    """A broker with two log directories, and where its snapshots go."""

    def __init__(self, run, overrides=None):
        self.run = run
        self.dir = paths.temporary('snapshot')
        run._cleanup.append(lambda: shutil.rmtree(self.dir, ignore_errors=True))
        self.log_dirs = [self.dir / 'a', self.dir / 'b']
        self.broker = run.keep(brokers.make_broker('moldau', {**OVERRIDES, 'log.dirs': ','.join(map(str, self.log_dirs)), **(overrides or {})}, self.dir))
        self.acked = run.dir / 'acked'

    def words(self, to, *more):
        given = [word for key in ('log.dirs', 'http.listeners') for word in ('--override', f'{key}={self.broker.overrides[key]}')]
        return [paths.broker_binary(), 'snapshot', '--to', self.dir / to, *given, *more]

    def snapshot(self, to, *more, code=0):
        got, said = self.run.command(['sh', '-c', '"$@" 2>&1', 'sh', *self.words(to, *more)], check=False)
        self.run.same(got, code, f'exit code of moldau snapshot, which said {said!r}')
        return said

    def verify(self, to):
        self.run.command([paths.broker_binary(), 'snapshot', '--verify', self.dir / to])

    def restored(self, to):
        """A broker on the snapshot itself."""
        dirs = sorted((self.dir / to).glob('dir*'))
        return self.run.keep(brokers.make_broker('moldau', {**OVERRIDES, 'log.dirs': ','.join(map(str, dirs))}, self.dir / f'{to}-broker'))

    def produce(self):
        self.acked.write_bytes(b'')
        return self.run.spawn([self.run.prepared, LOAD, 'produce', 'load', self.acked], 'producer.log', BOOTSTRAP=self.broker.bootstrap)

    def more(self, producer, count):
        want = self.acked.stat().st_size + count * 8
        process.wait_until(lambda: self.acked.stat().st_size >= want or not producer.alive(), 60, f'{count} more acknowledged records')
        self.run.check(producer.alive(), f'the producer ended: {producer.log.read_text(errors="replace")[-1000:]}')

    def acknowledged(self):
        return [tuple(map(int, line.split())) for line in self.acked.read_text().split('\n')[:-1]]


def read(run, bootstrap):
    """{partition: {offset: number}} of topic load."""
    out = run.command([run.prepared, LOAD, 'read', 'load'], BOOTSTRAP=bootstrap)
    return {int(p): dict(map(tuple, records)) for p, records in json.loads(out).items()}


def holds(run, found, acked, who):
    """Each acknowledged record at its offset, and all numbers once and in order."""
    for partition, records in found.items():
        numbers = [records[offset] for offset in sorted(records)]
        run.check(numbers == list(range(len(numbers))), f'{who}, partition {partition}: a hole, twice or out of order among {len(numbers)} records')
    for partition, number, offset in acked:
        got = found[partition].get(offset)
        run.check(got == number, f'{who}, partition {partition} offset {offset}: acknowledged {number}, found {got}')


def offsets_fit(run, bootstrap, found, who):
    committed = json.loads(run.command([run.prepared, suite.folder / 'program.py', 'committed'], BOOTSTRAP=bootstrap))
    for partition, offset in committed.items():
        end = max(found[int(partition)], default=-1) + 1
        run.check(0 < offset <= end, f'{who}, partition {partition}: the group is at {offset}, the log ends at {end}')


@suite.scenario(seconds=240, only='moldau')
def under_load(run):
    place = Place(run)
    place.broker.start()
    producer = place.produce()
    place.more(producer, 2000)
    group = run.spawn([run.prepared, suite.folder / 'program.py', 'group'], 'group.log', BOOTSTRAP=place.broker.bootstrap)
    says(group, '2')  # both partitions are committed
    before = {}
    for number in range(3):
        place.more(producer, 3000)
        before[number] = place.acknowledged()
        said = place.snapshot(f'snap-{number}')
        linked = int(re.search(r'(\d+) files linked', said)[1])
        run.check(linked > 0, f'nothing is linked: {said}')
        place.verify(f'snap-{number}')
    place.more(producer, 2000)
    for number, acked in before.items():
        broker = place.restored(f'snap-{number}').start()
        found = read(run, broker.bootstrap)
        holds(run, found, acked, f'snapshot {number}')
        offsets_fit(run, broker.bootstrap, found, f'snapshot {number}')
        # Both sides go on, and neither sees the other.
        end = max(found[0]) + 1
        run.same(int(run.command([run.prepared, suite.folder / 'program.py', 'continue', 'load'], BOOTSTRAP=broker.bootstrap)), end, 'offset of the next record')
        run.same(broker.stop(), 0, 'exit code of the restored broker')
    run.check(group.alive(), f'the group ended: {group.log.read_text(errors="replace")[-1000:]}')
    for client in (group, producer):
        client.signal(15)
        run.same(client.wait(60), 0, 'exit code of a client')
    holds(run, read(run, place.broker.bootstrap), place.acknowledged(), 'the source')
    run.same(place.broker.stop(), 0, 'exit code of the broker')
    place.snapshot('stopped')
    place.verify('stopped')
    broker = place.restored('stopped').start()
    holds(run, read(run, broker.bootstrap), place.acknowledged(), 'the snapshot of the stopped broker')


@suite.scenario(seconds=240, only='moldau')
def files_change_meanwhile(run):
    """Retention by size removes segments, compaction replaces them, topics come and go, while snapshot after snapshot is made."""
    place = Place(run, {'log.retention.bytes': 300000, 'log.cleaner.min.cleanable.ratio': 0.01})
    place.broker.start()
    admin = [run.prepared, suite.folder / 'topics.py']
    topics = run.spawn([*admin, 'come-and-go'], 'topics.log', BOOTSTRAP=place.broker.bootstrap)
    producer = place.produce()
    place.more(producer, 3000)
    says(topics, '3')
    for number in range(8):
        place.more(producer, 1500)
        place.snapshot(f'snap-{number}')
        place.verify(f'snap-{number}')
        broker = place.restored(f'snap-{number}').start()
        said = broker.log.read_text(errors='replace')
        run.check('metadata does not know' not in said and 'not in the metadata' not in said, f'logs without metadata: {said[-1500:]}')
        last = run.command([*admin, 'table'], BOOTSTRAP=broker.bootstrap)
        run.same(json.loads(last), list(range(10)), 'keys of the compacted topic, each with the newest value that it had or a newer one')
        run.same(broker.stop(), 0, 'exit code of the restored broker')
    run.check(topics.alive() and producer.alive(), f'a client ended: {topics.log.read_text(errors="replace")[-1000:]}')


@suite.scenario(seconds=180, only='moldau')
def killed(run):
    """kill -9 at any moment: no directory that looks like a snapshot, or a whole one; the next run clears the rest away."""
    place = Place(run)
    place.broker.start()
    producer = place.produce()
    place.more(producer, 8000)
    began = time.monotonic()
    place.snapshot('whole', '--copy')
    took = time.monotonic() - began
    rng = random.Random(3)
    seen = set()
    for number in range(25):
        to = place.dir / 'killed'
        child = process.Process(place.words('killed', '--copy'), run.dir / 'killed.log')
        time.sleep(rng.random() * took * 1.1)
        child.kill()
        if to.exists():
            seen.add('whole')
            place.verify('killed')
            shutil.rmtree(to)
        elif (place.dir / 'killed.partial').exists():
            seen.add('partial')
            got, said = run.command([paths.broker_binary(), 'snapshot', '--verify', place.dir / 'killed.partial'], check=False)
            run.check(got != 0 or 'manifest' in {p.name for p in (place.dir / 'killed.partial').iterdir()}, f'a part looks complete: {said}')
    run.check('partial' in seen, 'no snapshot was killed in its middle')
    if not (place.dir / 'killed.partial').exists():
        (place.dir / 'killed.partial').mkdir()
    place.snapshot('killed')
    place.verify('killed')
    run.check(not (place.dir / 'killed.partial').exists(), 'the part is still there')
    child = process.Process(place.words('stopped', '--copy'), run.dir / 'stopped.log')
    process.wait_until(lambda: not child.alive() or (place.dir / 'stopped.partial' / 'dir0').exists(), 20, 'the snapshot has begun', every=0.001)
    child.signal(15)
    code = child.wait(20)
    run.check(code in (0, 143), f'SIGTERM: {code} {child.log.read_text()}')
    run.same((place.dir / 'stopped.partial').exists(), False, 'the part of a snapshot that was stopped by SIGTERM')
    run.check(producer.alive() and place.broker.alive(), 'the broker or its producer ended')


@suite.scenario(seconds=120, only='moldau')
def full_disk(run):
    """The disk of the snapshot is full: told, nothing left, and the broker goes on."""
    place = Place(run)
    place.broker.start()
    producer = place.produce()
    place.more(producer, 20000)
    small = place.dir / 'small'
    small.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small], capture_output=True).returncode != 0:
        run.check(place.broker.alive(), 'the broker ended')
        return  # no right to mount: the unit test has a disk that fails
    run._cleanup.insert(0, lambda: subprocess.run(['umount', '-l', small], capture_output=True))
    said = place.snapshot('small/snap', code=1)
    run.check('no space left' in said.lower() and 'no snapshot was made' in said, said)
    run.same(sorted(p.name for p in small.iterdir()), [], 'what is left')
    place.more(producer, 1000)
    # With room it is copied: other file systems take no links.
    run.same(subprocess.run(['mount', '-o', 'remount,size=200m', small]).returncode, 0, 'remount')
    run.check('could not be linked' in place.snapshot('small/snap'), 'the copies are not told of')
    place.verify('small/snap')


@suite.scenario(seconds=120, only='moldau')
def refusals(run):
    place = Place(run)
    run.check('meta.properties' in place.snapshot('none', code=1), 'an empty directory is not refused')
    place.broker.start()
    run.check('lies in the log directory' in place.snapshot('a/snap', code=1), 'a place among the partitions is not refused')
    (place.dir / 'full').mkdir()
    (place.dir / 'full' / 'file').write_text('mine')
    run.check('not empty' in place.snapshot('full', code=1), 'a directory with something in it is not refused')
    run.check('no Moldau broker can be asked' in place.snapshot('none', '--server', '127.0.0.1:1', code=1), 'a broker that is not there is not named')
    other = run.start_broker({})
    run.check('the broker that answers serves' in place.snapshot('none', '--server', f'127.0.0.1:{other.http_port}', code=1), 'another broker is not refused')
    run.same(run.command([paths.broker_binary(), 'snapshot'], check=False), (2, ''), 'exit code without --to')
    run.same((place.dir / 'full' / 'file').read_text(), 'mine', 'the file that was there')
    run.same([p.name for p in place.dir.glob('*.partial')] + [p.name for p in place.dir.glob('none*')], [], 'what is left')


@suite.scenario(seconds=480, only='moldau')
def restore_to_apache(run):
    """A directory of Apache Kafka's that Moldau took over, a snapshot of it under load, and Apache Kafka with its ZooKeeper on the snapshot."""
    place = Place(run)
    shared = {'log.dirs': ','.join(map(str, place.log_dirs)), 'listeners': place.broker.overrides['listeners'], 'transaction.state.log.num.partitions': 2}
    apache = run.keep(brokers.make_broker('apache', {**OVERRIDES, **shared}, place.dir / 'apache'))
    apache.bootstrap = place.broker.bootstrap
    apache.start()
    program = [run.prepared, TAKEOVER]
    run.command([*program, 'fill'], BOOTSTRAP=apache.bootstrap, seconds=120)
    run.same(apache.stop(60), 0 if apache.process.returncode == 0 else 143, 'exit code of Apache Kafka')
    properties = place.dir / 'apache' / 'kafka' / 'server.properties'
    run.command([paths.broker_binary(), 'takeover', '--config', properties, '--override', 'zookeeper.connect=', '--keep-leader-epochs'])
    place.broker.start()
    producer = place.produce()
    place.more(producer, 3000)
    run.command([*program, 'more', '2'], BOOTSTRAP=place.broker.bootstrap)
    state = json.loads(run.command([*program, 'state'], BOOTSTRAP=place.broker.bootstrap))
    group = run.spawn([run.prepared, suite.folder / 'program.py', 'group'], 'group.log', BOOTSTRAP=place.broker.bootstrap)
    says(group, '2')
    place.more(producer, 5000)
    acked = place.acknowledged()
    place.snapshot('snap')
    place.verify('snap')
    for client in (group, producer):
        client.signal(15)
        run.same(client.wait(60), 0, 'exit code of a client')
    run.same(place.broker.stop(), 0, 'exit code of Moldau')

    apache.overrides['log.dirs'] = ','.join(str(d) for d in sorted((place.dir / 'snap').glob('dir*')))
    apache.start()
    found = read(run, apache.bootstrap)
    holds(run, found, acked, 'Apache Kafka on the snapshot')
    offsets_fit(run, apache.bootstrap, found, 'Apache Kafka on the snapshot')
    got = json.loads(run.command([*program, 'state'], BOOTSTRAP=apache.bootstrap))
    for part in ('topics', 'committed'):
        run.same(got[part], state[part], f'{part} that Apache Kafka serves from the snapshot')
    for topic in ('orders', 'table', 'payments'):
        run.check(got['records'][topic] == state['records'][topic], f'the records of {topic} that Apache Kafka serves from the snapshot are others')
    end = max(found[0]) + 1
    run.same(int(run.command([run.prepared, suite.folder / 'program.py', 'continue', 'load'], BOOTSTRAP=apache.bootstrap)), end, 'offset of the next record')
    said = apache.log.read_text(errors='replace')
    run.check('Recovering' not in said or 'unflushed' not in said, 'Apache Kafka recovers what was settled')
    apache.stop(60)
    # A stopped Kafka's directories, by its own server.properties.
    run.command([paths.broker_binary(), 'snapshot', properties, '--override', 'zookeeper.connect=', '--to', place.dir / 'kafka-snap'])
    run.command([paths.broker_binary(), 'snapshot', '--verify', place.dir / 'kafka-snap'])
    files = sorted(str(file) for file in (place.dir / 'kafka-snap').glob('dir*/*-*/*.log'))
    out = run.command(oracle.tool_command('kafka-dump-log', '--deep-iteration', '--files', ','.join(files)))
    run.same([line for line in out.splitlines() if 'isvalid: false' in line or re.search(r'(?i)mismatch|corrupt', line)][:5], [], 'complaints of kafka-dump-log')
