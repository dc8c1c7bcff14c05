"""Several log directories: kill -9 in the middle of moves between them under load, and disks that fail and come back."""
import fcntl
import json
import os
import random
import shutil
import struct
import subprocess
import time
import urllib.request

from moldau_test import install, paths, process, wire
from moldau_test.log_dirs import Client, wait
from moldau_test.scenario import Skip, Suite

suite = Suite('log-dirs', own_broker=True)
LOAD = paths.TESTS / 'fault' / 'kill9' / 'load.py'
STORAGE_ERROR = 56
BIG_BATCHES, BIG_RECORD = 160, 500_000


@suite.prepare
def prepare():
    return install.python('confluent-kafka', ['confluent-kafka==2.11.1'])


def folders_of(run, *names):
    folders = [run.dir / name for name in names]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return folders


def client(broker, folders):
    return Client(broker.host, broker.port, folders)


def metric(broker, name):
    """The value of the one sample of this name and these labels."""
    with urllib.request.urlopen(f'http://127.0.0.1:{broker.http_port}/metrics', timeout=10) as answer:
        return next(float(line.split()[-1]) for line in answer.read().decode().splitlines() if line.startswith(name) and line[len(name)] in ' {')


def fill(run, c, batches):
    """So many large batches for big-0, the same bytes: a checksum takes its time here."""
    frame = wire.produce('big', wire.batch([wire.record(0, None, random.Random(3).randbytes(BIG_RECORD))]))
    for _ in range(batches):
        run.same(wire.produce_error(c.wire.ask(frame))[0], 0, 'Produce')


def acknowledged(file):
    lines = file.read_text().split('\n')[:-1]
    return [tuple(int(n) for n in line.split()) for line in lines]


def moves_and_kills(run, rounds):
    """Two partitions that are written all the time and a large one move from disk to disk; the broker is killed at any moment of that."""
    seeded = random.Random(int(os.environ.get('MOLDAU_KILL_SEED', time.time_ns() % 1_000_000)))
    folders = folders_of(run, 'one', 'two', 'three')
    broker = run.start_broker({'log.dirs': ','.join(map(str, folders)), 'num.partitions': 2, 'log.segment.bytes': 1_000_000, 'log.flush.offset.checkpoint.interval.ms': 100,
                               'log.initial.task.delay.ms': 50, 'log.segment.delete.delay.ms': 500})
    c = client(broker, folders)
    c.create('big', 1)
    fill(run, c, BIG_BATCHES)
    whole = list(range(BIG_BATCHES + 1))
    file = run.dir / 'acknowledged'
    file.write_bytes(b'')
    load = run.spawn([run.prepared, LOAD, 'produce', 'moved', file], 'producer.log', BOOTSTRAP=broker.bootstrap)

    def written(count):
        want = file.stat().st_size + count * 8
        wait(lambda: file.stat().st_size >= want or not load.alive(), 'acknowledged records')
        run.check(load.alive(), f'the producer ended: {load.log.read_text(errors="replace")[-1500:]}')

    def check():
        promised = acknowledged(file)
        out = run.command([run.prepared, LOAD, 'read', 'moved'], BOOTSTRAP=broker.bootstrap)
        found = {int(p): {int(o): n for o, n in records} for p, records in json.loads(out).items()}
        for partition, records in found.items():
            numbers = [records[o] for o in sorted(records)]
            run.check(numbers == list(range(len(numbers))), f'partition {partition}: a hole, or out of order')
        for partition, number, offset in promised:
            run.same(found.get(partition, {}).get(offset), number, f'partition {partition} offset {offset}')
    written(1000)
    for number in range(rounds):
        wanted = {}
        for topic, partition in (('big', 0), ('moved', 0), ('moved', 1)):
            wanted[topic, partition] = seeded.choice(folders)
            error = c.alter([(wanted[topic, partition], [(topic, [partition])])])
            run.same(error, [(topic, partition, 0)], f'round {number}')
        time.sleep(seeded.random() * 0.6)
        if seeded.randrange(4) == 0:
            run.same(broker.stop(), 0, f'round {number}: exit code of a stop in a move')
        else:
            broker.kill()
        while seeded.randrange(3) == 0:     # killed again while it starts
            broker.launch()
            time.sleep(seeded.random() * 0.12)
            broker.kill()
        broker.start()
        c = client(broker, folders)
        for (topic, partition), folder in wanted.items():
            wait(lambda: not c.where(topic, partition)[1], f'round {number}: the move of {topic}-{partition} has ended')
            run.same(c.where(topic, partition)[0], [folder.name], f'round {number}: where {topic}-{partition} lies')
        run.same(c.read('big', 0), whole, f'round {number}: what is in big-0')
        written(300)
        if number % 5 == 4:
            check()
    load.signal(15)
    run.same(load.wait(60), 0, 'exit code of the producer')
    check()
    run.same(broker.stop(), 0, 'exit code of the stop')
    for folder in folders:
        left = [e.name for e in folder.iterdir() if e.is_dir() and not e.name.endswith('-delete')]
        run.check(not any(name.endswith('-future') for name in left), f'left in {folder.name}: {left}')
        run.check(not list(folder.glob('*/moldau-swap')), 'a mark is left')
        run.command([paths.broker_binary(), 'dump-log', '--verify', folder])


