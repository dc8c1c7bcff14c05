"""aiokafka: the asyncio client."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('aiokafka', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.python('aiokafka', ['aiokafka==0.12.0', 'cramjam'])


def program(name):
    def scenario(run):
        run.transcript(run.command([run.prepared, suite.folder / 'program.py', name]))
    suite.scenario(name=name, seconds=60)(scenario)


for one in ('produce-consume', 'codecs', 'batch', 'commit', 'seek', 'idempotent', 'two-members', 'admin'):
    program(one)
