"""aiokafka: the asyncio client."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('aiokafka', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.python('aiokafka', ['aiokafka==0.12.0', 'cramjam'])


suite.programs('produce-consume', 'codecs', 'batch', 'commit', 'seek', 'idempotent', 'two-members', 'admin',
               words=lambda run: [run.prepared, suite.folder / 'program.py'])
