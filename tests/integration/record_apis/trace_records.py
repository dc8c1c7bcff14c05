"""Produce, Fetch, ListOffsets and their kin over a plain socket: odd requests, answered field by field.

    python3 trace_records.py HOST:PORT SCENARIO

Prints one line a request; what differs from run to run (times, session ids, producer ids) is masked.
"""
import socket
import struct
import sys
import time

HOST, PORT = sys.argv[1].split(',')[0].rsplit(':', 1)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xffffffff


def _table():
    for i in range(256):
        for _ in range(8):
            i = (i >> 1) ^ 0x82F63B78 if i & 1 else i >> 1
        yield i


TABLE = list(_table())
NOT_CONTROLLER = 41


def varint(n):
    n = ((n << 1) ^ (n >> 63)) & 0xffffffffffffffff
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def batch(values, pid=-1, epoch=-1, seq=-1, attributes=0, key=b'k', time_ms=None):
    """One batch of magic 2."""
    time_ms = time_ms or int(time.time() * 1000)
    records = b''
    for i, value in enumerate(values):
        record = b'\0' + varint(0) + varint(i) + (varint(-1) if key is None else varint(len(key)) + key) + varint(len(value)) + value + varint(0)
        records += varint(len(record)) + record
    body = struct.pack('>hiqqqhii', attributes, len(values) - 1, time_ms, time_ms, pid, epoch, seq, len(values)) + records
    return struct.pack('>qiibI', 0, len(body) + 9, -1, 2, crc32c(body)) + body


def string(text):
    data = text.encode()
    return struct.pack('>h', len(data)) + data


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def get(self, form):
        values = struct.unpack_from('>' + form, self.data, self.at)
        self.at += struct.calcsize('>' + form)
        return values[0] if len(values) == 1 else values

    def string(self):
        return self._bytes(self.get('h'), lambda b: b.decode())

    def bytes(self):
        return self._bytes(self.get('i'), bytes)

    def _bytes(self, size, make):
        if size < 0:
            return None
        self.at += size
        return make(self.data[self.at - size:self.at])


class Connection:
    def __init__(self):
        self.socket = socket.create_connection((HOST, int(PORT)))
        self.socket.settimeout(15)

    def send(self, key, version, body):
        frame = struct.pack('>hhi', key, version, 1) + string('trace') + body
        self.socket.sendall(struct.pack('>i', len(frame)) + frame)

    def receive(self):
        size, = struct.unpack('>i', self._read(4))
        return Reader(self._read(size)[4:])

    def call(self, key, version, body):
        self.send(key, version, body)
        return self.receive()

    def _read(self, size):
        data = b''
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data


def create(c, topic, **config):
    body = struct.pack('>i', 1) + string(topic) + struct.pack('>ihi', 2, 1, 0) + struct.pack('>i', len(config))
    body += b''.join(string(key.replace('_', '.')) + string(value) for key, value in config.items()) + struct.pack('>i?', 5000, False)
    deadline = time.time() + 30
    while (error := created(c.call(19, 4, body))) == NOT_CONTROLLER and time.time() < deadline:
        time.sleep(0.05)
    assert error == 0, f'{topic}: CreateTopics answered {error}'
    while any(answer[1] != 0 for answer in list_offsets(c, topic, [(0, -1), (1, -1)])):
        assert time.time() < deadline, f'{topic}: no leader yet'
        time.sleep(0.05)


def created(r):
    r.get('ii'), r.string()
    return r.get('h')


def produce(c, topic, partition, records, version=8, acks=-1):
    body = struct.pack('>h', -1) if version >= 3 else b''
    body += struct.pack('>hii', acks, 3000, 1) + string(topic) + struct.pack('>iii', 1, partition, len(records)) + records
    c.send(0, version, body)
    if acks == 0:
        return 'sent'
    r = c.receive()
    r.get('i'), r.string(), r.get('i')
    out = dict(zip(('partition', 'error', 'base'), r.get('ihq')))
    if version >= 2:
        out['append_time'] = 'some' if r.get('q') >= 0 else -1
    if version >= 5:
        out['log_start'] = r.get('q')
    if version >= 8:
        out['record_errors'] = [(r.get('i'), r.string()) for _ in range(r.get('i'))]
        out['message'] = r.string()
    return out


