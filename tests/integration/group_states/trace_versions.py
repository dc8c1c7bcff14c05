#!/usr/bin/env python3
"""The group APIs in the last versions of Apache Kafka 3.9: fields that older versions don't have, several groups at once, filters.

    trace_versions.py 127.0.0.1:9092

The broker as for trace_groups.py.
"""

import time

import kafka_flexible as f
import kafka_raw as k
from tracing import HOST, PORT, RUN, connect, g, make_stable, name, section, show, wait_until_served


def flexible(client_id="flex"):
    return f.Client(HOST, int(PORT), client_id)


def mine(listed):
    return {"error": listed["error"], "groups": [x for x in listed["groups"] if RUN in x[0] and "probe" not in x[0]]}


def main():
    wait_until_served(connect(), ["t", "u"])
    c = flexible()

    section("errors name no protocol")
    show("join", c.join(g("n"), member="m"))
    show("join v7", c.join(g("n"), member="m", version=7))
    show("join v6", c.join(g("n"), member="m", version=6))
    show("sync", c.sync(g("n"), 1, "m"))
    show("sync without protocol", c.sync(g("n"), 1, "m", kind=None, protocol=None))
    show("sync without name", c.sync(g("n"), 1, "m", protocol=None))
    show("sync v4", c.sync(g("n"), 1, "m", version=4))
    show("leave", c.leave(g("n"), [("m", None), ("", "i")], "no reason"))
    show("leave, empty group", c.leave("", [("m", None)]))
    show("heartbeat", c.heartbeat(g("n"), 1, "m"))

    section("a member id is required")
    group = g("d")
    first = c.join(group, reason="to see")
    name(first["member"], "MEMBER")
    show("first join", first)
    show("described", c.describe([group]))
    show("listed", mine(c.list()))
    show("commit with the pending id", c.commit(group, "t", 0, 1, -1, first["member"]))
    show("second join", c.join(group, member=first["member"]))
    show("sync of another type", c.sync(group, 1, first["member"], kind="connect"))
    show("sync of another protocol", c.sync(group, 1, first["member"], protocol="roundrobin"))
    show("sync", c.sync(group, 1, first["member"], [(first["member"], b"mine")]))
    show("described with operations", c.describe([group, g("none")], True))
    for states, types in (((), ()), (("Stable",), ()), (("stable", "EMPTY"), ()), (("nonsense",), ()), ((), ("classic",)), ((), ("Classic",)),
                          ((), ("consumer",)), ((), ("nonsense",)), (("Empty",), ("classic", "consumer"))):
        show(f"listed {states} {types}", mine(c.list(states, types)))
    show("listed v4", mine(c.list(("Stable",), version=4)))
    show("listed v3", mine(c.list(version=3)))

    section("a pending member leaves")
    group = g("p")
    one = flexible("one").join(group, instance="s1")
    name(one["member"], "STATIC")
    show("a static member", one)
    pending = c.join(group)
    name(pending["member"], "PENDING")
    rejoin = k.Later(flexible("one").join, group, member=one["member"], instance="s1", protocols=[("range", k.subscription(["t", "u"]))], rebalance=60000)
    time.sleep(0.5)
    show("its next join waits for the pending member", rejoin.waits())
    show("who leaves", c.leave(group, [(pending["member"], None)]))
    one = rejoin.get()
    show("the static member", one)
    show("leaves again", c.leave(group, [(pending["member"], None)]))
    show("joins with its id", c.join(group, member=pending["member"]))

    section("a static leader comes back")
    show("its sync", c.sync(group, 2, one["member"], [(one["member"], b"s")], "s1"))
    back = c.join(group, instance="s1")
    name(back["member"], "STATIC2")
    show("v9: leads, but does not assign", back)
    show("its sync", c.sync(group, 2, back["member"], (), "s1"))
    again = c.join(group, instance="s1", version=8)
    name(again["member"], "STATIC3")
    show("v8: does not know that it leads", again)
    show("joins with its id", c.join(group, member=again["member"], instance="s1"))
    show("leave", c.leave(group, [("", "s1")], "done"))

    section("offsets of several groups")
    a, b = g("a"), g("b")
    show("commit", [c.commit(x, "t", p, 10 + p) for x in (a, b) for p in (0, 1)])
    show("fetch", c.fetch([(a, None), (b, [("t", [1, 5])]), (g("none"), [("t", [0])]), (g("none2"), None)]))
    show("fetch v9", c.fetch([(a, [("t", [0]), ("nope", [0])])], True, version=9))
    show("fetch of no topics", c.fetch([(a, [])]))
    show("fetch v7", c.fetch_one(a, [("t", [0])], True))
    show("fetch v6", c.fetch_one(a, None, version=6))
    show("commit v9, no such topic", c.commit(a, "nope", 0, 1, version=9))
    show("delete", c.delete([a, b, a, g("none"), ""]))

    section("coordinators")
    keys = [g("one"), "", g("one"), g("two")]
    found = c.find(keys)
    show("several", [(x[0], x[1] >= 0, x[2] == HOST, x[3] > 0, x[4], x[5]) for x in found])
    show("none", c.find([]))
    show("of another kind", c.find([g("one"), g("two")], 7))
    show("one of another kind", c.find([g("one")], 7, version=3))
    found = c.find([g("one")], version=3)
    show("one", (found[0], found[1], found[2] >= 0, found[3] == HOST, found[4] > 0))

    section("described at once")
    la, lb, ra, rb = make_stable(g("st"))
    described = c.describe([g("st"), g("none"), ""])
    show("states", [(x[0], x[1], x[2], x[3], x[4], sorted((m[2], m[3], m[5]) for m in x[5]), x[6]) for x in described])


if __name__ == "__main__":
    main()
