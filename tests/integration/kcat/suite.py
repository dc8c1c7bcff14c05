"""kcat (librdkafka as Debian ships it): produce and consume with every option a shell user has, metadata, groups."""
import hashlib
import json
import re
import time

from moldau_test import install
from moldau_test.scenario import Skip, Suite

suite = Suite('kcat', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    install.deps('test')
    if not install.tool_version('kcat', '-V'):
        raise Skip('kcat is not installed')


def produce(run, topic, text, *options):
    run.command(['kcat', '-b', run.bootstrap, '-P', '-t', topic, *options], text=text)


def consume(run, topic, *options):
    return run.command(['kcat', '-b', run.bootstrap, '-C', '-t', topic, '-q', '-e', *options])


def group(run, name, *topics, options=()):
    return run.command(['kcat', '-b', run.bootstrap, '-G', name, '-q', '-e', '-X', 'auto.offset.reset=earliest', *options, *topics], seconds=40)


def lines(first, last):
    return ''.join(f'{n}\n' for n in range(first, last + 1))


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@suite.scenario()
def metadata(run):
    produce(run, 'meta', 'x\n')
    found = json.loads(run.command(['kcat', '-b', run.bootstrap, '-L', '-J', '-t', 'meta']))
    run.check(found['brokers'] == [{'id': 0, 'name': run.bootstrap}], found['brokers'])
    run.same(found['controllerid'], 0, 'controller')
    run.transcript(json.dumps(found['topics'], sort_keys=True))
    everything = json.loads(run.command(['kcat', '-b', run.bootstrap, '-L', '-J']))
    run.check('meta' in [t['topic'] for t in everything['topics']], everything)


@suite.scenario()
def first_send(run):
    """The first send to a topic that is not there must arrive, and every later one."""
    for n in range(5):
        produce(run, f'novo-{n}', f'olá {n}\n')
        run.transcript(consume(run, f'novo-{n}', '-f', '%t %p %o %s\n'))


@suite.scenario()
def thousand(run):
    produce(run, 'thousand', lines(1, 1000))
    run.same(consume(run, 'thousand'), lines(1, 1000))
    run.transcript(consume(run, 'thousand', '-o', '995', '-f', '%o:%s\n'))


@suite.scenario()
def keys_and_nulls(run):
    produce(run, 'keys', 'a:1\nb:2\na:\n:4\n', '-K:', '-Z')
    run.transcript(consume(run, 'keys', '-Z', '-f', '%K %k=%S %s;%o\n'))


@suite.scenario()
def headers(run):
    produce(run, 'headers', 'body\n', '-H', 'one=1', '-H', 'two=zwei', '-H', 'two=again', '-H', 'empty=')
    run.transcript(consume(run, 'headers', '-f', '%h %s\n'))


@suite.scenario()
def offsets(run):
    produce(run, 'offsets', lines(0, 99))
    for options in (['-o', '95'], ['-o', '-3'], ['-o', 'beginning', '-c', '2'], ['-o', 'end'], ['-o', '98', '-c', '1']):
        run.transcript(f'{" ".join(options)}: {" ".join(consume(run, "offsets", *options).split())}')


@suite.scenario()
def query_offsets(run):
    produce(run, 'query', lines(0, 9))
    time.sleep(0.3)
    middle = int(time.time() * 1000)
    time.sleep(0.3)
    produce(run, 'query', lines(10, 19))
    for when in (-1, -2, middle, middle + 3600000):
        out = run.command(['kcat', '-b', run.bootstrap, '-Q', '-t', f'query:0:{when}'])
        run.transcript(f'{when if when < 0 else "time"}: {re.search("offset -?[0-9]+", out)[0]}')
    run.transcript(consume(run, 'query', '-o', f's@{middle}', '-c', '1'))
    run.transcript(consume(run, 'query', '-o', 's@0', '-o', f'e@{middle}', '-f', '%o ').strip())


def codec(name):
    def scenario(run):
        text = lines(1, 20000)
        produce(run, f'codec-{name}', text, '-z', name)
        run.same(digest(consume(run, f'codec-{name}')), digest(text))
        run.transcript(consume(run, f'codec-{name}', '-o', '19997', '-f', '%o:%s\n'))
    suite.scenario(name=f'codec-{name}')(scenario)


for one in ('gzip', 'snappy', 'lz4', 'zstd'):
    codec(one)


@suite.scenario()
def timestamps(run):
    before = int(time.time() * 1000)
    produce(run, 'times', 'x\n')
    got = int(consume(run, 'times', '-f', '%T'))
    run.check(before - 5 <= got <= time.time() * 1000 + 5, f'timestamp {got}')


@suite.scenario()
def acks(run):
    for value in ('0', '1', 'all'):
        produce(run, f'acks-{value}', lines(1, 200), '-X', f'acks={value}')
        time.sleep(0.5 if value == '0' else 0)
        run.same(consume(run, f'acks-{value}'), lines(1, 200), f'acks={value}')


@suite.scenario()
def idempotent(run):
    text = lines(1, 50000)
    produce(run, 'idempotent', text, '-X', 'enable.idempotence=true', '-X', 'batch.num.messages=500')
    run.same(digest(consume(run, 'idempotent')), digest(text))
    run.transcript(consume(run, 'idempotent', '-o', '-2', '-f', '%o:%s\n'))


@suite.scenario()
def groups(run):
    produce(run, 'grupo', lines(1, 300))
    run.same(group(run, 'g1', 'grupo'), lines(1, 300), 'first run')
    run.same(group(run, 'g1', 'grupo'), '', 'nothing new')
    produce(run, 'grupo', lines(301, 310))
    run.same(group(run, 'g1', 'grupo'), lines(301, 310), 'only the new')


def group_kind(name, *options):
    def scenario(run):
        topic = f'group-{name}'
        produce(run, topic, lines(1, 50))
        run.same(group(run, f'{topic}-g', topic, options=options), lines(1, 50))
    suite.scenario(name=f'group-{name}')(scenario)


group_kind('cooperative', '-X', 'partition.assignment.strategy=cooperative-sticky')
group_kind('roundrobin', '-X', 'partition.assignment.strategy=roundrobin')
group_kind('static', '-X', 'group.instance.id=one')


@suite.scenario()
def group_regex(run):
    produce(run, 'regex-a', '1\n')
    produce(run, 'regex-b', '2\n')
    got = group(run, 'regex-g', '^regex-', options=['-X', 'topic.metadata.refresh.interval.ms=500'])
    run.same(sorted(got.split()), ['1', '2'])


@suite.scenario()
def big_message(run):
    file = run.dir / 'big'
    file.write_bytes(b'x' * 900000)
    run.command(['kcat', '-b', run.bootstrap, '-P', '-t', 'big', file])
    run.same(len(consume(run, 'big')), 900001)
    file.unlink()


@suite.scenario()
def too_big_message(run):
    file = run.dir / 'big'
    file.write_bytes(b'x' * 3000000)
    code, _ = run.command(['kcat', '-b', run.bootstrap, '-P', '-t', 'too-big', '-X', 'message.max.bytes=5000000', file], check=False)
    run.check(code != 0, 'it was accepted')
    run.check('too large' in run.log.read_text().lower(), 'the reason is not named')
    file.unlink()
    produce(run, 'too-big', 'small\n')
    run.same(consume(run, 'too-big'), 'small\n')


@suite.scenario()
def small_fetches(run):
    produce(run, 'fetches', lines(1, 5000))
    run.same(consume(run, 'fetches', '-X', 'fetch.message.max.bytes=2000', '-X', 'fetch.wait.max.ms=10', '-X', 'check.crcs=true'), lines(1, 5000))
    run.same(consume(run, 'fetches', '-X', 'fetch.min.bytes=100000', '-X', 'fetch.wait.max.ms=300'), lines(1, 5000))


def old(version):
    def scenario(run):
        options = ['-X', 'api.version.request=false', '-X', f'broker.version.fallback={version}']
        topic = f'old-{version}'
        produce(run, topic, lines(1, 100), *options)
        produce(run, topic, lines(101, 200), '-z', 'gzip', *options)
        run.same(consume(run, topic, *options), lines(1, 200), 'read by the old')
        run.same(consume(run, topic), lines(1, 200), 'read by the new')
        produce(run, topic, lines(201, 250), '-z', 'lz4')
        run.same(consume(run, topic, *options), lines(1, 250), 'written by the new, read by the old')
        run.transcript(consume(run, topic, '-o', '-2', '-f', '%o:%s\n', *options))
    suite.scenario(name=f'old-protocol-{version}')(scenario)


for one in ('0.8.2', '0.9.0', '0.10.0', '0.10.2'):
    old(one)


@suite.scenario()
def many_topics(run):
    """A message into each of 100 fresh topics, one connection each."""
    for n in range(0, 100, 5):
        run.command(['bash', '-c', ''.join(f'echo {n + i} | kcat -b "$BOOTSTRAP" -P -t many-{n + i} & ' for i in range(5)) + 'wait'])
    got = group(run, 'many-g', *[f'many-{n}' for n in range(100)])
    run.same(sorted(int(n) for n in got.split()), list(range(100)))