def produce_many(c, topics, version=8):
    """`topics`: (name, [(partition, records or None)])."""
    body = struct.pack('>hhii', -1, -1, 3000, len(topics))
    for name, partitions in topics:
        body += string(name) + struct.pack('>i', len(partitions))
        for partition, records in partitions:
            body += struct.pack('>i', partition) + (struct.pack('>i', -1) if records is None else struct.pack('>i', len(records)) + records)
    r = c.call(0, version, body)
    out = []
    for _ in range(r.get('i')):
        name = r.string()
        for _ in range(r.get('i')):
            out.append((name, *r.get('ihq')))
            r.get('qq')
            out[-1] += (len([(r.get('i'), r.string()) for _ in range(r.get('i'))]), r.string())
    return sorted(out)


def fetch(c, partitions, version=11, wait=0, min_bytes=1, max_bytes=1 << 20, committed=False, session=(0, -1), forget=(), replica=-1):
    """`partitions`: (topic, partition, offset, max bytes[, leader epoch])."""
    body = struct.pack('>iii', replica, wait, min_bytes)
    if version >= 3:
        body += struct.pack('>i', max_bytes)
    if version >= 4:
        body += struct.pack('>b', committed)
    if version >= 7:
        body += struct.pack('>ii', *session)
    body += struct.pack('>i', len(partitions))
    for topic, partition, offset, limit, *epoch in partitions:
        body += string(topic) + struct.pack('>ii', 1, partition)
        if version >= 9:
            body += struct.pack('>i', epoch[0] if epoch else -1)
        body += struct.pack('>q', offset)
        if version >= 5:
            body += struct.pack('>q', -1)
        body += struct.pack('>i', limit)
    if version >= 7:
        body += struct.pack('>i', len(forget)) + b''.join(string(topic) + struct.pack('>ii', 1, partition) for topic, partition in forget)
    if version >= 11:
        body += string('')
    began = time.time()
    r = c.call(1, version, body)
    waited = time.time() - began
    out = {'waited': waited > 0.25} if wait else {}
    if version >= 1:
        r.get('i')
    if version >= 7:
        out['error'], out['session'] = r.get('hi')
    out['partitions'] = []
    for _ in range(r.get('i')):
        topic = r.string()
        for _ in range(r.get('i')):
            one = [topic, *r.get('ihq')]
            if version >= 4:
                one.append(r.get('q'))
            if version >= 5:
                one.append(r.get('q'))
            if version >= 4:
                aborted = r.get('i')
                one.append(f'aborted {aborted}')
            if version >= 11:
                one.append(r.get('i'))
            data = r.bytes()
            one.append('null' if data is None else f'{len(data)} bytes' + (f' from {data[:8].hex()} magic {data[16]}' if len(data) > 16 else ''))
            out['partitions'].append(tuple(one))
    return out


def list_offsets(c, topic, asked, version=5, replica=-1):
    """`asked`: (partition, timestamp[, leader epoch])."""
    body = struct.pack('>i', replica)
    if version >= 2:
        body += b'\0'
    body += struct.pack('>i', 1) + string(topic) + struct.pack('>i', len(asked))
    for partition, timestamp, *epoch in asked:
        body += struct.pack('>i', partition)
        if version >= 4:
            body += struct.pack('>i', epoch[0] if epoch else -1)
        body += struct.pack('>q', timestamp)
        if version == 0:
            body += struct.pack('>i', 10)
    r = c.call(2, version, body)
    if version >= 2:
        r.get('i')
    r.get('i'), r.string()
    out = []
    for _ in range(r.get('i')):
        one = list(r.get('ih'))
        one += [[r.get('q') for _ in range(r.get('i'))]] if version == 0 else r.get('qq')
        if version >= 4:
            one.append(r.get('i'))
        out.append(one)
    return out


def epoch_end(c, topic, current, epoch):
    r = c.call(23, 3, struct.pack('>ii', -1, 1) + string(topic) + struct.pack('>iiii', 1, 0, current, epoch))
    r.get('ii'), r.string(), r.get('i')
    return r.get('hiiq')


