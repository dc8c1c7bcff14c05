"""dump-log: `moldau dump-log` and Apache Kafka's kafka-dump-log print the same of the same files, line by line: of data directories that Apache Kafka left (stopped and
killed), of files that its own classes made (every magic, codec and kind of record), and of broken ones. `--verify` finds nothing wrong with the former and all of the latter."""
import os
import random
import shutil
import struct
import tarfile

from moldau_test import oracle, paths, process
from moldau_test.scenario import Suite

suite = Suite('dump_log', own_broker=True)

GOLDEN = paths.TESTS / 'unit' / 'storage' / 'golden'
CLASSES = 'org.apache.kafka.tools.api.'
ENVIRONMENT = dict(os.environ, LC_ALL='C.UTF-8')  # the JVM prints in the encoding of the locale


def unpack(run, name):
    shutil.rmtree(run.dir / name, ignore_errors=True)
    with tarfile.open(GOLDEN / f'{name}.tar.gz') as tar:
        tar.extractall(run.dir / name)
    return run.dir / name / 'data'


def dump(command, folder, log):
    log.unlink(missing_ok=True)
    code, out = process.run(command, log=log, cwd=folder, env=ENVIRONMENT, seconds=120)
    complaints = [line for line in log.read_text().splitlines() if not line.startswith(('\tat ', 'Exception in', 'moldau dump-log: ', 'Caused by: ', '\t... '))]
    return code, out.splitlines(), complaints


def same(run, folder, files, *options):
    """Both tools on files of a folder. Where Apache Kafka ends with an exception, Moldau ends with a reason of its own."""
    words = [*options, '--files', ','.join(str(f) for f in files)]
    theirs = dump(oracle.tool_command('kafka-dump-log', *words), folder, run.dir / 'apache.err')
    ours = dump([paths.broker_binary(), 'dump-log', *words], folder, run.dir / 'moldau.err')
    what = ' '.join(options) or 'no option'
    for number, (a, m) in enumerate(zip(theirs[1], ours[1])):
        run.same(m, a, f'{what}: line {number}')
    run.same(len(ours[1]), len(theirs[1]), f'{what}: lines')
    run.same(ours[2], theirs[2], f'{what}: complaints')
    run.same(ours[0], theirs[0], f'{what}: exit code')


def files(folder, *suffixes):
    return sorted(f.relative_to(folder) for suffix in suffixes for f in folder.glob(f'*/*{suffix}'))


def verify(run, folder, broken=()):
    """--verify names exactly these files."""
    log = run.dir / 'verify.err'
    code, out = process.run([paths.broker_binary(), 'dump-log', '--verify', folder], log=log, cwd=run.dir, seconds=60)
    named = sorted({line.split(': ')[0] for line in out.splitlines()[:-1]})
    run.same(named, sorted(str(f) for f in broken), '--verify')
    run.same(code, 1 if broken else 0, 'exit code of --verify')


@suite.scenario(seconds=600, only='moldau')
def data_directories(run):
    for name in ('clean', 'killed'):
        data = unpack(run, name)
        logs, indexes = files(data, '.log'), files(data, '.index', '.timeindex', '.txnindex', '.snapshot')
        for options in ([], ['--deep-iteration'], ['--print-data-log'], ['--print-data-log', '--skip-record-metadata'], ['--print-data-log', '--max-bytes', '5000']):
            same(run, data, logs, *options)
        for options in ([], ['--verify-index-only'], ['--index-sanity-check'], ['--max-message-size', '1000']):
            same(run, data, indexes, *options)
        same(run, data, files(data, '__transaction_state-0/*.log'), '--transaction-log-decoder')
        verify(run, data)


