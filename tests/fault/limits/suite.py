"""Limits on connections and listeners that change while the broker runs: what waits, what is closed, what goes on (KIP-402, KIP-612, KIP-226)."""
import contextlib
import socket
import struct
import time
import urllib.request

from moldau_test import ports, wire
from moldau_test.scenario import Suite
from moldau_test.wire import Wire

# Two windows of a second: a rate of 1 lets one connection a second through, the next waits.
suite = Suite('limits', broker={'broker.id': 0, 'quota.window.num': 2, 'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT'})

BROKER = 4
SET, DELETE = 0, 1


def alter(w, changes, operation=SET, name='0'):
    """IncrementalAlterConfigs v0 of the broker; error code and message."""
    body = struct.pack('>ib', 1, BROKER) + wire.string(name) + struct.pack('>i', len(changes))
    for key, value in changes.items():
        body += wire.string(key) + struct.pack('>b', operation) + wire.string(value)
    answer = w.ask(wire.header(44, 0) + body + b'\0', 20)
    code, length = struct.unpack_from('>hh', answer, 12)
    return code, answer[16:16 + length].decode() if length > 0 else None


def outcome(w, timeout=0.7):
    answer = w.ask(wire.api_versions(), timeout)
    return answer if isinstance(answer, str) else 'answered'


def later(w, timeout=10):
    answer = w.receive(timeout)
    return answer if isinstance(answer, str) else 'answered'


def until(seen, seconds=20):
    """A change takes a moment to arrive; True when it was seen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if seen():
            return True
        time.sleep(0.1)
    return False


class At:
    def __init__(self, host, port):
        self.host, self.port = host, port


def fresh(run):
    """What a new connection sees."""
    with Wire(run.broker) as w:
        return outcome(w)


@suite.scenario()
def all_connections(run):
    with Wire(run.broker) as admin, contextlib.ExitStack() as held:
        outcome(admin, 20)
        run.transcript(f'max.connections=8: {alter(admin, {"max.connections": "8"}, name="")}')
        waiting = None
        for _ in range(30):
            w = held.enter_context(Wire(run.broker))
            time.sleep(0.1)
            if outcome(w) == 'silent':
                waiting = w
                break
        run.transcript(f'a connection waits: {waiting is not None}')
        run.transcript(f'max.connections=100: {alter(admin, {"max.connections": "100"}, name="")}')
        run.transcript(f'then it is {later(waiting)}')
        run.transcript(f'without: {alter(admin, {"max.connections": None}, DELETE, name="")}')


@suite.scenario()
def one_address(run):
    with Wire(run.broker) as admin:
        outcome(admin, 20)
        try:
            run.transcript(f'max.connections.per.ip=1: {alter(admin, {"max.connections.per.ip": "1"}, name="")}')
            run.transcript(f'one more is closed: {until(lambda: fresh(run) == "closed")}')
            run.transcript(f'an override: {alter(admin, {"max.connections.per.ip.overrides": "127.0.0.1:50"}, name="")}')
            run.transcript(f'one more is answered: {until(lambda: fresh(run) == "answered")}')
        finally:                # the scenarios after this one need their connections
            for key in ('max.connections.per.ip', 'max.connections.per.ip.overrides'):
                run.transcript(f'without {key}: {alter(admin, {key: None}, DELETE, name="")}')
                time.sleep(1)   # Apache Kafka answers before it applies a change


@suite.scenario()
def creation_rate(run):
    with Wire(run.broker) as admin:
        outcome(admin, 20)
        key = 'listener.name.plaintext.max.connection.creation.rate'
        for name in ('0', ''):
            run.transcript(f'max.connections=0: {alter(admin, {"max.connections": "0"}, name=name)}')
        run.transcript(f'{key}=0: {alter(admin, {key: "0"})}')
        run.transcript(f'{key}=1: {alter(admin, {key: "1"})}')

        def delayed():
            with Wire(run.broker) as w:
                start = time.monotonic()
                answered = outcome(w, 10) == 'answered'
                return answered and time.monotonic() - start > 0.4
        run.transcript(f'a connection is held up, then answered: {until(delayed, 30)}')
        run.transcript(f'without: {alter(admin, {key: None}, DELETE)}')
        run.transcript(f'answered at once: {until(lambda: not delayed(), 30)}')


@suite.scenario()
def listeners_come_and_go(run):
    extra = At(run.broker.host, ports.free_port())
    both = f'PLAINTEXT://{run.broker.host}:{run.broker.port},EXTRA://{extra.host}:{extra.port}'

    def reachable():
        try:
            with Wire(extra) as w:
                return outcome(w, 5) == 'answered'
        except OSError:
            return False

    with Wire(run.broker) as admin:
        outcome(admin, 20)
        run.transcript(f'for all brokers: {alter(admin, {"listeners": "EXTRA://:1"}, name="")}')
        run.transcript(f'reachable: {reachable()}')
        run.transcript(f'a listener more: {alter(admin, {"listeners": both})}')
        run.transcript(f'reachable: {until(reachable)}')
        with Wire(extra) as w:
            outcome(w, 5)
            run.transcript(f'without: {alter(admin, {"listeners": None}, DELETE)}')
            run.transcript(f'its connection is {later(w)}')
        run.transcript(f'gone: {until(lambda: not reachable())}')
        run.transcript(f'the other goes on: {outcome(admin, 5)}')


@suite.scenario(only='moldau')
def client_gone_while_held(run):
    """DIFFERS from Apache Kafka, which sees the end of a client when its request is done."""
    def count():
        return sum(int(line.rsplit(' ', 1)[1]) for line in metrics(run).splitlines() if line.startswith('kafka_server_socket_server_metrics_connection_count'))
    with Wire(run.broker) as w:
        until(lambda: wire.fetch_result(w.ask(wire.fetch('held', 0)))[0] == 0 or w.ask(wire.metadata(['held'])) is None)
        before = count()
        held = Wire(run.broker).send(wire.fetch('held', 0, wait=60000))
        run.check(until(lambda: count() == before + 1), 'the connection is not counted')
        held.close()
        run.check(until(lambda: count() == before, 5), 'the connection is still counted')
        half = Wire(run.broker).send(wire.metadata(['held']))
        half.socket.shutdown(socket.SHUT_WR)
        run.check(not isinstance(half.receive(), str), 'who closes its sending side only gets no answer')


def metrics(run):
    return urllib.request.urlopen(f'http://127.0.0.1:{run.broker.http_port}/metrics').read().decode()