def delete_records(c, topic, before):
    r = c.call(21, 1, struct.pack('>i', 1) + string(topic) + struct.pack('>iiqi', 1, 0, before, 2000))
    r.get('ii'), r.string(), r.get('i')
    return r.get('iqh')


def metadata(c, topic):
    """Partition -> (error, leader, leader epoch, replicas, ISR, offline)."""
    r = c.call(3, 8, struct.pack('>i', 1) + string(topic) + b'\0\0\0')
    r.get('i')
    for _ in range(r.get('i')):
        r.get('i'), r.string(), r.get('i'), r.string()
    r.string(), r.get('ii'), r.get('h'), r.string(), r.get('b')
    out = {}
    for _ in range(r.get('i')):
        error, partition, leader, epoch = r.get('hiii')
        out[partition] = (error, leader, epoch, *[[r.get('i') for _ in range(r.get('i'))] for _ in range(3)])
    return out


def log_dirs(c):
    r = c.call(35, 1, struct.pack('>i', -1))
    r.get('i')
    out = []
    for _ in range(r.get('i')):
        error, path = r.get('h'), r.string()
        replicas = []
        for _ in range(r.get('i')):
            name = r.string()
            for _ in range(r.get('i')):
                partition = r.get('i')
                r.get('qqb')
                replicas.append(f'{name}-{partition}')
        out.append((path.rsplit('/', 1)[-1], error, sorted(replicas)))
    return sorted(out)


def say(what, answer):
    print(f'{what:34} {answer}', flush=True)


def trace_produce(c):
    create(c, 'p')
    create(c, 'p-min2', min_insync_replicas='2')
    create(c, 'p-compact', cleanup_policy='compact')
    create(c, 'p-append-time', message_timestamp_type='LogAppendTime')
    say('acks=all, one replica, minimum two', produce(c, 'p-min2', 0, batch([b'x'])))
    say('plain', produce(c, 'p', 0, batch([b'x', b'y'])))
    say('again', produce(c, 'p', 0, batch([b'x'])))
    say('append time', produce(c, 'p-append-time', 0, batch([b'x'])))
    say('acks 2', produce(c, 'p', 0, batch([b'x']), acks=2))
    say('unknown topic', produce(c, 'nope', 0, batch([b'x'])))
    say('unknown partition', produce(c, 'p', 9, batch([b'x'])))
    say('too large', produce(c, 'p', 0, batch([b'x' * 1100000])))
    torn = bytearray(batch([b'abc']))
    torn[-2] ^= 1
    say('wrong checksum', produce(c, 'p', 0, bytes(torn)))
    say('nothing', produce(c, 'p', 0, b''))
    say('nothing, v2', produce(c, 'p', 0, b'', version=2))
    say('two batches', produce(c, 'p', 0, batch([b'x']) + batch([b'y'])))
    say('control batch', produce(c, 'p', 0, batch([b'x'], attributes=0x20)))
    say('transactional, no id', produce(c, 'p', 0, batch([b'x'], pid=5, epoch=0, seq=0, attributes=0x10)))
    say('compacted, no key', produce(c, 'p-compact', 0, batch([b'x', b'y'], key=None)))
    say('sequence 0', produce(c, 'p', 1, batch([b'x'], pid=77, epoch=0, seq=0)))
    say('sequence 5', produce(c, 'p', 1, batch([b'x'], pid=77, epoch=0, seq=5)))
    say('sequence 0 again', produce(c, 'p', 1, batch([b'x'], pid=77, epoch=0, seq=0)))
    say('sequence -1', produce(c, 'p', 1, batch([b'x'], pid=77, epoch=0, seq=-1)))
    say('epoch 1, sequence 1', produce(c, 'p', 1, batch([b'x'], pid=77, epoch=1, seq=1)))
    say('epoch 1, sequence 0', produce(c, 'p', 1, batch([b'x'], pid=77, epoch=1, seq=0)))
    say('epoch 0', produce(c, 'p', 1, batch([b'x'], pid=77, epoch=0, seq=1)))
    say('acks 0', produce(c, 'p', 0, batch([b'x']), acks=0))
    say('and it is there', list_offsets(c, 'p', [(0, -1)]))
    say('acks 0, unknown topic', produce(c, 'nope', 0, batch([b'x']), acks=0))
    try:
        c.receive()
        say('then', 'an answer')
    except (EOFError, ConnectionError):
        say('then', 'closed')


