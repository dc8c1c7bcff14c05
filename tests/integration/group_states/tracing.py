"""What the traces share: names that differ from run to run are replaced, answers printed, groups brought into a state.

    trace_X.py 127.0.0.1:9092
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


def wait_until_served(c, topics):
    """Topics are there, and all partitions of __consumer_offsets are loaded."""
    while not all(t[0] == 0 for t in c.metadata(topics)):
        time.sleep(0.2)
    while c.find_coordinator("x")["error"] != 0 or c.fetch("x", None)["error"] != 0:
        time.sleep(0.2)
    for i in range(20):
        while c.fetch(g(f"probe{i}"), None)["error"] != 0:
            time.sleep(0.1)


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
