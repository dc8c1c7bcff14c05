"""load.py produce TOPIC FILE | read TOPIC | commit TOPIC | committed TOPIC: the clients of the kill -9 scenarios.

produce numbers its records 0, 1, 2... in each of two partitions and appends `partition number offset` to FILE for each
acknowledged one, until SIGTERM; then it flushes. It is idempotent and never gives a record up. PAUSE: seconds after each twenty records."""
import json
import os
import signal
import sys
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

ACTION, TOPIC = sys.argv[1], sys.argv[2]
BOOTSTRAP = os.environ['BOOTSTRAP']
PAUSE = float(os.environ.get('PAUSE', 0.002))
COMMON = {'bootstrap.servers': BOOTSTRAP, 'reconnect.backoff.ms': 20, 'reconnect.backoff.max.ms': 200}


def produce():
    stop, problems = [], []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    out = open(sys.argv[3], 'a', buffering=1)

    def delivered(error, m):
        if error is not None:
            problems.append(str(error))
        else:
            out.write('%d %d %d\n' % (m.partition(), int(m.value().split()[0]), m.offset()))

    def errors(error):
        print(error, flush=True)
        if error.fatal():
            problems.append('fatal: %s' % error)
    p = Producer({**COMMON, 'enable.idempotence': True, 'message.timeout.ms': 0, 'retry.backoff.ms': 20, 'linger.ms': 2, 'batch.num.messages': 200,
                  'queue.buffering.max.messages': 5000, 'error_cb': errors})
    numbers = [0, 0]
    while not stop and not problems:
        for partition in (0, 1):
            p.produce(TOPIC, b'%d %s' % (numbers[partition], b'x' * 80), partition=partition, on_delivery=delivered)
            numbers[partition] += 1
        p.poll(0)
        if numbers[0] % 10 == 0:
            time.sleep(PAUSE)
        while len(p) > 4000 and not stop and not problems:
            p.poll(0.05)
    left = p.flush(45)
    out.close()
    if problems or left:
        sys.exit('problems: %s; not delivered: %d' % (problems[:3], left))


def read():
    c = Consumer({**COMMON, 'group.id': 'reader-%s' % TOPIC, 'enable.auto.commit': False, 'enable.partition.eof': True, 'isolation.level': 'read_committed',
                  'fetch.wait.max.ms': 50, 'check.crcs': True})
    c.assign([TopicPartition(TOPIC, p, 0) for p in (0, 1)])
    found, ended, end = {0: [], 1: []}, set(), time.time() + 60
    while len(ended) < 2:
        if time.time() > end:
            sys.exit('not read within a minute')
        for m in c.consume(1000, 0.2):
            if m.error() is None:
                found[m.partition()].append([m.offset(), int(m.value().split()[0])])
            elif m.error().code() == KafkaError._PARTITION_EOF:
                ended.add(m.partition())
            else:
                print(m.error(), file=sys.stderr)
    c.close()
    print(json.dumps(found))


def commit():
    a = AdminClient(COMMON)
    a.create_topics([NewTopic(TOPIC, 3, 1, config={'retention.ms': '123456789'})])[TOPIC].result(20)
    p = Producer(COMMON)
    for i in range(30):
        p.produce(TOPIC, b'%d' % i, partition=i % 3)
    p.flush(20)
    c = Consumer({**COMMON, 'group.id': 'survivors', 'enable.auto.commit': False})
    c.commit(offsets=[TopicPartition(TOPIC, n, 3 + n, 'note %d' % n) for n in range(3)], asynchronous=False)
    c.close()


def committed():
    c = Consumer({**COMMON, 'group.id': 'survivors', 'enable.auto.commit': False, 'auto.offset.reset': 'error'})
    for tp in c.committed([TopicPartition(TOPIC, n) for n in range(3)], 20):
        print(tp.partition, tp.offset, tp.metadata)
    c.assign([TopicPartition(TOPIC, n, 3 + n) for n in range(3)])
    got, end = [], time.time() + 20
    while len(got) < 18 and time.time() < end:
        m = c.poll(0.2)
        if m is not None and m.error() is None:
            got.append((m.partition(), m.offset(), int(m.value())))
    print(sorted(got))
    c.close()
    resource = ConfigResource(ResourceType.TOPIC, TOPIC)
    a = AdminClient(COMMON)
    print(a.describe_configs([resource])[resource].result(20)['retention.ms'].value)


{'produce': produce, 'read': read, 'commit': commit, 'committed': committed}[ACTION]()
