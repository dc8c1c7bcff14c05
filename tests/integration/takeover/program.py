"""program.py fill | more ROUND | state: the clients of the takeover scenarios.

fill makes the topics, writes keyed records and commits offsets; more does the like once again; state prints all of it as JSON: topics with their ids, every record
(of the compacted topic the last one of each key), the committed offsets."""
import json
import os
import sys
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

COMMON = {'bootstrap.servers': os.environ['BOOTSTRAP'], 'reconnect.backoff.ms': 20, 'reconnect.backoff.max.ms': 200}
TOPICS = {'orders': 2, 'table': 1}
GROUP = 'takers'


def write(number):
    plain, idempotent = Producer(COMMON), Producer({**COMMON, 'enable.idempotence': True})
    for i in range(300):
        plain.produce('orders', key=f'key-{i % 20}', value=f'round {number} number {i}', partition=i % 2, headers=[('round', str(number).encode())])
        idempotent.produce('table', key=f'key-{i % 7}', value=f'round {number} number {i} ' + 'v' * 100)
    left = plain.flush(60) + idempotent.flush(60)
    if left:
        sys.exit(f'{left} records are not delivered')
    consumer = Consumer({**COMMON, 'group.id': GROUP, 'enable.auto.commit': False})
    consumer.commit(offsets=[TopicPartition('orders', p, 10 * number + p, f'round {number}') for p in (0, 1)], asynchronous=False)
    consumer.close()


def fill():
    admin = AdminClient(COMMON)
    made = admin.create_topics([NewTopic('orders', 2, 1, config={'retention.ms': '3600000000'}),
                                NewTopic('table', 1, 1, config={'cleanup.policy': 'compact', 'segment.bytes': '20000', 'min.cleanable.dirty.ratio': '0.01'}),
                                NewTopic('load', 2, 1)])
    for future in made.values():
        future.result(120)
    write(1)


def records(topic, partitions):
    consumer = Consumer({**COMMON, 'group.id': 'reader', 'enable.auto.commit': False, 'enable.partition.eof': True, 'auto.offset.reset': 'earliest', 'check.crcs': True})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    found, ended, end = {p: [] for p in range(partitions)}, set(), time.time() + 120
    while len(ended) < partitions:
        if time.time() > end:
            sys.exit(f'{topic} is not read within two minutes')
        for m in consumer.consume(1000, 0.2):
            if m.error() is None:
                found[m.partition()].append([m.offset(), m.timestamp()[1], (m.key() or b'').decode(), (m.value() or b'').decode()])
            elif m.error().code() == KafkaError._PARTITION_EOF:
                ended.add(m.partition())
            else:
                print(m.error(), file=sys.stderr)
    consumer.close()
    return found


def described(admin):
    """The topics; Apache Kafka opens its port before its controller has told it of them."""
    end = time.time() + 120
    while True:
        try:
            return {name: future.result(30) for name, future in admin.describe_topics(TopicCollection(list(TOPICS))).items()}
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART or time.time() > end:
                raise
            time.sleep(0.2)


def state():
    admin = AdminClient(COMMON)
    out = {'topics': {}, 'records': {}}
    for name, topic in described(admin).items():
        out['topics'][name] = [str(topic.topic_id), len(topic.partitions)]
    for name, partitions in TOPICS.items():
        out['records'][name] = records(name, partitions)
    out['records']['table'] = {key: [offset, timestamp, value] for offset, timestamp, key, value in out['records']['table'][0]}
    committed = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP)])[GROUP].result(120).topic_partitions
    out['committed'] = sorted([p.topic, p.partition, p.offset, p.metadata] for p in committed)
    print(json.dumps(out))


if sys.argv[1] == 'fill':
    fill()
elif sys.argv[1] == 'more':
    write(int(sys.argv[2]))
else:
    state()
