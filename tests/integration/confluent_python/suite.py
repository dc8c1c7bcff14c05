"""confluent-kafka for Python (a current librdkafka): delivery reports, groups, the admin client."""
from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('confluent-python', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    return install.python('confluent-kafka', ['confluent-kafka==2.11.1'])


def program(name):
    def scenario(run):
        run.transcript(run.command([run.prepared, suite.folder / 'program.py', name]))
    suite.scenario(name=name, seconds=60)(scenario)


for one in ('delivery-reports', 'codecs', 'commit', 'idempotent', 'seek-and-offsets', 'cooperative', 'errors', 'admin-topics', 'admin-configs', 'admin-groups'):
    program(one)
