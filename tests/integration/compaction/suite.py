"""Compacted topics as clients see them: what is left, tombstones, policies and settings that change, and the groups' own topic."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('compaction', broker={'num.partitions': 1, 'log.cleaner.backoff.ms': 150, 'log.cleaner.min.cleanable.ratio': 0.01, 'log.initial.task.delay.ms': 100,
                                    'offsets.topic.num.partitions': 1, 'offsets.topic.segment.bytes': 2000, 
'log.segment.delete.delay.ms': 1000})


@suite.prepare
def prepare():
    return install.python('confluent-kafka', ['confluent-kafka==2.11.1'])


suite.programs('latest', 'tombstones', 'policy', 'delete-too', words=lambda run: [run.prepared, suite.folder / 'program.py'],
               env=lambda run: {'DATA': run.broker.log_dir}, seconds=90)


@suite.scenario(seconds=120)
def offsets(run):
    """Hundreds of commits become a few; after a restart the group goes on from the last one."""
    words = [run.prepared, suite.folder / 'program.py']
    run.transcript(run.command([*words, 'commit'], DATA=run.broker.log_dir))
    run.broker.restart()
    run.transcript(run.command([*words, 'committed'], DATA=run.broker.log_dir))
