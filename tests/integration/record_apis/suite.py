"""The record APIs over a plain socket: odd requests to Produce, Fetch with sessions, ListOffsets, OffsetForLeaderEpoch and DeleteRecords, answered field by
field. No client library: those never send most of it. `expected` is Apache Kafka's."""
import shutil
import sys

from moldau_test.scenario import Suite

suite = Suite('record-apis', broker={'auto.create.topics.enable': 'false'})


def trace(name):
    def scenario(run):
        run.transcript(run.command([sys.executable, suite.folder / 'trace_records.py', run.bootstrap, name]))
    suite.scenario(name=name, seconds=90)(scenario)


for one in ('produce', 'repeats', 'fetch', 'sessions', 'offsets', 'odd_reads', 'odd_writes', 'odd_lists', 'odd_configs'):
    trace(one)


@suite.scenario(name='lost-directory', seconds=150)
def lost_directory(run):
    """KIP-112: a log directory that cannot be written any more costs its partitions, not the broker."""
    folders = [run.dir / 'one', run.dir / 'two']
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    broker = run.start_broker({'log.dirs': ','.join(map(str, folders)), 'replica.high.watermark.checkpoint.interval.ms': 500})
    told = run.command([sys.executable, suite.folder / 'trace_records.py', broker.bootstrap, 'two_dirs'])
    (folders[1] / 'replication-offset-checkpoint.tmp').mkdir()
    run.transcript(told + run.command([sys.executable, suite.folder / 'trace_records.py', broker.bootstrap, 'lost_dir']))
    run.check(broker.alive(), 'the broker is gone')
