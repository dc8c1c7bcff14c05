"""The scenarios of suite.py; `python program.py NAME` prints its canonical answer."""
import json
import os
import sys
import time

from confluent_kafka import (OFFSET_BEGINNING, OFFSET_END, Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType)

BOOTSTRAP = os.environ['BOOTSTRAP']


def say(*what):
    print(json.dumps(what[0] if len(what) == 1 else what, sort_keys=True, ensure_ascii=False))


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def producer(**options):
    return Producer({'bootstrap.servers': BOOTSTRAP, **{k.replace('_', '.'): v for k, v in options.items()}})


def consumer(group, *topics, **options):
    c = Consumer({'bootstrap.servers': BOOTSTRAP, 'group.id': group, 'auto.offset.reset': 'earliest',
                  **{k.replace('_', '.'): v for k, v in options.items()}})
    if topics:
        c.subscribe(list(topics))
    return c


def read(c, count, seconds=30):
    got, end = [], time.time() + seconds
    while len(got) < count:
        check(time.time() < end, '%d of %d' % (len(got), count))
        m = c.poll(0.2)
        if m is None:
            continue
        check(m.error() is None, m.error())
        got.append(m)
    return got


def write(topic, count, **options):
    p = producer(**options)
    for i in range(count):
        p.produce(topic, b'v%d' % i, b'k%d' % i)
    check(p.flush(30) == 0, 'flush')


def outcome(futures):
    """Error names of the futures of an admin call, sorted by key."""
    said = {}
    for key, future in futures.items():
        try:
            future.result(30)
            said[str(key)] = 'ok'
        except KafkaException as error:
            said[str(key)] = error.args[0].name()
    return said


def admin():
    return AdminClient({'bootstrap.servers': BOOTSTRAP})


def create(topic, partitions=1, **configs):
    a = admin()     # lives until its futures are done
    say(outcome(a.create_topics([NewTopic(topic, partitions, 1, config={k.replace('_', '.'): v for k, v in configs.items()})])))


def delivery_reports():
    reports = []
    p = producer()
    for i in range(10):
        p.produce('teste', ('mensagem %d' % i).encode(), key=b'chave', headers=[('n', b'%d' % i)], on_delivery=lambda e, m: reports.append((e, m)))
    check(p.flush(30) == 0, 'flush')
    for error, m in reports:
        say(str(error) if error else None, m.topic(), m.partition(), m.offset(), m.timestamp()[0], m.value().decode())
    c = consumer('teste-g', 'teste')
    for m in read(c, 10):
        say(m.offset(), m.key().decode(), m.value().decode(), [[k, v.decode()] for k, v in m.headers()], m.leader_epoch())
    c.close()


def codecs():
    for codec in ('none', 'gzip', 'snappy', 'lz4', 'zstd'):
        values = [codec.encode() * 500 + b'%d' % i for i in range(200)]
        p = producer(compression_type=codec, linger_ms=20)
        for v in values:
            p.produce('cf-' + codec, v)
        p.flush(30)
        c = consumer('cf-%s-g' % codec, 'cf-' + codec, check_crcs=True)
        got = read(c, 200)
        check([m.value() for m in got] == values and [m.offset() for m in got] == list(range(200)), codec)
        c.close()
        say(codec, len(got))


def commit():
    write('cf-commit', 20)
    tp = TopicPartition('cf-commit', 0)
    c = consumer('cf-commit-g', 'cf-commit', enable_auto_commit=False)
    got = read(c, 6)
    say([o.offset for o in c.commit(message=got[5], asynchronous=False)])
    say(c.committed([tp], 10)[0].offset, c.position([tp])[0].offset)
    c.close()
    c = consumer('cf-commit-g', 'cf-commit', enable_auto_commit=False)
    say(read(c, 1)[0].offset())
    c.commit(offsets=[TopicPartition('cf-commit', 0, 12, 'note')], asynchronous=False)
    found = c.committed([tp], 10)[0]
    say(found.offset, found.metadata)
    c.close()
    c = consumer('cf-commit-g', 'cf-commit', enable_auto_commit=True, auto_commit_interval_ms=100)
    say([m.offset() for m in read(c, 8)])
    c.close()
    c = consumer('cf-commit-g')
    say(c.committed([tp], 10)[0].offset)
    c.close()


