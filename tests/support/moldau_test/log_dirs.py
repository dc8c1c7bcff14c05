"""Log directories over a plain socket: AlterReplicaLogDirs and DescribeLogDirs in every version, and what is needed around them."""
import pathlib
import struct
import time
import types

from . import wire

NOT_CONTROLLER = 41
ALTER, DESCRIBE = 34, 35


def uvarint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


class Writer:
    """Fields of a request, classic or flexible."""

    def __init__(self, flexible):
        self.flexible, self.out = flexible, b''

    def string(self, text):
        self.out += uvarint(len(text.encode()) + 1) + text.encode() if self.flexible else wire.string(text)

    def array(self, items, write):
        if items is None:
            self.out += b'\0' if self.flexible else struct.pack('>i', -1)
            return
        self.out += uvarint(len(items) + 1) if self.flexible else struct.pack('>i', len(items))
        for item in items:
            write(item)

    def int32(self, n):
        self.out += struct.pack('>i', n)

    def end(self):
        self.out += b'\0' if self.flexible else b''


class Reader:
    def __init__(self, data, flexible):
        self.data, self.flexible, self.at = data, flexible, 0

    def get(self, form):
        values = struct.unpack_from('>' + form, self.data, self.at)
        self.at += struct.calcsize('>' + form)
        return values[0] if len(values) == 1 else values

    def uvarint(self):
        n = shift = 0
        while True:
            byte = self.get('B')
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    def string(self):
        size = self.uvarint() - 1 if self.flexible else self.get('h')
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def array(self, read):
        return [read() for _ in range(self.uvarint() - 1 if self.flexible else self.get('i'))]

    def end(self):
        if self.flexible:
            assert self.uvarint() == 0, 'tagged fields'


class Client:
    """`folders`: the broker's log directories. Their last names tell them apart."""

    def __init__(self, host, port, folders):
        self.wire = wire.Wire(types.SimpleNamespace(host=host, port=port), 30)
        self.folders = [pathlib.Path(folder) for folder in folders]

    def call(self, key, version, body, flexible):
        answer = self.wire.ask(wire.header(key, version) + (b'\0' if flexible else b'') + body)
        assert isinstance(answer, bytes), f'api {key} v{version}: {answer}'
        reader = Reader(answer, flexible)
        reader.get('i')
        reader.end()
        return reader

    def alter(self, dirs, version=2):
        """[(path, [(topic, [partition])])] -> [(topic, partition, error)]"""
        w = Writer(version >= 2)

        def topic(t):
            w.string(t[0])
            w.array(t[1], w.int32)
            w.end()

        def folder(d):
            w.string(str(d[0]))
            w.array(d[1], topic)
            w.end()
        w.array(dirs, folder)
        w.end()
        r = self.call(ALTER, version, w.out, version >= 2)
        r.get('i')

        def partition():
            found = r.get('ih')
            r.end()
            return found

        def of_topic():
            name, partitions = r.string(), r.array(partition)
            r.end()
            return [(name, *p) for p in partitions]
        found = sum(r.array(of_topic), [])
        r.end()
        return sorted(found)

    def describe(self, topics=None, version=4):
        """None or [(topic, [partition])] -> {last name of the directory: (error, [(topic, partition, size, lag, future)], (total, usable))}"""
        w = Writer(version >= 2)

        def topic(t):
            w.string(t[0])
            w.array(t[1], w.int32)
            w.end()
        w.array(topics, topic)
        w.end()
        r = self.call(DESCRIBE, version, w.out, version >= 2)
        r.get('i')
        self.error = r.get('h') if version >= 3 else 0

        def partition():
            found = r.get('iqq?')
            r.end()
            return found

        def of_topic():
            name, partitions = r.string(), r.array(partition)
            r.end()
            self.names.append(name)
            return [(name, *p) for p in partitions]

        def folder():
            error, path = r.get('h'), r.string()
            replicas = sorted(sum(r.array(of_topic), []))
            volume = r.get('qq') if version >= 4 else None
            r.end()
            assert pathlib.Path(path) in self.folders, path
            return pathlib.Path(path).name, (error, replicas, volume)
        self.names = []
        found = dict(r.array(folder))
        r.end()
        return found

    def where(self, topic, partition):
        """(last names of the directories of its log, of its future log)"""
        logs, futures = [], []
        for name, (_, replicas, _) in self.describe().items():
            for t, p, _, _, future in replicas:
                if (t, p) == (topic, partition):
                    (futures if future else logs).append(name)
        return logs, futures

    def folder_of(self, topic, partition):
        return next(f for f in self.folders if [f.name] == self.where(topic, partition)[0])

    def create(self, topic, partitions):
        body = struct.pack('>i', 1) + wire.string(topic) + struct.pack('>ihiii?', partitions, 1, 0, 0, 5000, False)

        def created():
            r = self.call(wire.CREATE_TOPICS, 2, body, False)
            r.get('ii'), r.string()
            return r.get('h')
        wait(lambda: created() != NOT_CONTROLLER, 'a controller')
        for p in range(partitions):
            wait(lambda: self.produce(topic, p, [b'first'])[0] == 0, f'{topic}-{p} can be written')

    def produce(self, topic, partition, values, producer=(-1, -1, -1)):
        """(error, base offset)"""
        records = wire.batch([wire.record(i, None, value) for i, value in enumerate(values)], producer=producer)
        return wire.produce_error(self.wire.ask(wire.produce(topic, records, partition=partition)))

    def read(self, topic, partition):
        """Base offsets of all batches, in order."""
        found, at = [], 0
        while True:
            code, _, data = wire.fetch_result(self.wire.ask(wire.fetch(topic, at, partition)))
            assert code == 0, code
            if not data:
                return found
            pos = 0
            while pos + 27 <= len(data):
                base, size = struct.unpack_from('>qi', data, pos)
                if pos + 12 + size > len(data):
                    break
                if base >= at:
                    found.append(base)
                    at = base + 1 + struct.unpack_from('>i', data, pos + 23)[0]
                pos += 12 + size

    def move(self, topic, partition, folder):
        """Moves it and waits until it is there."""
        error = self.alter([(folder, [(topic, [partition])])])
        wait(lambda: self.where(topic, partition) == ([folder.name], []), f'{topic}-{partition} lies in {folder.name}')
        return error


def wait(holds, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f'not in time: {what}'
        time.sleep(0.02)
