"""The scenarios of suite.py; `python program.py NAME` prints its canonical answer. Runs with every release from 1.4.7 on."""
import json
import logging
import os
import sys
import threading
import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import KafkaError

logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
BOOTSTRAP = os.environ['BOOTSTRAP']
VERSION = tuple(int(part) for part in kafka.__version__.split('.')[:2])


def say(*what):
    print(json.dumps(what[0] if len(what) == 1 else what, sort_keys=True, ensure_ascii=False))


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def offset_and_metadata(offset, metadata=''):
    return OffsetAndMetadata(offset, metadata, -1) if len(OffsetAndMetadata._fields) == 3 else OffsetAndMetadata(offset, metadata)


def producer(**options):
    return KafkaProducer(bootstrap_servers=[BOOTSTRAP], **options)


def consumer(*topics, **options):
    options.setdefault('auto_offset_reset', 'earliest')
    # kafka-python 3 forgets a subscription that meets its bootstrap Metadata, until the metadata is too old: 300 s by default.
    options.setdefault('metadata_max_age_ms', 5000)
    return KafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, **options)


def admin():
    return KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def write(topic, count, partition=None, prefix=b'v', **options):
    p = producer(**options)
    futures = [p.send(topic, prefix + b'%d' % i, key=b'k%d' % i, partition=partition) for i in range(count)]
    p.flush(30)
    got = [f.get(30).offset for f in futures]
    p.close()
    return got


def read(c, count, seconds=30):
    got, end = [], time.time() + seconds
    while len(got) < count:
        check(time.time() < end, 'only %d of %d' % (len(got), count))
        for records in c.poll(timeout_ms=500).values():
            got += records
    return got


def create(topic, partitions, **configs):
    a = admin()
    try:
        a.create_topics([NewTopic(topic, partitions, 1, topic_configs={k.replace('_', '.'): v for k, v in configs.items()})])
    finally:
        a.close()


def user_events():
    """The tutorial: JSON values, keys, a topic that is not there yet."""
    start = int(time.time() * 1000)
    p = producer(value_serializer=lambda v: json.dumps(v).encode(), key_serializer=str.encode)
    for i in range(10):
        sent = p.send('user-events', key='user-%d' % (i % 3), value={'user': i % 3, 'event': 'click', 'n': i},
                      headers=[('source', b'web'), ('n', b'%d' % i)]).get(timeout=30)
        check(start - 5 <= sent.timestamp <= time.time() * 1000 + 5, 'timestamp %s' % sent.timestamp)
        say('sent', sent.topic, sent.partition, sent.offset)
    say('partitions', sorted(p.partitions_for('user-events')))
    p.close()
    c = consumer('user-events', group_id='analytics', value_deserializer=lambda v: json.loads(v.decode()), key_deserializer=bytes.decode)
    for m in read(c, 10):
        say(m.topic, m.partition, m.offset, m.timestamp_type, m.key, m.value, [[k, v.decode()] for k, v in m.headers])
        check(start - 5 <= m.timestamp <= time.time() * 1000 + 5, 'timestamp %s' % m.timestamp)
    c.close()


def iterate():
    """`for message in consumer` with a timeout, without a group."""
    write('iterado', 25)
    c = consumer('iterado', consumer_timeout_ms=2000, max_poll_records=7)
    say([[m.offset, m.key.decode(), m.value.decode()] for m in c])
    c.close()


def consumer_api():
    create('api', 2)
    write('api', 10, 0)
    write('api', 5, 1)
    c = consumer()
    zero, one = TopicPartition('api', 0), TopicPartition('api', 1)
    say('topics', 'api' in c.topics(), 'partitions', sorted(c.partitions_for_topic('api')))
    c.assign([zero, one])
    say('beginning', {tp.partition: o for tp, o in c.beginning_offsets([zero, one]).items()})
    say('end', {tp.partition: o for tp, o in c.end_offsets([zero, one]).items()})
    c.seek(zero, 7)
    c.seek_to_end(one)
    say('positions', c.position(zero), c.position(one))
    say([[m.partition, m.offset, m.value.decode()] for m in read(c, 3)])
    c.seek_to_beginning(one)
    c.pause(one)
    say('paused', [tp.partition for tp in c.paused()], c.poll(timeout_ms=700) == {})
    c.resume(one)
    say([[m.partition, m.offset, m.value.decode()] for m in read(c, 5)])
    say('highwater', c.highwater(zero), c.highwater(one))
    c.close()


