"""sarama (IBM), the Go client of most older services."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('sarama', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.go('sarama', suite.folder)


def program(name):
    def scenario(run):
        run.transcript(run.command([run.prepared, name]))
    suite.scenario(name=name, seconds=60)(scenario)


for one in ('produce-consume', 'versions', 'codecs', 'idempotent', 'group', 'admin'):
    program(one)
