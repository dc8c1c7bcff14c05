"""Starts on damaged log directories: what is readable afterwards, beside Apache Kafka; and what is served while a big log is recovered."""
import os
import re
import struct
import time
import urllib.request

from moldau_test import process, wire
from moldau_test.scenario import Suite
from moldau_test.wire import Wire

suite = Suite('recovery', own_broker=True)

BATCHES = 24
RECORDS = 10
OVERRIDES = {'log.segment.bytes': 6000, 'log.index.interval.bytes': 1024, 'zookeeper.session.timeout.ms': 6000, 'log.initial.task.delay.ms': 500,
             'log.flush.offset.checkpoint.interval.ms': 500, 'transaction.state.log.num.partitions': 1}


def files(directory, suffix):
    return sorted(file for file in directory.iterdir() if file.name.endswith(suffix))


def remove(file):
    file.unlink()


def empty(file):
    file.write_bytes(b'')


def cut(file):
    """At no entry's end."""
    os.truncate(file, max(0, file.stat().st_size // 2 - 1))


def garbage(file):
    with open(file, 'r+b') as f:
        f.write(b'\xa5' * min(4096, file.stat().st_size))


def flip(file):
    """One bit in a value of the last batch. (In a base offset, which no checksum covers, it ends the start of Apache Kafka.)"""
    at = file.stat().st_size - 40
    with open(file, 'r+b') as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 0x10]))


def zeros_behind(file):
    os.truncate(file, file.stat().st_size + 5000)


def torn(file):
    os.truncate(file, file.stat().st_size - 7)


def garbage_behind(file):
    with open(file, 'ab') as f:
        f.write(bytes(range(1, 200)))


def of_all(suffix, how):
    return lambda directory: [how(file) for file in files(directory, suffix)]


def of_last(suffix, how):
    return lambda directory: how(files(directory, suffix)[-1])


# Cases that Apache Kafka serves too; each has a topic of its own.
DAMAGES = {
    'index-missing': of_all('.index', remove), 'index-empty': of_all('.index', empty), 'index-cut': of_all('.index', cut), 'index-garbage': of_last('.index', garbage),
    'timeindex-missing': of_all('.timeindex', remove), 'timeindex-empty': of_all('.timeindex', empty), 'timeindex-cut': of_last('.timeindex', cut),
    'snapshot-missing': of_all('.snapshot', remove), 'snapshot-garbage': of_all('.snapshot', garbage), 'snapshot-cut': of_all('.snapshot', cut),
    'epochs-missing': of_all('leader-epoch-checkpoint', remove), 'epochs-empty': of_all('leader-epoch-checkpoint', empty),
    'metadata-missing': of_all('partition.metadata', remove),
    'untouched': lambda directory: None,
}
TAILS = {'log-torn': of_last('.log', torn), 'log-zeros': of_last('.log', zeros_behind), 'log-garbage': of_last('.log', garbage_behind), 'log-flipped': of_last('.log', flip)}
TEMPORARY = {
    'leftovers': lambda directory: [(directory / name).write_bytes(b'') for name in
                                    ('00000000000000000000.log.deleted', '00000000000000000007.index', 'leader-epoch-checkpoint.tmp', 'notes')],
}


def fill(run, broker, topics):
    with Wire(broker, 30) as w:
        for topic in topics:
            process.wait_until(lambda: w.ask(wire.metadata([topic])) and wire.produce_error(w.ask(wire.produce(topic, batch(0))))[0] == 0, 30, f'topic {topic}', every=0.2)
            for n in range(1, BATCHES):
                run.same(wire.produce_error(w.ask(wire.produce(topic, batch(n))))[0], 0, f'error of Produce to {topic}')


def batch(n):
    return wire.batch([wire.record(i, b'key-%d' % (n * RECORDS + i), b'v' * 80) for i in range(RECORDS)])


def read(broker, topic):
    """Offsets of the batches that can be read, as (first, last); the error that ends it."""
    found, at = [], 0
    with Wire(broker, 30) as w:
        process.wait_until(lambda: wire.fetch_result(w.ask(wire.fetch(topic, 0)))[0] not in (3, 5, 6), 30, f'{topic} has a leader', every=0.2)
        while True:
            code, high, data = wire.fetch_result(w.ask(wire.fetch(topic, at, wait=0)))
            if code != 0 or not data:
                return found, code, high
            before = at
            for first, size, last in batches(data):
                if last >= at:
                    found.append((first, last))
                    at = last + 1
            if at == before:
                return found, code, high


