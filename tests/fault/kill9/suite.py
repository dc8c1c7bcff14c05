"""kill -9, SIGTERM and damaged files under an idempotent producer: what was acknowledged is there once, in order."""
import json
import os
import random
import shutil
import struct
import time

from moldau_test import install, paths, process
from moldau_test.scenario import Suite

suite = Suite('kill9', own_broker=True)


@suite.prepare
def prepare():
    return install.python('confluent-kafka', ['confluent-kafka==2.11.1'])


def start(run, **more):
    overrides = {'num.partitions': 2, 'log.segment.bytes': 200000, 'log.index.interval.bytes': 1024, **{k.replace('_', '.'): v for k, v in more.items()}}
    if run.options.against == 'apache':
        overrides['zookeeper.session.timeout.ms'] = 6000
    return run.start_broker(overrides)


class Load:
    """A producer process that lives through the broker's deaths; `acked` is what it was promised."""

    def __init__(self, run, broker, topic):
        self.run, self.broker, self.topic = run, broker, topic
        self.file = run.dir / f'acked-{topic}'
        self.file.write_bytes(b'')
        self.process = run.spawn([run.prepared, suite.folder / 'load.py', 'produce', topic, self.file], f'producer-{topic}.log', BOOTSTRAP=broker.bootstrap)

    def acked(self):
        lines = self.file.read_text().split('\n')[:-1]
        return [tuple(int(n) for n in line.split()) for line in lines]

    def more(self, count, seconds=60):
        """Waits until `count` more records are acknowledged."""
        want = self.file.stat().st_size + count * 8
        try:
            process.wait_until(lambda: self.file.stat().st_size >= want or not self.process.alive(), seconds, f'{count} more acknowledged records')
        except TimeoutError as late:
            raise TimeoutError(f'{late}; the producer said: {self.process.log.read_text(errors="replace")[-1500:]}') from None
        self.run.check(self.process.alive(), f'the producer ended: {self.process.log.read_text(errors="replace")[-1500:]}')

    def finish(self):
        """Lets it flush; every record it sent is acknowledged then."""
        self.process.signal(15)
        self.run.same(self.process.wait(60), 0, 'exit code of the producer')

    def verify(self, whole=False):
        """Reads both partitions to their ends: acknowledged records at their offsets, every number once, in order."""
        acked = self.acked()
        out = self.run.command([self.run.prepared, suite.folder / 'load.py', 'read', self.topic], BOOTSTRAP=self.broker.bootstrap)
        found = {int(p): {int(o): n for o, n in records} for p, records in json.loads(out).items()}
        for partition, records in found.items():
            numbers = [records[o] for o in sorted(records)]
            self.run.check(numbers == sorted(set(numbers)), f'partition {partition}: out of order or twice: {_first_bad(numbers)}')
            self.run.check(numbers == list(range(len(numbers))), f'partition {partition}: a hole: {_first_bad(numbers)}')
        for partition, number, offset in acked:
            got = found.get(partition, {}).get(offset)
            self.run.check(got == number, f'partition {partition} offset {offset}: acknowledged {number}, found {got}')
        if whole:
            self.run.same(sum(len(r) for r in found.values()), len(acked), 'records in all')
        return len(acked)


def _first_bad(numbers):
    for i, n in enumerate(numbers):
        if n != i:
            return f'at {i}: {numbers[max(0, i - 3):i + 4]}'
    return 'none'


def loops(run, count):
    random_wait = random.Random(7)
    broker = start(run)
    load = Load(run, broker, 'kill9')
    load.more(2000)
    total = 0
    for number in range(count):
        load.more(500 + random_wait.randrange(2000))
        time.sleep(random_wait.random() * 0.3)
        broker.kill()
        broker.start()
        load.more(200)
        total = load.verify()
    load.finish()
    total = load.verify(whole=True)
    run.check(total > 1000 * count, f'only {total} records')


@suite.scenario(seconds=400)
def kill_5(run):
    loops(run, 5)


@suite.scenario(seconds=1800, long=True)
def kill_30(run):
    loops(run, 30)


