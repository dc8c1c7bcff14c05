"""The group APIs in their flexible versions (compact lengths, tagged fields), as Apache Kafka 3.9 has them last."""

import kafka_raw as k


class Out(k.Out):
    def n(self, v):
        while v >= 0x80:
            self.b.append(v & 0x7f | 0x80)
            v >>= 7
        self.b.append(v)
        return self

    def s(self, v):
        if v is None:
            return self.n(0)
        v = v.encode()
        self.n(len(v) + 1)
        self.b += v
        return self

    def data(self, v):
        if v is None:
            return self.n(0)
        self.n(len(v) + 1)
        self.b += v
        return self

    def array(self, items, write):
        if items is None:
            return self.n(0)
        self.n(len(items) + 1)
        for item in items:
            write(self, item)
        return self

    def tags(self):
        return self.n(0)


class In(k.In):
    def n(self):
        v = shift = 0
        while True:
            b = self.b[self.p]
            self.p += 1
            v |= (b & 0x7f) << shift
            shift += 7
            if b < 0x80:
                return v

    def s(self):
        n = self.n() - 1
        if n < 0:
            return None
        self.p += n
        return bytes(self.b[self.p - n:self.p]).decode("utf-8", "replace")

    def data(self):
        n = self.n() - 1
        if n < 0:
            return None
        self.p += n
        return bytes(self.b[self.p - n:self.p])

    def array(self, read):
        n = self.n()
        return None if n == 0 else [read(self) for _ in range(n - 1)]

    def tags(self):
        for _ in range(self.n()):
            self.n()
            self.p += self.n()
        return self


class Client(k.Client):
    def call(self, key, version, body):
        return In(super().call(key, version, body, flexible=True).b[4:]).tags()

    def join(self, group, member="", instance=None, protocols=None, session=10000, rebalance=5000, kind="consumer", version=9, reason=None):
        protocols = protocols if protocols is not None else [("range", k.subscription(["t"]))]
        b = Out().s(group).i32(session).i32(rebalance).s(member).s(instance).s(kind)
        b.array(protocols, lambda o, p: o.s(p[0]).data(p[1]).tags())
        if version >= 8:
            b.s(reason)
        r = self.call(11, version, b.tags())
        r.i32()
        out = {"error": r.i16(), "generation": r.i32()}
        if version >= 7:
            out["type"] = r.s()
        out["protocol"], out["leader"] = r.s(), r.s()
        if version >= 9:
            out["skip"] = bool(r.i8())
        out["member"] = r.s()
        out["members"] = r.array(lambda i: (i.s(), i.s(), i.data(), i.tags())[:3])
        return out

    def sync(self, group, generation, member, assignments=(), instance=None, kind="consumer", protocol="range", version=5):
        b = Out().s(group).i32(generation).s(member).s(instance)
        if version >= 5:
            b.s(kind).s(protocol)
        r = self.call(14, version, b.array(list(assignments), lambda o, a: o.s(a[0]).data(a[1]).tags()).tags())
        r.i32()
        out = {"error": r.i16()}
        if version >= 5:
            out["type"], out["protocol"] = r.s(), r.s()
        out["assignment"] = r.data()
        return out

    def heartbeat(self, group, generation, member, instance=None):
        r = self.call(12, 4, Out().s(group).i32(generation).s(member).s(instance).tags())
        r.i32()
        return r.i16()

    def leave(self, group, members, reason=None):
        """members: (member id, instance id)"""
        r = self.call(13, 5, Out().s(group).array(members, lambda o, m: o.s(m[0]).s(m[1]).s(reason).tags()).tags())
        r.i32()
        return {"error": r.i16(), "members": r.array(lambda i: (i.s(), i.s(), i.i16(), i.tags())[:3])}

    def commit(self, group, topic, partition, offset, generation=-1, member="", instance=None, version=8):
        b = Out().s(group).i32(generation).s(member).s(instance)
        b.array([0], lambda o, _: o.s(topic).array([0], lambda o2, _2: o2.i32(partition).i64(offset).i32(-1).s("").tags()).tags())
        r = self.call(8, version, b.tags())
        r.i32()
        return r.array(lambda i: (i.s(), i.array(lambda j: (j.i32(), j.i16(), j.tags())[:2]), i.tags())[:2])

    def fetch(self, groups, stable=False, version=8):
        """groups: (group, None or [(topic, partitions)])"""
        def write(o, asked):
            o.s(asked[0])
            if version >= 9:
                o.s(None).i32(-1)
            o.array(asked[1], lambda o2, t: o2.s(t[0]).array(t[1], lambda o3, p: o3.i32(p)).tags()).tags()
        b = Out().array(groups, write)
        r = self.call(9, version, b.i8(1 if stable else 0).tags())
        r.i32()

        def partition(i):
            return (i.i32(), i.i64(), i.i32(), i.s(), i.i16(), i.tags())[:5]

        def one(i):
            name, topics = i.s(), i.array(lambda j: (j.s(), sorted(j.array(partition)), j.tags())[:2])
            return (name, sorted(topics), i.i16(), i.tags())[:3]
        return sorted(r.array(one))

    def fetch_one(self, group, topics, stable=False, version=7):
        b = Out().s(group).array(topics, lambda o, t: o.s(t[0]).array(t[1], lambda o2, p: o2.i32(p)).tags())
        if version >= 7:
            b.i8(1 if stable else 0)
        r = self.call(9, version, b.tags())
        r.i32()
        topics = r.array(lambda j: (j.s(), sorted(j.array(lambda i: (i.i32(), i.i64(), i.i32(), i.s(), i.i16(), i.tags())[:5])), j.tags())[:2])
        return {"error": r.i16(), "topics": sorted(topics)}

    def describe(self, groups, operations=False):
        r = self.call(15, 5, Out().array(groups, lambda o, x: o.s(x)).i8(1 if operations else 0).tags())
        r.i32()

        def member(j):
            return (j.s(), j.s(), j.s(), j.s(), j.data(), j.data(), j.tags())[:6]
        return r.array(lambda i: (i.i16(), i.s(), i.s(), i.s(), i.s(), i.array(member), i.i32(), i.tags())[:7])

    def list(self, states=(), types=(), version=5):
        b = Out()
        if version >= 4:
            b.array(list(states), lambda o, x: o.s(x))
        if version >= 5:
            b.array(list(types), lambda o, x: o.s(x))
        r = self.call(16, version, b.tags())
        r.i32()
        error = r.i16()
        size = 2 + (version >= 4) + (version >= 5)
        return {"error": error, "groups": sorted(r.array(lambda i: (*[i.s() for _ in range(size)], i.tags())[:size]))}

    def delete(self, groups):
        r = self.call(42, 2, Out().array(groups, lambda o, x: o.s(x)).tags())
        r.i32()
        return sorted(r.array(lambda i: (i.s(), i.i16(), i.tags())[:2]))

    def find(self, keys, kind=0, version=4):
        b = Out().i8(kind).array(keys, lambda o, x: o.s(x)) if version >= 4 else Out().s(keys[0]).i8(kind)
        r = self.call(10, version, b.tags())
        r.i32()
        if version < 4:
            return r.i16(), r.s(), r.i32(), r.s(), r.i32()
        return r.array(lambda i: (i.s(), i.i32(), i.s(), i.i32(), i.i16(), i.s(), i.tags())[:6])