def trace_fetch(c):
    create(c, 'f')
    produce(c, 'f', 0, batch([b'x' * 300, b'y']))
    produce(c, 'f', 0, batch([b'x' * 300, b'y']))
    produce(c, 'f', 1, batch([b'z']))
    much = 1 << 20
    for version in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11):
        say(f'v{version}', fetch(c, [('f', 0, 0, much)], version))
    say('from the middle', fetch(c, [('f', 0, 1, much)]))
    say('v3 from the middle', fetch(c, [('f', 0, 1, much)], 3))
    say('v2, room for no batch', fetch(c, [('f', 0, 0, 100)], 2))
    say('v2, room for one and a bit', fetch(c, [('f', 0, 0, 500)], 2))
    say('v3, room for no batch', fetch(c, [('f', 0, 0, 100)], 3))
    say('room for no batch, two partitions', fetch(c, [('f', 0, 0, 100), ('f', 1, 0, 100)]))
    say('max_bytes 0', fetch(c, [('f', 0, 0, much), ('f', 1, 0, much)], max_bytes=0))
    say('max_bytes 400', fetch(c, [('f', 0, 0, much), ('f', 1, 0, much)], max_bytes=400))
    say('max_bytes -5', fetch(c, [('f', 0, 0, much), ('f', 1, 0, much)], max_bytes=-5))
    say('partition 0 bytes', fetch(c, [('f', 0, 0, 0)]))
    say('partition -1 bytes', fetch(c, [('f', 0, 0, -1)]))
    say('second partition 10 bytes', fetch(c, [('f', 1, 0, much), ('f', 0, 0, 10)]))
    say('read committed', fetch(c, [('f', 0, 0, much)], committed=True))
    say('read committed at the end', fetch(c, [('f', 0, 4, much)], committed=True))
    say('beyond the end', fetch(c, [('f', 0, 100, much)]))
    say('negative offset', fetch(c, [('f', 0, -5, much)]))
    say('leader epoch 5', fetch(c, [('f', 0, 0, much, 5)]))
    say('leader epoch 0', fetch(c, [('f', 0, 4, much, 0)]))
    say('the same partition twice', fetch(c, [('f', 0, 0, much), ('f', 0, 2, much)]))
    say('debugging replica', fetch(c, [('f', 0, 0, much)], replica=-2))
    say('replica that is not assigned', fetch(c, [('f', 0, 0, much)], replica=77))
    say('unknown topic does not wait', fetch(c, [('nope', 0, 0, 1000)], wait=700))
    say('unknown and empty waits', fetch(c, [('nope', 0, 0, 1000), ('f', 0, 4, 1000)], wait=700))
    say('an error does not wait', fetch(c, [('f', 0, 100, 1000), ('f', 1, 1, 1000)], wait=700))
    say('min_bytes 0 does not wait', fetch(c, [('f', 0, 4, 1000)], wait=700, min_bytes=0))
    say('too little waits', fetch(c, [('f', 0, 0, much)], wait=700, min_bytes=100000))
    say('nothing asked', fetch(c, [], wait=700))


def trace_sessions(c):
    create(c, 's')
    produce(c, 's', 0, batch([b'x']))
    much = 1 << 20
    known = []

    def ask(what, partitions, epoch, forget=(), session=None):
        answer = fetch(c, partitions, session=(known[0] if known and session is None else session or 0, epoch), forget=forget)
        if not known:
            known.append(answer['session'])
        answer['session'] = 'the same' if answer['session'] == known[0] else answer['session']
        say(what, answer)

    ask('new', [('s', 0, 0, much), ('s', 1, 0, much), ('nope', 0, 0, much)], 0)
    ask('nothing new but the error', [('s', 0, 1, much)], 1)
    ask('forget the unknown', [], 2, forget=[('nope', 0)])
    produce(c, 's', 1, batch([b'y']))
    ask('news', [], 3)
    delete_records(c, 's', 1)
    ask('the log start moved', [('s', 1, 1, much)], 4)
    ask('add one', [('s', 2, 0, much)], 5)
    ask('wrong epoch', [], 17)
    ask('unknown session', [], 1, session=known[0] ^ 1)
    ask('forget all', [], 6, forget=[('s', 0), ('s', 1), ('s', 2)])
    ask('gone', [], 7)


