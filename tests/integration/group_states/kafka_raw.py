"""The group APIs of Kafka over a plain socket, in their last versions without tagged fields. Standard library only."""

import socket
import struct
import threading


class Out:
    def __init__(self):
        self.b = bytearray()

    def i8(self, v): self.b += struct.pack(">b", v); return self
    def i16(self, v): self.b += struct.pack(">h", v); return self
    def i32(self, v): self.b += struct.pack(">i", v); return self
    def i64(self, v): self.b += struct.pack(">q", v); return self

    def s(self, v):
        if v is None:
            return self.i16(-1)
        v = v.encode() if isinstance(v, str) else v
        self.i16(len(v)); self.b += v
        return self

    def data(self, v):
        if v is None:
            return self.i32(-1)
        self.i32(len(v)); self.b += v
        return self

    def array(self, items, write):
        if items is None:
            return self.i32(-1)
        self.i32(len(items))
        for item in items:
            write(self, item)
        return self


class In:
    def __init__(self, b):
        self.b, self.p = b, 0

    def take(self, fmt):
        v = struct.unpack_from(">" + fmt, self.b, self.p)[0]
        self.p += struct.calcsize(">" + fmt)
        return v

    def i8(self): return self.take("b")
    def i16(self): return self.take("h")
    def i32(self): return self.take("i")
    def i64(self): return self.take("q")

    def s(self):
        n = self.i16()
        if n < 0:
            return None
        self.p += n
        return bytes(self.b[self.p - n:self.p]).decode("utf-8", "replace")

    def data(self):
        n = self.i32()
        if n < 0:
            return None
        self.p += n
        return bytes(self.b[self.p - n:self.p])

    def array(self, read):
        n = self.i32()
        return None if n < 0 else [read(self) for _ in range(n)]


