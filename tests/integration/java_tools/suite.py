"""The command line tools of Apache Kafka 3.9.2, run from its jars by main class, as an operator's scripts run them."""
import json
import re
import time

from moldau_test import oracle
from moldau_test.scenario import Suite

suite = Suite('java-tools', broker={'num.partitions': 1})


@suite.prepare
def prepare():
    oracle.libs()


def clean(run, text):
    """What differs from run to run, by a name."""
    text = text.replace(run.bootstrap, 'BROKER').replace(f':{run.broker.port}', ':PORT').replace(str(run.broker.log_dir), 'LOGDIR')
    text = re.sub(r'TopicId: [A-Za-z0-9_-]{22}', 'TopicId: ID', text)
    text = re.sub(r'Cluster ID: [A-Za-z0-9_-]{22}', 'Cluster ID: ID', text)
    text = re.sub(r'(console-consumer|consumer-[a-z0-9-]+|c1)-[0-9a-f]{8}-[0-9a-f-]{27}', r'\1-UUID', text)
    # Rows of kafka-consumer-groups run together; their order is that of a hash map, their widths those of random ids.
    text = re.sub(r'\s*(ag1|g1)\s+(ag|g)\s+(?=\d)', r'\n\1 \2 ', text)
    text = re.sub(r'\s+(g)\s+(\d)\s+Successful', r'\n\1 \2 Successful', text)
    text = re.sub(r'(?<=\S)  +', ' ', text)
    return re.sub(r'[ \t]+$', '', text, flags=re.M)


def clean_groups(run, text):
    lines = clean(run, text).splitlines()
    return ''.join(line + '\n' for line in sorted(lines, key=lambda line: line if line.startswith(('g1 ', 'ag1 ', 'g ')) else '') if not line.startswith(('console-consumer-', 'cg')))


def tool(run, name, *arguments, text=None, check=False, seconds=40):
    if name == 'kafka-consumer-groups' and '--timeout' not in arguments:
        arguments += ('--timeout', '30000')  # its 5 s are little on a busy machine
    words = oracle.tool_command(name, *arguments)
    code, out = run.command(words, text=text, check=False, seconds=seconds)
    run.check(not check or code == 0, f'{name} ended with {code}')
    return code, out


def show(run, name, *arguments, text=None, sort=False, server='--bootstrap-server'):
    """Runs a tool and puts its command line, exit code and output into the transcript."""
    code, out = tool(run, name, server, run.bootstrap, *arguments, text=text)
    out = clean_groups(run, out) if name == 'kafka-consumer-groups' else clean(run, out)
    if sort:
        out = ''.join(sorted(out.splitlines(True)))
    run.transcript(f'$ {name} {" ".join(arguments)}  [{code}]\n{out}')
    return out


def produce(run, topic, text, *options):
    tool(run, 'kafka-console-producer', '--bootstrap-server', run.bootstrap, '--topic', topic, *options, text=text, check=True)


@suite.scenario(seconds=300)
def topics(run):
    show(run, 'kafka-topics', '--create', '--topic', 't1', '--partitions', '3', '--replication-factor', '1', '--config', 'retention.ms=60000')
    show(run, 'kafka-topics', '--create', '--topic', 't1')
    show(run, 'kafka-topics', '--create', '--topic', 't1', '--if-not-exists')
    show(run, 'kafka-topics', '--create', '--topic', 't2', '--replication-factor', '3')
    show(run, 'kafka-topics', '--create', '--topic', 'bad name')
    show(run, 'kafka-topics', '--create', '--topic', 't3', '--config', 'foo=bar')
    show(run, 'kafka-topics', '--create', '--topic', 't3', '--partitions', '0')
    show(run, 'kafka-topics', '--create', '--topic', 't4', '--replica-assignment', '0,0')
    show(run, 'kafka-topics', '--create', '--topic', 't5.dotted')
    show(run, 'kafka-topics', '--describe', '--topic', 't1')
    show(run, 'kafka-topics', '--describe', '--topics-with-overrides')
    show(run, 'kafka-topics', '--describe', '--unavailable-partitions')
    show(run, 'kafka-topics', '--alter', '--topic', 't1', '--partitions', '5')
    show(run, 'kafka-topics', '--alter', '--topic', 't1', '--partitions', '2')
    show(run, 'kafka-topics', '--list', sort=True)
    show(run, 'kafka-topics', '--delete', '--topic', 't4')
    show(run, 'kafka-topics', '--delete', '--topic', 'nope')
    show(run, 'kafka-topics', '--describe', '--topic', 'nope')
    show(run, 'kafka-topics', '--list', '--exclude-internal')


