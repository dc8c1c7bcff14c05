"""between.py LIBRARY write|read TOPIC [CODEC]: records with nulls, empty values and headers, for readers of other libraries."""
import json
import os
import sys

LIBRARY, ACTION, TOPIC, CODEC = (sys.argv + ['none'])[1:5]
BOOTSTRAP = os.environ['BOOTSTRAP']
COUNT = 6
RECORDS = [(None, 'no key', []), ('key', 'olá ' * 300, [('h', b'1'), ('h', b'2'), ('', b'no name')]), ('tombstone', None, [('null', None)]), ('', '', [('empty', b'')]),
           ('k' * 200, 'long key', []), ('last', 'z' * 5000, [('ã', 'ç'.encode())])]


def raw(text):
    return None if text is None else text.encode()


def show(partition, offset, key, value, headers):
    text = [None if part is None else part.decode() for part in (key, value)]
    print(json.dumps([partition, offset, text[0], text[1] and text[1][:10], len(text[1] or ''), [[k, None if v is None else bytes(v).decode()] for k, v in headers or []]], ensure_ascii=False))


def confluent():
    from confluent_kafka import Consumer, Producer, TopicPartition
    if ACTION == 'write':
        p = Producer({'bootstrap.servers': BOOTSTRAP, 'compression.type': CODEC, 'linger.ms': 100})
        for key, value, headers in RECORDS:
            p.produce(TOPIC, raw(value), raw(key), partition=0, headers=headers)
        if p.flush(20):
            sys.exit('not flushed')
        return
    c = Consumer({'bootstrap.servers': BOOTSTRAP, 'group.id': 'between', 'check.crcs': True})
    c.assign([TopicPartition(TOPIC, 0, 0)])
    for m in c.consume(COUNT, 20):
        show(m.partition(), m.offset(), m.key(), m.value(), m.headers())
    c.close()


def kafka_python():
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    if ACTION == 'write':
        p = KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=None if CODEC == 'none' else CODEC, linger_ms=100)
        for key, value, headers in RECORDS:
            p.send(TOPIC, raw(value), raw(key), partition=0, headers=[(k, v or b'') for k, v in headers])     # this library knows no null
        p.flush(20)
        p.close()
        return
    c = KafkaConsumer(bootstrap_servers=BOOTSTRAP, consumer_timeout_ms=20000, check_crcs=True)
    c.assign([TopicPartition(TOPIC, 0)])
    c.seek_to_beginning()
    for _, m in zip(range(COUNT), c):
        show(m.partition, m.offset, m.key, m.value, m.headers)
    c.close()


{'confluent': confluent, 'kafka-python': kafka_python}[LIBRARY]()
