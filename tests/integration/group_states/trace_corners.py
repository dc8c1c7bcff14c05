#!/usr/bin/env python3
"""Corners of classic groups: client ids, static members that come back in each state, full groups, assignments, commits.

    trace_corners.py 127.0.0.1:9092

The broker: as for trace_groups.py, and group.max.size=3.
"""

import time

import kafka_raw as k
from tracing import connect, g, name, section, show, sorted_members, two_members, wait_until_served


def static_group(group, protocols=(None, None), rebalance=5000, session=10000):
    """Two static members in a stable group: their clients, joins, and instance ids; the leader first."""
    a, b = connect("a"), connect("b")
    ja = k.Later(a.join, group, instance="i1", protocols=protocols[0], rebalance=rebalance, session=session)
    time.sleep(0.05)
    jb = k.Later(b.join, group, instance="i2", protocols=protocols[1], rebalance=rebalance, session=session)
    ra, rb = ja.get(), jb.get()
    assert ra["error"] == 0 and rb["error"] == 0, (ra, rb)
    ia, ib = "i1", "i2"
    if ra["leader"] != ra["member"]:
        a, b, ra, rb, ia, ib = b, a, rb, ra, ib, ia
    name(ra["member"], "LEADER")
    name(rb["member"], "FOLLOWER")
    return a, b, ra, rb, ia, ib


def stable_static_group(group, **kw):
    a, b, ra, rb, ia, ib = static_group(group, **kw)
    sb = k.Later(b.sync, group, 1, rb["member"], (), ib)
    assert a.sync(group, 1, ra["member"], [(ra["member"], b"L"), (rb["member"], b"F")], ia)["error"] == 0
    assert sb.get()["assignment"] == b"F"
    return a, b, ra, rb, ia, ib