def commit():
    """Offsets committed by hand, by the thousandth and with metadata; a second consumer goes on from them."""
    write('feito', 20)
    tp = TopicPartition('feito', 0)
    c = consumer('feito', group_id='feito-g', enable_auto_commit=False, max_poll_records=5)
    say('before', c.committed(tp))
    say([m.offset for m in read(c, 5)][:5])
    c.commit({tp: offset_and_metadata(5, 'half')})
    say('committed', c.committed(tp))
    c.close()
    c = consumer('feito', group_id='feito-g', enable_auto_commit=True, auto_commit_interval_ms=200)
    say([m.offset for m in read(c, 15)])
    c.close()
    c = consumer(group_id='feito-g')
    c.assign([tp])
    say('after', c.committed(tp))
    c.close()


def codecs():
    names = ['gzip', 'snappy', 'lz4'] + (['zstd'] if VERSION >= (2, 0) else [])
    for codec in names:
        topic = 'codec-' + codec
        value = ('%s ' % codec).encode() * 3000
        p = producer(compression_type=codec, linger_ms=50, batch_size=65536)
        futures = [p.send(topic, value + b'%d' % i, key=b'%d' % i) for i in range(20)]
        p.flush(30)
        say(codec, [f.get(10).offset for f in futures])
        p.close()
        c = consumer(topic)
        got = read(c, 20)
        check([m.value for m in got] == [value + b'%d' % i for i in range(20)], codec)
        say(codec, [m.offset for m in got])
        c.close()


def old_formats():
    """Clients told that the broker is old: message sets v0 and v1 in Produce, the same in Fetch (down-conversion)."""
    versions = [(0, 10, 0), (0, 10, 2), (0, 11, 0), (1, 0, 0), (2, 0, 0)]
    if VERSION < (3, 0):
        versions = [(0, 8, 2), (0, 9)] + [v if v[0] else (0, 10) if v == (0, 10, 0) else v for v in versions]
    for version in versions:
        topic = 'format-' + '.'.join(str(n) for n in version)
        try:
            p = producer(api_version=version, compression_type='gzip' if version > (0, 9) else None)
        except Exception as error:
            say(list(version), 'not in this client', type(error).__name__)
            continue
        futures = [p.send(topic, b'value %d' % i, key=b'key') for i in range(5)]
        p.flush(20)
        say(list(version), [f.get(20).offset for f in futures])
        p.close()
        for reader in (version, None):
            c = consumer(topic, **({'api_version': reader} if reader else {}))
            got = read(c, 5)
            say('read as', list(reader) if reader else 'newest', [[m.offset, m.key.decode(), m.value.decode()] for m in got],
                got[0].timestamp_type if version > (0, 9) and (reader is None or reader > (0, 9)) else None)
            c.close()


def times():
    p = producer()
    for i in range(10):
        p.send('horas', b'%d' % i, timestamp_ms=1600000000000 + i * 60000)
    p.flush(20)
    p.close()
    c = consumer()
    tp = TopicPartition('horas', 0)
    for minute in (-5, 0, 4.5, 9, 10):
        found = c.offsets_for_times({tp: int(1600000000000 + minute * 60000)})[tp]
        say(minute, None if found is None else [found.offset, found.timestamp])
    c.assign([tp])
    say([[m.offset, m.timestamp, m.timestamp_type] for m in read(c, 10)])
    c.close()


def name(error):
    return type(error).__name__