def idempotent():
    reports = []
    p = producer(enable_idempotence=True, batch_num_messages=100, linger_ms=1)
    for i in range(20000):
        p.produce('cf-idempotent', b'%d' % i, on_delivery=lambda e, m: reports.append((e, m.offset())))
        p.poll(0)
    check(p.flush(60) == 0, 'flush')
    check(reports == [(None, i) for i in range(20000)], 'reports')
    c = consumer('cf-idempotent-g', 'cf-idempotent')
    check([int(m.value()) for m in read(c, 20000)] == list(range(20000)), 'values')
    c.close()
    say('in order')


def seek_and_offsets():
    write('cf-seek', 30)
    tp = TopicPartition('cf-seek', 0)
    c = consumer('cf-seek-g')
    say(c.get_watermark_offsets(tp, 10))
    c.assign([TopicPartition('cf-seek', 0, 25)])
    say([m.offset() for m in read(c, 5)])
    c.seek(TopicPartition('cf-seek', 0, 3))
    say(read(c, 1)[0].offset())
    c.pause([tp])
    c.seek(TopicPartition('cf-seek', 0, OFFSET_BEGINNING))
    say(c.poll(0.5) is None)
    c.resume([tp])
    say(read(c, 1)[0].offset())
    say([o.offset for o in c.offsets_for_times([TopicPartition('cf-seek', 0, 0)], 10)], [o.offset for o in c.offsets_for_times([TopicPartition('cf-seek', 0, 4000000000000)], 10)] == [OFFSET_END])
    c.assign([TopicPartition('cf-seek', 0, OFFSET_END)])
    say(c.poll(0.5) is None)
    c.close()


def cooperative():
    create('cf-coop', 4)
    members = [consumer('cf-coop-g', 'cf-coop', partition_assignment_strategy='cooperative-sticky', session_timeout_ms=10000, heartbeat_interval_ms=300) for _ in range(2)]
    end = time.time() + 40
    while [len(c.assignment()) for c in members] != [2, 2]:
        check(time.time() < end, 'shared')
        for c in members:
            c.poll(0.1)
    members[0].close()
    while len(members[1].assignment()) != 4:
        check(time.time() < end, 'taken over')
        members[1].poll(0.1)
    say('taken over')
    members[1].close()


def first_error(c):
    end = time.time() + 15
    while time.time() < end:
        m = c.poll(0.2)
        if m is not None and m.error():
            return m.error().name()
    return None


def errors():
    write('cf-errors', 1)
    reports = []
    p = producer(message_max_bytes=5000000)
    p.produce('cf-errors', b'x' * 2000000, on_delivery=lambda e, m: reports.append(e.name()))
    try:        # refused at once when the metadata is there already
        p.produce('cf-errors', b'y', partition=9, on_delivery=lambda e, m: reports.append(e.name()))
    except KafkaException as error:
        reports.append(error.args[0].name())
    p.flush(20)
    say(sorted(reports))
    c = consumer('cf-errors-g', auto_offset_reset='error')
    c.assign([TopicPartition('cf-errors', 0, 1000)])
    say(first_error(c))
    c.close()
    c = consumer('cf-errors-g2', 'cf-no-such-topic-here', allow_auto_create_topics=False)
    say(first_error(c))
    c.close()