@suite.scenario(seconds=300, only='moldau')
def every_kind_of_record(run):
    made = run.dir / 'made'
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    run.command([oracle.java(), *oracle.JVM_SMALL, '-cp', f'{oracle.libs()}/*', suite.folder / 'MakeFiles.java', made])
    same(run, made, files(made, '.log'), '--print-data-log')
    same(run, made, files(made, '.log'), '--skip-record-metadata', '--value-decoder-class')
    same(run, made, ['__consumer_offsets-0/00000000000000000000.log'], '--offsets-decoder')
    same(run, made, ['__transaction_state-0/00000000000000000000.log'], '--transaction-log-decoder')
    same(run, made, ['__remote_log_metadata-0/00000000000000000000.log'], '--remote-log-metadata-decoder')
    same(run, made, ['numbers-0/00000000000000000000.log'], f'--key-decoder-class={CLASSES}LongDecoder', '--value-decoder-class', f'{CLASSES}IntegerDecoder')


def change(path, position, new):
    content = bytearray(path.read_bytes())
    content[position:position + len(new)] = new
    path.write_bytes(content)


@suite.scenario(seconds=300, only='moldau')
def broken_files(run):
    data = unpack(run, 'clean')
    plain, txn = data / 'plain-0', data / 'txn-0'
    torn, crc, zeros = plain / '00000000000000000323.log', plain / '00000000000000000162.log', txn / '00000000000000000302.log'
    torn.write_bytes(torn.read_bytes()[:-40])
    change(crc, 200, b'\xff\xfe')
    zeros.write_bytes(zeros.read_bytes() + bytes(500))
    for file, options in ((torn, ['--deep-iteration']), (crc, []), (zeros, [])):
        same(run, data, [file.relative_to(data)], *options)
    disorder, moved, times = txn / '00000000000000000000.index', txn / '00000000000000000100.index', txn / '00000000000000000200.timeindex'
    change(disorder, 16, disorder.read_bytes()[0:8])
    change(moved, 4, struct.pack('>i', 1))
    change(times, 12, struct.pack('>q', 5))
    for file in (disorder, times):
        same(run, data, [file.relative_to(data)])
    checksum, version, short = (data / 'codecs-0' / f'00000000000000000{n}.snapshot' for n in (100, 460, 600))
    change(checksum, 20, b'\x55')
    change(version, 0, b'\x00\x07')
    short.write_bytes(short.read_bytes()[:-1])
    same(run, data, [f.relative_to(data) for f in (checksum, version)])
    epochs = data / 'codecs-0' / 'leader-epoch-checkpoint'
    epochs.write_text('0\n2\n3 100\n')
    # Behind a torn segment the checkpoints of the directory are ahead of the log.
    after = [plain / '00000000000000000323.index', plain / '00000000000000000323.timeindex', plain / '00000000000000000400.snapshot',
             data / 'recovery-point-offset-checkpoint', data / 'replication-offset-checkpoint']
    verify(run, data, [torn, crc, zeros, disorder, moved, times, checksum, version, short, epochs, *after])


@suite.scenario(seconds=300, only='moldau')
def random_damage(run):
    """Whatever stands in a file, both commands end by themselves."""
    rng = random.Random(run.dir.name)
    data = unpack(run, 'killed')
    targets = [f for f in data.glob('*/*') if f.suffix in ('.log', '.index', '.timeindex', '.txnindex', '.snapshot')]
    for turn in range(30 * (5 if run.long else 1)):
        target = rng.choice(targets)
        original = target.read_bytes()
        if original:
            for _ in range(rng.randrange(1, 6)):
                change(target, rng.randrange(len(original)), rng.randbytes(rng.randrange(1, 9)))
        code, _ = process.run([paths.broker_binary(), 'dump-log', '--print-data-log', '--files', target], log=run.dir / 'random.err', cwd=data, seconds=30)
        run.check(code in (0, 1), f'turn {turn}: {target.name} ended dump-log with {code}')
        code, _ = process.run([paths.broker_binary(), 'dump-log', '--verify', data], log=run.dir / 'random.err', cwd=data, seconds=30)
        run.check(code in (0, 1), f'turn {turn}: {target.name} ended --verify with {code}')
        target.write_bytes(original)
