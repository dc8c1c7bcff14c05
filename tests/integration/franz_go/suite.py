"""franz-go: the Go client that knows every API."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('franz-go', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.go('franz-go', suite.folder)


suite.programs('produce-consume', 'codecs', 'group', 'idempotent', 'admin', 'positions')
