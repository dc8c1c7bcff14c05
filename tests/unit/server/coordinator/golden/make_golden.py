#!/usr/bin/env python3
"""Makes consumer_offsets.log and consumer_offsets.facts: a partition of __consumer_offsets as Apache Kafka 3.9.2 writes it.

    make_golden.py start   a broker of the peer (../shared/peer) with one partition of __consumer_offsets, the scenario, the copy

The facts (`key value` lines) hold what differs from run to run: member ids, times. The test has the rest.
"""

import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../../../integration/group_states"))
import kafka_raw as k  # noqa: E402 - from there

PEER = os.environ.get("PEER", "/work/shared/peer")
PORT, ZK = 23292, 23281
RUN = os.environ.setdefault("PEER_RUN", "/tmp/coord-golden-peer")


def peer(*args):
    subprocess.run([os.path.join(PEER, args[0]), *args[1:]], check=True, timeout=120)


def connect(client_id):
    return k.Client("127.0.0.1", PORT, client_id)


def wait_for_coordinator(c, key, kind=0):
    for _ in range(100):
        if c.find_coordinator(key, kind)["error"] == 0:
            return
        time.sleep(0.2)
    raise RuntimeError("no coordinator")


def retried(f, *args, **kw):
    """Transactions answer 51, 14, 15, 16 while they are not ready."""
    for _ in range(100):
        r = f(*args, **kw)
        code = r[0] if isinstance(r, tuple) else r
        if isinstance(code, int) and code in (14, 15, 16, 51):
            time.sleep(0.1)
            continue
        return r
    raise RuntimeError(f"{f} keeps failing: {r}")


def scenario():
    facts = {}
    c = connect("admin")
    for _ in range(100):
        if all(t[0] == 0 for t in c.metadata(["t", "u"])):
            break
        time.sleep(0.2)
    wait_for_coordinator(c, "simple")
    while c.fetch("simple", None)["error"] != 0:
        time.sleep(0.1)

    # simple consumer: offsets only, one overwritten
    answer = c.commit("simple", [("t", 0, 5, 0, ""), ("t", 1, 6, -1, "metadata é"), ("u", 0, 7, 3, None)])
    assert {(t, p, e) for t, ps in answer for p, e in ps} == {("t", 0, 0), ("t", 1, 0), ("u", 0, 0)}, answer
    c.commit("simple", [("t", 0, 50, 1, "again")])
    # a client of 2016 that sets a retention
    c.commit_with_retention("retained", "t", 0, 11, "old", 3_600_000)

    # two members, one static; commits of a member
    a, b = connect("client-a"), connect("client-b")
    first = a.join("classic")
    assert first["error"] == 79, first
    facts["dynamic"] = first["member"]
    protocols_b = [("roundrobin", k.subscription(["t"])), ("range", k.subscription(["t", "u"], b"ud", 1))]
    join_a = k.Later(a.join, "classic", member=first["member"], session=7000, rebalance=8000)
    join_b = k.Later(b.join, "classic", instance="static-1", protocols=protocols_b)
    ja, jb = join_a.get(), join_b.get()
    assert ja["error"] == 0 and jb["error"] == 0, (ja, jb)
    facts["static"] = jb["member"]
    facts["leader"] = ja["leader"]
    plan = [(ja["member"], b"assignment-a"), (jb["member"], b"")]
    leads_a = ja["leader"] == ja["member"]
    sync_a = k.Later(a.sync, "classic", ja["generation"], ja["member"], plan if leads_a else ())
    sync_b = k.Later(b.sync, "classic", jb["generation"], jb["member"], () if leads_a else plan, "static-1")
    assert sync_a.get()["assignment"] == b"assignment-a" and sync_b.get()["error"] == 0
    a.commit("classic", [("t", 0, 100, 0, "m"), ("t", 1, 101, 0, "")], ja["generation"], ja["member"])

    # a group that came and went, its offsets deleted with it
    g = connect("client-g")
    gone = g.join("gone", member=g.join("gone")["member"])
    g.sync("gone", gone["generation"], gone["member"], [(gone["member"], b"x")])
    g.commit("gone", [("u", 0, 9, -1, "")], gone["generation"], gone["member"])
    g.leave("gone", [(gone["member"], None)])
    assert g.delete(["gone"]) == [("gone", 0)]

    # a group that is empty now and keeps its offsets
    e = connect("client-e")
    empty = e.join("empty", member=e.join("empty")["member"])
    e.sync("empty", empty["generation"], empty["member"], [(empty["member"], b"y")])
    e.commit("empty", [("t", 1, 33, 2, "kept")], empty["generation"], empty["member"])
    e.leave("empty", [(empty["member"], None)])
    # one offset deleted
    c.commit("partial", [("t", 0, 1, -1, ""), ("t", 1, 2, -1, "")])
    assert c.delete_offsets("partial", "t", [0])["topics"] == [("t", [(0, 0)])]

    # transactional commits: committed, aborted, open
    for name, end in (("committed", True), ("aborted", False), ("open", None)):
        x = connect("client-x")
        wait_for_coordinator(x, "tx-" + name, 1)
        error, producer, epoch = retried(x.init_producer, "tx-" + name)
        assert error == 0, error
        assert retried(x.add_offsets, "tx-" + name, producer, epoch, "txn") == 0
        part = {"committed": 0, "aborted": 1, "open": 1}[name]
        assert x.txn_commit("tx-" + name, "txn", producer, epoch, "t", part, 1000 + part, name) == [("t", [(part, 0)])]
        facts["producer_" + name] = producer
        if end is not None:
            assert x.end_txn("tx-" + name, producer, epoch, end) == 0
            time.sleep(1)
    time.sleep(1)
    return facts


def main():
    peer("zookeeper", "start", "--port", str(ZK))
    try:
        peer("kafka", "start", "--id", "8", "--port", str(PORT), "--zk", f"127.0.0.1:{ZK}", "-o", "offsets.topic.num.partitions=1",
             "-o", "transaction.state.log.num.partitions=1", "-o", "num.partitions=2", "-o", "group.initial.rebalance.delay.ms=500")
        facts = scenario()
        # killed, so that the members are still in their group
        peer("kafka", "kill", "--id", "8")
        log = os.path.join(RUN, "kafka-8/data/__consumer_offsets-0/00000000000000000000.log")
        shutil.copyfile(log, os.path.join(HERE, "consumer_offsets.log"))
        with open(os.path.join(HERE, "consumer_offsets.facts"), "w", encoding="utf-8") as f:
            for key, value in facts.items():
                f.write(f"{key} {value}\n")
        print(os.path.getsize(log), "bytes", facts)
    finally:
        peer("kafka", "wipe", "--id", "8")
        peer("zookeeper", "wipe", "--port", str(ZK))


if __name__ == "__main__":
    sys.exit(main())