@suite.scenario(seconds=300)
def console(run):
    tool(run, 'kafka-topics', '--bootstrap-server', run.bootstrap, '--create', '--topic', 'console', '--partitions', '2', check=True)
    produce(run, 'console', 'a:1\nb:2\nc:3\na:4\n', '--property', 'parse.key=true', '--property', 'key.separator=:')
    produce(run, 'console', 'h1:v1,h2:v2\tk\tvalue\n', '--property', 'parse.headers=true', '--property', 'parse.key=true', '--compression-codec', 'gzip')
    out = show(run, 'kafka-console-consumer', '--topic', 'console', '--from-beginning', '--max-messages', '5', '--property', 'print.key=true',
               '--property', 'print.partition=true', '--property', 'print.offset=true', '--property', 'print.headers=true', sort=True)
    run.same(len(out.splitlines()), 5)
    show(run, 'kafka-console-consumer', '--topic', 'console', '--partition', '0', '--offset', 'earliest', '--timeout-ms', '3000')
    produce(run, 'console-new', 'first\nsecond\n')
    show(run, 'kafka-console-consumer', '--topic', 'console-new', '--group', 'cg', '--from-beginning', '--max-messages', '2')
    produce(run, 'console-new', 'third\n', '--request-required-acks', 'all')
    show(run, 'kafka-console-consumer', '--topic', 'console-new', '--group', 'cg', '--max-messages', '1')
    show(run, 'kafka-console-consumer', '--topic', 'console-new', '--group', 'cg', '--timeout-ms', '2000')
    produce(run, 'console-sync', 'x\n', '--sync')
    show(run, 'kafka-console-consumer', '--topic', 'console-sync', '--from-beginning', '--max-messages', '1', '--isolation-level', 'read_committed')
    out = tool(run, 'kafka-console-consumer', '--bootstrap-server', run.bootstrap, '--topic', 'console-sync', '--from-beginning', '--max-messages', '1',
               '--property', 'print.timestamp=true', check=True)[1]
    run.check(re.fullmatch(r'CreateTime:\d{13}\tx\n', out), out)


@suite.scenario(seconds=300)
def groups(run):
    """kafka-consumer-groups: list, describe, every reset, delete offsets, delete."""
    tool(run, 'kafka-topics', '--bootstrap-server', run.bootstrap, '--create', '--topic', 'g', '--partitions', '2', check=True)
    start = int(time.time())
    produce(run, 'g', ''.join(f'k{i % 5}:{i}\n' for i in range(20)), '--property', 'parse.key=true', '--property', 'key.separator=:')
    tool(run, 'kafka-console-consumer', '--bootstrap-server', run.bootstrap, '--topic', 'g', '--group', 'g1', '--from-beginning', '--max-messages', '20', check=True)
    cg = 'kafka-consumer-groups'
    show(run, cg, '--list')
    show(run, cg, '--list', '--state')
    show(run, cg, '--describe', '--group', 'g1')
    show(run, cg, '--describe', '--group', 'g1', '--members')
    show(run, cg, '--describe', '--group', 'g1', '--state')
    show(run, cg, '--describe', '--group', 'nope')
    reset = ('--reset-offsets', '--group', 'g1', '--topic', 'g')
    show(run, cg, *reset, '--to-earliest', '--dry-run')
    show(run, cg, *reset, '--to-earliest', '--execute')
    show(run, cg, *reset, '--shift-by', '3', '--execute')
    show(run, cg, *reset, '--shift-by', '-100', '--execute')
    show(run, cg, *reset, '--to-latest', '--execute')
    show(run, cg, '--reset-offsets', '--group', 'g1', '--topic', 'g:1', '--to-offset', '2', '--execute')
    show(run, cg, *reset, '--to-offset', '1000', '--execute')
    show(run, cg, *reset, '--to-datetime', '2020-01-01T00:00:00.000', '--execute')
    show(run, cg, *reset, '--by-duration', 'P1D', '--execute')
    show(run, cg, *reset, '--to-current', '--execute')
    run.check(time.time() - start < 3600, 'within the hour')
    exported = tool(run, cg, '--bootstrap-server', run.bootstrap, *reset, '--to-earliest', '--export', check=True)[1]
    run.transcript(''.join(sorted(exported.splitlines(True))))
    file = run.dir / 'offsets.csv'
    file.write_text('g,0,1\ng,1,2\n')
    code, out = tool(run, cg, '--bootstrap-server', run.bootstrap, '--reset-offsets', '--group', 'g1', '--from-file', file, '--execute')
    run.transcript(f'from-file [{code}]\n{clean_groups(run, out)}')
    show(run, cg, '--describe', '--group', 'g1', '--offsets')
    show(run, cg, '--delete-offsets', '--group', 'g1', '--topic', 'g')
    show(run, cg, '--describe', '--group', 'g1')
    show(run, cg, '--delete', '--group', 'g1')
    show(run, cg, '--delete', '--group', 'g1')
    show(run, cg, '--list')