def admin_api():
    a = admin()
    created = a.create_topics([NewTopic('adm1', 2, 1), NewTopic('adm2', 1, 1, topic_configs={'cleanup.policy': 'compact'})])
    del created
    for bad in (NewTopic('adm1', 1, 1), NewTopic('adm3', 1, 5), NewTopic('bad/name', 1, 1), NewTopic('adm4', 1, 1, topic_configs={'nope': '1'})):
        try:
            a.create_topics([bad])
            say(bad.name, 'created')
        except KafkaError as error:
            say(bad.name, name(error))
    a.create_partitions({'adm2': NewPartitions(4)})
    try:
        a.create_partitions({'adm2': NewPartitions(3)})
        say('fewer partitions')
    except KafkaError as error:
        say('fewer partitions', name(error))
    c = consumer(group_id='adm-group')
    end = time.time() + 10
    while len(c.partitions_for_topic('adm2') or ()) != 4 and time.time() < end:
        time.sleep(0.2)
        c.topics()
    say(sorted(c.partitions_for_topic('adm1')), sorted(c.partitions_for_topic('adm2')))
    write('adm1', 3, 0)
    tp = TopicPartition('adm1', 0)
    c.assign([tp])
    c.commit({tp: offset_and_metadata(2, 'm')})
    c.close()
    if VERSION < (3, 0):
        say(sorted(g for g in a.list_consumer_groups() if 'adm' in str(g)))
        offsets = a.list_consumer_group_offsets('adm-group')
        say({str(k.partition): [v.offset, v.metadata] for k, v in offsets.items()})
        group = a.describe_consumer_groups(['adm-group'])[0]
        say(group[0] if isinstance(group[0], int) else 0, group.group if hasattr(group, 'group') else group[1], [str(x) for x in group[2:4]])
    else:
        say([[g['group_id'], g['protocol_type'], g['group_state']] for g in a.list_groups() if g['group_id'] == 'adm-group'])
        offsets = a.list_group_offsets('adm-group')['adm-group']
        say({str(k.partition): [v.offset, v.metadata] for k, v in offsets.items()})
        group = a.describe_groups(['adm-group'])['adm-group']
        say({k: group[k] for k in ('group_state', 'protocol_type', 'members')})
        say({str(k.partition): v.error_code if hasattr(v, 'error_code') else str(v) for k, v in a.delete_records({tp: 1}).items()} and 'records deleted')
        say(a.delete_groups(['adm-group']) is not None)
    a.delete_topics(['adm1', 'adm2'])
    end = time.time() + 10
    while True:
        c = consumer()
        left = {'adm1', 'adm2'} & c.topics()
        c.close()
        if not left or time.time() > end:
            break
        time.sleep(0.2)
    say('left', sorted(left))
    try:
        a.delete_topics(['adm1'])
        say('deleted twice')
    except KafkaError as error:
        say('deleted twice', name(error))
    a.close()


def configs():
    create('cfg', 1, retention_ms='90000')
    a = admin()
    resource = ConfigResource(ConfigResourceType.TOPIC, 'cfg')

    def show(*keys):
        if VERSION >= (3, 0):
            found = a.describe_configs([resource], include_synonyms=True, config_filter='all')['topic']['cfg']
            say({k: [found[k][f] for f in ('value', 'read_only', 'config_source', 'is_sensitive', 'synonyms', 'config_type')] for k in keys})
            say(sorted(found))
            return
        answer = a.describe_configs([resource])
        found = {}
        for r in answer if isinstance(answer, list) else [answer]:
            for _, _, _, _, entries in r.resources:
                for entry in entries:
                    found[entry[0]] = [entry[1], bool(entry[2]), bool(entry[4])]
        say({k: found[k] for k in keys}, len(found))

    show('retention.ms', 'cleanup.policy', 'segment.bytes')
    if VERSION < (3, 0):
        a.alter_configs([ConfigResource(ConfigResourceType.TOPIC, 'cfg', configs={'cleanup.policy': 'compact'})])
        show('retention.ms', 'cleanup.policy')
    else:
        for change in ({'cleanup.policy': ('APPEND', 'compact')}, {'retention.ms': ('DELETE', None)}, {'segment.ms': '3600000'}):
            a.alter_configs([ConfigResource(ConfigResourceType.TOPIC, 'cfg', configs=change)])
            show('retention.ms', 'cleanup.policy', 'segment.ms')
    a.close()


