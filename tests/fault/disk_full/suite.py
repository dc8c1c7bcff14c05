"""Small file systems that fill up, by the broker's own records and by somebody else's: nothing acknowledged is lost, and the directory comes back by itself."""
import contextlib
import functools
import os
import pathlib
import re
import shutil
import struct
import subprocess
import time
import urllib.request

from moldau_test import broker as brokers
from moldau_test import process, wire
from moldau_test.scenario import Skip, Suite
from moldau_test.wire import Wire

suite = Suite('disk_full', own_broker=True)
MIB = 1 << 20
STORAGE_ERROR = 56
DELETE_TOPICS, DELETE_RECORDS, OFFSET_COMMIT, OFFSET_FETCH = 20, 21, 8, 9
# What is deleted goes soon. One partition of offsets is enough.
QUICK = {'log.segment.delete.delay.ms': 500, 'log.segment.bytes': MIB, 'offsets.topic.num.partitions': 1}


@contextlib.contextmanager
def volume(run, kind, mib):
    """A file system of so many MiB; Skip when it can't be had."""
    at = run.dir / f'{kind}-volume'
    at.mkdir(exist_ok=True)
    words = ['mount', '-t', 'tmpfs', '-o', f'size={mib}m', 'tmpfs', at]
    if kind == 'ext4':
        image = run.dir / 'image'
        with open(image, 'wb') as f:
            f.truncate(mib * MIB)
        if shutil.which('mkfs.ext4') is None or subprocess.run(['mkfs.ext4', '-q', '-F', '-m', '0', image], capture_output=True).returncode != 0:
            raise Skip('no mkfs.ext4')
        words = ['mount', '-o', 'loop', image, at]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode != 0:
        raise Skip(f'may not mount a small {kind}')
    try:
        yield at
    finally:
        subprocess.run(['umount', '-l', at], check=False)
        (run.dir / 'image').unlink(missing_ok=True)


def free(at):
    s = os.statvfs(at)
    return s.f_bavail * s.f_frsize


def fill(at):
    """To the last byte, by somebody else."""
    with open(at / 'filler', 'ab', buffering=0) as filler:
        for size in (MIB, 4096, 1):
            with contextlib.suppress(OSError):
                while filler.write(b'\0' * size):
                    pass


@functools.cache
def one_record(size):
    return wire.batch([wire.record(0, b'k', os.urandom(size))])


def produce(w, name, size=900_000):
    """The error code of one record; None for a connection that ended."""
    answer = w.ask(wire.produce(name, one_record(size)), 20)
    return None if isinstance(answer, str) else wire.produce_error(answer)[0]


def topic(broker, name):
    """Made by asking for it; holds one small record."""
    with Wire(broker) as w:
        process.wait_until(lambda: not isinstance(w.ask(wire.metadata([name])), str) and produce(w, name, 10) == 0, 20, f'topic {name}')


def high_watermark(run, broker, name):
    """What a reader of the whole partition finds: as many batches as its high watermark says, each as it was sent."""
    sent = {len(b): b[17:] for b in (one_record(10), one_record(900_000))}
    with Wire(broker) as w:
        offset, high = 0, 1
        while offset < high:
            code, high, data = wire.fetch_result(w.ask(wire.fetch(name, offset, max_bytes=4 * MIB), 20))
            run.same(code, 0, f'error of Fetch of {name} at {offset}')
            at = 0
            while at + 12 <= len(data):
                base, length = struct.unpack_from('>qi', data, at)
                if at + 12 + length > len(data):
                    break
                run.same(base, offset, f'offset of the next batch of {name}')
                run.check(data[at + 17:at + 12 + length] == sent.get(12 + length), f'the batch of {name} at {offset} is not what was sent')
                offset, at = base + 1, at + 12 + length
            run.check(at > 0, f'nothing is read of {name} at {offset} of {high}')
    return high


def delete_topic(broker, name):
    with Wire(broker) as w:
        answer = w.ask(wire.header(DELETE_TOPICS, 1) + struct.pack('>i', 1) + wire.string(name) + struct.pack('>i', 10000), 30)
    return struct.unpack_from('>h', answer, 4 + 4 + 4 + 2 + len(name))[0]


def delete_records(broker, name, before):
    body = struct.pack('>i', 1) + wire.string(name) + struct.pack('>iiqi', 1, 0, before, 10000)
    with Wire(broker) as w:
        answer = w.ask(wire.header(DELETE_RECORDS, 0) + body, 30)
    return struct.unpack_from('>h', answer, len(answer) - 2)[0]


