"""program.py fill | more ROUND | state | resume | make | made | wait | big | dump TOPIC: the clients of the takeover scenarios.

fill makes the topics, writes keyed records and commits offsets; more does the like once again; state prints all of it as JSON: topics with their ids, every record
(of the compacted topic the last one of each key; of the transactional one what each isolation level shows), the committed offsets. fill leaves a transaction open;
resume is its producer once more: the coordinator must know it, end what is open, and take one transaction more. make makes a topic late, made prints what is of it;
wait ends when the broker knows its topics; big makes a topic that takes a while to copy, dump prints how many records one with one partition has, and their digest."""
import hashlib
import json
import os
import sys
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

COMMON = {'bootstrap.servers': os.environ['BOOTSTRAP'], 'reconnect.backoff.ms': 20, 'reconnect.backoff.max.ms': 200}
TOPICS = {'orders': 2, 'table': 1, 'payments': 1}
TRANSACTIONAL = {**COMMON, 'transactional.id': 'payer', 'transaction.timeout.ms': 900000}
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
                                NewTopic('payments', 1, 1), NewTopic('doomed', 3, 1), NewTopic('load', 2, 1)])
    for future in made.values():
        future.result(120)
    write(1)
    pay()
    admin.delete_topics(['doomed'])['doomed'].result(60)


def pay():
    """A committed, an aborted and an open transaction, and behind them a record of none."""
    payer = Producer(TRANSACTIONAL)
    payer.init_transactions(60)
    for what in ('committed', 'aborted', 'open'):
        payer.begin_transaction()
        for i in range(10):
            payer.produce('payments', key=f'{i}', value=what)
        if payer.flush(60):
            sys.exit('the payments are not delivered')
        if what == 'committed':
            payer.commit_transaction(60)
        elif what == 'aborted':
            payer.abort_transaction(60)
    plain = Producer(COMMON)
    plain.produce('payments', value='plain')
    if plain.flush(60):
        sys.exit('the plain payment is not delivered')


def resume():
    payer = Producer(TRANSACTIONAL)
    payer.init_transactions(60)
    payer.begin_transaction()
    payer.produce('payments', value='resumed')
    payer.commit_transaction(60)
    print(json.dumps([value for _, _, _, value in records('payments', 1, 'read_committed')[0]]))


def records(topic, partitions, isolation='read_uncommitted'):
    consumer = Consumer({**COMMON, 'group.id': 'reader', 'isolation.level': isolation, 'enable.auto.commit': False, 'enable.partition.eof': True, 'auto.offset.reset': 'earliest', 'check.crcs': True})
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


def fill_topic(topic, values):
    """Values with their partitions, each of which must be delivered."""
    problems = []  # batches must fit into the segments, which are small here
    producer = Producer({**COMMON, 'batch.size': 100000})
    for value, partition in values:
        producer.produce(topic, value=value, partition=partition, on_delivery=lambda error, _: error is None or problems.append(str(error)))
        producer.poll(0)
    if producer.flush(60) or problems:
        sys.exit(f'{topic} is not written: {problems[:3]}')


def make():
    admin = AdminClient(COMMON)
    admin.create_topics([NewTopic('late', 2, 1, config={'retention.ms': '7200000'})])['late'].result(60)
    fill_topic('late', [(f'{i}', i % 2) for i in range(20)])


def big():
    admin = AdminClient(COMMON)
    admin.create_topics([NewTopic('big', 1, 1)])['big'].result(60)
    described(admin, ['big'])  # librdkafka gives up what it has for a topic that the broker does not know yet
    fill_topic('big', [(f'{i} ' + 'v' * 300, 0) for i in range(20000)])  # some fetches' worth: a throttled move stays behind after the first


def made():
    admin = AdminClient(COMMON)
    topic = described(admin, ['late'])['late']
    configs = admin.describe_configs([ConfigResource(ResourceType.TOPIC, 'late')])
    configured = next(iter(configs.values())).result(60)['retention.ms'].value
    print(json.dumps([str(topic.topic_id), configured, records('late', 2)]))


def described(admin, names):
    """The topics; Apache Kafka opens its port before its controller has told it of them."""
    end = time.time() + 120
    while True:
        try:
            return {name: future.result(30) for name, future in admin.describe_topics(TopicCollection(names)).items()}
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART or time.time() > end:
                raise
            time.sleep(0.2)


def state():
    admin = AdminClient(COMMON)
    out = {'topics': {}, 'records': {}}
    for name, topic in described(admin, list(TOPICS)).items():
        out['topics'][name] = [str(topic.topic_id).translate(str.maketrans('+/', '-_')), len(topic.partitions)]  # as Kafka writes it
    for name, partitions in TOPICS.items():
        out['records'][name] = records(name, partitions)
    out['records']['table'] = {key: [offset, timestamp, value] for offset, timestamp, key, value in out['records']['table'][0]}
    out['records']['payments'] = [out['records']['payments'], records('payments', 1, 'read_committed')]
    committed = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP)])[GROUP].result(120).topic_partitions
    out['committed'] = sorted([p.topic, p.partition, p.offset, p.metadata] for p in committed)
    print(json.dumps(out))


if sys.argv[1] == 'fill':
    fill()
elif sys.argv[1] == 'more':
    write(int(sys.argv[2]))
elif sys.argv[1] == 'resume':
    resume()
elif sys.argv[1] == 'make':
    make()
elif sys.argv[1] == 'made':
    made()
elif sys.argv[1] == 'big':
    big()
elif sys.argv[1] == 'dump':
    described(AdminClient(COMMON), [sys.argv[2]])
    found = records(sys.argv[2], 1)[0]
    print(len(found), hashlib.sha256(json.dumps(found).encode()).hexdigest())
elif sys.argv[1] == 'wait':
    described(AdminClient(COMMON), ['load'])
else:
    state()
