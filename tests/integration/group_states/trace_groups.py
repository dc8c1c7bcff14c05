#!/usr/bin/env python3
"""Walks classic groups through their states on a running broker and prints what it answers; names that differ from run to run are replaced.

    trace_groups.py 127.0.0.1:9092 > ours; trace_groups.py 127.0.0.1:9192 > theirs; diff ours theirs

The broker: group.initial.rebalance.delay.ms=1000 group.min.session.timeout.ms=1000 num.partitions=2, auto-created topics.
"""

import os
import re
import sys
import time

import kafka_raw as k

HOST, PORT = sys.argv[1].rsplit(":", 1)
RUN = f"{os.getpid()}-{int(time.time())}"
names = {}


def g(name):
    return f"{name}.{RUN}"


def connect(client_id="raw"):
    return k.Client(HOST, int(PORT), client_id)


def tidy(v):
    text = repr(v)
    for full, short in sorted(names.items(), key=lambda x: -len(x[0])):
        text = text.replace(full, short)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", text)
    return text.replace("." + RUN, "")


def show(what, v):
    print(f"{what}: {tidy(v)}", flush=True)


def name(member, short):
    names[member] = short


def sorted_members(r):
    r = dict(r)
    if r.get("members"):
        r["members"] = sorted(r["members"], key=lambda m: tidy(m))
    return r


def section(title):
    print(f"== {title}", flush=True)


def two_members(group, **kw):
    a, b = connect("a"), connect("b")
    ja = k.Later(a.join, group, version=3, **kw)
    time.sleep(0.05)
    jb = k.Later(b.join, group, version=3, **kw)
    ra, rb = ja.get(), jb.get()
    assert ra["error"] == 0 and rb["error"] == 0, (ra, rb)
    if ra["leader"] != ra["member"]:
        a, b, ra, rb = b, a, rb, ra
    name(ra["member"], "LEADER")
    name(rb["member"], "FOLLOWER")
    return a, b, ra, rb


def make_stable(group, **kw):
    a, b, ra, rb = two_members(group, **kw)
    sb = k.Later(b.sync, group, ra["generation"], rb["member"])
    sa = a.sync(group, ra["generation"], ra["member"], [(ra["member"], b"L"), (rb["member"], b"F")])
    assert sa["error"] == 0 and sb.get()["assignment"] == b"F"
    return a, b, ra, rb


