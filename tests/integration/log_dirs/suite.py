"""Several log directories: placement, AlterReplicaLogDirs, DescribeLogDirs, and moves under load. `expected` is Apache Kafka's."""
import shutil
import sys

from moldau_test import install, oracle
from moldau_test.scenario import Suite

suite = Suite('log-dirs', own_broker=True)
VERSION = '3.9.2'
NAMES = ('one', 'two', 'three')


@suite.prepare
def prepare():
    libs = oracle.client_libs(VERSION)
    classes = install.javac('moves-under-load', [suite.folder / 'MovesUnderLoad.java'], libs)
    return f'{classes}:{libs}/*'


def start(run):
    folders = [run.dir / name for name in NAMES]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return folders, run.start_broker({'log.dirs': ','.join(map(str, folders)), 'auto.create.topics.enable': 'false', 'log.segment.bytes': 4096})


def trace(name):
    def scenario(run):
        folders, broker = start(run)
        run.transcript(run.command([sys.executable, suite.folder / 'trace_dirs.py', broker.bootstrap, name, *folders]))
    suite.scenario(name=name, seconds=120)(scenario)


for one in ('answers', 'placement', 'move', 'describe'):
    trace(one)


@suite.scenario(seconds=150)
def moves_under_load(run):
    folders, broker = start(run)
    run.transcript(run.command([oracle.java(), *oracle.JVM_SMALL, '-cp', run.prepared, 'MovesUnderLoad', *folders], BOOTSTRAP=broker.bootstrap))