class Client:
    def __init__(self, host, port, client_id="raw", timeout=60):
        self.sock = socket.create_connection((host, port), timeout=timeout)
        self.client_id, self.correlation = client_id, 0
        self.lock = threading.Lock()

    def close(self):
        self.sock.close()

    def call(self, key, version, body, flexible=False):
        with self.lock:
            self.correlation += 1
            head = Out().i16(key).i16(version).i32(self.correlation).s(self.client_id)
            if flexible:
                head.i8(0)  # no tagged fields
            frame = bytes(head.b) + bytes(body.b)
            self.sock.sendall(struct.pack(">i", len(frame)) + frame)
            size = struct.unpack(">i", self.read(4))[0]
            answer = In(self.read(size))
            assert answer.i32() == self.correlation
            return answer

    def read(self, n):
        b = bytearray()
        while len(b) < n:
            part = self.sock.recv(n - len(b))
            if not part:
                raise EOFError("connection closed")
            b += part
        return bytes(b)

    # ---- groups ----
    def join(self, group, member="", instance=None, protocols=None, session=10000, rebalance=5000, kind="consumer", version=5):
        protocols = protocols if protocols is not None else [("range", subscription(["t"]))]
        b = Out().s(group).i32(session)
        if version >= 1:
            b.i32(rebalance)
        b.s(member)
        if version >= 5:
            b.s(instance)
        b.s(kind).array(protocols, lambda o, p: o.s(p[0]).data(p[1]))
        r = self.call(11, version, b)
        if version >= 2:
            r.i32()
        out = {"error": r.i16(), "generation": r.i32(), "protocol": r.s(), "leader": r.s(), "member": r.s()}
        out["members"] = r.array(lambda i: (i.s(), i.s() if version >= 5 else None, i.data()))
        return out

    def sync(self, group, generation, member, assignments=(), instance=None):
        b = Out().s(group).i32(generation).s(member).s(instance).array(list(assignments), lambda o, a: o.s(a[0]).data(a[1]))
        r = self.call(14, 3, b)
        r.i32()
        return {"error": r.i16(), "assignment": r.data()}

    def heartbeat(self, group, generation, member, instance=None):
        r = self.call(12, 3, Out().s(group).i32(generation).s(member).s(instance))
        r.i32()
        return r.i16()

    def leave(self, group, members):
        """members: (member id, instance id)"""
        r = self.call(13, 3, Out().s(group).array(members, lambda o, m: o.s(m[0]).s(m[1])))
        r.i32()
        return {"error": r.i16(), "members": r.array(lambda i: (i.s(), i.s(), i.i16()))}

    def leave_old(self, group, member):
        r = self.call(13, 2, Out().s(group).s(member))
        r.i32()
        return r.i16()

    def commit(self, group, offsets, generation=-1, member="", instance=None):
        """offsets: (topic, partition, offset, leader epoch, metadata), one topic after the other"""
        b = Out().s(group).i32(generation).s(member).s(instance)
        topics = {}
        for t, p, off, epoch, meta in offsets:
            topics.setdefault(t, []).append((p, off, epoch, meta))
        b.array(list(topics.items()), lambda o, t: o.s(t[0]).array(t[1], lambda o2, p: o2.i32(p[0]).i64(p[1]).i32(p[2]).s(p[3])))
        r = self.call(8, 7, b)
        r.i32()
        return sorted_topics(r)

    def commit_with_retention(self, group, topic, partition, offset, metadata, retention):
        b = Out().s(group).i32(-1).s("").i64(retention)
        b.array([0], lambda o, _: o.s(topic).array([0], lambda o2, _2: o2.i32(partition).i64(offset).s(metadata)))
        r = self.call(8, 2, b)
        return r.array(lambda i: (i.s(), i.array(lambda j: (j.i32(), j.i16()))))

    def commit_v0(self, group, topic, partition, offset, metadata):
        b = Out().s(group).array([0], lambda o, _: o.s(topic).array([0], lambda o2, _2: o2.i32(partition).i64(offset).s(metadata)))
        return sorted_topics(self.call(8, 0, b))

    def commit_v1(self, group, topic, partition, offset, timestamp, metadata, generation=-1, member=""):
        b = Out().s(group).i32(generation).s(member)
        b.array([0], lambda o, _: o.s(topic).array([0], lambda o2, _2: o2.i32(partition).i64(offset).i64(timestamp).s(metadata)))
        return sorted_topics(self.call(8, 1, b))

    def fetch_old(self, group, topics, version):
        """Versions 0 to 1: no place for an error but the partitions."""
        b = Out().s(group).array(topics, lambda o, t: o.s(t[0]).array(t[1], lambda o2, p: o2.i32(p)))
        out = self.call(9, version, b).array(lambda i: (i.s(), i.array(lambda j: (j.i32(), j.i64(), j.s(), j.i16()))))
        return sorted((t, sorted(p)) for t, p in out)

    def fetch(self, group, topics):
        """topics: None, or (topic, partitions)"""
        b = Out().s(group).array(topics, lambda o, t: o.s(t[0]).array(t[1], lambda o2, p: o2.i32(p)))
        r = self.call(9, 5, b)
        r.i32()
        out = r.array(lambda i: (i.s(), i.array(lambda j: (j.i32(), j.i64(), j.i32(), j.s(), j.i16()))))
        return {"error": r.i16(), "topics": sorted((t, sorted(p)) for t, p in out)}

    def describe(self, group, operations=False):
        r = self.call(15, 4, Out().array([group], lambda o, g: o.s(g)).i8(1 if operations else 0))
        r.i32()

        def one(i):
            d = {"error": i.i16(), "group": i.s(), "state": i.s(), "type": i.s(), "protocol": i.s()}
            d["members"] = i.array(lambda j: {"member": j.s(), "instance": j.s(), "client": j.s(), "host": j.s(), "metadata": j.data(), "assignment": j.data()})
            d["operations"] = i.i32()
            return d
        return r.array(one)[0]

    def list(self):
        r = self.call(16, 2, Out())
        r.i32()
        return {"error": r.i16(), "groups": r.array(lambda i: (i.s(), i.s()))}

    def delete(self, groups):
        r = self.call(42, 1, Out().array(groups, lambda o, g: o.s(g)))
        r.i32()
        return r.array(lambda i: (i.s(), i.i16()))

    def delete_offsets(self, group, topic, partitions):
        b = Out().s(group).array([0], lambda o, _: o.s(topic).array(partitions, lambda o2, p: o2.i32(p)))
        r = self.call(47, 0, b)
        error = r.i16()
        r.i32()
        return {"error": error, "topics": sorted_topics(r)}

    # ---- around them ----
    def find_coordinator(self, key, kind=0):
        r = self.call(10, 1, Out().s(key).i8(kind))
        r.i32()
        return {"error": r.i16(), "message": r.s(), "node": r.i32(), "host": r.s(), "port": r.i32()}

    def metadata(self, topics):
        r = self.call(3, 4, Out().array(topics, lambda o, t: o.s(t)).i8(1))
        r.i32()
        r.array(lambda i: (i.i32(), i.s(), i.i32(), i.s()))
        r.s()
        r.i32()
        return r.array(lambda i: (i.i16(), i.s(), i.i8(), i.array(lambda j: (j.i16(), j.i32(), j.i32(), j.array(In.i32), j.array(In.i32)))))

    def delete_topics(self, topics):
        r = self.call(20, 1, Out().array(topics, lambda o, t: o.s(t)).i32(10000))
        r.i32()
        return r.array(lambda i: (i.s(), i.i16()))

    # ---- transactions ----
    def init_producer(self, transactional_id):
        r = self.call(22, 0, Out().s(transactional_id).i32(60000))
        r.i32()
        return r.i16(), r.i64(), r.i16()

    def add_offsets(self, transactional_id, producer, epoch, group):
        r = self.call(25, 0, Out().s(transactional_id).i64(producer).i16(epoch).s(group))
        r.i32()
        return r.i16()

    def txn_commit(self, transactional_id, group, producer, epoch, topic, partition, offset, metadata=""):
        b = Out().s(transactional_id).s(group).i64(producer).i16(epoch)
        b.array([0], lambda o, _: o.s(topic).array([0], lambda o2, _2: o2.i32(partition).i64(offset).s(metadata)))
        r = self.call(28, 0, b)
        r.i32()
        return r.array(lambda i: (i.s(), i.array(lambda j: (j.i32(), j.i16()))))

    def end_txn(self, transactional_id, producer, epoch, commit):
        r = self.call(26, 0, Out().s(transactional_id).i64(producer).i16(epoch).i8(1 if commit else 0))
        r.i32()
        return r.i16()


