"""kafkajs 2.2, as a Node.js beginner and an operator's script use it."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('kafkajs', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.node('kafkajs', ['kafkajs@2.2.4'])


suite.programs('basic', 'each-batch', 'gzip', 'seek-pause', 'keys', 'timestamps', 'idempotent', 'acks', 'too-large', 'two-consumers',
               'admin-topics', 'admin-configs', 'admin-offsets', 'admin-groups', 'resume',
               words=lambda run: ['node', suite.folder / 'program.js'],
               env=lambda run: {'NODE_PATH': run.prepared, 'KAFKAJS_NO_PARTITIONER_WARNING': 1})
