"""The group APIs over a plain socket, in every state of a classic group: what is answered, and with which error. No client library: those hide
most of it. `expected` is Apache Kafka's."""
import sys

from moldau_test.scenario import Suite

suite = Suite('group-states', broker={'num.partitions': 2, 'group.initial.rebalance.delay.ms': 1000, 'group.min.session.timeout.ms': 1000,
                                      'auto.create.topics.enable': 'true'})


@suite.scenario(seconds=180)
def every_state(run):
    """Joins, syncs, heartbeats, leaves, commits, fetches, descriptions and deletions in each state; static members; timeouts."""
    run.transcript(run.command([sys.executable, suite.folder / 'trace_groups.py', run.bootstrap], seconds=150))