def errors():
    write('erros', 5)
    p = producer(max_request_size=3000000)
    try:
        p.send('erros', b'x' * 1500000).get(20)
        say('too large', 'accepted')
    except KafkaError as error:
        say('too large', name(error))
    try:
        p.send('erros', b'x', partition=7).get(20)
        say('partition', 'accepted')
    except (KafkaError, AssertionError, ValueError, IndexError) as error:
        say('partition refused')
    p.close()
    p = producer()
    say('goes on', p.send('erros', b'y').get(20).offset)
    p.close()
    tp = TopicPartition('erros', 0)
    for reset in ('earliest', 'latest'):
        c = consumer(auto_offset_reset=reset)
        c.assign([tp])
        c.seek(tp, 1000)
        end = time.time() + 15
        while c.position(tp) == 1000 and time.time() < end:
            c.poll(timeout_ms=100, max_records=1)
        c.poll(timeout_ms=100)
        say('out of range', reset, c.position(tp) if reset == 'latest' else c.position(tp) <= 6)
        c.close()
    c = consumer(auto_offset_reset='none')
    c.assign([tp])
    c.seek(tp, 1000)
    try:
        end = time.time() + 15
        while time.time() < end:
            c.poll(timeout_ms=200)
        say('no reset', 'nothing raised')
    except KafkaError as error:
        say('no reset', name(error))
    c.close()
    c = consumer(auto_offset_reset='earliest')
    say('unknown topic', c.partitions_for_topic('no-such-topic-at-all') in (None, set()))
    c.close()


def two_members():
    create('dupla', 3)
    state, stop, got = {}, [threading.Event(), threading.Event()], {}
    problems = []

    def member(i):
        try:
            c = consumer('dupla', group_id='dupla-g', session_timeout_ms=10000, heartbeat_interval_ms=500, client_id='m%d' % i)
            while not stop[i].is_set():
                for records in c.poll(timeout_ms=200).values():
                    for m in records:
                        got[m.value.decode()] = m.partition
                state[i] = sorted(tp.partition for tp in c.assignment())
            c.close()
        except Exception as error:
            problems.append(repr(error))

    def wait(condition, what):
        end = time.time() + 40
        while not condition():
            check(time.time() < end and not problems, '%s: %s %s' % (what, state, problems))
            time.sleep(0.05)

    threads = [threading.Thread(target=member, args=(i,), daemon=True) for i in range(2)]
    threads[0].start()
    wait(lambda: state.get(0) == [0, 1, 2], 'alone')
    threads[1].start()
    wait(lambda: sorted(state.get(0, []) + state.get(1, [])) == [0, 1, 2] and state.get(0) and state.get(1), 'both')
    say('shared', sorted(len(state[i]) for i in (0, 1)))
    p = producer()
    for i in range(9):
        p.send('dupla', b'%d' % i, partition=i % 3)
    p.flush(20)
    p.close()
    wait(lambda: len(got) == 9, 'nine')
    stop[0].set()
    threads[0].join(20)
    wait(lambda: state[1] == [0, 1, 2], 'the second alone')
    stop[1].set()
    threads[1].join(20)
    say(got)


SCENARIOS = {'user-events': user_events, 'iterate': iterate, 'consumer-api': consumer_api, 'commit': commit, 'codecs': codecs,
             'old-formats': old_formats, 'times': times, 'admin': admin_api, 'configs': configs, 'errors': errors, 'two-members': two_members}
SCENARIOS[sys.argv[1]]()
