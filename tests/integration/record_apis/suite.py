"""The record APIs over a plain socket: odd requests to Produce, Fetch with sessions, ListOffsets, OffsetForLeaderEpoch and DeleteRecords, answered field by
field. No client library: those never send most of it. `expected` is Apache Kafka's."""
import sys

from moldau_test.scenario import Suite

suite = Suite('record-apis', broker={'auto.create.topics.enable': 'false'})


def trace(name):
    def scenario(run):
        run.transcript(run.command([sys.executable, suite.folder / 'trace_records.py', run.bootstrap, name]))
    suite.scenario(name=name, seconds=90)(scenario)


for one in ('produce', 'fetch', 'sessions', 'offsets'):
    trace(one)
