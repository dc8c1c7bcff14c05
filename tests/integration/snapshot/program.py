"""program.py group | committed | continue TOPIC: clients of the snapshot scenarios.

group reads topic load all the while and commits what it has read, until SIGTERM; committed prints its offsets as JSON; continue writes one record to a topic's first
partition as the first of a new producer, and prints its offset."""
import json
import os
import signal
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition

COMMON = {'bootstrap.servers': os.environ['BOOTSTRAP'], 'reconnect.backoff.ms': 20, 'reconnect.backoff.max.ms': 200}
GROUP = {**COMMON, 'group.id': 'watchers', 'enable.auto.commit': False, 'auto.offset.reset': 'earliest'}


def group():
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    consumer = Consumer(GROUP)
    consumer.subscribe(['load'])
    while not stop:
        if any(m.error() is None for m in consumer.consume(50, 0.05)):
            done = consumer.commit(asynchronous=False)
            print(len(done), flush=True)
    consumer.close()


def committed():
    consumer = Consumer(GROUP)
    for _ in range(100):
        found = consumer.committed([TopicPartition('load', p) for p in (0, 1)], 20)
        if not any(p.error for p in found):
            break
        time.sleep(0.1)
    else:
        sys.exit(f'no committed offsets: {found}')
    print(json.dumps({p.partition: p.offset for p in found}))
    consumer.close()


def go_on():
    offsets = []
    producer = Producer({**COMMON, 'enable.idempotence': True})
    producer.produce(sys.argv[2], b'1000000000 after', partition=0, on_delivery=lambda error, m: offsets.append(error or m.offset()))
    if producer.flush(30) or not isinstance(offsets[0], int):
        sys.exit(f'not delivered: {offsets}')
    print(offsets[0])


{'group': group, 'committed': committed, 'continue': go_on}[sys.argv[1]]()
