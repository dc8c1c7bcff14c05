"""topics.py come-and-go | table: come-and-go writes a compacted topic all the while, each key's values rising, and makes and deletes topics; table prints the keys of the
compacted topic as the log has them."""
import json
import os
import signal
import sys
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

COMMON = {'bootstrap.servers': os.environ['BOOTSTRAP'], 'reconnect.backoff.ms': 20, 'reconnect.backoff.max.ms': 200}


def come_and_go():
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    admin = AdminClient(COMMON)
    admin.create_topics([NewTopic('table', 1, 1, config={'cleanup.policy': 'compact', 'segment.bytes': '20000', 'min.cleanable.dirty.ratio': '0.01'})])['table'].result(30)
    producer, passing = Producer({**COMMON, 'enable.idempotence': True, 'batch.size': 4000}), Producer(COMMON)
    number = 0
    failed = []
    while not stop:
        name = f'passing-{number}'
        admin.create_topics([NewTopic(name, 2, 1)])[name].result(30)
        for i in range(200):
            producer.produce('table', key=str(i % 10), value=f'{number} ' + 'v' * 100, on_delivery=lambda error, _: error and failed.append(error))
            passing.produce(name, value='v' * 100)
        if producer.flush(30) or failed:
            sys.exit(f'not delivered: {failed[:3]}')
        passing.flush(30)
        if number > 0:
            gone = f'passing-{number - 1}'
            admin.delete_topics([gone])[gone].result(30)
        number += 1
        print(number, flush=True)
        time.sleep(0.02)


def table():
    consumer = Consumer({**COMMON, 'group.id': 'x', 'enable.auto.commit': False, 'enable.partition.eof': True, 'check.crcs': True})
    consumer.assign([TopicPartition('table', 0, 0)])
    last, end = {}, time.time() + 30
    while time.time() < end:
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF:
                break
            sys.exit(str(message.error()))
        key, value = int(message.key()), int(message.value().split()[0])
        if value < last.get(key, -1):
            sys.exit(f'key {key}: {value} stands behind {last[key]}')
        last[key] = value
    # All keys are written together: none may have fallen behind by more than one round.
    if last and max(last.values()) - min(last.values()) > 1:
        sys.exit(f'keys have lost their newest values: {last}')
    print(json.dumps(sorted(last)))
    consumer.close()


{'come-and-go': come_and_go, 'table': table}[sys.argv[1]]()
