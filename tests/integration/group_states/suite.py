"""The group APIs over a plain socket, in every state of a classic group: what is answered, and with which error. No client library: those hide
most of it. `expected` is Apache Kafka's."""
import os
import signal
import sys
import time

import kafka_raw
from moldau_test.scenario import Suite

suite = Suite('group-states', broker={'num.partitions': 2, 'group.initial.rebalance.delay.ms': 1000, 'group.min.session.timeout.ms': 1000,
                                      'auto.create.topics.enable': 'true', 'group.max.size': 3})


@suite.scenario(seconds=180)
def every_state(run):
    """Joins, syncs, heartbeats, leaves, commits, fetches, descriptions and deletions in each state; static members; timeouts."""
    run.transcript(run.command([sys.executable, suite.folder / 'trace_groups.py', run.bootstrap], seconds=150))


@suite.scenario(seconds=120)
def versions(run):
    """The last versions of Apache Kafka 3.9: several groups at once, filters, reasons, static leaders that skip the assignment."""
    run.transcript(run.command([sys.executable, suite.folder / 'trace_versions.py', run.bootstrap], seconds=100))


@suite.scenario(seconds=180)
def corners(run):
    """Client ids, static members that come back in each state, full groups, other kinds of groups, odd commits."""
    run.transcript(run.command([sys.executable, suite.folder / 'trace_corners.py', run.bootstrap], seconds=150))


@suite.scenario(seconds=60)
def retention(run):
    """An offset goes when its own retention is over, the others stay; a group without offsets and members is forgotten."""
    broker = run.start_broker({'offsets.retention.check.interval.ms': 500})
    run.transcript(run.command([sys.executable, suite.folder / 'trace_retention.py', broker.bootstrap], seconds=50))


@suite.scenario(seconds=60, only='moldau')
def stopped_process(run):
    """The process stands still for longer than all sessions (SIGSTOP): members whose heartbeats wait in the sockets live, the silent one is gone. Apache Kafka
    lets its timers race with its network threads here, so it has no answer to compare with."""
    broker = run.start_broker()
    host, port = broker.bootstrap.rsplit(':', 1)
    groups = [f'g{i}' for i in range(40)]
    admin = kafka_raw.Client(host, int(port))
    while any(admin.find_coordinator(g)['error'] != 0 or admin.fetch(g, None)['error'] != 0 for g in groups):
        time.sleep(0.1)

    def become_stable(group, client):
        joined = client.join(group, version=3, session=2000)
        run.same(client.sync(group, 1, joined['member'], [(joined['member'], b'a')])['error'], 0, f'sync of {group}')
        return group, client, joined['member']
    members = [m.get() for m in [kafka_raw.Later(become_stable, g, kafka_raw.Client(host, int(port))) for g in groups]]
    silent, living = members[0][0], members[1:]
    for group, client, member in living:
        run.same(client.heartbeat(group, 1, member), 0, f'heartbeat of {group}')

    os.kill(broker.pid, signal.SIGSTOP)
    try:
        time.sleep(0.3)     # until each of its threads stands
        beats = [kafka_raw.Later(client.heartbeat, group, 1, member) for group, client, member in living]
        time.sleep(5)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    run.same([b.get() for b in beats], [0] * len(beats), 'the heartbeats that waited')
    run.same([admin.describe(group)['state'] for group, _, _ in living], ['Stable'] * len(living), 'the groups that were heard')
    deadline = time.monotonic() + 10
    while admin.describe(silent)['state'] != 'Empty' and time.monotonic() < deadline:
        time.sleep(0.1)
    run.same(admin.describe(silent)['state'], 'Empty', 'the group that was not heard')


@suite.scenario(seconds=90)
def killed(run):
    """kill -9 while groups commit: after each restart what was acknowledged is there, and a member of a stable group goes on with its generation."""
    broker = run.start_broker()

    def connect():
        host, port = broker.bootstrap.rsplit(':', 1)
        return kafka_raw.Client(host, int(port), timeout=20)

    def wait_until_served(client, group):
        while client.find_coordinator(group)['error'] != 0 or client.fetch(group, None)['error'] != 0:
            time.sleep(0.05)

    groups = [f'k{i}' for i in range(8)]
    admin = connect()
    admin.metadata(['t'])
    for group in groups:
        wait_until_served(admin, group)
    while admin.commit('first', [('t', 0, 0, -1, '')]) != [('t', [(0, 0)])]:
        time.sleep(0.1)
    joined = admin.join('member', version=3, session=60000)
    admin.sync('member', 1, joined['member'], [(joined['member'], b'mine')])

    acknowledged = {group: 0 for group in groups}

    def commit_on(group):
        client = connect()
        try:
            while True:
                offset = acknowledged[group] + 1
                if client.commit(group, [('t', 0, offset, -1, 'x' * 50)]) == [('t', [(0, 0)])]:
                    acknowledged[group] = offset
        except (OSError, EOFError):
            pass                # the broker is gone

    for _ in range(4):
        before = sum(acknowledged.values())
        workers = [kafka_raw.Later(commit_on, group) for group in groups]
        deadline = time.monotonic() + 20
        while sum(acknowledged.values()) < before + 400 and time.monotonic() < deadline:
            time.sleep(0.01)
        broker.kill()
        for worker in workers:
            worker.get()
        run.check(sum(acknowledged.values()) >= before + 400, 'too few commits before the kill')
        broker.start()
        admin = connect()
        for group in groups:
            wait_until_served(admin, group)
            found = admin.fetch(group, [('t', [0])])['topics'][0][1][0][1]
            # One more may have been written and not acknowledged.
            run.check(found in (acknowledged[group], acknowledged[group] + 1), f'{group}: {acknowledged[group]} was acknowledged, {found} is there')
            acknowledged[group] = found
        wait_until_served(admin, 'member')
        run.same(admin.heartbeat('member', 1, joined['member']), 0, 'heartbeat of the member')
        run.same(admin.sync('member', 1, joined['member'])['assignment'], b'mine', 'assignment of the member')
