"""Free loopback ports that no two test runs of this machine hand out at the same time.

A port is reserved by a lock file for the life of this process; it lies below the kernel's ephemeral range, so that an
outgoing connection of somebody else can't take it between the choice and the bind."""
import fcntl
import os
import pathlib
import random
import socket
import tempfile
import threading

_DIR = pathlib.Path(tempfile.gettempdir()) / f'moldau-test-ports-{os.getuid()}'
_held = {}
_lock = threading.Lock()
_random = random.Random(os.urandom(8))


def free_port():
    """Reserves a port until this process ends."""
    _DIR.mkdir(exist_ok=True)
    for _ in range(2000):
        port = _random.randrange(20000, 30000)
        with _lock:
            if port in _held:
                continue
            fd = os.open(_DIR / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(fd)
                continue
            with socket.socket() as probe:
                try:
                    probe.bind(('127.0.0.1', port))
                except OSError:
                    os.close(fd)
                    continue
            _held[port] = fd
            return port
    raise RuntimeError('no free port between 20000 and 30000')


def is_open(port, host='127.0.0.1', timeout=1.0):
    try:
        socket.create_connection((host, port), timeout).close()
        return True
    except OSError:
        return False
