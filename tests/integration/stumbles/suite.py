"""What users of a single broker stumble over: topics that come into being under racing clients, are deleted and made again, grow; groups that many join at once;
records larger than what was asked for; idle connections; restarts; what web interfaces ask; records that travel between client libraries."""
import json
import urllib.request

from moldau_test import install, oracle, process
from moldau_test.scenario import Suite

VERSION = '3.9.2'
LIBRARIES = ('confluent', 'kafka-python', 'kafkajs')
# What each library can compress; kafkajs reads no more than that either.
CODECS = {'confluent': ('none', 'gzip', 'snappy', 'lz4', 'zstd'), 'kafka-python': ('none', 'gzip', 'snappy', 'lz4', 'zstd'), 'kafkajs': ('none', 'gzip')}


def prepare():
    libs = oracle.client_libs(VERSION)
    java = suites[0].folder.parent / 'java'
    sources = [java / f'{name}.java' for name in ('Classic', 'Modern', 'Newest')] + [suites[0].folder / f'{name}.java' for name in ('Stumbles', 'UserInterfaces')]
    return {'java': [oracle.java(), *oracle.JVM_SMALL, '-cp', f"{install.javac('stumbles', sources, libs)}:{libs}/*"],
            'confluent': install.python('confluent-kafka', ['confluent-kafka==2.11.1']),
            'kafka-python': install.python('kafka-python-3.0.12', ['kafka-python==3.0.12', 'lz4', 'python-snappy', 'zstandard']),
            'node': install.node('kafkajs', ['kafkajs@2.2.4'])}


def words(run, library, name):
    """The command of a scenario's program."""
    return {'java': [*run.prepared['java'], 'Stumbles', name], 'confluent': [run.prepared['confluent'], '-u', suites[0].folder / 'stumbles.py', name],
            'kafkajs': ['node', suites[0].folder / 'stumbles.js', name]}[library]


def program(suite, library, name, seconds=90):
    def scenario(run):
        run.transcript(run.command(words(run, library, name), NODE_PATH=run.prepared['node'], KAFKAJS_NO_PARTITIONER_WARNING=1))
    suite.scenario(seconds=seconds, name=f'{library}-{name}')(scenario)


plain = Suite('stumbles', broker={'num.partitions': 1})
strict = Suite('stumbles-strict', broker={'num.partitions': 1, 'auto.create.topics.enable': 'false', 'group.max.size': 2})
impatient = Suite('stumbles-idle', broker={'num.partitions': 1, 'connections.max.idle.ms': 2000})
restarts = Suite('stumbles-restart', broker={'num.partitions': 1}, own_broker=True)
suites = [plain, strict, impatient, restarts]
for one in suites:
    one.prepare(prepare)

for name in ('auto-creation-race', 'consumer-before-topic', 'large-records', 'out-of-range', 'seek-to-time', 'more-partitions', 'many-consumers-range',
             'many-consumers-cooperative', 'slow-consumer', 'producer-errors', 'many-partitions', 'long-poll'):
    program(plain, 'java', name)
for name in ('rebalance-under-load', 'more-partitions', 'pattern'):
    program(plain, 'confluent', name)
for name in ('first-sends', 'rebalance-under-load'):
    program(plain, 'kafkajs', name)
# A topic that is deleted must not come back by itself.
program(strict, 'java', 'recreated-topic')
program(strict, 'confluent', 'recreated-topic')
program(strict, 'java', 'deleted-topic-offsets')
program(strict, 'java', 'group-limits')
for library in ('java', 'confluent', 'kafkajs'):
    program(impatient, library, 'idle')


@plain.scenario()
def user_interfaces(run):
    run.transcript(run.command([*run.prepared['java'], 'UserInterfaces']))


def between(run, library, action, topic, codec='none'):
    if library == 'kafkajs':
        return run.command(['node', suites[0].folder / 'between.js', action, topic, codec], NODE_PATH=run.prepared['node'], KAFKAJS_NO_PARTITIONER_WARNING=1)
    return run.command([run.prepared[library], suites[0].folder / 'between.py', library, action, topic, codec])


def travels(writer):
    """What one library writes, in every codec that it knows, the others read."""
    def scenario(run):
        for codec in CODECS[writer]:
            topic = f'between-{writer}-{codec}'
            between(run, writer, 'write', topic, codec)
            for reader in LIBRARIES:
                if codec in CODECS[reader]:
                    run.transcript(f'{writer} {codec} -> {reader}\n{between(run, reader, "read", topic)}')
    plain.scenario(name=f'{writer}-to-others', seconds=150)(scenario)


for one in LIBRARIES:
    travels(one)


@plain.scenario(only='moldau')
def lag_in_metrics(run):
    """The lag of a group without members is there without any exporter."""
    run.command(words(run, 'confluent', 'lag'))

    def lag():
        with urllib.request.urlopen(f'http://127.0.0.1:{run.broker.http_port}/metrics', timeout=5) as answer:
            return [line.rsplit(' ', 1)[1] for line in answer.read().decode().splitlines() if line.startswith('kafka_consumergroup_lag{') and 'rd-lag-g' in line]
    process.wait_until(lambda: lag() == ['5'], 15, f'the lag of five records: {lag()}', every=0.2)


def answers(client):
    """The JSON lines among what a client in the background has printed."""
    return [json.loads(line) for line in client.log.read_text(errors='replace').splitlines() if line[:1] in ('{', '[', '"')]


def restart(library, how):
    """Clients stay connected over a stop and a kill of the broker."""
    def scenario(run):
        broker = run.start_broker()
        client = run.spawn(words(run, library, 'restart'), 'client.log', BOOTSTRAP=broker.bootstrap, NODE_PATH=run.prepared['node'], KAFKAJS_NO_PARTITIONER_WARNING=1)
        process.wait_until(lambda: answers(client) == ['running'] or not client.alive(), 60, 'the client runs')
        getattr(broker, how)()
        broker.start()
        (run.dir / 'restarted').touch()
        run.same(client.wait(run.seconds_left()), 0, 'exit code of the client')
        run.transcript(json.dumps(answers(client)[-1]))
    restarts.scenario(name=f'{library}-{how}', seconds=120)(scenario)


for library in ('confluent', 'kafkajs'):
    for how in ('stop', 'kill'):
        restart(library, how)
