"""confluent-kafka-go (librdkafka inside): topic teste, delivery reports, three partitions."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('confluent-go', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.go('confluent-go', suite.folder, cgo=True)


suite.programs('delivery-reports', 'auto-created', 'rebalance', 'admin')
