"""The scenarios of suite.py; `python program.py NAME` prints its canonical answer."""
import asyncio
import json
import os
import sys
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

BOOTSTRAP = os.environ['BOOTSTRAP']


def say(*what):
    print(json.dumps(what[0] if len(what) == 1 else what, sort_keys=True, ensure_ascii=False))


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Started:
    """async with Started(client): start and stop."""

    def __init__(self, client):
        self.client = client

    async def __aenter__(self):
        await self.client.start()
        return self.client

    async def __aexit__(self, *_):
        if hasattr(self.client, 'stop'):
            await self.client.stop()
        else:
            await self.client.close()


def producer(**options):
    return Started(AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, **options))


def consumer(*topics, **options):
    return Started(AIOKafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, auto_offset_reset=options.pop('auto_offset_reset', 'earliest'), **options))


def admin():
    return Started(AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP))


async def read(c, count):
    got, end = [], time.time() + 30
    while len(got) < count:
        check(time.time() < end, '%d of %d' % (len(got), count))
        for records in (await c.getmany(timeout_ms=300)).values():
            got += records
    return got


async def write(topic, count, **options):
    async with producer(**options) as p:
        for i in range(count):
            await p.send_and_wait(topic, b'v%d' % i, key=b'k%d' % i)


async def produce_consume():
    async with producer() as p:
        for i in range(5):
            sent = await p.send_and_wait('aio', ('olá %d' % i).encode(), key=b'k', headers=[('h', b'%d' % i)])
            say(sent.topic, sent.partition, sent.offset, sent.timestamp_type)
    async with consumer('aio', group_id='aio-g') as c:
        for m in await read(c, 5):
            say(m.offset, m.key.decode(), m.value.decode(), [[k, v.decode()] for k, v in m.headers], abs(m.timestamp / 1000 - time.time()) < 60)


async def codecs():
    for codec in ('gzip', 'snappy', 'lz4', 'zstd'):
        values = [(codec * 2000).encode() + b'%d' % i for i in range(20)]
        async with producer(compression_type=codec, linger_ms=30) as p:
            futures = [await p.send('aio-' + codec, v) for v in values]
            offsets = [(await f).offset for f in futures]
        async with consumer('aio-' + codec) as c:
            check([m.value for m in await read(c, 20)] == values, codec)
        say(codec, offsets == list(range(20)))


async def batch():
    async with producer() as p:
        b = p.create_batch()
        for i in range(10):
            check(b.append(key=b'k', value=b'%d' % i, timestamp=1600000000000 + i) is not None, 'room')
        b.close()
        await p.client._wait_on_metadata('aio-batch')
        sent = await (await p.send_batch(b, 'aio-batch', partition=0))
        say(sent.offset)
    async with consumer('aio-batch') as c:
        say([[m.offset, m.timestamp, m.value.decode()] for m in await read(c, 10)])


async def commit():
    await write('aio-commit', 10)
    tp = TopicPartition('aio-commit', 0)
    async with consumer('aio-commit', group_id='aio-commit-g', enable_auto_commit=False, max_poll_records=4) as c:
        say(len((await c.getmany(timeout_ms=5000, max_records=4))[tp]), await c.committed(tp))
        await c.commit({tp: (4, 'note')})
        say(await c.committed(tp), await c.position(tp))
    async with consumer('aio-commit', group_id='aio-commit-g') as c:
        say([m.offset for m in await read(c, 6)])


async def seek():
    await write('aio-seek', 20)
    tp = TopicPartition('aio-seek', 0)
    async with consumer('aio-seek') as c:
        c.seek(tp, 15)
        say([m.offset for m in await read(c, 5)])
        await c.seek_to_beginning(tp)
        say((await c.getone()).offset)
        say((await c.beginning_offsets([tp]))[tp], (await c.end_offsets([tp]))[tp], c.highwater(tp))
        say((await c.offsets_for_times({tp: 0}))[tp].offset, (await c.offsets_for_times({tp: 4000000000000}))[tp])
        c.seek(tp, 500)
        say('reset to', (await asyncio.wait_for(c.getone(), 15)).offset)


async def idempotent():
    async with producer(enable_idempotence=True, max_batch_size=200) as p:
        futures = [await p.send('aio-idempotent', b'%d' % i) for i in range(1000)]
        check([(await f).offset for f in futures] == list(range(1000)), 'offsets')
    async with consumer('aio-idempotent', isolation_level='read_committed') as c:
        check([int(m.value) for m in await read(c, 1000)] == list(range(1000)), 'values')
    say('in order')


async def two_members():
    async with admin() as a:
        await a.create_topics([NewTopic('aio-two', 3, 1)])
    one = AIOKafkaConsumer('aio-two', bootstrap_servers=BOOTSTRAP, group_id='aio-two-g', heartbeat_interval_ms=300, metadata_max_age_ms=2000)
    two = AIOKafkaConsumer('aio-two', bootstrap_servers=BOOTSTRAP, group_id='aio-two-g', heartbeat_interval_ms=300, metadata_max_age_ms=2000)
    await one.start()
    say(len(one.assignment()))
    await two.start()
    end = time.time() + 30
    while sorted((len(one.assignment()), len(two.assignment()))) != [1, 2]:
        check(time.time() < end, 'shared')
        await asyncio.gather(one.getmany(timeout_ms=100), two.getmany(timeout_ms=100))
    await one.stop()
    while len(two.assignment()) != 3:
        check(time.time() < end, 'taken over')
        await two.getmany(timeout_ms=100)
    say('taken over')
    await two.stop()


async def admin_api():
    async with admin() as a:
        answer = await a.create_topics([NewTopic('aio-a', 2, 1), NewTopic('aio-a2', 1, 9), NewTopic('bad name', 1, 1)])
        say([[t[0], t[1]] for t in answer.topic_errors])
        say([[t[0], t[1]] for t in (await a.create_topics([NewTopic('aio-a', 2, 1)])).topic_errors])
        say([[t[0], t[1]] for t in (await a.create_partitions({'aio-a': NewPartitions(4)})).topic_errors])
        say([t for t in await a.list_topics() if t.startswith('aio-a')] == ['aio-a'] or 'aio-a' in await a.list_topics())
        described = (await a.describe_topics(['aio-a']))[0]
        say(described['error_code'], described['topic'], len(described['partitions']))
        answer = (await a.describe_configs([ConfigResource(ConfigResourceType.TOPIC, 'aio-a')]))[0]
        say({e[0]: e[1] for e in answer.resources[0][4] if e[0] in ('cleanup.policy', 'retention.ms')})
        await write('aio-a', 1)
        async with consumer('aio-a', group_id='aio-a-g') as c:
            await read(c, 1)
            await c.commit()
        say('aio-a-g' in [g[0] for g in await a.list_consumer_groups()])
        offsets = await a.list_consumer_group_offsets('aio-a-g')
        say(sum(o.offset for o in offsets.values() if o.offset > 0))
        say([[t[0], t[1]] for t in (await a.delete_topics(['aio-a'])).topic_error_codes])


SCENARIOS = {'produce-consume': produce_consume, 'codecs': codecs, 'batch': batch, 'commit': commit, 'seek': seek, 'idempotent': idempotent,
             'two-members': two_members, 'admin': admin_api}
asyncio.run(SCENARIOS[sys.argv[1]]())