def main():
    c = connect()
    wait_until_served(c, ["t", "u"])

    section("client ids")
    for client, what in ((None, "null"), ("", "empty"), ("a b/c", "odd"), ("é", "not ascii")):
        group = g("cl" + str(len(what)))
        joined = connect(client).join(group, version=4)
        show(what, joined["member"])
        joined = connect(client).join(group, version=3)
        show(what + ", v3", joined["member"])
        show(what + ", described", [(m["client"], m["host"]) for m in c.describe(group)["members"]])
        synced = c.sync(group, 1, joined["member"], [(joined["member"], b"a")])
        show(what + ", sync", synced["error"])
        c.leave_old(group, joined["member"])
    joined = connect(None).join(g("inst"), instance="the instance")
    show("an instance id", joined["member"])
    c.leave(g("inst"), [("", "the instance")])
    joined = connect("x").join(g("inst0"), instance="")
    show("an empty instance id", (joined["error"], joined["member"]))
    c.leave(g("inst0"), [("", "")])

    section("a full group")
    group = g("full")
    clients = [connect("c") for _ in range(4)]
    waiting = [k.Later(x.join, group, version=3, rebalance=2000) for x in clients]
    answers = [w.get() for w in waiting]
    show("four join, three may", sorted((r["error"], r["generation"], r["leader"] != "", r["member"] != "") for r in answers))
    show("and one more", c.join(group, version=3))
    show("and one more with v5", c.join(group))
    show("and one with an id", c.join(group, member="x"))
    ids = [r["member"] for r in answers if r["error"] == 0]
    show("state", (c.describe(group)["state"], len(c.describe(group)["members"])))
    for i in ids:
        c.leave_old(group, i)
    group = g("full5")
    pending = [c.join(group)["error"] for _ in range(5)]
    show("pending members are not counted", pending)

    section("a static member comes back while the group prepares")
    group = g("sp")
    a, b, ra, rb, ia, ib = stable_static_group(group)
    rejoin = k.Later(a.join, group, member=ra["member"], instance=ia)
    time.sleep(0.2)
    show("state", c.describe(group)["state"])
    back = k.Later(b.join, group, instance=ib)
    rj, rk = rejoin.get(), back.get()
    name(rk["member"], "FOLLOWER2")
    show("leader", sorted_members(rj))
    show("follower", rk)
    show("old id", b.heartbeat(group, 2, rb["member"], ib))

    section("a static member comes back while the group completes")
    group = g("sc")
    a, b, ra, rb, ia, ib = static_group(group)
    waits = k.Later(b.sync, group, 1, rb["member"], (), ib)
    time.sleep(0.2)
    other = connect("b2")
    back = k.Later(other.join, group, instance=ib)
    show("the old sync", waits.get())
    show("leader's heartbeat", a.heartbeat(group, 1, ra["member"], ia))
    show("leader's sync", a.sync(group, 1, ra["member"], [(ra["member"], b"L")], ia))
    rj = a.join(group, member=ra["member"], instance=ia)
    rk = back.get()
    name(rk["member"], "FOLLOWER2")
    show("leader", sorted_members(rj))
    show("follower", rk)

    section("the leader comes back while the group completes")
    group = g("sl")
    a, b, ra, rb, ia, ib = static_group(group)
    waits = k.Later(b.sync, group, 1, rb["member"], (), ib)
    time.sleep(0.2)
    back = k.Later(connect("a2").join, group, instance=ia)
    show("the follower's sync", waits.get())
    rj = b.join(group, member=rb["member"], instance=ib)
    rk = back.get()
    name(rk["member"], "LEADER2")
    show("follower", rj)
    show("leader", sorted_members(rk))

    section("a static member changes the group's protocol")
    group = g("pr")
    both = [("range", k.subscription(["t"])), ("other", k.subscription(["t"]))]
    a, b, ra, rb, ia, ib = stable_static_group(group, protocols=(both, both))
    show("chosen", ra["protocol"])
    back = k.Later(b.join, group, instance=ib, protocols=list(reversed(both)))
    time.sleep(0.3)
    show("as many votes as before: waits", back.waits())
    if not back.waits():
        name(back.get()["member"], "FOLLOWER2")
        show("its answer", back.get())
    only = [("other", k.subscription(["t"]))]
    lone = k.Later(connect("b3").join, group, instance=ib, protocols=only)
    time.sleep(0.3)
    show("state", c.describe(group)["state"])
    rj = a.join(group, member=ra["member"], instance=ia, protocols=both)
    rk = lone.get()
    name(rk["member"], "FOLLOWER3")
    show("leader", sorted_members(rj))
    show("follower", rk)
    show("no common protocol", c.join(group, instance="i3", protocols=[("range", b"")]))

    section("a static member changes its topics")
    group = g("tp")
    a, b, ra, rb, ia, ib = stable_static_group(group)
    back = b.join(group, instance=ib, protocols=[("range", k.subscription(["u"]))])
    name(back["member"], "FOLLOWER2")
    show("back", back)
    show("state", c.describe(group)["state"])
    show("offset delete of the new topic", c.delete_offsets(group, "u", [0]))
    show("commit of the new id", b.commit(group, [("t", 0, 3, -1, "")], 1, back["member"], ib))

    section("static members outlive a rebalance that they miss")
    group = g("so")
    a, b, ra, rb, ia, ib = stable_static_group(group, rebalance=1000, session=6000)
    rj = a.join(group, member=ra["member"], instance=ia, rebalance=1000, session=6000)
    show("leader", sorted_members(rj))
    show("the other's heartbeat", b.heartbeat(group, 2, rb["member"], ib))
    show("the other's heartbeat with its generation", b.heartbeat(group, 1, rb["member"], ib))
    show("members", len(c.describe(group)["members"]))
    c.leave(group, [("", ia), ("", ib)])

    section("a follower does not sync")
    group = g("fs")
    a, b, ra, rb = two_members(group, rebalance=1000, session=10000)
    show("leader", a.sync(group, 1, ra["member"], [(ra["member"], b"L"), (rb["member"], b"F")]))
    show("state", c.describe(group)["state"])
    until = time.time() + 10
    while c.describe(group)["state"] == "Stable" and time.time() < until:
        time.sleep(0.1)
    show("state", c.describe(group)["state"])
    show("follower's heartbeat", b.heartbeat(group, 1, rb["member"]))
    show("leader's heartbeat", a.heartbeat(group, 1, ra["member"]))
    show("leader's commit", a.commit(group, [("t", 0, 1, -1, "")], 1, ra["member"]))
    show("leader's join", sorted_members(a.join(group, member=ra["member"], version=3, rebalance=1000)))

    section("assignments for strangers, and none")
    group = g("as")
    a, b, ra, rb = two_members(group)
    sb = k.Later(b.sync, group, 1, rb["member"])
    show("leader", a.sync(group, 1, ra["member"], [("stranger", b"S"), (ra["member"], b"L"), (ra["member"], b"L2")]))
    show("follower", sb.get())
    show("assignments of a stable group are not taken", a.sync(group, 1, ra["member"], [(ra["member"], b"new")]))
    show("follower's sync again", b.sync(group, 1, rb["member"]))

    section("other kinds of groups")
    group = g("connect")
    j = c.join(group, kind="connect", protocols=[("default", b"x")], version=3)
    name(j["member"], "WORKER")
    show("sync", c.sync(group, 1, j["member"], [(j["member"], b"w")]))
    show("commit", c.commit(group, [("t", 0, 1, -1, "")], 1, j["member"]))
    show("offset delete", c.delete_offsets(group, "t", [0]))
    show("offset delete, no such partition", c.delete_offsets(group, "t", [9]))
    show("leave", c.leave_old(group, j["member"]))
    show("offset delete", c.delete_offsets(group, "t", [0]))
    group = g("unread")
    j = c.join(group, protocols=[("range", b"\x00")], version=3)
    name(j["member"], "UNREAD")
    show("sync", c.sync(group, 1, j["member"], [(j["member"], b"w")]))
    show("commit", c.commit(group, [("t", 0, 1, -1, "")], 1, j["member"]))
    show("offset delete when nobody knows the topics", c.delete_offsets(group, "t", [0]))
    c.leave_old(group, j["member"])

    section("an empty group takes members of any kind")
    group = g("kind")
    j = c.join(group, kind="connect", protocols=[("default", b"x")], version=3)
    c.leave_old(group, j["member"])
    show("described", c.describe(group))
    j = c.join(group, version=3)
    show("joined", (j["error"], j["generation"], j["protocol"]))
    show("described", (c.describe(group)["state"], c.describe(group)["type"]))
    c.leave_old(group, j["member"])

    section("commits")
    group = g("co")
    show("the same partition twice", {p for _, ps in c.commit(group, [("t", 0, 1, -1, "a"), ("t", 0, 2, -1, "b")]) for p in ps})
    show("fetched", c.fetch(group, [("t", [0])]))
    show("nothing", c.commit(group, []))
    show("a topic and no such topic", c.commit(group, [("t", 0, 3, 5, "a"), ("nope", 0, 3, 5, "a"), ("t", 9, 3, 5, "a")]))
    show("too large and not", c.commit(group, [("t", 0, 4, 5, "x" * 4097), ("t", 1, 4, 5, "ok")]))
    show("fetched", c.fetch(group, [("t", [0, 1])]))
    show("a negative generation", c.commit(group, [("t", 0, 5, -1, "")], -7, "m"))
    show("fetched", c.fetch(group, [("t", [0])]))

    section("offsets of clients before 0.9")
    group = g("zk")
    show("v0", c.commit_v0(group, "t", 0, 7, "m"))
    show("v0, no such topic", c.commit_v0(group, "nope", 0, 7, "m"))
    show("v0, metadata too large", c.commit_v0(group, "t", 1, 7, "x" * 4097))
    show("v0, metadata of 4096 two-byte characters", c.commit_v0(group, "t", 1, 8, "é" * 4096))
    show("v0 fetched", c.fetch_old(group, [("t", [0, 1, 9]), ("nope", [0]), ("u", [0])], 0))
    show("they are not where v1 looks", c.fetch_old(group, [("t", [0]), ("nope", [0])], 1))
    show("v1", c.commit_v1(group, "t", 0, 9, -1, "m"))
    show("v1 with a time", c.commit_v1(group, "t", 1, 10, 1_700_000_000_000, "m"))
    show("v1 of a member that is none", c.commit_v1(group, "t", 0, 11, -1, "m", 1, "x"))
    show("v1 fetched", c.fetch_old(group, [("t", [0, 1, 9])], 1))
    show("v0 fetched", c.fetch_old(group, [("t", [0])], 0))


if __name__ == "__main__":
    main()