def trace_offsets(c):
    create(c, 'o')
    create(c, 'o-compact', cleanup_policy='compact')
    create(c, 'o-segments', segment_bytes='2000')
    produce(c, 'o', 0, batch([b'x', b'y'], time_ms=1_600_000_000_000))
    produce(c, 'o', 0, batch([b'x'], time_ms=1_600_000_001_000))
    for version in (0, 1, 2, 3, 4, 5):
        say(f'latest v{version}', list_offsets(c, 'o', [(0, -1)], version))
        say(f'earliest v{version}', list_offsets(c, 'o', [(0, -2)], version))
        say(f'at the second time v{version}', list_offsets(c, 'o', [(0, 1_600_000_000_500)], version))
    say('max timestamp v5', list_offsets(c, 'o', [(0, -3)]))
    say('-7', list_offsets(c, 'o', [(0, -7)]))
    say('later', list_offsets(c, 'o', [(0, 99999999999999)]))
    say('twice', list_offsets(c, 'o', [(0, -1), (0, -2)]))
    say('twice v0', list_offsets(c, 'o', [(0, -1), (0, -1)], 0))
    say('unknown topic', list_offsets(c, 'nope', [(0, -1)]))
    say('unknown topic v0', list_offsets(c, 'nope', [(0, -1)], 0))
    say('unknown partition', list_offsets(c, 'o', [(9, -1)]))
    say('leader epoch 9', list_offsets(c, 'o', [(0, -1, 9)]))
    say('debugging replica', list_offsets(c, 'o', [(0, -1)], replica=-2))
    say('empty partition', list_offsets(c, 'o', [(1, -1)]) + list_offsets(c, 'o', [(1, -2)]))
    for _ in range(4):
        produce(c, 'o-segments', 0, batch([b'z' * 700]), version=2)
    say('segments v0, latest', list_offsets(c, 'o-segments', [(0, -1)], 0))
    say('segments v0, earliest', list_offsets(c, 'o-segments', [(0, -2)], 0))
    say('segments v0, later', list_offsets(c, 'o-segments', [(0, 99999999999999)], 0))
    say('segments v0, long ago', list_offsets(c, 'o-segments', [(0, 5)], 0))
    for current, epoch in ((-1, 0), (-1, 5), (-1, -1), (0, 0), (4, 0)):
        say(f'end of epoch {epoch}, leader {current}', epoch_end(c, 'o', current, epoch))
    say('end of epoch, unknown topic', epoch_end(c, 'nope', -1, 0))
    say('end of epoch, empty', epoch_end(c, 'o-compact', -1, 0))
    for before in (1, 0, 99, -5):
        say(f'delete before {before}', delete_records(c, 'o', before))
    say('delete, compacted', delete_records(c, 'o-compact', -1))
    say('delete, unknown topic', delete_records(c, 'nope', 0))
    say('delete all', delete_records(c, 'o', -1))
    say('earliest', list_offsets(c, 'o', [(0, -2)]))
    say('latest v0', list_offsets(c, 'o', [(0, -1)], 0))
    say('end of epoch', epoch_end(c, 'o', -1, 0))
    say('fetch below the start', fetch(c, [('o', 0, 0, 1000)]))


def trace_repeats(c):
    """A request that names a partition more than once: what comes later takes the place of what came before."""
    create(c, 'r')
    one, two = batch([b'one']), batch([b'two', b'three'])
    torn = bytearray(two)
    torn[-1] ^= 1
    say('once', produce_many(c, [('r', [(0, one)])]))
    say('twice', produce_many(c, [('r', [(0, one), (0, two)])]))
    say('the topic twice', produce_many(c, [('r', [(0, two)]), ('r', [(0, one)])]))
    say('and another partition', produce_many(c, [('r', [(0, two)]), ('r', [(1, one), (0, one)])]))
    say('torn, then good', produce_many(c, [('r', [(0, bytes(torn)), (0, one)])]))
    say('good, then torn', produce_many(c, [('r', [(0, one), (0, bytes(torn))])]))
    say('unknown, twice', produce_many(c, [('nope', [(0, one), (0, one)])]))
    say('ends', list_offsets(c, 'r', [(0, -1), (1, -1)]))