def main():
    c = connect()
    while not all(t[0] == 0 for t in c.metadata(["t", "u", "gone"])):
        time.sleep(0.2)
    while c.find_coordinator("x")["error"] != 0 or c.fetch("x", None)["error"] != 0:
        time.sleep(0.2)
    for i in range(20):
        while c.fetch(g(f"probe{i}"), None)["error"] != 0:
            time.sleep(0.1)

    section("empty group id")
    show("join", c.join(""))
    show("sync", c.sync("", 1, "m"))
    show("heartbeat", c.heartbeat("", 1, "m"))
    show("leave", c.leave("", [("m", None)]))
    show("leave v2", c.leave_old("", "m"))
    show("offset delete", c.delete_offsets("", "t", [0]))
    show("commit", c.commit("", [("t", 0, 1, -1, "")]))
    show("fetch", c.fetch("", None))
    show("describe", c.describe(""))
    show("delete", c.delete([""]))

    section("unknown group")
    show("join with an id", c.join(g("n"), member="m"))
    show("sync", c.sync(g("n"), 1, "m"))
    show("heartbeat", c.heartbeat(g("n"), 1, "m"))
    show("leave", c.leave(g("n"), [("m", None), ("", "i")]))
    show("leave nobody", c.leave(g("n"), []))
    show("leave v2", c.leave_old(g("n"), "m"))
    show("fetch all", c.fetch(g("n"), None))
    show("fetch some", c.fetch(g("n"), [("t", [0, 7]), ("nope", [0])]))
    show("describe", c.describe(g("n")))
    show("describe with operations", c.describe(g("n"), True))
    show("delete", c.delete([g("n"), g("n")]))
    show("offset delete", c.delete_offsets(g("n"), "t", [0]))
    show("offset delete, no such partition", c.delete_offsets(g("n"), "t", [9]))
    show("commit of a member", c.commit(g("n"), [("t", 0, 1, -1, "")], 1, "m"))
    show("commit with generation 0", c.commit(g("n"), [("t", 0, 1, -1, "")], 0, ""))
    show("commit with a member id but no generation", c.commit(g("n1"), [("t", 0, 1, -1, "")], -1, "m"))
    show("commit with an instance id but no generation", c.commit(g("n2"), [("t", 0, 1, -1, "")], -1, "", "i"))

    section("join: what is refused")
    for session in (999, 1800001, -1):
        show(f"session {session}", c.join(g("r"), session=session))
    show("no protocols", c.join(g("r"), protocols=[]))
    show("no protocol type", c.join(g("r"), kind=""))
    show("described", c.describe(g("r")))
    show("versions 0-3 have no MEMBER_ID_REQUIRED", c.join(g("r0"), version=0)["error"])
    show("v4", c.join(g("r4"), version=4)["error"])
    show("state with a pending member only", c.describe(g("r4"))["state"])
    show("group of v0", c.describe(g("r0"))["members"][0]["client"])

    section("simple consumer")
    show("commit", c.commit(g("s"), [("t", 0, 5, 3, "m"), ("t", 1, -5, -1, None)]))
    show("commit, no such topic", c.commit(g("s"), [("nope", 0, 5, 3, "m")]))
    show("commit, no such partition", c.commit(g("s"), [("t", 9, 5, 3, "m")]))
    show("metadata 4096", c.commit(g("s"), [("u", 0, 5, 3, "x" * 4096)]))
    show("metadata 4097", c.commit(g("s"), [("u", 1, 5, 3, "x" * 4097)]))
    show("metadata 4096 two-byte characters", c.commit(g("s"), [("u", 1, 5, 3, "é" * 4096)]))
    show("fetch", c.fetch(g("s"), [("t", [0, 1, 2])]))
    show("fetch all", [(t, [(p[0], p[1], p[2], len(p[3]), p[4]) for p in ps]) for t, ps in c.fetch(g("s"), None)["topics"]])
    show("describe", c.describe(g("s")))
    show("heartbeat", c.heartbeat(g("s"), 0, ""))
    show("sync", c.sync(g("s"), 0, ""))
    show("offset delete", c.delete_offsets(g("s"), "t", [0, 9]))
    show("fetch", c.fetch(g("s"), [("t", [0, 1])]))
    show("delete", c.delete([g("s")]))
    show("fetch all", c.fetch(g("s"), None))

    section("completing rebalance")
    group = g("c")
    a, b, ra, rb = two_members(group)
    show("leader", sorted_members(ra))
    show("follower", rb)
    show("describe", sorted_members(c.describe(group))["state"])
    show("heartbeat", a.heartbeat(group, 1, ra["member"]))
    show("commit", a.commit(group, [("t", 0, 1, -1, "")], 1, ra["member"]))
    show("commit from outside", a.commit(group, [("t", 0, 1, -1, "")]))
    show("follower joins again", b.join(group, member=rb["member"], version=3))
    show("leader joins again", sorted_members(a.join(group, member=ra["member"], version=3)))
    show("sync of an old generation", b.sync(group, 0, rb["member"]))
    show("sync of a stranger", b.sync(group, 1, "x"))
    show("join of another protocol", c.join(group, protocols=[("other", b"")], version=3))
    show("join of another type", c.join(group, kind="connect", version=3))
    show("delete", c.delete([group]))
    waiting = k.Later(b.sync, group, 1, rb["member"])
    time.sleep(0.2)
    rejoin = k.Later(a.join, group, member=ra["member"], version=3, protocols=[("range", k.subscription(["t", "u"]))])
    show("the follower's sync when the leader changes its metadata", waiting.get())
    show("heartbeat while it prepares", b.heartbeat(group, 1, rb["member"]))
    show("sync while it prepares", b.sync(group, 1, rb["member"]))
    show("commit while it prepares", b.commit(group, [("t", 0, 7, -1, "")], 1, rb["member"]))
    show("described", c.describe(group)["state"])
    show("follower leaves", b.leave(group, [(rb["member"], None)]))
    show("leader's join", rejoin.get())

    section("stable")
    group = g("st")
    a, b, ra, rb = make_stable(group)
    d = sorted_members(c.describe(group, True))
    show("describe", d)
    show("listed", [x for x in c.list()["groups"] if x[0] == group])
    show("sync again", b.sync(group, 1, rb["member"]))
    show("heartbeat", b.heartbeat(group, 1, rb["member"]))
    show("heartbeat, other generation", b.heartbeat(group, 2, rb["member"]))
    show("heartbeat, unknown instance", b.heartbeat(group, 1, rb["member"], "x"))
    show("commit", b.commit(group, [("t", 0, 1, -1, ""), ("u", 0, 1, -1, "")], 1, rb["member"]))
    show("commit, other generation", b.commit(group, [("t", 0, 1, -1, "")], 2, rb["member"]))
    show("commit, no generation", b.commit(group, [("t", 0, 1, -1, "")], -1, rb["member"]))
    show("commit from outside", c.commit(group, [("t", 0, 1, -1, "")]))
    show("commit of a stranger", c.commit(group, [("t", 0, 1, -1, "")], 1, "x"))
    show("follower joins again", b.join(group, member=rb["member"], version=3))
    show("offset delete", c.delete_offsets(group, "t", [0]))
    show("offset delete of a topic not subscribed", c.delete_offsets(group, "u", [0]))
    show("delete", c.delete([group]))
    show("leave", c.leave(group, [("x", None), (rb["member"], "i"), ("", "i"), (rb["member"], None), (rb["member"], None)]))
    show("heartbeat of the leader", a.heartbeat(group, 1, ra["member"]))
    show("heartbeat of the one that left", b.heartbeat(group, 1, rb["member"]))
    show("leader joins", a.join(group, member=ra["member"], version=3)["generation"])
    show("leave v2", a.leave_old(group, ra["member"]))
    show("describe", c.describe(group))
    show("fetch", c.fetch(group, None))
    show("commit from outside", c.commit(group, [("t", 0, 9, -1, "")]))
    show("commit with an old generation", c.commit(group, [("t", 0, 9, -1, "")], 2, "x"))
    show("offset delete", c.delete_offsets(group, "t", [0, 1]))
    show("describe", c.describe(group)["state"])

    section("two waiting joins of one member")
    group = g("w")
    a, b, ra, rb = make_stable(group, rebalance=3000)
    one = k.Later(a.join, group, member=ra["member"], version=3)
    time.sleep(0.2)
    other = connect("a")
    two = k.Later(other.join, group, member=ra["member"], version=3)
    time.sleep(0.2)
    rj = k.Later(b.join, group, member=rb["member"], version=3)
    show("second", sorted_members(two.get()))
    show("follower", rj.get())

    section("rebalance timeout")
    group = g("rt")
    a, b, ra, rb = make_stable(group, rebalance=1000, session=5000)
    started = time.time()
    j = a.join(group, member=ra["member"], version=3, rebalance=1000, session=5000)
    show("leader alone", (sorted_members(j), time.time() - started > 0.9))
    show("the other", b.heartbeat(group, 2, rb["member"]))

    section("session timeout")
    group = g("se")
    a, b, ra, rb = make_stable(group, session=3000, rebalance=6000)
    beat, until = 0, time.time() + 20
    while beat == 0 and time.time() < until:
        time.sleep(0.3)
        beat = a.heartbeat(group, 1, ra["member"])
    show("the leader hears of it", beat)
    show("members", len(c.describe(group)["members"]))
    until = time.time() + 20
    while c.describe(group)["state"] != "Empty" and time.time() < until:
        time.sleep(0.3)
    show("and is gone itself", c.describe(group)["state"])

    section("no sync")
    group = g("ns")
    a, b, ra, rb = two_members(group, rebalance=1000, session=10000)
    s = b.sync(group, 1, rb["member"])
    show("follower", s)
    show("members", [tidy(m["member"]) for m in c.describe(group)["members"]])
    b.leave_old(group, rb["member"])

    section("static members")
    group = g("i")
    a, b = connect("a"), connect("b")
    ja = k.Later(a.join, group, instance="i1")
    time.sleep(0.05)
    jb = k.Later(b.join, group, instance="i2")
    ra, rb = ja.get(), jb.get()
    if ra["leader"] != ra["member"]:
        a, b, ra, rb = b, a, rb, ra
    li, fi = ("i1", "i2") if ra["member"].startswith("i1") else ("i2", "i1")
    name(ra["member"], "LEADER")
    name(rb["member"], "FOLLOWER")
    sb = k.Later(b.sync, group, 1, rb["member"], (), fi)
    a.sync(group, 1, ra["member"], [(ra["member"], b"L"), (rb["member"], b"F")], li)
    sb.get()
    show("wrong instance", a.heartbeat(group, 1, ra["member"], fi))
    back = b.join(group, instance=fi)
    name(back["member"], "FOLLOWER2")
    show("follower is back", back)
    show("its sync", b.sync(group, 1, back["member"], (), fi))
    show("old id: heartbeat", b.heartbeat(group, 1, rb["member"], fi))
    show("old id: heartbeat without instance", b.heartbeat(group, 1, rb["member"]))
    show("old id: join", b.join(group, member=rb["member"], instance=fi))
    show("old id: commit", b.commit(group, [("t", 0, 1, -1, "")], 1, rb["member"], fi))
    show("old id: sync", b.sync(group, 1, rb["member"], (), fi))
    show("old id: leave", b.leave(group, [(rb["member"], fi)]))
    leader = a.join(group, instance=li)
    name(leader["member"], "LEADER2")
    show("leader is back", leader)
    show("unknown id with an instance", c.join(group, member="x", instance="i9"))
    show("describe", c.describe(group)["state"])
    other = k.Later(a.join, group, member=leader["member"], instance=li)
    time.sleep(0.2)
    dup = connect("dup")
    twin = k.Later(dup.join, group, instance=li)
    show("a duplicate fences the waiting one", other.get())
    rj = k.Later(b.join, group, member=back["member"], instance=fi)
    t = twin.get()
    name(t["member"], "TWIN")
    show("the duplicate", sorted_members(t))
    show("the other", sorted_members(rj.get()))
    show("leave by instance", c.leave(group, [("", li), ("", fi), ("", "nobody")]))
    show("describe", c.describe(group))

    section("protocols are voted on")
    group = g("v")
    protocols = [[("p1", b"1"), ("p2", b"2"), ("p3", b"3")], [("p2", b"4"), ("p1", b"5")], [("p4", b"6"), ("p2", b"7"), ("p1", b"8")]]
    joins = [k.Later(connect("c").join, group, version=3, protocols=p) for p in protocols]
    rs = [j.get() for j in joins]
    show("chosen", sorted({r["protocol"] for r in rs}))
    show("metadata", sorted(m[2] for r in rs for m in r["members"]))
    for r in rs:
        c.leave_old(group, r["member"])

    section("a deleted topic")
    group = g("dt")
    c.commit(group, [("gone", 0, 1, -1, ""), ("t", 0, 1, -1, "")])
    show("delete topic", c.delete_topics(["gone"]))
    for _ in range(50):
        left = c.fetch(group, None)["topics"]
        if len(left) == 1:
            break
        time.sleep(0.1)
    show("fetch", left)


if __name__ == "__main__":
    main()
