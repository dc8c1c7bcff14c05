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
    assert c.call(19, 4, body).get('iih') is not None
    deadline = time.time() + 10
    while list_offsets(c, topic, [(0, -1), (1, -1)])[1][1] != 0 and time.time() < deadline:
        time.sleep(0.05)


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


globals()['trace_' + sys.argv[2]](Connection())