def fast_loops(run, count, every):
    """Topics of all kinds in two log directories; killed while it serves, while it starts, while it compacts. A check of all that came since the last one, each `every` loops."""
    seeded = random.Random(int(os.environ.get('MOLDAU_KILL_SEED', time.time_ns() % 1_000_000)))
    folders = [run.dir / 'disk-a', run.dir / 'disk-b']
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    broker = start(run, log_dirs=','.join(map(str, folders)), log_cleaner_backoff_ms=20, log_initial_task_delay_ms=20, log_cleaner_threads=2,
                   log_flush_offset_checkpoint_interval_ms=100, log_flush_start_offset_checkpoint_interval_ms=150, replica_high_watermark_checkpoint_interval_ms=100)
    program = [run.prepared, suite.folder / 'many.py']
    run.command([*program, 'create'], BOOTSTRAP=broker.bootstrap)
    file = run.dir / 'acknowledged'
    file.write_bytes(b'')
    (run.dir / 'state').unlink(missing_ok=True)
    producer = run.spawn([*program, 'produce', file], 'producer.log', BOOTSTRAP=broker.bootstrap)

    def said(what):
        return f'{what}: {producer.log.read_text(errors="replace")[-1500:]}'
    in_recovery = 0
    for number in range(1, count + 1):
        size = file.stat().st_size
        process.wait_until(lambda: file.stat().st_size > size or not producer.alive(), 60, 'an acknowledged record')
        run.check(producer.alive(), said('the producer ended'))
        time.sleep(seeded.random() * 0.25)
        broker.kill()
        while seeded.randrange(4) == 0:     # killed again while it starts
            broker.launch()
            time.sleep(seeded.random() * 0.12)
            broker.kill()
            in_recovery += 1
        broker.start()
        if number % every == 0:
            records = int(run.command([*program, 'check', file, run.dir / 'state'], BOOTSTRAP=broker.bootstrap))
            with open(run.dir / 'progress', 'a') as out:
                out.write(f'{number} loops, {in_recovery} kills in a start, {records} records\n')
    producer.signal(15)
    run.same(producer.wait(60), 0, said('exit code of the producer'))
    (run.dir / 'state').unlink()
    records = int(run.command([*program, 'check', file, run.dir / 'state'], BOOTSTRAP=broker.bootstrap))
    run.check(records > 10 * count, f'only {records} records')
    run.check('can\'t be compacted' not in broker.log.read_text(errors='replace'), 'a log could not be compacted')
    run.same(broker.stop(), 0, 'exit code of the stop')
    for folder in folders:
        run.command([paths.broker_binary(), 'dump-log', '--verify', folder])


@suite.scenario(seconds=200, only='moldau')
def kill_fast_15(run):
    fast_loops(run, 15, 5)


@suite.scenario(seconds=7200, long=True, only='moldau')
def kill_fast_1000(run):
    fast_loops(run, 1000, 50)


@suite.scenario(seconds=200)
def sigterm_under_load(run):
    """A graceful stop: exit code 0 (the oracle's JVM: 143), the clean-shutdown marker, nothing lost, nothing twice."""
    broker = start(run)
    load = Load(run, broker, 'term')
    load.more(2000)
    for _ in range(2):
        code = broker.stop(60)
        run.check(code == (143 if broker.kind == 'apache' else 0), f'exit code {code}')
        run.check((broker.log_dir / '.kafka_cleanshutdown').exists(), 'no clean-shutdown marker')
        broker.start()
        run.check(not (broker.log_dir / '.kafka_cleanshutdown').exists() or broker.kind == 'apache', 'the marker outlives the start')
        load.more(1000)
        load.verify()
    load.finish()
    load.verify(whole=True)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def tiny_batches(base, count):
    """Bytes of `count` batches of one empty record each."""
    body = struct.pack('>hiqqqhii', 0, 0, 1_700_000_000_000, 1_700_000_000_000, -1, -1, -1, 1) + bytes([12, 0, 0, 0, 1, 0, 0])
    tail = struct.pack('>iibI', len(body) + 9, 0, 2, crc32c(body)) + body
    return b''.join(struct.pack('>q', base + n) + tail for n in range(count))


@suite.scenario(seconds=200, only='moldau')
def sigterm_in_recovery(run):
    """A start that has much to recover hears SIGTERM at once (`docker stop`), leaves the rest to the next start, and nothing is lost."""
    broker = start(run, num_partitions=50, log_segment_bytes=1 << 30)
    load = Load(run, broker, 'many')
    load.more(500)
    load.finish()
    broker.kill()
    count = 80000
    segments = {f'{n * count:020d}.log': tiny_batches(n * count, count) for n in range(5)}
    filled = [part for part in broker.log_dir.glob('many-*') if part.name not in ('many-0', 'many-1')]
    run.same(len(filled), 48, 'partitions to fill')
    # One copy under many names: seconds of recovery, and little disk.
    for name, data in segments.items():
        (run.dir / name).write_bytes(data)
        for part in filled:
            (part / name).unlink(missing_ok=True)
            os.link(run.dir / name, part / name)
    for signal, code in ((15, 143), (2, 130)):
        seen = broker.log.stat().st_size
        broker.launch()
        process.wait_until(lambda: b', with recovery' in broker.log.read_bytes()[seen:] or not broker.alive(), 20, 'the recovery begins', every=0.01)
        asked = time.monotonic()
        broker.process.signal(signal)
        run.same(broker.process.wait(30), code, f'exit code after signal {signal}')
        took = time.monotonic() - asked
        said = broker.log.read_bytes()[seen:].decode(errors='replace')
        run.check('Loading ends early' in said, f'the recovery was over before the signal came, or went on: {broker.log_tail(8)}')
        run.check(took < 5, f'the stop took {took:.1f} s')
        run.check(not (broker.log_dir / '.kafka_cleanshutdown').exists(), 'a marker over logs that were not recovered')
    seen = broker.log.stat().st_size
    broker.start(60)
    said = broker.log.read_bytes()[seen:].decode(errors='replace')
    run.check(', with recovery' in said, 'the next start does not recover')
    run.check('is not good from byte' not in said, 'something was cut')
    for part in filled:
        sizes = {f.name: f.stat().st_size for f in part.glob('*.log')}
        run.same(sizes, {name: len(data) for name, data in segments.items()}, f'segments of {part.name}')
    load.verify(whole=True)
    process.wait_until(lambda: 'recovering' not in broker.readyz(), 60, 'the recovery ends', every=0.1)
    run.same(broker.stop(60), 0, 'exit code of the stop')
    run.check((broker.log_dir / '.kafka_cleanshutdown').exists(), 'no clean-shutdown marker')