def sorted_topics(r):
    """Topics with (partition, error); their order is no promise."""
    return sorted((t, sorted(p)) for t, p in r.array(lambda i: (i.s(), i.array(lambda j: (j.i32(), j.i16())))))


def subscription(topics, user_data=b"", version=0):
    return bytes(Out().i16(version).array(topics, lambda o, t: o.s(t)).data(user_data).b)


def java_hash(text):
    h = 0
    units = text.encode("utf-16-be")
    for i in range(0, len(units), 2):
        h = (31 * h + (units[i] << 8 | units[i + 1])) & 0xffffffff
    return h


def partition_for(group, n):
    h = java_hash(group)
    return (0 if h == 1 << 31 else min(h, (1 << 32) - h)) % n


class Later(threading.Thread):
    """Runs a call beside: `Later(client.join, ...)`, then `.get()`."""

    def __init__(self, f, *args, **kw):
        super().__init__(daemon=True)
        self.f, self.args, self.kw, self.value, self.error = f, args, kw, None, None
        self.start()

    def run(self):
        try:
            self.value = self.f(*self.args, **self.kw)
        except Exception as e:  # noqa: BLE001 - handed to the caller
            self.error = e

    def get(self, timeout=60):
        self.join(timeout)
        if self.is_alive():
            raise TimeoutError(str(self.args))
        if self.error:
            raise self.error
        return self.value

    def waits(self):
        return self.is_alive()
