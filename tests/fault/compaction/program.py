"""What suite.py runs: `create`; `write FILE ROUND` until it is killed; `check FILE`. FILE gets a line "key value" for each acknowledged record."""
import os
import pathlib
import random
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BOOTSTRAP = os.environ['BOOTSTRAP']
TOPIC, PARTITIONS, KEYS = 'table', 4, 60


def create():
    config = {'cleanup.policy': 'compact', 'segment.bytes': '4000', 'file.delete.delay.ms': '100'}
    admin = AdminClient({'bootstrap.servers': BOOTSTRAP})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1, config=config)])[TOPIC].result(30)


def write(file, turn):
    """Values of a key rise over all rounds, so that a later one is told from an earlier one."""
    codec = random.choice(('none', 'lz4', 'zstd'))
    p = Producer({'bootstrap.servers': BOOTSTRAP, 'enable.idempotence': True, 'linger.ms': 1, 'compression.codec': codec})
    with open(file, 'a', buffering=1) as out:
        def told(error, message):
            if error is None:
                out.write(f'{message.key().decode()} {message.value().decode().split()[0]}\n')
        number = int(turn) * 10_000_000
        while True:
            number += 1
            key = random.randrange(KEYS)
            p.produce(TOPIC, key=f'key-{key}', value=f'{number} ' + 'x' * 60, partition=key % PARTITIONS, on_delivery=told)
            p.poll(0)
            if number % 50 == 0:
                p.flush(10)


def check(file):
    acknowledged = {}
    path = pathlib.Path(file)
    for line in path.read_text().splitlines() if path.exists() else []:
        words = line.split()
        if len(words) == 2 and words[1].isdigit():      # the last line may be cut off
            acknowledged[words[0]] = max(int(words[1]), acknowledged.get(words[0], -1))
    c = Consumer({'bootstrap.servers': BOOTSTRAP, 'group.id': 'checker', 'enable.auto.commit': False, 'enable.partition.eof': True})
    c.assign([TopicPartition(TOPIC, p, 0) for p in range(PARTITIONS)])
    found, ends, last = {}, 0, {}
    while ends < PARTITIONS:
        m = c.poll(30)
        if m is None:
            sys.exit('no end of the partitions')
        if m.error():
            ends += 1
            continue
        if m.offset() <= last.get(m.partition(), -1):
            sys.exit(f'offset {m.offset()} of partition {m.partition()} comes after {last[m.partition()]}')
        last[m.partition()] = m.offset()
        found[m.key().decode()] = int(m.value().decode().split()[0])
    c.close()
    for key, value in acknowledged.items():
        if found.get(key, -1) < value:
            sys.exit(f'{key}: {value} was acknowledged, {found.get(key)} is there')
    print(len(acknowledged), 'keys')


{'create': create, 'write': write, 'check': check}[sys.argv[1]](*sys.argv[2:])