@suite.scenario(seconds=200)
def groups_survive(run):
    """Committed offsets and topics with their configuration are there after kill -9."""
    broker = start(run)
    tool = [run.prepared, suite.folder / 'load.py']
    run.command([*tool, 'commit', 'survive'], BOOTSTRAP=broker.bootstrap)
    for _ in range(2):
        broker.kill()
        broker.start()
        run.transcript(run.command([*tool, 'committed', 'survive'], BOOTSTRAP=broker.bootstrap))


def damage(run, name, change):
    """Writes, kills, changes files, starts, and expects what was whole to be there."""
    broker = start(run)
    load = Load(run, broker, name)
    load.more(5000)
    load.finish()
    broker.kill()
    change(broker.log_dir)
    broker.start()
    load.verify(whole=True)
    second = Load(run, broker, f'{name}-after')
    second.more(500)
    second.finish()
    second.verify(whole=True)


def partition_files(folder, topic, suffix):
    return sorted(f for f in folder.glob(f'{topic}-*/*{suffix}'))


@suite.scenario(seconds=200)
def torn_tail(run):
    """Half a batch behind the last whole one, as a crash in the middle of a write leaves it."""
    def change(folder):
        for part in folder.glob('torn-?'):
            last = sorted(part.glob('*.log'))[-1]
            data = last.read_bytes()
            with open(last, 'ab') as file:
                file.write((data[:200] or b'\0' * 11)[:150])
    damage(run, 'torn', change)


@suite.scenario(seconds=200)
def zero_tail(run):
    """Zeros behind the last batch, as a file system leaves them."""
    def change(folder):
        for part in folder.glob('zeros-?'):
            with open(sorted(part.glob('*.log'))[-1], 'ab') as file:
                file.write(bytes(5000))
    damage(run, 'zeros', change)


@suite.scenario(seconds=200)
def lost_indexes(run):
    def change(folder):
        for suffix in ('.index', '.timeindex', '.snapshot'):
            for file in partition_files(folder, 'noindex', suffix):
                file.unlink()
    damage(run, 'noindex', change)


@suite.scenario(seconds=200)
def corrupt_indexes(run):
    def change(folder):
        seeded = random.Random(3)
        for suffix in ('.index', '.timeindex', '.snapshot'):
            for file in partition_files(folder, 'badindex', suffix):
                file.write_bytes(bytes(seeded.randrange(256) for _ in range(min(4096, file.stat().st_size) // 24 * 24 + 5)))
    damage(run, 'badindex', change)


@suite.scenario(seconds=200)
def lost_checkpoints(run):
    def change(folder):
        for name in ('recovery-point-offset-checkpoint', 'replication-offset-checkpoint', 'log-start-offset-checkpoint', 'cleaner-offset-checkpoint'):
            (folder / name).unlink(missing_ok=True)
        for file in partition_files(folder, 'nocheck', 'leader-epoch-checkpoint'):
            file.unlink()
    damage(run, 'nocheck', change)


@suite.scenario(seconds=120, only='moldau')
def disk_goes_back(run):
    """A second broker on the same directory is refused while the first lives."""
    broker = start(run)
    from moldau_test import broker as brokers
    twin = brokers.make_broker('moldau', {**broker.overrides, 'listeners': f'PLAINTEXT://127.0.0.1:{__import__("moldau_test.ports").ports.free_port()}',
                                          'http.listeners': ''}, run.dir / 'twin')
    try:
        twin.dir.mkdir(exist_ok=True)
        twin.process = process.Process([__import__('moldau_test.paths').paths.broker_binary(), 'serve',
                                        *[w for k, v in twin.overrides.items() for w in ('--override', f'{k}={v}')]], twin.log, cwd=twin.dir)
        code = twin.process.wait(20)
        run.check(code not in (0, None), f'the second broker ended with {code}')
        run.check('lock' in twin.log_tail().lower() or 'in use' in twin.log_tail().lower(), f'it does not say why: {twin.log_tail(5)}')
    finally:
        twin.kill()
        shutil.rmtree(run.dir / 'twin', ignore_errors=True)
    run.check(broker.alive(), 'the first broker is gone')