def batches(data):
    at = 0
    while at + 61 <= len(data):
        first, size = struct.unpack_from('>qi', data, at)
        if at + 12 + size > len(data):
            return
        yield first, size, first + struct.unpack_from('>i', data, at + 23)[0]
        at += 12 + size


def tell(run, broker, topics):
    for topic in sorted(topics):
        found, code, high = read(broker, topic)
        whole = all(a[1] + 1 == b[0] for a, b in zip(found, found[1:]))
        run.transcript(f'{topic}: {len(found)} batches, {found[0][0]} to {found[-1][1]}{"" if whole else " with holes"}, high watermark {high}, error {code}\n'
                       if found else f'{topic}: nothing, high watermark {high}, error {code}\n')


def damage(broker, cases):
    for topic, how in cases.items():
        how(broker.log_dir / f'{topic}-0')


@suite.scenario(seconds=240)
def after_kill(run):
    """kill -9, then damage to each topic in its own way."""
    cases = {**DAMAGES, **TAILS, **TEMPORARY}
    broker = run.start_broker(OVERRIDES)
    fill(run, broker, cases)
    broker.kill()
    damage(broker, cases)
    broker.start()
    tell(run, broker, cases)


@suite.scenario(seconds=240)
def after_stop(run):
    """The same behind a clean stop, whose marker vouches for files that are not what they were."""
    cases = {**DAMAGES, **TEMPORARY}
    broker = run.start_broker(OVERRIDES)
    fill(run, broker, cases)
    broker.stop()
    damage(broker, cases)
    broker.start()
    tell(run, broker, cases)


@suite.scenario(seconds=120, only='moldau')
def beyond_apache(run):
    """Where Apache Kafka takes the whole directory offline, or ends: one partition is hurt at most, and the log says which file and what became of it."""
    cases = {'epochs-garbage': of_all('leader-epoch-checkpoint', garbage), 'metadata-garbage': of_all('partition.metadata', garbage),
             'metadata-newer': lambda d: (d / 'partition.metadata').write_text('version: 9\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ'),
             'index-folder': lambda d: [(file.unlink(), file.mkdir()) for file in files(d, '.index')],
             'log-unreachable': lambda d: [(file.unlink(), file.symlink_to('/nowhere/at/all')) for file in files(d, '.log')[:1]], 'untouched': lambda d: None}
    broker = run.start_broker(OVERRIDES)
    fill(run, broker, cases)
    broker.kill()
    damage(broker, cases)
    (broker.log_dir / 'replication-offset-checkpoint').write_text('1\nfrom the future\n')
    (broker.log_dir / 'recovery-point-offset-checkpoint').write_bytes(b'\xff' * 30)
    broker.start()
    for topic in cases:
        if topic == 'log-unreachable':
            with Wire(broker) as w:
                run.same(wire.produce_error(w.ask(wire.produce(topic, batch(0))))[0], 56, 'error of Produce to a log that is not there')
            continue
        found, code, high = read(broker, topic)
        run.same((len(found), code, high), (BATCHES, 0, BATCHES * RECORDS), f'what is read of {topic}')
    said = broker.log.read_text(errors='replace')
    for name in ('epochs-garbage-0/leader-epoch-checkpoint', 'metadata-garbage-0/partition.metadata', 'metadata-newer-0/partition.metadata', 'index-folder-0/', 'log-unreachable-0/',
                 'replication-offset-checkpoint', 'recovery-point-offset-checkpoint'):
        run.check(any(name in line and re.search(r'\] (warning|error) ', line) for line in said.splitlines()), f'{name} is not told of\n{broker.log_tail()}')
    kept = [str(file.relative_to(broker.log_dir)) for file in broker.log_dir.glob('**/*.corrupt-*')]
    for name in ('epochs-garbage-0/leader-epoch-checkpoint', 'metadata-garbage-0/partition.metadata', 'metadata-newer-0/partition.metadata', 'replication-offset-checkpoint'):
        run.check(any(file.startswith(name + '.corrupt-') for file in kept), f'{name} is not kept: {kept}')
    run.same(broker.stop(), 0, 'exit code')


