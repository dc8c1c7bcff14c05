"""Bytes that no client should send. The answer (an error code, or a closed connection) is Apache Kafka's; the broker lives
on, and a well-behaved client beside the bad one is not disturbed."""
import gzip
import os
import random
import resource
import socket
import struct
import time

from moldau_test import wire
from moldau_test.scenario import Suite
from moldau_test.wire import Canary, Wire, batch, record

suite = Suite('bad-input', broker={'num.partitions': 1, 'connections.max.idle.ms': 600000})


@suite.prepare
def prepare():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))        # inherited by the broker


def scenario(seconds=60, **more):
    """A scenario with a canary beside it, and a look at the broker afterwards."""
    def register(function):
        def with_canary(run):
            canary = Canary(run.broker)
            try:
                function(run)
                time.sleep(0.1)
            finally:
                problems = canary.finish()
            run.check(not problems, f'another client was disturbed: {problems}')
            run.check(canary.rounds > 0, 'the other client got nowhere')
            run.check(canary.longest < 10, f'another client waited {canary.longest:.1f} s for an answer')
            run.check(run.broker.alive(), 'the broker is gone')
        with_canary.__name__ = function.__name__
        suite.scenario(seconds=seconds, **more)(with_canary)
        return function
    return register


def word(answer):
    return answer if isinstance(answer, str) else 'answered'


def say(run, label, answer):
    run.transcript(f'{label}: {answer}')


def closed(run, label, data, half_close=False):
    """Sends raw bytes and notes whether the connection is closed, answered or left waiting."""
    with Wire(run.broker, timeout=4) as w:
        w.raw(data)
        if half_close:
            w.socket.shutdown(socket.SHUT_WR)
        say(run, label, word(w.receive()))


def frame(body):
    return struct.pack('>i', len(body)) + body


@scenario()
def frame_lengths(run):
    closed(run, 'length 0', struct.pack('>i', 0))
    closed(run, 'length -1', struct.pack('>i', -1))
    closed(run, 'length -2147483648', struct.pack('>I', 0x80000000))
    closed(run, 'length 2147483647', struct.pack('>i', 0x7FFFFFFF))
    closed(run, 'length 104857601', struct.pack('>i', 104857601))
    closed(run, 'length 1', frame(b'\0'))
    closed(run, 'length 3', frame(b'\0\x12\0'))
    closed(run, 'length 7: no correlation id', frame(b'\0\x12\0\0\0\0\0'))


@scenario()
def truncated(run):
    whole = wire.metadata(['canary'])
    for cut in (2, 4, 6, 10, len(whole)):
        closed(run, f'cut after {cut} bytes', frame(whole)[:cut], half_close=True)
    for cut in (1, 5, 9):
        closed(run, f'body shorter by {cut}', frame(whole[:-cut]))
    body = wire.produce('canary', batch([record(0, None, b'x' * 100)]))
    for cut in (1, 50, 100, 150, 170):
        with Wire(run.broker, timeout=4) as w:
            answer = w.ask(body[:-cut])
            say(run, f'produce shorter by {cut}', word(answer) if isinstance(answer, str) else wire.produce_error(answer)[0])


@scenario()
def keys_and_versions(run):
    for key in (999, -1, 32767, 4, 5, 6, 7, 52, 57, 63, 65, 66, 67, 71, 72, 76, 77):
        if key in (4, 5, 6, 7, 67):
            continue        # inter-broker requests: Apache Kafka answers them on any listener
        closed(run, f'api key {key}', frame(struct.pack('>hhi', key, 0, 1) + wire.string('c')))
    for api, version in ((wire.METADATA, 99), (wire.METADATA, -1), (wire.PRODUCE, 99), (wire.FETCH, 99), (wire.FIND_COORDINATOR, 77)):
        closed(run, f'api {api} version {version}', frame(wire.header(api, version) + b'\0' * 20))
    for version in (99, 32767):
        with Wire(run.broker, timeout=4) as w:
            answer = w.ask(wire.api_versions(version, correlation=7, tail=b'\0\1\1\0'))
            run.check(not isinstance(answer, str), f'ApiVersions {version}: {answer}')
            correlation, code, count = struct.unpack_from('>ihi', answer)
            say(run, f'ApiVersions with an unknown version: correlation {correlation}, error', f'{code}, lists APIs: {count > 0}')
            answer = w.ask(wire.api_versions(0, correlation=8))
            say(run, 'the same connection goes on', struct.unpack_from('>ih', answer))