@suite.scenario(seconds=300)
def active_group(run):
    tool(run, 'kafka-topics', '--bootstrap-server', run.bootstrap, '--create', '--topic', 'ag', '--partitions', '2', check=True)
    produce(run, 'ag', 'a:x\n', '--property', 'parse.key=true', '--property', 'key.separator=:')  # the key decides the partition
    consumer = run.spawn(oracle.tool_command('kafka-console-consumer', '--bootstrap-server', run.bootstrap, '--topic', 'ag', '--group', 'ag1',
                                             '--from-beginning', '--consumer-property', 'client.id=c1', '--consumer-property', 'auto.commit.interval.ms=200'),
                         'consumer.log')
    cg = 'kafka-consumer-groups'
    for _ in range(20):
        out = tool(run, cg, '--bootstrap-server', run.bootstrap, '--describe', '--group', 'ag1')[1]
        if 'c1-' in out and re.search(r'ag +\d +1 +1 ', out):
            break
    show(run, cg, '--describe', '--group', 'ag1')
    show(run, cg, '--describe', '--group', 'ag1', '--members', '--verbose')
    show(run, cg, '--describe', '--group', 'ag1', '--state')
    show(run, cg, '--reset-offsets', '--group', 'ag1', '--topic', 'ag', '--to-earliest', '--execute')
    show(run, cg, '--delete', '--group', 'ag1')
    run.check(consumer.alive(), 'the consumer is gone')


@suite.scenario(seconds=300)
def configs(run):
    tool(run, 'kafka-topics', '--bootstrap-server', run.bootstrap, '--create', '--topic', 'cfg', check=True)
    kc = 'kafka-configs'
    topic = ('--entity-type', 'topics', '--entity-name', 'cfg')
    show(run, kc, '--alter', *topic, '--add-config', 'retention.ms=60000,cleanup.policy=[compact,delete]')
    show(run, kc, '--describe', *topic)
    show(run, kc, '--describe', '--all', *topic)
    show(run, kc, '--alter', *topic, '--delete-config', 'retention.ms')
    show(run, kc, '--describe', *topic)
    show(run, kc, '--alter', *topic, '--add-config', 'foo=bar')
    show(run, kc, '--alter', *topic, '--add-config', 'retention.ms=abc')
    show(run, kc, '--alter', *topic, '--delete-config', 'nothere')
    show(run, kc, '--alter', '--entity-type', 'topics', '--entity-name', 'nope', '--add-config', 'retention.ms=1')
    broker = ('--entity-type', 'brokers', '--entity-name', '0')
    show(run, kc, '--alter', *broker, '--add-config', 'log.cleaner.threads=2')
    show(run, kc, '--describe', *broker)
    show(run, kc, '--alter', '--entity-type', 'brokers', '--entity-default', '--add-config', 'log.retention.ms=7200000')
    show(run, kc, '--describe', '--entity-type', 'brokers', '--entity-default')
    show(run, kc, '--describe', '--all', *topic)
    show(run, kc, '--alter', *broker, '--delete-config', 'log.cleaner.threads')
    show(run, kc, '--alter', '--entity-type', 'brokers', '--entity-default', '--delete-config', 'log.retention.ms')
    show(run, kc, '--describe', *broker)
    show(run, kc, '--alter', *broker, '--add-config', 'broker.id=7')