def trace_two_dirs(c):
    create(c, 'd')
    for partition in (0, 1):
        say(f'partition {partition}', produce(c, 'd', partition, batch([b'x'])))
    say('directories', [(error, len(replicas)) for _, error, replicas in log_dirs(c)])


def trace_lost_dir(c):
    """One of the two directories fails with the next checkpoint."""
    end = time.time() + 60
    lost = []
    while not lost and time.time() < end:
        for partition in (0, 1):
            produce(c, 'd', partition, batch([b'x']))
        time.sleep(0.3)
        lost = [p for p, state in metadata(c, 'd').items() if state[1] < 0]
    if len(lost) != 1:
        print('no partition was lost')
        return
    kept = 1 - lost[0]
    say('kept', metadata(c, 'd')[kept])
    say('lost', metadata(c, 'd')[lost[0]])
    for version in (3, 8):
        say(f'produce v{version}, lost', {**produce(c, 'd', lost[0], batch([b'x']), version), 'partition': 'lost'})
    say('produce, kept', produce(c, 'd', kept, batch([b'x']))['error'])
    for version in (4, 11):
        say(f'fetch v{version}, lost', [one[2:] for one in fetch(c, [('d', lost[0], 0, 1000)], version)['partitions']])
    say('fetch, kept', [one[2] for one in fetch(c, [('d', kept, 0, 1000)])['partitions']])
    for timestamp in (-1, -2, 5):
        say(f'list offsets {timestamp}, lost', [one[1:] for one in list_offsets(c, 'd', [(lost[0], timestamp)])])
    say('list offsets v0, lost', [one[1:] for one in list_offsets(c, 'd', [(lost[0], -1)], 0)])
    say('directories', [(error, len(replicas)) for _, error, replicas in sorted(log_dirs(c), key=lambda d: d[1])])
    create(c, 'after')
    say('a new topic', produce(c, 'after', 0, batch([b'x']))['error'])
    say('directories', [(error, len(replicas)) for _, error, replicas in sorted(log_dirs(c), key=lambda d: d[1])])


def array(items, form='>i'):
    return struct.pack(form, len(items)) + b''.join(items)


def by_topic(topics, partition):
    """`topics`: (name, [partition]); `partition(n)`: its bytes."""
    return array([string(name) + array([partition(n) for n in those]) for name, those in topics])


def answered(r, partition):
    """What `by_topic` asked, in the order of names: an answer comes in the order of Scala's maps."""
    return sorted((r.string(), sorted(partition() for _ in range(r.get('i')))) for _ in range(r.get('i')))


def attempt(what, call):
    try:
        say(what, call())
    except (EOFError, ConnectionError):
        say(what, 'closed')


