#!/usr/bin/env python3
"""Commits with a retention of their own (OffsetCommit v2-4), and groups of which nothing is left.

    trace_retention.py 127.0.0.1:9092

The broker: as for trace_groups.py, and offsets.retention.check.interval.ms=500.
"""

import time

from tracing import connect, g, section, show, wait_until_served


def wait_for(condition):
    until = time.time() + 15
    while not condition() and time.time() < until:
        time.sleep(0.1)


def main():
    c = connect()
    wait_until_served(c, ["t", "u"])

    section("some of a group")
    group = g("some")
    show("in an hour", c.commit_with_retention(group, "t", 0, 1, "m", 3600_000))
    show("the broker's own", c.commit_with_retention(group, "t", 1, 2, "m", -1))
    show("at once", c.commit_with_retention(group, "u", 0, 3, "m", 0))
    show("in two seconds", c.commit_with_retention(group, "u", 1, 4, "m", 2000))
    wait_for(lambda: len(c.fetch(group, None)["topics"]) == 1)
    show("left", c.fetch(group, None))
    show("the group", c.describe(group)["state"])

    section("all of a group")
    group = g("all")
    show("commit", c.commit_with_retention(group, "t", 0, 1, "m", 0))
    wait_for(lambda: c.describe(group)["state"] == "Dead")
    show("the group", c.describe(group)["state"])
    show("listed", [x for x in c.list()["groups"] if x[0] == group])
    show("a commit of a newer version stays", c.commit(group, [("t", 0, 9, -1, "")]))
    time.sleep(1.5)
    show("left", c.fetch(group, None))

    section("a member that only has an id")
    group = g("pending")
    joined = c.join(group)
    show("join", joined["error"])
    wait_for(lambda: c.describe(group)["state"] == "Dead")
    show("the group", c.describe(group)["state"])
    show("joins with its id", c.join(group, member=joined["member"])["error"])


if __name__ == "__main__":
    main()
