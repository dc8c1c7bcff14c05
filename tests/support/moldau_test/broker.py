"""One broker process of either kind on loopback, in a folder of its own.

    with start_broker('moldau', {'num.partitions': 3}) as broker:
        broker.bootstrap            # '127.0.0.1:PORT'
        broker.kill(); broker.start()

`kind` is 'moldau' (the binary of paths.broker_binary()) or 'apache' (the oracle with its ZooKeeper). Overrides are
Kafka's own keys, the same for both."""
import os
import shutil
import socket
import time
import urllib.error
import urllib.request

from . import oracle, paths, ports, process

# What both kinds are given, so that they can be compared.
COMMON = {
    'broker.id': 0,
    'group.initial.rebalance.delay.ms': 0,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
}


class StartFailed(Exception):
    pass


class Broker:
    """Common to both kinds. Not thread-safe: one test owns it."""
    kind = ''

    def __init__(self, overrides=None, directory=None):
        self.dir = directory or paths.temporary(self.kind)
        self._own_dir = directory is None
        self.port = ports.free_port()
        self.host = '127.0.0.1'
        self.bootstrap = f'127.0.0.1:{self.port}'
        self.log_dir = self.dir / 'data'
        self.log = self.dir / 'broker.log'
        self.process = None
        self.overrides = dict(COMMON)
        self.overrides.update({'listeners': f'PLAINTEXT://127.0.0.1:{self.port}', 'log.dirs': str(self.log_dir)})
        self.overrides.update(overrides or {})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def alive(self):
        return self.process is not None and self.process.alive()

    def stop(self, seconds=60):
        """Graceful; returns the exit code."""
        return self.process.stop(seconds) if self.process else None

    def kill(self):
        """kill -9."""
        if self.process:
            self.process.kill()

    def restart(self):
        self.stop()
        self.start()

    def log_tail(self, lines=40):
        try:
            return '\n'.join(self.log.read_text(errors='replace').splitlines()[-lines:])
        except OSError:
            return ''

    def keep_logs(self, folder):
        """Copies the logs to where a failure is looked into."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            shutil.copy(self.log, folder / f'{self.kind}-broker.log')

    def close(self):
        self.kill()
        if self._own_dir and not os.environ.get('MOLDAU_TEST_KEEP'):
            shutil.rmtree(self.dir, ignore_errors=True)


class MoldauBroker(Broker):
    kind = 'moldau'

    def __init__(self, overrides=None, directory=None):
        super().__init__(overrides, directory)
        self.http_port = ports.free_port()
        self.overrides.setdefault('http.listeners', f'http://127.0.0.1:{self.http_port}')

    def launch(self):
        """Starts the process and does not wait for it."""
        binary = paths.broker_binary()
        if not binary.exists():
            raise StartFailed(f'{binary} is not built')
        self.dir.mkdir(parents=True, exist_ok=True)
        words = [word for key, value in self.overrides.items() for word in ('--override', f'{key}={value}')]
        self.process = process.Process([binary, 'serve', *words], self.log, cwd=self.dir)

    def start(self, seconds=30):
        self.launch()
        try:
            process.wait_until(lambda: not self.alive() or self.ready(), seconds, 'the broker is ready', every=0.02)
        except TimeoutError as late:
            self.kill()
            raise StartFailed(f'{late}\n{self.log_tail()}') from None
        if not self.alive():
            raise StartFailed(f'ended at start with {self.process.returncode}\n{self.log_tail()}')
        return self

    def readyz(self):
        """What a ready broker says; with what it still recovers."""
        with urllib.request.urlopen(f'http://127.0.0.1:{self.http_port}/readyz', timeout=2) as answer:
            return answer.read().decode()

    def ready(self):
        try:
            return self.readyz() is not None
        except (urllib.error.URLError, OSError):
            return False


class ApacheBroker(Broker):
    kind = 'apache'

    def __init__(self, overrides=None, directory=None):
        super().__init__(overrides, directory)
        self.zookeeper = None
        self.zk_port = ports.free_port()
        self.overrides.update({'zookeeper.connect': f'127.0.0.1:{self.zk_port}', 'zookeeper.session.timeout.ms': 18000})

    def _zookeeper_answers(self):
        try:
            with socket.create_connection(('127.0.0.1', self.zk_port), 1) as probe:
                probe.sendall(b'srvr')
                probe.settimeout(2)
                return probe.recv(100).startswith(b'Zookeeper version')
        except OSError:
            return False

    def start(self, seconds=240):
        if self.zookeeper is None:
            log = self.dir / 'zookeeper.log'
            self.zookeeper = process.Process(oracle.zookeeper_command(self.dir / 'zookeeper', self.zk_port), log)
            process.wait_until(self._zookeeper_answers, 180, 'ZooKeeper answers', every=0.1)
        end = time.monotonic() + seconds
        while True:
            self.log.write_bytes(b'')
            self.process = process.Process(oracle.broker_command(self.dir / 'kafka', self.overrides), self.log)
            while self.alive() and b'started (kafka.server.KafkaServer)' not in self.log.read_bytes():
                if time.monotonic() > end:
                    self.kill()
                    raise StartFailed(f'Apache Kafka is not up within {seconds} s\n{self.log_tail()}')
                time.sleep(0.1)
            if self.alive():
                return self
            # The session of a killed predecessor still holds /brokers/ids/0: again until it has expired.
            if 'NodeExistsException' not in self.log.read_text(errors='replace') or time.monotonic() > end:
                raise StartFailed(f'Apache Kafka ended at start\n{self.log_tail()}')
            time.sleep(0.5)

    def close(self):
        self.kill()
        if self.zookeeper:
            self.zookeeper.kill()
        super().close()


def make_broker(kind, overrides=None, directory=None):
    return {'moldau': MoldauBroker, 'apache': ApacheBroker}[kind](overrides, directory)


def start_broker(kind, overrides=None, directory=None):
    """A started broker; use it in a `with`."""
    broker = make_broker(kind, overrides, directory)
    try:
        return broker.start()
    except BaseException:
        broker.close()
        raise
