"""Stops with clients that hold on, and starts on what lies in the log directories without a place in the metadata."""
import contextlib
import os
import re
import shutil
import socket
import struct
import time

from moldau_test import broker as brokers
from moldau_test import process, wire
from moldau_test.scenario import Suite
from moldau_test.wire import Wire

suite = Suite('stop', own_broker=True)
MARKER = '.kafka_cleanshutdown'
JOIN_GROUP = 11


def topic(run, broker, name):
    """Made by asking for it."""
    with Wire(broker) as w:
        process.wait_until(lambda: wire.produce_error(w.ask(wire.produce(name, wire.batch([wire.record(0, b'k', b'v')]))))[0] == 0 if w.ask(wire.metadata([name])) else False, 20, f'topic {name}')


def join_group(group):
    body = wire.string(group) + struct.pack('>i', 30000) + wire.string('') + wire.string('consumer')
    return wire.header(JOIN_GROUP, 0) + body + struct.pack('>i', 1) + wire.string('range') + struct.pack('>i', 0)


def said(broker, text):
    return [line for line in broker.log.read_text(errors='replace').splitlines() if text in line]


def ends(run, broker, seconds):
    """SIGTERM; the process ends in time, with the marker of a clean stop."""
    began = time.monotonic()
    broker.process.signal(15)
    run.same(broker.process.wait(seconds), 0, 'exit code')
    run.check((broker.log_dir / MARKER).exists(), f'no marker of a clean stop\n{broker.log_tail()}')
    return time.monotonic() - began


def never_reads(held, host, port, data):
    s = held.enter_context(contextlib.closing(socket.socket()))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect((host, port))
    s.sendall(data)


@suite.scenario(seconds=120, only='moldau')
def clients_that_hold_on(run):
    broker = run.start_broker({'group.initial.rebalance.delay.ms': 300000})
    topic(run, broker, 'big')
    batch = wire.batch([wire.record(0, b'k', os.urandom(900000))])
    with Wire(broker) as w:
        for _ in range(115):
            run.same(wire.produce_error(w.ask(wire.produce('big', batch)))[0], 0, 'error of Produce')
    with contextlib.ExitStack() as held:
        for _ in range(10):
            frame = wire.fetch('big', 0, max_bytes=100 << 20)
            never_reads(held, broker.host, broker.port, 3 * (struct.pack('>i', len(frame)) + frame))
            never_reads(held, broker.host, broker.http_port, b'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n' * 50)
            never_reads(held, broker.host, broker.http_port, b'GET /metrics HT')
            held.enter_context(Wire(broker)).send(join_group('held'))
            held.enter_context(Wire(broker)).send(wire.fetch('big', 116, wait=300000))
        time.sleep(1)
        broker.process.signal(15)
        time.sleep(2)
        with contextlib.suppress(OSError):
            socket.create_connection((broker.host, broker.port), 2).close()
            run.check(False, 'the port still takes connections while the broker stops')
        ends(run, broker, 20)
    broker.start()
    run.check(not said(broker, 'was not clean'), 'the logs are recovered after a clean stop')
    ends(run, broker, 20)


@suite.scenario(seconds=60, only='moldau')
def stray_directory(run):
    broker = run.start_broker()
    topic(run, broker, 'x')
    ends(run, broker, 20)
    shutil.copytree(broker.log_dir / 'x-0', broker.log_dir / 'x-99')
    broker.start()
    run.check(len(said(broker, 'x-99')) == 1, f'x-99 is not told once\n{broker.log_tail()}')
    run.check(not said(broker, 'not every partition has a leader'), 'the start waits for x-99')
    started = re.findall(r'started in (\d+) ms', broker.log.read_text())
    run.check(int(started[-1]) < 4500, f'the start took {started[-1]} ms')
    run.check((broker.log_dir / 'x-99').exists(), 'x-99 is gone')


@suite.scenario(seconds=60, only='moldau')
def meta_properties_gone(run):
    broker = run.start_broker({'broker.id': -1})
    topic(run, broker, 'x')
    ends(run, broker, 20)
    (broker.log_dir / 'meta.properties').unlink()
    broker.start()
    run.check(said(broker, 'broker id 1001 is taken from the embedded metadata store'), broker.log_tail())
    topic(run, broker, 'x')
    ends(run, broker, 20)
    run.check('broker.id=1001' in (broker.log_dir / 'meta.properties').read_text(), 'meta.properties are not written again')
    (broker.log_dir / 'meta.properties').unlink()
    broker.overrides['broker.id'] = 5
    try:
        broker.start()
        run.check(False, 'the broker starts under another id')
    except brokers.StartFailed as refused:
        run.check('broker.id=5 is not 1001' in str(refused), str(refused))
