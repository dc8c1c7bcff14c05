"""many.py create | produce FILE | check FILE STATE: the clients of the loops of kill -9, with topics of all kinds.

produce writes to every topic by an idempotent producer of its own and appends `topic partition number offset` to FILE for each acknowledged record, until SIGTERM; then it
flushes. Numbers rise by one in each partition. check reads what came since the last check (positions in STATE): every number once, in order, without a hole, the acknowledged
ones at their offsets. Of the compacted topic it reads all: the last acknowledged number of each key, or a later one, is there."""
import json
import os
import pathlib
import signal
import sys
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BOOTSTRAP = os.environ['BOOTSTRAP']
COMMON = {'bootstrap.servers': BOOTSTRAP, 'reconnect.backoff.ms': 10, 'reconnect.backoff.max.ms': 50}
PARTITIONS, KEYS = 3, 40
TABLE = 'table'
# name: (codec, configuration)
TOPICS = {
    'plain': ('none', {}),
    'tiny': ('lz4', {'segment.bytes': 3000, 'index.interval.bytes': 300}),
    'zipped': ('zstd', {'segment.bytes': 20000, 'flush.messages': 1}),
    TABLE: ('gzip', {'segment.bytes': 5000, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': 0.01, 'file.delete.delay.ms': 50}),
}


def create():
    admin = AdminClient(COMMON)
    topics = [NewTopic(name, PARTITIONS, 1, config={k: str(v) for k, v in config.items()}) for name, (_, config) in TOPICS.items()]
    for future in admin.create_topics(topics).values():
        future.result(30)


def produce(file):
    stop, problems = [], []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    out = open(file, 'a', buffering=1)

    def delivered(error, m):
        if error is not None:
            problems.append(str(error))
        else:
            out.write(f'{m.topic()} {m.partition()} {int(m.value().split()[0])} {m.offset()}\n')

    def errors(error):
        if error.fatal():
            problems.append(f'fatal: {error}')
    producers = {name: Producer({**COMMON, 'enable.idempotence': True, 'message.timeout.ms': 0, 'retry.backoff.ms': 10, 'linger.ms': 1, 'batch.num.messages': 50,
                                 'compression.codec': codec, 'queue.buffering.max.messages': 3000, 'error_cb': errors}) for name, (codec, _) in TOPICS.items()}
    number = 0
    while not stop and not problems:
        for name, p in producers.items():
            for partition in range(PARTITIONS):
                key = b'key-%d' % (number % KEYS) if name == TABLE else None
                p.produce(name, b'%d %s' % (number, b'x' * (number * 7 % 120)), key, partition, on_delivery=delivered)
            p.poll(0)
        number += 1
        time.sleep(0.004)
        while any(len(p) > 2000 for p in producers.values()) and not stop and not problems:
            for p in producers.values():
                p.poll(0.01)
    left = sum(p.flush(45) for p in producers.values())
    out.close()
    if problems or left:
        sys.exit(f'problems: {problems[:3]}; not delivered: {left}')


def read(positions):
    """{topic: {partition: [(offset, number, key)]}} from the positions to the ends."""
    c = Consumer({**COMMON, 'group.id': 'checker', 'enable.auto.commit': False, 'enable.partition.eof': True, 'isolation.level': 'read_committed', 'fetch.wait.max.ms': 20,
                  'check.crcs': True})
    wanted = [TopicPartition(name, p, positions.get(f'{name}-{p}', [0, 0])[0]) for name in TOPICS for p in range(PARTITIONS)]
    c.assign(wanted)
    found, ended, end = {name: {p: [] for p in range(PARTITIONS)} for name in TOPICS}, set(), time.time() + 90
    while len(ended) < len(wanted):
        if time.time() > end:
            sys.exit('not read within 90 s')
        for m in c.consume(1000, 0.1):
            if m.error() is None:
                found[m.topic()][m.partition()].append((m.offset(), int(m.value().split()[0]), m.key()))
            elif m.error().code() == KafkaError._PARTITION_EOF:
                ended.add((m.topic(), m.partition()))
            elif m.error().code() == KafkaError.OFFSET_OUT_OF_RANGE:
                sys.exit(f'{m.topic()}-{m.partition()}: {m.error()}')
    c.close()
    return found


def check(file, state):
    path = pathlib.Path(state)
    state = json.loads(path.read_text()) if path.exists() else {'positions': {}, 'read': 0, 'keys': {}}
    with open(file) as lines:
        lines.seek(state['read'])
        text = lines.read()
    text = text[:text.rfind('\n') + 1]      # the last line may be half written
    state['read'] += len(text)
    found = read(state['positions'])
    for line in text.splitlines():
        topic, partition, number, offset = line.split()
        if topic == TABLE:
            key = f'{partition}/key-{int(number) % KEYS}'
            state['keys'][key] = max(state['keys'].get(key, -1), int(number))
    acknowledged = {}
    for line in text.splitlines():
        topic, partition, number, offset = line.split()
        acknowledged.setdefault((topic, int(partition)), {})[int(offset)] = int(number)
    for topic, partitions in found.items():
        for partition, records in partitions.items():
            name = f'{topic}-{partition}'
            offsets = [offset for offset, _, _ in records]
            if offsets != sorted(set(offsets)):
                sys.exit(f'{name}: offsets are not in order')
            if topic == TABLE:
                last = {key.decode(): number for _, number, key in records}
                for key, number in state['keys'].items():
                    if key.startswith(f'{partition}/') and last.get(key.partition('/')[2], -1) < number:
                        sys.exit(f'{name} {key}: {number} was acknowledged, {last.get(key.partition("/")[2])} is there')
                continue
            position, expected = state['positions'].get(name, [0, 0])
            for offset, number, _ in records:
                if number != expected:
                    sys.exit(f'{name} offset {offset}: number {number} instead of {expected}')
                expected += 1
                position = offset + 1
            at = {offset: number for offset, number, _ in records}
            # What was acknowledged may have been read by the check before.
            start = state['positions'].get(name, [0, 0])[0]
            for offset, number in acknowledged.get((topic, partition), {}).items():
                if offset >= start and at.get(offset) != number:
                    sys.exit(f'{name} offset {offset}: acknowledged {number}, found {at.get(offset)}')
            state['positions'][name] = [position, expected]
    path.write_text(json.dumps(state))
    print(sum(expected for _, expected in state['positions'].values()))


{'create': create, 'produce': produce, 'check': check}[sys.argv[1]](*sys.argv[2:])
