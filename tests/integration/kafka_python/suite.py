"""kafka-python of three generations: 3.0.12, 2.0.2 (2020, still the one in most requirements.txt) and 1.4.7 (2019)."""
from moldau_test import install
from moldau_test.scenario import Suite

NAMES = ('user-events', 'consumer-api', 'commit', 'codecs', 'admin', 'configs', 'errors', 'two-members', 'times', 'old-formats', 'iterate')


def make(version):
    suite = Suite(f'kafka-python-{version}', broker={'num.partitions': 1})

    @suite.prepare
    def prepare():
        return install.python(f'kafka-python-{version}', [f'kafka-python=={version}', 'lz4', 'python-snappy', 'zstandard'])

    for name in NAMES:
        def scenario(run, name=name):
            run.transcript(run.command([run.prepared, suite.folder / 'program.py', name]))
        suite.scenario(name=name, seconds=90)(scenario)
    suite.expected = version
    return suite


suites = [make(version) for version in ('3.0.12', '2.0.2', '1.4.7')]