def commit(broker, name, offset):
    body = wire.string('readers') + struct.pack('>i', -1) + wire.string('') + struct.pack('>qi', -1, 1) + wire.string(name) + struct.pack('>iiq', 1, 0, offset) + wire.string('')
    with Wire(broker) as w:
        answer = w.ask(wire.header(OFFSET_COMMIT, 2) + body, 20)
    return struct.unpack_from('>h', answer, len(answer) - 2)[0]


def committed(broker, name):
    body = wire.string('readers') + struct.pack('>i', 1) + wire.string(name) + struct.pack('>ii', 1, 0)
    with Wire(broker) as w:
        answer = w.ask(wire.header(OFFSET_FETCH, 1) + body, 20)
    return struct.unpack_from('>q', answer, 4 + 4 + 2 + len(name) + 4 + 4)[0]


def coordinator(broker):
    def found():
        with Wire(broker) as w:
            answer = w.ask(wire.header(wire.FIND_COORDINATOR, 0) + wire.string('readers'), 20)
        return not isinstance(answer, str) and struct.unpack_from('>h', answer, 4)[0] == 0
    process.wait_until(found, 30, 'a coordinator')


def metric(broker, name):
    with urllib.request.urlopen(f'http://127.0.0.1:{broker.http_port}/metrics', timeout=10) as answer:
        values = re.findall(rf'^{name}(?:{{[^}}]*}})? (\S+)$', answer.read().decode(), re.M)
    return [float(v) for v in values]


def said(broker, text):
    return [line for line in broker.log.read_text(errors='replace').splitlines() if text in line]


def produce_until_refused(run, broker, name):
    """How many records of the partition are acknowledged now."""
    with Wire(broker) as w:
        for n in range(1000):
            code = produce(w, name)
            if code != 0:
                run.same(code, STORAGE_ERROR, 'error of Produce')
                return n
    run.check(False, 'nothing is refused')
    return 0


def takes_records(broker, name, seconds=60):
    with Wire(broker) as w:
        process.wait_until(lambda: produce(w, name, 10) == 0, seconds, f'{name} takes records again', every=0.2)


def below_the_mark(run, kind):
    with volume(run, kind, 96) as at:
        broker = run.start_broker({'log.dirs': str(at / 'data'), 'log.dir.min.free.bytes': 16 * MIB, **QUICK})
        for name in ('aged', 'keep', 'gone'):
            topic(broker, name)
        coordinator(broker)
        with Wire(broker) as w:
            for _ in range(20):
                run.same(produce(w, 'aged'), 0, 'error of Produce')
            for _ in range(20):
                run.same(produce(w, 'gone'), 0, 'error of Produce')
        written = produce_until_refused(run, broker, 'keep') + 1
        # Between two looks a quarter, and the batch that goes beyond it.
        run.check(10 * MIB <= free(at), f'{free(at)} bytes are free: the mark of 16 MiB was passed by more than a quarter and a batch')
        process.wait_until(lambda: metric(broker, 'moldau_log_directory_full') == [1], 10, 'the metric shows a full directory')
        run.check(metric(broker, 'moldau_log_directory_free_bytes')[0] < 16 * MIB, 'the free bytes of the metric')
        with Wire(broker) as w:
            run.same(produce(w, 'gone', 10), STORAGE_ERROR, 'error of Produce to another topic')
        run.same(len(said(broker, f'Log directory {at}/data is full: ')), 1, 'lines that say so')
        run.check('log.dir.min.free.bytes' in said(broker, 'is full: ')[0], said(broker, 'is full: ')[0])
        run.check(not said(broker, 'goes offline'), broker.log_tail())
        # Readers go on, with their offsets.
        run.same(high_watermark(run, broker, 'keep'), written, 'high watermark')
        run.same(commit(broker, 'keep', 7), 0, 'error of OffsetCommit')
        # A topic can be made, and one deleted: that makes room.
        with Wire(broker) as w:
            w.ask(wire.metadata(['late']), 20)
        run.same(delete_topic(broker, 'gone'), 0, 'error of DeleteTopics')
        takes_records(broker, 'keep')
        takes_records(broker, 'late')
        run.same(len(said(broker, 'takes records again')), 1, 'lines that say so')
        # DeleteRecords too, long before the next retention check.
        produce_until_refused(run, broker, 'keep')
        run.same(delete_records(broker, 'aged', 20), 0, 'error of DeleteRecords')
        takes_records(broker, 'keep')
        high = high_watermark(run, broker, 'keep')
        # And whatever happens to the process.
        broker.kill()
        broker.start()
        run.same(high_watermark(run, broker, 'keep'), high, 'high watermark after kill -9')
        coordinator(broker)
        run.same(committed(broker, 'keep'), 7, 'committed offset')


