"""What the cases of tests/bench share: both brokers, the load generator, CPU and memory of a process, and how a figure is shown."""
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'support'))
from moldau_test import broker as brokers  # noqa: E402

KBENCH = os.environ.get('KBENCH', str(ROOT.parent / 'shared' / 'peer' / 'kbench'))
LIMIT = os.environ.get('KBENCH_LIMIT', str(pathlib.Path(KBENCH).parent / 'limit'))
KINDS = ('apache', 'moldau')
JAVA_OPTS = 'KAFKA_HEAP_OPTS'


def kbench(broker, command, *words, check=True, seconds=900):
    """Runs the load generator against a broker; its result, {} when there is none and `check` is off."""
    line = [KBENCH, command, '-b', broker.bootstrap, '-P', str(broker.pid), *map(str, words)]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, timeout=seconds)
    if not done.stdout:
        if check:
            raise SystemExit(f'{" ".join(line)}: exit {done.returncode}')
        return {}
    return json.loads(done.stdout)


def rss_mib(pid):
    with open(f'/proc/{pid}/status') as f:
        for line in f:
            if line.startswith('VmRSS'):
                return int(line.split()[1]) / 1024
    return 0


def cpu_seconds(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def cores_in_use(pid, seconds):
    """Of a process, over that long."""
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


class Descriptors:
    """The limits of open files for what is started inside: `soft` and `hard`; a raised hard limit needs root, and stays as it is without."""

    def __init__(self, soft, hard):
        self.wanted = (soft, hard)

    def __enter__(self):
        self.before = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, self.wanted)
        except (ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(self.wanted[0], self.before[1]), self.before[1]))

    def __exit__(self, *_):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, self.before)
        except (ValueError, OSError):
            pass  # not root: the lower hard limit stays


class Bench:
    def __init__(self, args):
        self.args = args
        self.serial = 0
        self.running = {}
        self.kept = {}

    def broker(self, kind):
        """The broker that the cases of traffic share."""
        if kind not in self.running:
            overrides = {'num.partitions': 1, 'group.initial.rebalance.delay.ms': 0}
            if kind == 'apache':
                os.environ.setdefault(JAVA_OPTS, '-Xmx1G -Xms1G')
            self.running[kind] = brokers.start_broker(kind, overrides)
        return self.running[kind]

    def close(self):
        for broker in self.running.values():
            broker.close()

    def name(self):
        self.serial += 1
        return f'bench-{os.getpid()}-{self.serial}'

    def topic(self, broker, partitions=6):
        name = self.name()
        kbench(broker, 'create', '-t', name, '-n', 1, '-p', partitions, '-f', 1)
        return name

    def show(self, case, figure, values, unit='', smaller_is_better=True):
        """A row of medians with their ratio, above 1 where Moldau is better. `values`: kind -> list of numbers."""
        medians = {k: statistics.median(v) for k, v in values.items() if v}
        ratio = ''
        if len(medians) == 2 and min(medians.values()) > 0:
            a, m = medians['apache'], medians['moldau']
            ratio = f'{(a / m if smaller_is_better else m / a):.2f} x'
        cells = [f'{medians[k]:.3g}' if k in medians else '-' for k in KINDS]
        print(f'| {case} | {figure}{" (" + unit + ")" if unit else ""} | {cells[0]} | {cells[1]} | {ratio} |', flush=True)

    def paired(self, case, action, figures, warm=2):
        """Runs `action(broker)` on both in turn and shows the figures."""
        results = {k: [] for k in KINDS}
        for n in range(-warm, self.args.runs):
            for kind in (KINDS if n % 2 == 0 else KINDS[::-1]):
                result = action(self.broker(kind))
                if n >= 0:
                    results[kind].append(result)
        for key, unit in figures:
            self.show(case, key, {k: [r[key] for r in v if r.get(key) is not None] for k, v in results.items()}, unit, key != 'mib_per_s')
