"""The scenarios of suite.py; `python program.py NAME` prints its canonical answer. DATA is the broker's log directory: its checkpoint says when a log is clean."""
import json
import os
import pathlib
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

BOOTSTRAP = os.environ['BOOTSTRAP']
DATA = pathlib.Path(os.environ['DATA'])
START = 1_700_000_000_000
admin = AdminClient({'bootstrap.servers': BOOTSTRAP})


def say(*what):
    print(json.dumps(what[0] if len(what) == 1 else what, sort_keys=True, ensure_ascii=False))


def wait(done, what, seconds=40):
    end = time.time() + seconds
    while not done():
        if time.time() > end:
            sys.exit(f'{what}: not within {seconds} s')
        time.sleep(0.1)


def create(topic, **config):
    settings = {'cleanup.policy': 'compact', 'segment.bytes': 1000, **{key.replace('_', '.'): str(value) for key, value in config.items()}}
    admin.create_topics([NewTopic(topic, 1, 1, config=settings)])[topic].result(30)


def alter(kind, name, **values):
    resource = ConfigResource(kind, name, incremental_configs=[ConfigEntry(key.replace('_', '.'), str(value), incremental_operation=AlterConfigOpType.SET)
                                                               for key, value in values.items()])
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def produce(topic, records, at=START):
    """Each record is a batch of its own, so that segments are the same on every broker."""
    p = Producer({'bootstrap.servers': BOOTSTRAP, 'linger.ms': 0})
    for number, (key, value) in enumerate(records):
        p.produce(topic, key=key, value=value, timestamp=at + number)
        if p.flush(30):
            sys.exit('not delivered')


def segments(folder):
    return sorted(int(file.name[:20]) for file in folder.glob('*.log'))


def is_clean(name):
    file = DATA / 'cleaner-offset-checkpoint'
    if not file.exists():
        return False
    lines = [line.split() for line in file.read_text().splitlines()[2:]]
    done = {f'{topic}-{partition}': int(offset) for topic, partition, offset in lines}
    return done.get(name) == segments(DATA / name)[-1]


def cleaned(topic):
    wait(lambda: is_clean(f'{topic}-0'), f'{topic} is clean')


def left(topic):
    """[offset, key, value] of every record that a consumer sees."""
    c = Consumer({'bootstrap.servers': BOOTSTRAP, 'group.id': 'reader', 'enable.auto.commit': False, 'enable.partition.eof': True})
    c.assign([TopicPartition(topic, 0, 0)])
    found = []
    while True:
        m = c.poll(30)
        if m is None:
            sys.exit('no end of the partition')
        if m.error():
            break
        found.append([m.offset(), m.key().decode(), m.value().decode() if m.value() is not None else None])
    c.close()
    return found


def latest():
    create('latest')
    produce('latest', [(f'key-{i % 7}', f'value {i} ' + 'x' * 50) for i in range(200)])
    cleaned('latest')
    for record in left('latest'):
        say(record)
    produce('latest', [(f'key-{i % 3}', f'again {i} ' + 'x' * 50) for i in range(60)])
    cleaned('latest')
    say(left('latest')[:8])


def tombstones():
    create('tombstones', delete_retention_ms=0)
    produce('tombstones', [('gone', 'x' * 50), ('kept', 'y' * 50), ('gone', None)])
    # Rounds enough that a tombstone gets its horizon in one pass and goes in a later one.
    for turn in range(4):
        produce('tombstones', [(f'fill-{i % 2}', f'{turn}' + 'f' * 80) for i in range(20)], START + 1000 * turn)
        cleaned('tombstones')
        time.sleep(0.05)
    say([record for record in left('tombstones') if record[1] in ('gone', 'kept')])


def policy():
    """Delete becomes compact, and back; the cleaner's own settings change at run time."""
    create('policy', cleanup_policy='delete', retention_ms=-1)
    produce('policy', [(f'key-{i % 4}', f'value {i} ' + 'x' * 50) for i in range(80)])
    time.sleep(0.6)
    say(len(left('policy')))
    alter(ResourceType.BROKER, '0', log_cleaner_threads=2)
    alter(ResourceType.TOPIC, 'policy', cleanup_policy='compact')
    cleaned('policy')
    say([offset for offset, _, _ in left('policy')])
    alter(ResourceType.BROKER, '0', log_cleaner_threads=1)
    alter(ResourceType.TOPIC, 'policy', cleanup_policy='delete')
    produce('policy', [('key-0', 'not compacted ' + 'x' * 50) for _ in range(30)])
    time.sleep(0.6)
    say(len(left('policy')))


def delete_too():
    """compact,delete: old segments go too."""
    create('both', cleanup_policy='compact,delete', retention_ms=3_600_000)
    produce('both', [(f'old-{i}', 'x' * 60) for i in range(40)])
    now = int(time.time() * 1000)
    produce('both', [(f'new-{i}', 'y' * 60) for i in range(40)], now)
    wait(lambda: all(key.startswith('new') or offset > 30 for offset, key, _ in left('both')), 'the old ones are gone')
    cleaned('both')
    say([record[1] for record in left('both') if record[1].startswith('new')])


def commit():
    create('input', cleanup_policy='delete')
    produce('input', [('k', 'v')])
    c = Consumer({'bootstrap.servers': BOOTSTRAP, 'group.id': 'committer', 'enable.auto.commit': False})
    for offset in range(300):
        c.commit(offsets=[TopicPartition('input', 0, offset)], asynchronous=False)
    c.close()
    folder = DATA / '__consumer_offsets-0'
    wait(lambda: is_clean('__consumer_offsets-0'), 'the offsets are clean')
    size = sum(file.stat().st_size for file in folder.glob('*.log'))
    say('small' if size < 10_000 else size)
    committed()


def committed():
    c = Consumer({'bootstrap.servers': BOOTSTRAP, 'group.id': 'committer', 'enable.auto.commit': False})
    say([p.offset for p in c.committed([TopicPartition('input', 0)], timeout=30)])
    c.close()


{'latest': latest, 'tombstones': tombstones, 'policy': policy, 'delete-too': delete_too, 'commit': commit, 'committed': committed}[sys.argv[1]]()