@suite.scenario(seconds=240, only='moldau')
def kill_in_moves_5(run):
    moves_and_kills(run, 5)


@suite.scenario(seconds=1800, long=True, only='moldau')
def kill_in_moves_60(run):
    moves_and_kills(run, 60)


class Disk:
    """An ext4 file system in a file, whose device can be made to fail: every use of it is an I/O error from then on."""

    def __init__(self, run, name):
        self.image, self.folder = run.dir / f'{name}.img', run.dir / f'{name}.mount'
        if os.geteuid() != 0:
            raise Skip('mounting needs root')
        self.folder.mkdir(exist_ok=True)
        self.mounted = False
        with open(self.image, 'wb') as image:
            image.truncate(96 << 20)
        run._cleanup.append(self.unmount)
        if subprocess.run(['mkfs.ext4', '-q', '-F', self.image], capture_output=True).returncode != 0:
            raise Skip('no mkfs.ext4')
        self.mount()
        self.data = self.folder / name
        self.data.mkdir()

    def mount(self):
        done = subprocess.run(['mount', '-o', 'loop', self.image, self.folder], capture_output=True, text=True)
        if done.returncode != 0:
            raise Skip(f'no loop mounts here: {done.stderr.strip()}')
        self.mounted = True

    def unmount(self):
        if self.mounted:
            subprocess.run(['umount', '-l', self.folder], check=True, capture_output=True)
            self.mounted = False

    def fail(self):
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, 0x8004587D, struct.pack('I', 0))    # EXT4_IOC_SHUTDOWN; what was written until now is on the disk
        finally:
            os.close(handle)

    def mend(self):
        self.unmount()
        self.mount()


def leaders(c, topic):
    """Leader of each partition, by Metadata v1."""
    answer = c.wire.ask(wire.metadata([topic]))
    at = 4
    brokers, = struct.unpack_from('>i', answer, at)
    at += 4
    for _ in range(brokers):
        host, = struct.unpack_from('>h', answer, at + 4)
        at += 4 + 2 + host + 4
        rack, = struct.unpack_from('>h', answer, at)
        at += 2 + max(rack, 0)
    at += 4 + 4 + 2     # controller, one topic, its error
    name, = struct.unpack_from('>h', answer, at)
    at += 2 + name + 1
    count, = struct.unpack_from('>i', answer, at)
    at += 4
    found = {}
    for _ in range(count):
        _, partition, leader, replicas = struct.unpack_from('>hiii', answer, at)
        at += 14 + 4 * replicas
        isr, = struct.unpack_from('>i', answer, at)
        at += 4 + 4 * isr
        found[partition] = leader
    return found