def trace_odd_reads(c):
    """Values that no client sends: special times, isolation levels, limits."""
    create(c, 'odd')
    produce(c, 'odd', 0, batch([b'x', b'y']))

    def times(version, topic, timestamp, many=1, isolation=0, replica=-1):
        body = struct.pack('>i', replica) + (struct.pack('>b', isolation) if version >= 2 else b'')
        body += by_topic([(topic, [0])], lambda n: struct.pack('>iq', n, timestamp) + (struct.pack('>i', many) if version == 0 else b''))
        r = c.call(2, version, body)
        if version >= 2:
            r.get('i')
        if version == 0:
            return answered(r, lambda: (*r.get('ih'), [r.get('q') for _ in range(r.get('i'))]))
        return answered(r, lambda: r.get('ihqq'))

    for topic in ('odd', 'nope'):
        for timestamp in (-1, -2, -3, -4, -7, -1 << 63):
            say(f'list offsets v0 {topic} {timestamp}', times(0, topic, timestamp))
    for topic, timestamp, many in (('odd', -1, 0), ('odd', -1, -1), ('odd', -2, -1 << 31), ('odd', 5, -1), ('nope', -1, -1)):
        say(f'list offsets v0 {topic} {timestamp}, {many} of them', times(0, topic, timestamp, many))
    for isolation in (2, -1):
        for version in (2, 3):
            for topic, timestamp, replica in (('odd', -1, -1), ('nope', -1, -1), ('odd', -9, -1), ('odd', -1, -2), ('odd', -1, 7)):
                say(f'list offsets v{version} {topic} {timestamp} by {replica}, isolation {isolation}', times(version, topic, timestamp, 1, isolation, replica))

    def read(version, topic, isolation=0, limit=1000, session=(0, -1), partition=0):
        body = struct.pack('>iiiib', -1, 0, 0, 1 << 20, isolation)
        body += struct.pack('>ii', *session) if version >= 7 else b''
        epoch = struct.pack('>i', -1) if version >= 9 else b''
        start = struct.pack('>q', -1) if version >= 5 else b''
        body += by_topic([(topic, [partition])], lambda n: struct.pack('>i', n) + epoch + struct.pack('>q', 0) + start + struct.pack('>i', limit))
        body += array([]) if version >= 7 else b''
        r = c.call(1, version, body)
        r.get('i')
        top = r.get('hi') if version >= 7 else ()

        def one():
            out = r.get('ihqq') + ((r.get('q'),) if version >= 5 else ())
            many = r.get('i')
            records = r.bytes()
            return (*out, many, records if records is None else len(records))
        return (top[:1], 'session' if top and top[1] else 'no session', answered(r, one))

    for isolation in (2, -1):
        for version in (4, 5, 9):
            for topic in ('odd', 'nope'):
                say(f'fetch v{version} {topic}, isolation {isolation}', read(version, topic, isolation))
        say(f'fetch v9 o, isolation {isolation}, new session', read(9, 'odd', isolation, session=(0, 0)))
        say(f'fetch v9 o, isolation {isolation}, no such session', read(9, 'odd', isolation, session=(5, 5)))
    for version in (4, 9):
        for topic, partition in (('odd', 0), ('odd', 1), ('odd', 9), ('nope', 0)):
            for limit in (-1, -1 << 31):
                say(f'fetch v{version} {topic}-{partition}, {limit} bytes', read(version, topic, limit=limit, partition=partition))


def trace_odd_writes(c):
    """Batches whose head cannot be one, alone and beside a good one; transactional ids with odd timeouts; share groups."""
    create(c, 'w')
    good = batch([b'x'])

    def magic(n):
        return good[:16] + struct.pack('>b', n) + good[17:]
    heads = [('magic 3', magic(3)), ('magic -1', magic(-1)), ('size 13', good[:8] + struct.pack('>i', 13) + good[12:]), ('16 bytes', good[:16]), ('11 bytes', good[:11])]
    for what, records in heads:
        for topic, partition in (('w', 0), ('w', 9), ('nope', 0)):
            for version in (3, 8):
                attempt(f'produce v{version} {topic}-{partition}, {what}', lambda: produce(c, topic, partition, records, version)['error'])
        attempt(f'a good one, then {what}', lambda: produce_many(c, [('w', [(1, good), (0, records)])]))
    say('what is there', list_offsets(c, 'w', [(0, -1), (1, -1)]))

    def init(version, name, timeout):
        r = c.call(22, version, string(name) + struct.pack('>i', timeout))
        return r.get('ihqh')
    for timeout in (0, -1, -1 << 31, 900001, (1 << 31) - 1):
        say(f'transactional id, {timeout} ms', init(0, 'tx', timeout))
    say('empty transactional id, 0 ms', init(1, '', 0))

    def producers(topic):
        r = Reader(c.call(61, 0, b'\0' + b'\2' + bytes([len(topic) + 1]) + topic.encode() + b'\2' + struct.pack('>i', 0) + b'\0\0').data[5:])
        r.at += 1 + 1 + len(topic) + 1
        partition, error = r.get('ih')
        size = r.data[r.at] - 1
        return partition, error, r.data[r.at + 1:r.at + 1 + size].decode() if size >= 0 else None
    for topic in ('', '.', '..', 'bad name', 'nope', 'w'):
        say(f'producers of {topic!r}', producers(topic))
    say('share coordinator v6', c.call(10, 6, b'\0' + b'\2' + b'\2' + b'\2g' + b'\0').data.hex())


