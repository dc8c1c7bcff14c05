"""segmentio/kafka-go."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('kafka-go', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.go('kafka-go', suite.folder)


def program(name):
    def scenario(run):
        run.transcript(run.command([run.prepared, name]))
    suite.scenario(name=name, seconds=60)(scenario)


for one in ('produce-consume', 'codecs', 'group', 'admin', 'conn'):
    program(one)
