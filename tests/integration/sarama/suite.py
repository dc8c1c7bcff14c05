"""sarama (IBM), the Go client of most older services."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('sarama', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.go('sarama', suite.folder)


suite.programs('produce-consume', 'versions', 'codecs', 'idempotent', 'group', 'admin')