def trace_odd_lists(c):
    """Topics without partitions, and partitions named more than once."""
    create(c, 'l')
    create(c, 'm')
    deadline = time.time() + 60
    while c.call(10, 0, string('g')).get('h') != 0 and time.time() < deadline:
        time.sleep(0.1)

    def commit(version, topics):
        body = string('g')
        if version >= 1:
            body += struct.pack('>i', -1) + string('')
        if version >= 2:
            body += struct.pack('>q', -1)
        when = struct.pack('>q', -1) if version == 1 else b''
        r = c.call(8, version, body + by_topic(topics, lambda n: struct.pack('>iq', n, 3) + when + string('')))
        if version >= 3:
            r.get('i')
        return answered(r, lambda: r.get('ih'))

    def offsets(version, topics):
        r = c.call(9, version, string('g') + by_topic(topics, lambda n: struct.pack('>i', n)))
        return answered(r, lambda: (r.get('iq'), r.string(), r.get('h')))

    def delete_offsets(topics):
        r = c.call(47, 0, string('g') + by_topic(topics, lambda n: struct.pack('>i', n)))
        return r.get('hi')[0], answered(r, lambda: r.get('ih'))

    def delete(topics):
        r = c.call(21, 1, by_topic(topics, lambda n: struct.pack('>iq', n, 0)) + struct.pack('>i', 3000))
        r.get('i')
        return answered(r, lambda: r.get('iqh'))
    while commit(2, [('l', [0])])[0][1][0][1] != 0 and time.time() < deadline:
        time.sleep(0.1)
    lists = ([], [('l', [])], [('nope', [])], [('l', [0, 0])], [('l', [0]), ('l', [0])], [('l', [0]), ('m', [1]), ('l', [1])], [('l', [0, 9, 9])],
             [('nope', [0, 0])], [('l', []), ('m', [0])], [('nope', []), ('l', [0])])
    for topics in lists:
        for version in (0, 1, 2, 3):
            say(f'commit v{version} {topics}', commit(version, topics))
        for version in (0, 1, 2):
            say(f'offsets v{version} {topics}', offsets(version, topics))
        say(f'delete records {topics}', delete(topics))
        say(f'delete offsets {topics}', delete_offsets(topics))
        commit(2, [('l', [0])])


def trace_odd_configs(c):
    create(c, 'c')

    def describe(kind, name):
        r = c.call(32, 0, array([struct.pack('>b', kind) + string(name) + struct.pack('>i', -1)]))
        r.get('i'), r.get('i'), r.get('h'), r.string(), r.get('b'), r.string()
        entries = [(r.string(), r.string(), r.get('b'), r.get('b'), r.get('b')) for _ in range(r.get('i'))]
        return sorted({entry[3] for entry in entries})
    say('is_default of a topic, v0', describe(2, 'c'))

    def alter(kind, name, entries):
        body = array([struct.pack('>b', kind) + string(name) + array([string(key) + struct.pack('>b', op) + (struct.pack('>h', -1) if value is None else string(value))
                                                                     for key, op, value in entries])])
        r = c.call(44, 0, body + b'\1')
        r.get('i'), r.get('i')
        return r.get('h'), r.string()
    odd = ([('foo', 4, '1'), ('foo', 0, '2')], [('foo', 4, None)], [('foo', 0, None), ('x', 4, '1')], [('foo', 0, '1')], [])
    for entries in odd:
        for kind, name in ((2, 'c'), (2, ''), (2, 'nope'), (4, '99'), (16, 'm'), (0, 'a'), (3, 'a')):
            if (name, entries) != ('c', []):
                say(f'alter {kind} {name!r} {entries}', alter(kind, name, entries))
    for kind, name in ((2, ''), (4, '99'), (16, 'm'), (0, 'a'), (3, 'a')):
        say(f'alter {kind} {name!r}, unknown operation', alter(kind, name, [('foo', 4, '1')]))


globals()['trace_' + sys.argv[2]](Connection())