def admin_topics():
    a = admin()
    say(outcome(a.create_topics([NewTopic('cf-a', 3, 1), NewTopic('cf-b', 1, 1, config={'cleanup.policy': 'compact'}), NewTopic('cf-rf', 1, 4), NewTopic('cf bad', 1, 1),
                                 NewTopic('cf-cfg', 1, 1, config={'nope': 'x'})])))
    say(outcome(a.create_topics([NewTopic('cf-a', 3, 1)])))
    say(outcome(a.create_topics([NewTopic('cf-v', 3, 1)], validate_only=True)))
    say(outcome(a.create_partitions([NewPartitions('cf-a', 5)])), outcome(a.create_partitions([NewPartitions('cf-a', 2)])))
    meta = a.list_topics('cf-a', timeout=10).topics['cf-a']
    say(len(meta.partitions), meta.partitions[0].leader, meta.partitions[0].isrs)
    say('cf-v' in a.list_topics(timeout=10).topics)
    cluster = a.describe_cluster().result(10)
    say(len(cluster.cluster_id), cluster.controller.id, [n.id for n in cluster.nodes])
    write('cf-b', 5)
    say({str(tp.partition): r.result(10).offset for tp, r in a.list_offsets({TopicPartition('cf-b', 0): OffsetSpec.latest()}).items()})
    for before in (3, -1, 99):
        for tp, future in a.delete_records([TopicPartition('cf-b', 0, before)]).items():
            try:
                say(tp.partition, future.result(10).low_watermark)
            except KafkaException as error:
                say(tp.partition, error.args[0].name())
    say(outcome(a.delete_topics(['cf-a', 'cf-b', 'cf-nope'])))


def admin_configs():
    create('cf-config', 1, retention_ms='5000')
    a = admin()
    topic = ConfigResource(ResourceType.TOPIC, 'cf-config')

    def show(*keys):
        entries = a.describe_configs([topic])[topic].result(10)
        for k in keys:
            e = entries[k]
            say(e.name, e.value, e.source, e.is_read_only, e.is_default, e.is_sensitive, sorted(s.name for s in e.synonyms.values()))
    show('retention.ms', 'cleanup.policy', 'max.message.bytes')
    for op, value in ((AlterConfigOpType.SET, '7000'), (AlterConfigOpType.DELETE, None), (AlterConfigOpType.SET, 'x')):
        change = ConfigResource(ResourceType.TOPIC, 'cf-config', incremental_configs=[ConfigEntry('retention.ms', value, incremental_operation=op)])
        say(list(outcome(a.incremental_alter_configs([change])).values()))
        show('retention.ms')
    broker = ConfigResource(ResourceType.BROKER, '0')
    entries = a.describe_configs([broker])[broker].result(10)
    say({k: [entries[k].value, entries[k].is_read_only] for k in ('log.retention.hours', 'num.io.threads', 'broker.id', 'message.max.bytes')})


def admin_groups():
    write('cf-groups', 3)
    a = admin()
    c = consumer('cf-groups-g', 'cf-groups', client_id='cf')
    read(c, 3)
    c.commit(asynchronous=False)
    d = a.describe_consumer_groups(['cf-groups-g'])['cf-groups-g'].result(10)
    say(d.group_id, d.state.name, d.partition_assignor, d.is_simple_consumer_group, [[m.client_id, m.host, [tp.partition for tp in m.assignment.topic_partitions]] for m in d.members])
    say([[g.group_id, g.state.name] for g in a.list_consumer_groups().result(10).valid if g.group_id == 'cf-groups-g'])
    say(outcome(a.delete_consumer_groups(['cf-groups-g'])))
    c.close()
    d = a.describe_consumer_groups(['cf-groups-g'])['cf-groups-g'].result(10)
    say(d.state.name, len(d.members))
    change = ConsumerGroupTopicPartitions('cf-groups-g', [TopicPartition('cf-groups', 0, 1)])
    say([tp.offset for tp in a.alter_consumer_group_offsets([change])['cf-groups-g'].result(10).topic_partitions])
    say([tp.offset for tp in a.list_consumer_group_offsets([ConsumerGroupTopicPartitions('cf-groups-g')])['cf-groups-g'].result(10).topic_partitions])
    say(outcome(a.delete_consumer_groups(['cf-groups-g'])), outcome(a.delete_consumer_groups(['cf-groups-g'])))


SCENARIOS = {'delivery-reports': delivery_reports, 'codecs': codecs, 'commit': commit, 'idempotent': idempotent, 'seek-and-offsets': seek_and_offsets,
             'cooperative': cooperative, 'errors': errors, 'admin-topics': admin_topics, 'admin-configs': admin_configs, 'admin-groups': admin_groups}
SCENARIOS[sys.argv[1]]()