def read_error(w, topic):
    return wire.fetch_result(w.ask(wire.fetch(topic, 0, max_bytes=1000)))[0]


def grow(file, batches_wanted):
    """Appends small batches as a broker would have written them: their base offset stands outside the checksum."""
    data = file.read_bytes()
    first, size = struct.unpack_from('>qi', data)
    one = data[:12 + size]
    per_batch = 1 + struct.unpack_from('>i', one, 23)[0]
    offset = max(last for _, _, last in batches(data)) + 1
    body = one[8:]
    with open(file, 'ab') as f:
        for _ in range(0, batches_wanted, 1000):
            f.write(b''.join(struct.pack('>q', offset + i * per_batch) + body for i in range(1000)))
            offset += 1000 * per_batch
    return offset


@suite.scenario(seconds=240, only='moldau')
def serves_meanwhile(run):
    """Logs whose recovery takes long: the port opens, the other partitions are led at once, the progress is told, SIGTERM is heard, and the next start goes on."""
    broker = run.start_broker({**OVERRIDES, 'log.segment.bytes': 1 << 30, 'log.flush.offset.checkpoint.interval.ms': 60000})
    small, big = [f'small-{n}' for n in range(4)], [f'big-{n}' for n in range(12)]
    with Wire(broker, 30) as w:
        for topic in [*big, *small]:
            process.wait_until(lambda: w.ask(wire.metadata([topic])) and wire.produce_error(w.ask(wire.produce(topic, wire.batch([wire.record(0, b'k', b'v')]))))[0] == 0, 30, topic, every=0.2)
    broker.kill()
    first, *others = [broker.log_dir / f'{topic}-0' / ('0' * 20 + '.log') for topic in big]
    end = grow(first, 4_000_000)
    for other in others:        # much to recover, and little disk
        other.unlink()
        os.link(first, other)
    broker.start()
    before = broker.readyz()
    run.check(re.match(r'ready\nrecovering \S+: [1-9]\d* of 16 logs remain, [1-9]\d* segments, [1-9]\d* bytes\n$', before), f'/readyz says {before!r}')
    with Wire(broker, 30) as w:
        for topic in small:
            run.same(wire.produce_error(w.ask(wire.produce(topic, wire.batch([wire.record(0, b'k', b'w')])))), (0, 1), f'Produce to {topic}')
            run.same(len(read(broker, topic)[0]), 2, f'batches of {topic}')
        run.check(6 in [read_error(w, topic) for topic in big], 'no log that is recovered answers NOT_LEADER_OR_FOLLOWER')
    metrics = urllib.request.urlopen(f'http://127.0.0.1:{broker.http_port}/metrics', timeout=5).read().decode()
    run.check(re.search(r'(?m)^kafka_log_logmanager_remaininglogstorecover\{dir="[^"]+"\} [1-9]', metrics), 'remainingLogsToRecover is 0')
    run.check(re.search(r'(?m)^kafka_log_logmanager_remainingsegmentstorecover\{dir="[^"]+",threadNum="\d+"\} [1-9]', metrics), 'remainingSegmentsToRecover is 0 for all threads')

    began = time.monotonic()
    run.same(broker.stop(), 0, 'exit code of a stop in the middle of the recovery')
    run.check(time.monotonic() - began < 15, 'the stop took long')
    run.check(not (broker.log_dir / '.kafka_cleanshutdown').exists(), 'a directory that is not recovered has the marker of a clean stop')
    run.check('small-0 0 2\n' in (broker.log_dir / 'recovery-point-offset-checkpoint').read_text(), 'what is recovered begins anew')

    broker.start()
    with Wire(broker, 30) as w:
        process.wait_until(lambda: not any(read_error(w, topic) for topic in big), 120, 'the big logs are led', every=0.2)
        run.same(wire.produce_error(w.ask(wire.produce(big[0], wire.batch([wire.record(0, b'k', b'v')])))), (0, end), f'Produce to {big[0]}')
    run.same(broker.readyz(), 'ready\n', '/readyz at last')
    run.same(broker.stop(), 0, 'exit code')
    run.check((broker.log_dir / '.kafka_cleanshutdown').exists(), 'no marker of a clean stop')
