"""confluent-kafka for Python (a current librdkafka): delivery reports, groups, the admin client."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('confluent-python', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.python('confluent-kafka', ['confluent-kafka==2.11.1'])


suite.programs('delivery-reports', 'codecs', 'commit', 'idempotent', 'seek-and-offsets', 'cooperative', 'errors', 'admin-topics', 'admin-configs', 'admin-groups',
               words=lambda run: [run.prepared, suite.folder / 'program.py'])
