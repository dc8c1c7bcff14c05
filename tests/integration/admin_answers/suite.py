"""The admin APIs for topics and configurations through the Java client: every answer, every error and its message. `expected` is Apache Kafka's."""
from moldau_test import install, oracle
from moldau_test.scenario import Suite

suite = Suite('admin-answers', broker={'num.partitions': 1, 'broker.id': 0})
VERSION = '3.9.2'
SECTIONS = ('create', 'describe', 'partitions', 'configs', 'alter', 'broker', 'delete', 'acls')


@suite.prepare
def prepare():
    libs = oracle.client_libs(VERSION)
    classes = install.javac('admin-answers', [suite.folder / 'AdminAnswers.java'], libs)
    return f'{classes}:{libs}/*'


def add(section):
    def scenario(run):
        run.transcript(run.command([oracle.java(), *oracle.JVM_SMALL, '-cp', run.prepared, 'AdminAnswers', section]))
    suite.scenario(name=section)(scenario)


for name in SECTIONS:
    add(name)
