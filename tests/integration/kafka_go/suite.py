"""segmentio/kafka-go."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('kafka-go', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.go('kafka-go', suite.folder)


suite.programs('produce-consume', 'codecs', 'group', 'admin', 'conn')
