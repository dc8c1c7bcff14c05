"""Raw Kafka frames for bad input: a socket that says `closed` or `silent` instead of raising, and hand-made requests.

Only what the fault tests need is here, in the oldest simple versions; real clients test the rest."""
import socket
import struct
import threading
import time
import zlib

PRODUCE, FETCH, METADATA, API_VERSIONS, FIND_COORDINATOR, CREATE_TOPICS, CREATE_PARTITIONS = 0, 1, 3, 18, 10, 19, 37

_CRC = []
for _n in range(256):
    for _ in range(8):
        _n = (_n >> 1) ^ 0x82F63B78 if _n & 1 else _n >> 1
    _CRC.append(_n)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def string(text):
    return struct.pack('>h', -1) if text is None else struct.pack('>h', len(text.encode())) + text.encode()


def zigzag(n):
    n = (n << 1) ^ (n >> 63)
    out = b''
    while True:
        n &= (1 << 64) - 1
        out += bytes([(n & 0x7F) | (0x80 if n > 0x7F else 0)])
        n >>= 7
        if not n:
            return out


def record(offset, key, value, delta_ms=0):
    body = b'\0' + zigzag(delta_ms) + zigzag(offset)
    for part in (key, value):
        body += zigzag(-1) if part is None else zigzag(len(part)) + part
    body += zigzag(0)
    return zigzag(len(body)) + body


def batch(records, attributes=0, count=None, payload=None, crc=None, magic=2, base_offset=0, length=None, timestamp=None, producer=(-1, -1, -1), last_delta=None):
    """A record batch v2; the keyword arguments make single fields wrong. `payload`: instead of the plain records."""
    now = int(time.time() * 1000) if timestamp is None else timestamp
    payload = b''.join(records) if payload is None else payload
    count = len(records) if count is None else count
    last_delta = count - 1 if last_delta is None else last_delta
    tail = struct.pack('>hiqqqhii', attributes, last_delta, now, now, *producer, count) + payload
    crc = crc32c(tail) if crc is None else crc
    head = struct.pack('>ibI', 0, magic, crc)
    return struct.pack('>qi', base_offset, len(head) + len(tail) if length is None else length) + head + tail


def message(value, magic=1, crc=None, attributes=0, key=None):
    """One entry of an old message set (magic 0 or 1)."""
    body = struct.pack('>bb', magic, attributes) + (struct.pack('>q', 1600000000000) if magic else b'')
    for part in (key, value):
        body += struct.pack('>i', -1) if part is None else struct.pack('>i', len(part)) + part
    crc = zlib.crc32(body) if crc is None else crc
    return struct.pack('>qiI', 0, len(body) + 4, crc) + body


def header(api, version, correlation=1, client='raw'):
    return struct.pack('>hhi', api, version, correlation) + string(client)


def produce(topic, records, version=7, acks=-1, partition=0, correlation=1, timeout=5000):
    body = (string(None) if version >= 3 else b'') + struct.pack('>hi', acks, timeout)
    data = struct.pack('>i', -1) if records is None else struct.pack('>i', len(records)) + records
    body += struct.pack('>i', 1) + string(topic) + struct.pack('>ii', 1, partition) + data
    return header(PRODUCE, version, correlation) + body


def fetch(topic, offset, partition=0, version=4, max_bytes=1 << 20, wait=100, correlation=1, replica=-1):
    body = struct.pack('>iiii', replica, wait, 1, max_bytes) + b'\0' + struct.pack('>i', 1) + string(topic)
    return header(FETCH, version, correlation) + body + struct.pack('>iiqi', 1, partition, offset, max_bytes)


def metadata(topics, version=1, correlation=1):
    return header(METADATA, version, correlation) + struct.pack('>i', len(topics)) + b''.join(string(t) for t in topics)


def api_versions(version=0, correlation=1, tail=b''):
    return header(API_VERSIONS, version, correlation) + tail


def produce_error(answer, version=7):
    """The error code and base offset of the one partition of a Produce answer."""
    at = 4 + 4
    size = struct.unpack_from('>h', answer, at)[0]
    at += 2 + size + 4
    _, code, offset = struct.unpack_from('>ihq', answer, at)
    return code, offset


def fetch_result(answer):
    """(error code, high watermark, record bytes) of the one partition of a Fetch v4 answer."""
    at = 4 + 4 + 4
    size = struct.unpack_from('>h', answer, at)[0]
    at += 2 + size + 4
    _, code, high = struct.unpack_from('>ihq', answer, at)
    at += 4 + 2 + 8 + 8
    aborted = struct.unpack_from('>i', answer, at)[0]
    at += 4 + max(0, aborted) * 16
    length = struct.unpack_from('>i', answer, at)[0]
    return code, high, answer[at + 4:at + 4 + max(0, length)]


class Wire:
    """One connection."""

    def __init__(self, broker, timeout=10):
        self.socket = socket.create_connection((broker.host, broker.port), timeout)
        self.socket.settimeout(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def raw(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass            # the broker hung up; receive() says so
        return self

    def send(self, frame):
        return self.raw(struct.pack('>i', len(frame)) + frame)

    def _exactly(self, count):
        data = b''
        while len(data) < count:
            part = self.socket.recv(min(1 << 20, count - len(data)))
            if not part:
                return None
            data += part
        return data

    def receive(self, timeout=None):
        """The next answer (correlation id first), or 'closed', or 'silent' after the timeout."""
        if timeout is not None:
            self.socket.settimeout(timeout)
        try:
            size = self._exactly(4)
            data = self._exactly(struct.unpack('>i', size)[0]) if size else None
            return 'closed' if data is None else data
        except (socket.timeout, TimeoutError):
            return 'silent'
        except OSError:
            return 'closed'

    def ask(self, frame, timeout=None):
        return self.send(frame).receive(timeout)


class Canary:
    """A well-behaved client beside the bad ones: produces and fetches all the time and notes what went wrong, and the
    longest time that an answer took."""

    def __init__(self, broker, topic='canary'):
        self.broker, self.topic = broker, topic
        self.problems, self.rounds, self.longest = [], 0, 0.0
        self._stop = threading.Event()
        with Wire(broker) as wire:
            for _ in range(100):
                answer = wire.ask(produce(topic, batch([record(0, None, b'first')])))
                if answer not in ('closed', 'silent') and produce_error(answer)[0] == 0:
                    break
                wire.ask(metadata([topic]))
                time.sleep(0.1)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            with Wire(self.broker, timeout=30) as wire:
                while not self._stop.is_set():
                    start = time.monotonic()
                    answer = wire.ask(produce(self.topic, batch([record(0, b'k', b'v%d' % self.rounds)])))
                    if answer in ('closed', 'silent') or produce_error(answer)[0] != 0:
                        self.problems.append(f'produce: {answer[:40]!r}')
                        return
                    offset = produce_error(answer)[1]
                    answer = wire.ask(fetch(self.topic, offset))
                    if answer in ('closed', 'silent') or fetch_result(answer)[0] != 0 or b'v%d' % self.rounds not in answer:
                        self.problems.append(f'fetch: {answer[:40]!r}')
                        return
                    self.longest = max(self.longest, time.monotonic() - start)
                    self.rounds += 1
                    self._stop.wait(0.02)
        except Exception as error:
            self.problems.append(repr(error))

    def finish(self):
        """Stops it; returns what it saw."""
        self._stop.set()
        self._thread.join(40)
        return self.problems