@suite.scenario(seconds=120, only='moldau')
def disk_dies_and_comes_back(run):
    keep, = folders_of(run, 'keep')
    dying = Disk(run, 'dying')
    broker = run.start_broker({'log.dirs': f'{keep},{dying.data}', 'log.initial.task.delay.ms': 100, 'log.flush.offset.checkpoint.interval.ms': 500})
    c = client(broker, [keep, dying.data])
    c.create('both', 4)
    there = [p for p in range(4) if c.where('both', p)[0] == ['dying']]
    here = [p for p in range(4) if p not in there]
    run.same((len(here), len(there)), (2, 2), 'partitions a disk')
    for n in range(20):
        for p in range(4):
            run.same(c.produce('both', p, [b'%d' % n])[0], 0, 'Produce')
    before = {p: c.read('both', p) for p in range(4)}
    run.same(metric(broker, 'kafka_log_logmanager_offlinelogdirectorycount'), 0.0)

    dying.fail()
    wait(lambda: c.produce('both', there[0], [b'lost'])[0] == STORAGE_ERROR, 'the failure is met')
    for p in there:
        run.same(c.produce('both', p, [b'lost'])[0], STORAGE_ERROR, f'Produce to both-{p}')
        code, _, data = wire.fetch_result(c.wire.ask(wire.fetch('both', 0, p, version=4)))
        run.same((code, data), (6, b''), f'Fetch of both-{p}')      # v4 does not know KAFKA_STORAGE_ERROR
    for p in here:
        run.same(c.produce('both', p, [b'kept'])[0], 0, f'Produce to both-{p}')
        before[p].append(before[p][-1] + 1)
        run.same(c.read('both', p), before[p], f'both-{p}')
    run.same({name: error for name, (error, _, _) in c.describe().items()}, {'keep': 0, 'dying': STORAGE_ERROR}, 'DescribeLogDirs')
    run.same(metric(broker, 'kafka_log_logmanager_offlinelogdirectorycount'), 1.0)
    run.same(metric(broker, f'kafka_log_logmanager_logdirectoryoffline{{logDirectory="{dying.data}"}}'), 1.0)
    run.same(metric(broker, 'kafka_server_replicamanager_offlinereplicacount'), 2.0)
    wait(lambda: leaders(c, 'both') == {p: 0 if p in here else -1 for p in range(4)}, 'the controller has heard of it')
    run.same(c.alter([(dying.data, [('both', here)])]), [('both', p, STORAGE_ERROR) for p in here], 'a move to the dead disk')
    run.same(c.alter([(keep, [('both', there)])]), [('both', p, STORAGE_ERROR) for p in there], 'a move from there')
    c.create('later', 2)
    run.same([c.where('later', p)[0] for p in range(2)], [['keep'], ['keep']], 'new partitions')
    run.same(broker.stop(), 0, 'exit code of the stop')

    broker.start()      # without that disk
    c = client(broker, [keep, dying.data])
    wait(lambda: leaders(c, 'both') == {p: 0 if p in here else -1 for p in range(4)}, 'the others have leaders')
    for p in there:
        run.same(c.produce('both', p, [b'lost'])[0], STORAGE_ERROR, f'Produce to both-{p} after a start without its disk')
    for p in here:
        run.same(c.read('both', p), before[p], f'both-{p} after a start without the other disk')
    run.same({name: error for name, (error, _, _) in c.describe().items()}, {'keep': 0, 'dying': STORAGE_ERROR}, 'DescribeLogDirs after that')
    run.same(metric(broker, 'kafka_log_logmanager_offlinelogdirectorycount'), 1.0)
    broker.kill()

    dying.mend()
    broker.start()
    c = client(broker, [keep, dying.data])
    wait(lambda: leaders(c, 'both') == {p: 0 for p in range(4)}, 'all have leaders again')
    for p in range(4):
        run.same(c.read('both', p), before[p], f'both-{p} after the start')
        run.same(c.produce('both', p, [b'more'])[0], 0, f'Produce to both-{p} after the start')
    run.same(metric(broker, 'kafka_log_logmanager_offlinelogdirectorycount'), 0.0)
    run.same(broker.stop(), 0, 'exit code of the last stop')
    dying.unmount()