@suite.scenario(seconds=300)
def offsets_and_records(run):
    tool(run, 'kafka-topics', '--bootstrap-server', run.bootstrap, '--create', '--topic', 'rec', '--partitions', '2', check=True)
    produce(run, 'rec', ''.join(f'{c}:{i}\n' for i, c in enumerate('abcdefghij')), '--property', 'parse.key=true', '--property', 'key.separator=:')
    for when in ('-1', '-2', '-3', 'latest', 'earliest', 'max-timestamp', '0', '4000000000000'):
        if when in ('-3', 'max-timestamp'):     # the last of several records with one timestamp may be any of them
            out = tool(run, 'kafka-get-offsets', '--bootstrap-server', run.bootstrap, '--topic', 'rec', '--time', when, check=True)[1]
            run.check(re.fullmatch(r'rec:0:\d\nrec:1:\d\n', out), out)
        else:
            show(run, 'kafka-get-offsets', '--topic', 'rec', '--time', when)
    show(run, 'kafka-get-offsets', '--topic-partitions', 'rec:1')
    show(run, 'kafka-get-offsets', '--topic', 'nope')
    file = run.dir / 'delete.json'
    file.write_text(json.dumps({'partitions': [{'topic': 'rec', 'partition': 0, 'offset': 2}, {'topic': 'rec', 'partition': 1, 'offset': -1}], 'version': 1}))
    code, out = tool(run, 'kafka-delete-records', '--bootstrap-server', run.bootstrap, '--offset-json-file', file)
    run.transcript(f'delete-records [{code}]\n' + ''.join(sorted(out.splitlines(True))))
    show(run, 'kafka-get-offsets', '--topic', 'rec', '--time', 'earliest')
    file.write_text(json.dumps({'partitions': [{'topic': 'rec', 'partition': 0, 'offset': 99}], 'version': 1}))
    code, out = tool(run, 'kafka-delete-records', '--bootstrap-server', run.bootstrap, '--offset-json-file', file)
    run.transcript(f'delete-records [{code}]\n{out}')
    show(run, 'kafka-console-consumer', '--topic', 'rec', '--from-beginning', '--timeout-ms', '3000', sort=True)


@suite.scenario(seconds=300)
def log_dirs(run):
    produce(run, 'dirs', 'one\ntwo\n')
    out = tool(run, 'kafka-log-dirs', '--bootstrap-server', run.bootstrap, '--describe', '--topic-list', 'dirs', check=True)[1]
    found = json.loads(out.splitlines()[-1])
    partitions = found['brokers'][0]['logDirs'][0]['partitions']
    run.check(partitions[0]['size'] > 60, out)
    partitions[0]['size'] = 'SIZE'
    run.transcript(clean(run, '\n'.join(out.splitlines()[:-1])) + '\n' + clean(run, json.dumps(found, sort_keys=True)))
    code, _ = tool(run, 'kafka-log-dirs', '--bootstrap-server', run.bootstrap, '--describe', '--broker-list', '9')
    run.same(code, 1, 'exit code for an unknown broker')


