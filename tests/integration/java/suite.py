"""The Java client of 2017 (0.10.2), 2018 (2.0), 2025 (3.9) and 2026 (4.2): one source, compiled against each jar."""
from moldau_test import install, oracle
from moldau_test.scenario import Suite

CLASSIC = ('produce-consume', 'codecs', 'commit', 'seek', 'times', 'two-members', 'too-large', 'acks')
MODERN = ('headers', 'idempotent', 'admin-topics', 'admin-configs', 'admin-groups', 'delete-records')
NEWEST = ('cooperative', 'static-member', 'admin-offsets', 'incremental-configs', 'describe-producers')


def make(version):
    suite = Suite(f'java-{version}', broker={'num.partitions': 1})
    generation = tuple(int(n) for n in version.split('.')[:2])
    sources = ['Classic'] + (['Modern'] if generation >= (2, 0) else []) + (['Newest'] if generation >= (3, 0) else [])

    @suite.prepare
    def prepare():
        libs = oracle.client_libs(version)
        classes = install.javac(f'client-{version}', [suite.folder / f'{name}.java' for name in sources], libs)
        return f'{classes}:{libs}/*'

    def add(main, name):
        def scenario(run):
            run.transcript(run.command([oracle.java(), *oracle.JVM_SMALL, '-cp', run.prepared, main, name]))
        suite.scenario(name=name)(scenario)
    for main, names in (('Classic', CLASSIC), ('Modern', MODERN), ('Newest', NEWEST)):
        for name in names if main in sources else ():
            add(main, name)
    suite.expected = version
    return suite


suites = [make(version) for version in reversed(oracle.CLIENTS)]