def to_the_last_byte(run, kind):
    with volume(run, kind, 96) as at:
        broker = run.start_broker({'log.dirs': str(at / 'data'), **QUICK})
        for name in ('keep', 'gone'):
            topic(broker, name)
        with Wire(broker) as w:
            for name in ('keep', 'gone'):
                for _ in range(20):
                    run.same(produce(w, name), 0, 'error of Produce')
        # Somebody else fills the disk, faster than anybody looks.
        fill(at)
        written = 21 + produce_until_refused(run, broker, 'keep')
        run.check(not said(broker, 'goes offline'), broker.log_tail())
        run.same(high_watermark(run, broker, 'keep'), written, 'high watermark')
        broker.kill()
        fill(at)
        run.check(free(at) < 4096, f'{free(at)} bytes are free')
        began = time.monotonic()
        broker.start()
        run.check(time.monotonic() - began < 20, 'the start took long')
        fill(at)
        run.same(high_watermark(run, broker, 'keep'), written, 'high watermark after kill -9')
        run.same(high_watermark(run, broker, 'gone'), 21, 'high watermark after kill -9')
        with Wire(broker) as w:
            run.same(produce(w, 'keep'), STORAGE_ERROR, 'error of Produce')
        run.same(delete_topic(broker, 'gone'), 0, 'error of DeleteTopics')
        takes_records(broker, 'keep')
        run.same(high_watermark(run, broker, 'keep'), written + 1, 'high watermark')
        # A clean stop and start on a disk that is full again.
        fill(at)
        broker.stop()
        fill(at)
        broker.start()
        run.same(high_watermark(run, broker, 'keep'), written + 1, 'high watermark after a stop')
        run.check(not said(broker, 'goes offline'), broker.log_tail())
        (at / 'filler').unlink()
        takes_records(broker, 'keep')
        with Wire(broker) as w:
            answer = w.ask(wire.metadata(['gone']), 20)
        run.check(not isinstance(answer, str), 'no answer to Metadata')
        takes_records(broker, 'gone')
        run.same(high_watermark(run, broker, 'gone') < 21, True, 'the deleted topic is a new one')


@suite.scenario(seconds=120, only='moldau')
def mark_tmpfs(run):
    below_the_mark(run, 'tmpfs')


@suite.scenario(seconds=120, only='moldau')
def mark_ext4(run):
    below_the_mark(run, 'ext4')


@suite.scenario(seconds=120, only='moldau')
def last_byte_tmpfs(run):
    to_the_last_byte(run, 'tmpfs')


@suite.scenario(seconds=120, only='moldau')
def last_byte_ext4(run):
    to_the_last_byte(run, 'ext4')


@suite.scenario(seconds=60, only='moldau')
def two_disks(run):
    """The one that is full takes nothing; the other does not notice, and gets the new partitions."""
    with volume(run, 'tmpfs', 48) as small:
        roomy = pathlib.Path(run.dir) / 'roomy'
        shutil.rmtree(roomy, ignore_errors=True)  # of an earlier run
        broker = run.start_broker({'log.dirs': f'{small}/data,{roomy}', 'log.dir.min.free.bytes': 8 * MIB, **QUICK})
        topic(broker, 'a')
        topic(broker, 'b')
        on_small = 'a' if (small / 'data' / 'a-0').exists() else 'b'
        other = 'b' if on_small == 'a' else 'a'
        produce_until_refused(run, broker, on_small)
        process.wait_until(lambda: sorted(metric(broker, 'moldau_log_directory_full')) == [0, 1], 10, 'the metric shows one full directory')
        with Wire(broker) as w:
            for _ in range(5):
                run.same(produce(w, other), 0, 'error of Produce to the other disk')
        for name in ('c', 'd', 'e'):
            topic(broker, name)
            run.check((roomy / f'{name}-0').exists(), f'{name} is not where there is room')


@suite.scenario(seconds=60, only='moldau')
def nothing_there_and_no_room(run):
    """A broker without a byte of its own can't begin on a full disk, and says what to do."""
    with volume(run, 'tmpfs', 16) as at:
        (at / 'data').mkdir()
        fill(at)
        try:
            run.start_broker({'log.dirs': str(at / 'data')})
            run.check(False, 'the broker starts')
        except brokers.StartFailed as refused:
            run.check('no space left on the disk' in str(refused) or 'the disk is full; make room' in str(refused), str(refused))