@suite.scenario(seconds=300)
def dump_log(run):
    """kafka-dump-log reads our segments, indexes, producer snapshots and offsets topic without complaint."""
    tool(run, 'kafka-topics', '--bootstrap-server', run.bootstrap, '--create', '--topic', 'dump', '--config', 'index.interval.bytes=64', check=True)
    produce(run, 'dump', 'a:1\nb:2\n', '--property', 'parse.key=true', '--property', 'key.separator=:')
    produce(run, 'dump', 'c\nd\n', '--compression-codec', 'zstd')
    produce(run, 'dump', 'e\n', '--producer-property', 'enable.idempotence=false', '--compression-codec', 'snappy')
    folder = run.broker.log_dir / 'dump-0'
    code, out = tool(run, 'kafka-dump-log', '--files', folder / '00000000000000000000.log', '--print-data-log')
    out = re.sub(r'(CreateTime|producerId|crc|size|position|Dumping .*/|valueSize|keySize): ?-?\d+', r'\1: N', clean(run, out))
    run.transcript(f'log [{code}]\n{out}')
    for suffix in ('index', 'timeindex'):
        code, out = tool(run, 'kafka-dump-log', '--files', folder / f'00000000000000000000.{suffix}', '--verify-index-only')
        run.check(code == 0 and 'Mismatch' not in out and 'do not match' not in out, out)
    tool(run, 'kafka-console-consumer', '--bootstrap-server', run.bootstrap, '--topic', 'dump', '--group', 'dumper', '--from-beginning', '--max-messages', '5', check=True)
    said = ''
    for part in sorted(run.broker.log_dir.glob('__consumer_offsets-*')):
        file = part / '00000000000000000000.log'
        if file.exists() and file.stat().st_size:
            code, out = tool(run, 'kafka-dump-log', '--files', file, '--offsets-decoder')
            run.same(code, 0, str(part))
            said += out
    run.check(re.search(r'"group":"dumper".*"topic":"dump".*"partition":0', said) or 'offset_commit::group=dumper,partition=dump-0' in said, said[-2000:])
    run.check('"protocolType":"consumer"' in said or 'group_metadata::group=dumper' in said, said[-2000:])


@suite.scenario(seconds=300)
def verifiable(run):
    tool(run, 'kafka-topics', '--bootstrap-server', run.bootstrap, '--create', '--topic', 'verify', '--partitions', '1', check=True)
    _, out = tool(run, 'kafka-verifiable-producer', '--bootstrap-server', run.bootstrap, '--topic', 'verify', '--max-messages', '2000', '--acks', '-1', check=True)
    events = [json.loads(line) for line in out.splitlines()]
    run.same([e['offset'] for e in events if e['name'] == 'producer_send_success'], list(range(2000)))
    _, out = tool(run, 'kafka-verifiable-consumer', '--bootstrap-server', run.bootstrap, '--topic', 'verify', '--group-id', 'verify-g', '--max-messages', '2000',
                  '--reset-policy', 'earliest', '--verbose', check=True)
    events = [json.loads(line) for line in out.splitlines()]
    run.same([(e['offset'], e['value']) for e in events if e['name'] == 'record_data'], [(i, str(i)) for i in range(2000)])
    committed = [o['offset'] for e in events if e['name'] == 'offsets_committed' and e['success'] for o in e['offsets']]
    run.same(committed[-1], 2000, 'last commit')


@suite.scenario(seconds=300)
def cluster_and_versions(run):
    code, out = tool(run, 'kafka-cluster', 'cluster-id', '--bootstrap-server', run.bootstrap)
    run.transcript(f'cluster-id [{code}]\n{clean(run, out)}')
    code, out = tool(run, 'kafka-broker-api-versions', '--bootstrap-server', run.bootstrap)
    run.same(code, 0)
    for api in ('Produce(0)', 'Fetch(1)', 'ListOffsets(2)', 'Metadata(3)', 'OffsetCommit(8)', 'OffsetFetch(9)', 'FindCoordinator(10)', 'JoinGroup(11)', 'ApiVersions(18)'):
        run.check(re.search(re.escape(api) + r': \d+ to \d+ \[usable: \d+\]', out), f'{api} in\n{out}')


@suite.scenario(seconds=300)
def perf(run):
    """The perf tools: counts, not speed."""
    tool(run, 'kafka-topics', '--bootstrap-server', run.bootstrap, '--create', '--topic', 'perf', check=True)
    _, out = tool(run, 'kafka-producer-perf-test', '--topic', 'perf', '--num-records', '100000', '--record-size', '100', '--throughput', '-1',
                  '--producer-props', f'bootstrap.servers={run.bootstrap}', check=True)
    run.check('100000 records sent' in out, out)
    _, out = tool(run, 'kafka-consumer-perf-test', '--bootstrap-server', run.bootstrap, '--topic', 'perf', '--messages', '100000', check=True)
    run.check(int(float(out.splitlines()[-1].split(',')[4])) >= 100000, out)
    _, out = tool(run, 'kafka-e2e-latency', run.bootstrap, 'perf-e2e', '200', '1', '100', check=True)
    run.check('Percentiles' in out, out)
