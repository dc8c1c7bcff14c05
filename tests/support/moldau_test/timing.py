"""Where a run's time goes: wall seconds in which at least one thread builds or installs; what is left of a layer is its tests.

What a check does in a process of its own counts as tests, its downloads too."""
import contextlib
import threading
import time

BUDGET = 3600       # seconds that a plain tests/run may take on two cores, builds included
KINDS = ('build', 'install')


class Stopwatch:
    """Wall seconds of work that several threads may do at the same time."""

    def __init__(self):
        self._lock = threading.Lock()
        self._running, self._since, self._spent = 0, 0.0, 0.0

    @contextlib.contextmanager
    def running(self):
        with self._lock:
            if self._running == 0:
                self._since = time.monotonic()
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    self._spent += time.monotonic() - self._since

    def seconds(self):
        with self._lock:
            return self._spent + (time.monotonic() - self._since if self._running else 0.0)


_watches = {kind: Stopwatch() for kind in KINDS}


def counted(kind):
    """A context whose time counts as `kind`."""
    return _watches[kind].running()


class Report:
    """Rows of layer, build, install, tests; printed as a table with the sum against the budget."""

    def __init__(self):
        self._rows, self._start = [], time.monotonic()

    @contextlib.contextmanager
    def layer(self, name):
        before, start = [_watches[kind].seconds() for kind in KINDS], time.monotonic()
        try:
            yield
        finally:
            prepared = [_watches[kind].seconds() - spent for kind, spent in zip(KINDS, before)]
            # A build and an install may overlap; tests can't take less than nothing.
            self._rows.append((name, *prepared, max(0.0, time.monotonic() - start - sum(prepared))))

    def lines(self):
        yield f'{"seconds":<12} {"build":>7} {"install":>7} {"tests":>7}'
        for name, *seconds in self._rows:
            yield f'{name:<12} ' + ' '.join(f'{s:7.0f}' for s in seconds)
        sums = [sum(column) for column in list(zip(*self._rows))[1:]]
        yield f'{"all":<12} ' + ' '.join(f'{s:7.0f}' for s in sums) + f'   {time.monotonic() - self._start:.0f} s in all, {BUDGET} s are the bound of a plain run'