@suite.scenario(seconds=120, only='moldau')
def target_disk_dies_in_a_move(run):
    keep, = folders_of(run, 'keep')
    dying = Disk(run, 'dying')
    broker = run.start_broker({'log.dirs': f'{keep},{dying.data}'})
    c = client(broker, [keep, dying.data])
    c.create('big', 1)
    fill(run, c, 100)
    if c.where('big', 0)[0] == ['dying']:
        c.move('big', 0, keep)
    run.same(c.alter([(dying.data, [('big', [0])])]), [('big', 0, 0)], 'AlterReplicaLogDirs')
    dying.fail()
    wait(lambda: c.describe()['dying'][0] == STORAGE_ERROR or c.where('big', 0)[0] == ['dying'], 'the failure is met')
    run.check(c.where('big', 0) == (['keep'], []), 'the move was over before the disk failed')
    run.same(c.produce('big', 0, [b'kept']), (0, 101), 'Produce')
    run.same(c.read('big', 0), list(range(102)), 'what is there')
    broker.kill()
    dying.mend()
    broker.start()
    c = client(broker, [keep, dying.data])
    wait(lambda: c.where('big', 0) == (['dying'], []), 'the move goes on')
    run.same(c.read('big', 0), list(range(102)), 'what is there in the end')
    run.same(broker.stop(), 0, 'exit code of the stop')
    dying.unmount()


@suite.scenario(seconds=60, only='moldau')
def the_last_disk_dies(run):
    """Nothing is left to serve: the process ends, and says why."""
    dying = Disk(run, 'dying')
    broker = run.start_broker({'log.dirs': dying.data})
    c = client(broker, [dying.data])
    c.create('t', 1)
    dying.fail()
    c.wire.send(wire.produce('t', wire.batch([wire.record(0, None, b'lost')])))
    wait(lambda: not broker.alive(), 'the broker ends', 30)
    run.check(broker.process.returncode != 0, 'it ended as if all was well')
    run.check('all log dirs have failed' in broker.log.read_text(errors='replace'), 'it does not say why')
    dying.unmount()


@suite.scenario(seconds=90, only='moldau')
def the_metadata_disk_dies(run):
    """Like a loss of ZooKeeper: what is led goes on, what needs a change of the metadata is answered with an error."""
    keep, = folders_of(run, 'keep')
    dying = Disk(run, 'dying')
    broker = run.start_broker({'log.dirs': f'{dying.data},{keep}'})
    c = client(broker, [dying.data, keep])
    c.create('both', 4)
    here = [p for p in range(4) if c.where('both', p)[0] == ['keep']]
    there = [p for p in range(4) if p not in here]
    run.check((dying.data / 'moldau-metadata.db').exists(), 'the metadata lies elsewhere')
    dying.fail()
    wait(lambda: c.produce('both', there[0], [b'lost'])[0] == STORAGE_ERROR, 'the failure is met')
    for n in range(20):
        for p in here:
            run.same(c.produce('both', p, [b'%d' % n])[0], 0, f'Produce to both-{p}')
    body = struct.pack('>i', 1) + wire.string('new') + struct.pack('>ihiii?', 1, 1, 0, 0, 3000, False)
    other = client(broker, [dying.data, keep])
    answer = other.wire.ask(wire.header(wire.CREATE_TOPICS, 2) + body, 20)
    run.check(isinstance(answer, bytes), f'CreateTopics: {answer}')
    run.check(struct.unpack_from('>h', answer, 4 + 4 + 4 + 2 + len('new'))[0] != 0, 'the topic was made without metadata')
    for p in here:
        run.same(c.produce('both', p, [b'last'])[0], 0, f'Produce to both-{p}')
    broker.stop(60)
    dying.mend()
    broker.start()
    c = client(broker, [dying.data, keep])
    wait(lambda: leaders(c, 'both') == {p: 0 for p in range(4)}, 'all have leaders again')
    run.same([len(c.read('both', p)) for p in here], [22] * len(here), 'records on the disk that lived')
    run.same(broker.stop(), 0, 'exit code of the stop')
    dying.unmount()
