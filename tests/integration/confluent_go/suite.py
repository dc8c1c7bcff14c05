"""confluent-kafka-go (librdkafka inside): topic teste, delivery reports, three partitions."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('confluent-go', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.go('confluent-go', suite.folder, cgo=True)


def program(name):
    def scenario(run):
        run.transcript(run.command([run.prepared, name]))
    suite.scenario(name=name, seconds=60)(scenario)


for one in ('delivery-reports', 'auto-created', 'rebalance', 'admin'):
    program(one)