@scenario()
def garbage(run):
    closed(run, 'an HTTP request', b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    closed(run, 'a TLS hello', bytes.fromhex('16030100a5010000a10303') + bytes(200))
    closed(run, 'an SSH banner', b'SSH-2.0-OpenSSH_9.2\r\n')
    seeded = random.Random(1)
    outcomes = set()
    for _ in range(200):
        with Wire(run.broker, timeout=4) as w:
            w.raw(frame(bytes(seeded.randrange(256) for _ in range(seeded.randrange(8, 300)))))
            w.socket.shutdown(socket.SHUT_WR)
            outcomes.add(word(w.receive()))
    say(run, '200 frames of random bytes', sorted(outcomes))
    with Wire(run.broker) as w:
        for _ in range(300):        # bytes that never make a frame, faster than anyone reads
            w.raw(os.urandom(10000))


# Bodies that are wrong behind a good header: a fixed seed turns single bytes of good requests.
@scenario(seconds=120)
def mutated(run):
    seeded = random.Random(2)
    good = [wire.metadata(['canary', 'b', 'c'], version=v) for v in (0, 1, 4)] + \
           [wire.produce('canary', batch([record(i, b'k', b'v') for i in range(5)]), version=v) for v in (3, 7, 8)] + \
           [wire.fetch('canary', 0), wire.api_versions()] + \
           [wire.header(wire.FIND_COORDINATOR, 1) + wire.string('g') + b'\0',
            wire.header(8, 2) + wire.string('g') + struct.pack('>i', -1) + wire.string('') + struct.pack('>qi', -1, 1) + wire.string('canary')
            + struct.pack('>iiq', 1, 0, 5) + wire.string('m'),
            wire.header(9, 1) + wire.string('g') + struct.pack('>i', 1) + wire.string('canary') + struct.pack('>ii', 1, 0),
            wire.header(11, 1) + wire.string('g') + struct.pack('>ii', 6000, 6000) + wire.string('') + wire.string('consumer') + struct.pack('>i', 1)
            + wire.string('range') + struct.pack('>i', 3) + b'abc',
            wire.header(2, 1) + struct.pack('>ii', -1, 1) + wire.string('canary') + struct.pack('>iiq', 1, 0, -1),
            wire.header(32, 1) + struct.pack('>i', 1) + b'\2' + wire.string('canary') + struct.pack('>i', -1) + b'\0']
    for number in range(2000 if run.long else 600):
        body = bytearray(good[number % len(good)])
        for _ in range(seeded.randrange(1, 4)):
            body[seeded.randrange(8, len(body))] = seeded.choice([0, 1, 0x7F, 0x80, 0xFF, seeded.randrange(256)])
        with Wire(run.broker, timeout=0.2) as w:
            w.send(bytes(body)).receive()


# Apache Kafka answers these by accident (an exception of its own, UNKNOWN_SERVER_ERROR, or no answer at all): any refusal
# will do, and a clear INVALID_RECORD is better.
BY_ACCIDENT = ('null records', 'varint without end', 'gzip of nothing', 'snappy of nothing', 'gzip cut')


def produced(run, label, records, version=7, topic='canary', partition=0, acks=-1):
    with Wire(run.broker, timeout=4) as w:
        answer = w.ask(wire.produce(topic, records, version=version, partition=partition, acks=acks))
        if label in BY_ACCIDENT:
            run.check(answer in ('silent', 'closed') or wire.produce_error(answer, version)[0] in (-1, 2, 87), f'{label}: {answer!r}')
            say(run, label, 'refused')
            return
        say(run, label, answer if isinstance(answer, str) else f'error {wire.produce_error(answer, version)[0]}')


@scenario()
def batches(run):
    two = [record(0, b'k', b'one'), record(1, b'k', b'two')]
    good = batch(two)
    produced(run, 'good', good)
    produced(run, 'crc wrong', batch(two, crc=12345))
    produced(run, 'a byte of the payload wrong', good[:-3] + b'\xff' + good[-2:])
    produced(run, 'magic 3', batch(two, magic=3))
    produced(run, 'magic -1', batch(two, magic=-1))
    produced(run, 'count too high', batch(two, count=3))
    produced(run, 'count too low', batch(two, count=1))
    produced(run, 'count 0', batch([], count=0, payload=b''))
    produced(run, 'count -1', batch(two, count=-1, last_delta=1))
    produced(run, 'count 2147483647', batch(two, count=2147483647, last_delta=1))
    produced(run, 'last offset delta wrong', batch(two, last_delta=5))
    produced(run, 'batch length too long', batch(two, length=100000))
    produced(run, 'batch length too short', batch(two, length=20))
    produced(run, 'batch length -1', batch(two, length=-1))
    produced(run, 'batch length 0', batch(two, length=0))
    produced(run, 'empty records', b'')
    produced(run, 'null records', None)
    produced(run, 'eleven bytes', good[:11])
    produced(run, 'half a batch', good[:70])
    produced(run, 'two batches in one request', good + good)
    produced(run, 'bytes after the batch', good + b'\0\0\0')
    produced(run, 'control batch from a client', batch(two, attributes=0x20))
    produced(run, 'transactional without an id', batch(two, attributes=0x10))
    produced(run, 'unknown codec 7', batch(two, attributes=7))
    produced(run, 'record length too long', batch([], count=1, payload=b'\x7f' + two[0][1:]))
    produced(run, 'record length -1', batch([], count=1, payload=b'\x01' + two[0][1:]))
    produced(run, 'key length 2 GiB', batch([], count=1, payload=wire.zigzag(20) + b'\0\0\0' + wire.zigzag(0x7FFFFFFF) + b'x' * 12))
    produced(run, 'record bytes left over', batch([], count=1, payload=two[0] + b'\0\0'))
    produced(run, 'varint without end', batch([], count=1, payload=b'\xff' * 20))
    produced(run, 'unknown topic', good, topic='not there/')
    produced(run, 'unknown partition', good, partition=9)
    produced(run, 'partition -1', good, partition=-1)
    produced(run, 'acks 2', good, acks=2)
    produced(run, 'timestamp -2', batch(two, timestamp=-2))
    produced(run, 'base offset 77', batch(two, base_offset=77))
    produced(run, 'sequence without a producer', batch(two, producer=(-1, -1, 5)))
    produced(run, 'producer without a sequence', batch(two, producer=(5, 0, -1)))
    produced(run, 'still good', good)


@scenario()
def old_message_sets(run):
    produced(run, 'v1 message', wire.message(b'x'), version=2)
    produced(run, 'v0 message', wire.message(b'x', magic=0), version=1)
    produced(run, 'crc wrong', wire.message(b'x', crc=1), version=2)
    produced(run, 'cut', wire.message(b'x' * 50)[:30], version=2)
    produced(run, 'v1 message in a v3 request', wire.message(b'x'), version=3)
    produced(run, 'v2 batch in a v2 request', batch([record(0, None, b'x')]), version=2)
    produced(run, 'magic 9', wire.message(b'x', magic=9), version=2)
    produced(run, 'gzip that is none', wire.message(b'no gzip at all', attributes=1), version=2)
    produced(run, 'gzip of nothing', wire.message(gzip.compress(b''), attributes=1), version=2)
    produced(run, 'nested', wire.message(gzip.compress(wire.message(gzip.compress(wire.message(b'x')), attributes=1)), attributes=1), version=2)


@scenario()
def compression(run):
    two = [record(0, b'k', b'one'), record(1, b'k', b'two')]
    plain = b''.join(two)
    produced(run, 'gzip', batch(two, attributes=1, payload=gzip.compress(plain)))
    for codec, name in ((1, 'gzip'), (2, 'snappy'), (3, 'lz4'), (4, 'zstd')):
        produced(run, f'{name} that is none', batch(two, attributes=codec, payload=b'this is not compressed'))
        produced(run, f'{name} of nothing', batch(two, attributes=codec, payload=b''))
    produced(run, 'gzip cut', batch(two, attributes=1, payload=gzip.compress(plain)[:-10]))
    produced(run, 'gzip with bytes after it', batch(two, attributes=1, payload=gzip.compress(plain) + b'rest'))
    produced(run, 'gzip of too few records', batch(two, attributes=1, payload=gzip.compress(two[0])))
    produced(run, 'gzip of too many records', batch(two, attributes=1, payload=gzip.compress(plain + record(2, None, b'x'))))
    produced(run, 'still good', batch(two))


def resident_mib(pid):
    for line in open(f'/proc/{pid}/status'):
        if line.startswith('VmRSS'):
            return int(line.split()[1]) / 1024
    return 0


@scenario(seconds=120)
def bombs(run):
    """Small frames that unpack to a lot: refused or taken, but within bounded memory and time."""
    value = 64 << 20
    first = wire.zigzag(value + 20)
    head = b'\0' + wire.zigzag(0) + wire.zigzag(0) + wire.zigzag(-1) + wire.zigzag(value)
    before = resident_mib(run.broker.pid)
    peak = 0
    payloads = [(1, gzip.compress(first + head + bytes(value) + wire.zigzag(0), 9), 1), (1, gzip.compress(bytes(96 << 20), 9), 1)]
    for attributes, payload, count in payloads * 4:
        with Wire(run.broker, timeout=60) as w:
            answer = w.ask(wire.produce('bombs', batch([], attributes=attributes, count=count, payload=payload)))
            run.check(answer != 'silent', 'no answer within a minute')
            peak = max(peak, resident_mib(run.broker.pid))
    if run.broker.kind == 'moldau':
        run.check(peak - before < 400, f'memory went from {before:.0f} to {peak:.0f} MiB')


@scenario()
def arrays(run):
    for label, body in (('a topic array of 2147483647', wire.header(wire.METADATA, 1) + struct.pack('>i', 0x7FFFFFFF)),
                        ('a topic array of -5', wire.header(wire.METADATA, 1) + struct.pack('>i', -5)),
                        ('a string of 32767', wire.header(wire.METADATA, 1) + struct.pack('>ih', 1, 32767) + b'abc'),
                        ('a string of -2', wire.header(wire.METADATA, 1) + struct.pack('>ih', 1, -2)),
                        ('a client id of 32767', struct.pack('>hhih', 3, 1, 1, 32767) + b'abc'),
                        ('produce: 2147483647 topics', wire.header(0, 7) + wire.string(None) + struct.pack('>hii', 1, 1000, 0x7FFFFFFF)),
                        ('fetch: 2147483647 topics', wire.header(1, 4) + struct.pack('>iiii', -1, 100, 1, 1) + b'\0' + struct.pack('>i', 0x7FFFFFFF)),
                        ('records of 2 GiB', wire.header(0, 7) + wire.string(None) + struct.pack('>hii', 1, 1000, 1) + wire.string('t') + struct.pack('>iii', 1, 0, 0x7FFFFFFF)),
                        ('flexible: varint array of 4 GiB', struct.pack('>hhi', 3, 9, 1) + wire.string('c') + b'\0' + b'\xff\xff\xff\xff\x0f'),
                        ('flexible: a varint without end', struct.pack('>hhi', 3, 9, 1) + wire.string('c') + b'\xff' * 12)):
        closed(run, label, frame(body))
    with Wire(run.broker, timeout=5) as w:
        say(run, 'bytes after a whole request', word(w.ask(wire.metadata(['canary']) + b'\0\0\0\0')))


def creation(name, partitions=-1, factor=-1, assignments=(), validate_only=True):
    body = struct.pack('>i', 1) + wire.string(name) + struct.pack('>ihi', partitions, factor, len(assignments))
    body += b''.join(struct.pack(f'>ii{len(ids)}i', partition, len(ids), *ids) for partition, ids in assignments)
    return wire.header(wire.CREATE_TOPICS, 4) + body + struct.pack('>ii?', 0, 10000, validate_only)


def expansion(name, count, assignments=None, validate_only=True):
    body = struct.pack('>i', 1) + wire.string(name) + struct.pack('>ii', count, -1 if assignments is None else len(assignments))
    body += b''.join(struct.pack(f'>i{len(ids)}i', len(ids), *ids) for ids in assignments or ())
    return wire.header(wire.CREATE_PARTITIONS, 1) + body + struct.pack('>i?', 10000, validate_only)


def outcome(answer):
    """Error and message of the one topic in an answer to CreateTopics v4 or CreatePartitions v1."""
    if isinstance(answer, str):
        return answer, None
    at = 4 + 4 + 4
    at += 2 + struct.unpack_from('>h', answer, at)[0]
    code, size = struct.unpack_from('>hh', answer, at)
    return f'error {code}', answer[at + 4:at + 4 + max(0, size)].decode()


LOWEST, HIGHEST = -(1 << 31), (1 << 31) - 1


@scenario(seconds=120)
def topics(run):
    with Wire(run.broker) as w:
        broker = struct.unpack_from('>i', w.ask(wire.metadata(['canary'])), 8)[0]

    def asked(request, timeout=20):
        with Wire(run.broker, timeout=timeout) as w:
            return outcome(w.ask(request))

    def told(label, request):
        code, message = asked(request)
        say(run, label, f'{code} {message}' if message else code)

    for partitions in (0, -2, LOWEST):
        told(f'{partitions} partitions', creation('t', partitions, 1))
    for factor in (0, -2, -32768, 2, 32767):
        told(f'replication factor {factor}', creation('t', 1, factor))
    told('all numbers at their lowest', creation('t', LOWEST, -32768))
    told('1000 partitions with 32767 replicas', creation('t', 1000, 32767))
    for label, assignments in (('one broker twice', [(0, [7, 7])]), ('a negative broker', [(0, [-1])]), ('the lowest broker', [(0, [LOWEST])]), ('the highest broker', [(0, [HIGHEST])]),
                               ('no broker', [(0, [])]), ('partition 1 alone', [(1, [7])]), ('partition -1', [(-1, [7])]), ('the highest partition', [(HIGHEST, [7])]),
                               ('one partition twice', [(0, [7]), (0, [8])]), ('uneven', [(0, [7]), (1, [7, 8])])):
        told(f'assigned: {label}', creation('t', assignments=assignments))
    told('assigned, and counted', creation('t', 1, 1, [(0, [7])]))

    told('a topic to grow', creation('grow', 1, 1, validate_only=False))
    for count in (0, -2, 1):
        told(f'to {count} partitions', expansion('grow', count))
    for label, assignments in (('an unknown broker', [[HIGHEST]]), ('a negative broker', [[-1]]), ('no broker', [[]]), ('nothing', []), ('too many', [[broker], [broker]]),
                               ('two brokers', [[broker, broker + 1]])):
        told(f'to 2 partitions, assigned: {label}', expansion('grow', 2, assignments))
    say(run, 'to 2 partitions, assigned: one broker twice', asked(expansion('grow', 2, [[broker, broker]]))[0])
    told('still as it was', expansion('grow', 2, validate_only=False))

    # Apache Kafka would be gone.
    if run.broker.kind != 'moldau':
        return
    before = resident_mib(run.broker.pid)
    told_so = asked(expansion('grow', LOWEST))
    run.check(told_so == ('error 37', f'Topic currently has 2 partitions, which is higher than the requested {LOWEST}.'), f'to {LOWEST} partitions: {told_so}')
    for label, request in (('2e9 partitions', creation('t', 2_000_000_000, 1)), ('2e9 partitions in earnest', creation('t', 2_000_000_000, 1, validate_only=False)),
                           ('to 2e9 partitions', expansion('grow', 2_000_000_000)), ('to 2e9 partitions in earnest', expansion('grow', 2_000_000_000, validate_only=False)),
                           ('1e6 assigned partitions', creation('t', assignments=[(n, [broker]) for n in range(1_000_000)])),
                           ('a partition with 1e6 replicas', creation('t', assignments=[(0, [broker] * 1_000_000)])),
                           ('a new partition with 1e6 replicas', expansion('grow', 3, [range(1_000_000)]))):
        code, message = asked(request)
        run.check(code == 'error 37' and message.startswith('Excessively large'), f'{label}: {code} {message!r:.100}')
    for label, request in (('90000 times one broker', creation('t', assignments=[(0, [broker] * 90_000)])), ('90000 unknown brokers', expansion('grow', 3, [range(HIGHEST - 90_000, HIGHEST)]))):
        code, message = asked(request)
        run.check(code == 'error 39', f'{label}: {code} {message!r:.100}')
    peak = resident_mib(run.broker.pid)
    run.check(peak - before < 300, f'memory went from {before:.0f} to {peak:.0f} MiB')


@scenario()
def slow_and_pipelined(run):
    with Wire(run.broker) as w:
        for byte in frame(wire.api_versions(correlation=5)):
            w.raw(bytes([byte]))
            time.sleep(0.01)
        say(run, 'one byte at a time', struct.unpack_from('>ih', w.receive()))
    with Wire(run.broker) as w:
        w.raw(b''.join(frame(wire.api_versions(correlation=n)) for n in range(200)))
        say(run, '200 requests at once, in order', all(struct.unpack_from('>i', w.receive())[0] == n for n in range(200)))
    with Wire(run.broker) as w:
        w.raw(b''.join(frame(wire.produce('canary', batch([record(0, None, b'%d' % n)]), correlation=n)) for n in range(50)))
        answers = [w.receive() for _ in range(50)]
        offsets = [wire.produce_error(a)[1] for a in answers]
        say(run, '50 produces at once, in order', [struct.unpack_from('>i', a)[0] for a in answers] == list(range(50)) and offsets == sorted(offsets))
    with Wire(run.broker) as w:
        w.raw(frame(wire.api_versions(correlation=1)) + frame(struct.pack('>hhi', 999, 0, 2)))
        first, second = w.receive(), w.receive()
        say(run, 'a bad one behind a good one', [word(first)[:6], word(second)])
    with Wire(run.broker, timeout=3) as w:
        say(run, 'acks=0 has no answer', word(w.ask(wire.produce('canary', batch([record(0, None, b'x')]), acks=0), timeout=1.5)))
        say(run, 'and the connection goes on', struct.unpack_from('>ih', w.ask(wire.api_versions(correlation=9), timeout=5)))
    with Wire(run.broker, timeout=3) as w:
        say(run, 'a bad batch with acks=0', word(w.ask(wire.produce('canary', batch([record(0, None, b'x')], crc=1), acks=0), timeout=5)))


@scenario()
def fetches(run):
    def result(label, request):
        with Wire(run.broker, timeout=5) as w:
            answer = w.ask(request)
            say(run, label, answer if isinstance(answer, str) else f'error {wire.fetch_result(answer)[0]}')
    result('offset 999999', wire.fetch('canary', 999999))
    result('offset -5', wire.fetch('canary', -5))
    result('unknown topic', wire.fetch('not-there', 0))
    result('partition 9', wire.fetch('canary', 0, partition=9))
    result('max bytes 0', wire.fetch('canary', 0, max_bytes=0))
    result('max bytes -1', wire.fetch('canary', 0, max_bytes=-1))
    result('wait -1', wire.fetch('canary', 0, wait=-1))


@scenario(seconds=120)
def half_open(run):
    """Connections that stop in the middle of a frame, or whose owner never reads its answers."""
    stuck = [Wire(run.broker) for _ in range(100)]
    for number, w in enumerate(stuck):
        w.raw(struct.pack('>i', 1000) + b'x' * (number * 9))
    deaf = [Wire(run.broker) for _ in range(10)]
    for w in deaf:
        w.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        w.socket.settimeout(0.5)
        try:
            for n in range(2000):
                w.socket.sendall(frame(wire.api_versions(correlation=n)))
        except OSError:
            pass
    time.sleep(1)
    with Wire(run.broker) as w:
        say(run, 'a new client beside them', struct.unpack_from('>ih', w.ask(wire.api_versions(correlation=3))))
    for w in stuck + deaf:
        w.close()


def idle(run, count):
    before = resident_mib(run.broker.pid)
    held = []
    for _ in range(count):
        w = Wire(run.broker, timeout=20)
        held.append(w)
    for w in held[::max(1, count // 50)]:
        answer = w.ask(wire.api_versions(correlation=4))
        run.check(not isinstance(answer, str), f'one of {count} connections: {answer}')
    after = resident_mib(run.broker.pid)
    (run.dir / 'memory').write_text(f'{count} idle connections: {before:.0f} MiB before, {after:.0f} MiB with them\n')
    for w in held:
        w.close()
    say(run, f'{count} idle connections', 'held')
    if run.broker.kind == 'moldau':
        run.check(after - before < count * 0.05 + 30, f'memory went from {before:.0f} to {after:.0f} MiB')


@scenario(seconds=120)
def idle_1000(run):
    idle(run, 1000)


@scenario(seconds=300, long=True)
def idle_10000(run):
    idle(run, 10000)


@scenario(seconds=120)
def churn(run):
    """Connections that come and go without a word, and with one."""
    for number in range(1500):
        w = Wire(run.broker)
        if number % 3 == 0:
            w.raw(frame(wire.api_versions()))
        if number % 5 == 0:
            w.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))      # a reset, not an end
        w.close()
