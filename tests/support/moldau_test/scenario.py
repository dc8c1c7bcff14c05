"""Scenarios of real clients on a real broker process.

A folder with a `suite.py` is a suite: it has one broker, which its scenarios share in the order they are written, so
each uses topics and groups of its own. A scenario is a function that gets a `Run` and fails by an exception. What it
hands to `run.transcript(...)` is its canonical answer: values, offsets, keys, error names, nothing that differs from run
to run. It is compared with `expected/SCENARIO.txt` beside suite.py, which is written only by Apache Kafka
(`tests/run integration --against apache --rewrite`), so the same file judges both brokers.

    suite = Suite('kcat', broker={'num.partitions': 3})

    @suite.prepare
    def prepare():  return install.python(...)         # once; its value is run.prepared; may raise Skip

    @suite.scenario(seconds=60)
    def keys(run):  run.transcript(run.command(['kcat', ...]))
"""
import concurrent.futures
import difflib
import importlib.util
import os
import pathlib
import re
import sys
import time
import traceback

from . import broker as brokers
from . import install, paths, process, tally

Skip = install.Skip


class Failure(Exception):
    """What a scenario saw was wrong; the text says what."""


class Suite:
    def __init__(self, name, broker=None, own_broker=False):
        """`broker`: overrides for it. `own_broker`: scenarios start what they need themselves (run.start_broker)."""
        self.name = name
        self.overrides = broker or {}
        self.own_broker = own_broker
        self.scenarios = []
        self.prepare_function = lambda: None
        self.folder = None
        self.expected = ''      # folder under expected/, when one suite.py makes several suites

    def prepare(self, function):
        self.prepare_function = function
        return function

    def scenario(self, seconds=90, name=None, long=False, only=None):
        """`long`: only with --long. `only`: one kind of broker ('moldau' or 'apache')."""
        def register(function):
            self.scenarios.append(Scenario(name or function.__name__.strip('_').replace('_', '-'), function, seconds, long, only))
            return function
        return register

    def programs(self, *names, words=lambda run: [run.prepared], env=lambda run: {}, seconds=60):
        """A scenario for each name: the program `WORDS... NAME` prints its canonical answer."""
        for name in names:
            self.scenario(seconds, name)(lambda run, name=name: run.transcript(run.command([*words(run), name], **env(run))))


class Scenario:
    def __init__(self, name, function, seconds, long, only):
        self.name, self.function, self.seconds, self.long, self.only = name, function, seconds, long, only


class Run:
    """What a scenario works with."""

    def __init__(self, suite, scenario, broker, prepared, options, folder):
        self.suite, self.scenario, self.broker, self.prepared = suite, scenario, broker, prepared
        self.options = options
        self.dir = folder                       # scratch and logs of this scenario
        self.log = folder / 'log'
        self.seconds = scenario.seconds * (2 if options.against == 'apache' else 1)     # a JVM takes its time to start
        self.deadline = time.monotonic() + self.seconds
        self.said = []
        self._cleanup = []

    @property
    def bootstrap(self):
        return self.broker.bootstrap

    @property
    def long(self):
        return self.options.long

    def seconds_left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Failure(f'not done within {self.seconds} s')
        return left

    def environment(self, **more):
        env = dict(os.environ, BOOTSTRAP=self.bootstrap if self.broker else '', BROKER_KIND=self.options.against, LC_ALL='C.UTF-8', TZ='UTC')
        env.update((key, str(value)) for key, value in more.items())
        return env

    def command(self, words, text=None, check=True, seconds=None, cwd=None, **env):
        """Runs a program (BOOTSTRAP in its environment); its stdout, or Failure when it ends badly or hangs."""
        words = [str(word) for word in words]
        with open(self.log, 'a') as log:
            log.write(f'$ {" ".join(words)}\n')
        code, out = process.run(words, log=self.log, env=self.environment(**env), cwd=cwd or self.dir, text=text,
                                seconds=min(seconds or 1e9, self.seconds_left()))
        with open(self.log, 'a') as log:
            log.write(out)
        if check and code != 0:
            why = 'did not end in time' if code == 124 else f'ended with {code}'
            raise Failure(f'{pathlib.Path(words[0]).name} {why}')
        return out if check else (code, out)

    def spawn(self, words, log, **env):
        """A program in the background; ended with the scenario."""
        child = process.Process(words, self.dir / log, env=self.environment(**env), cwd=self.dir)
        self._cleanup.append(child.kill)
        return child

    def start_broker(self, overrides=None, directory=None):
        """A broker of the kind under test for this scenario alone."""
        broker = brokers.make_broker(self.options.against, {**self.suite.overrides, **(overrides or {})}, directory)
        self.keep(broker)
        return broker.start()

    def keep(self, broker):
        def end():
            broker.keep_logs(self.dir)
            broker.close()
        self._cleanup.append(end)
        return broker

    def transcript(self, text):
        """Adds to the canonical answer of this scenario."""
        self.said.append(text if text.endswith('\n') or not text else text + '\n')

    def check(self, condition, message):
        if not condition:
            raise Failure(message)

    def same(self, got, expected, what=''):
        if got != expected:
            raise Failure(f'{what or "answer"}: expected {expected!r}, got {got!r}')

    def finish(self):
        for end in reversed(self._cleanup):
            try:
                end()
            except Exception as error:      # the scenario's own outcome counts, this is noted beside it
                with open(self.log, 'a') as log:
                    log.write(f'cleanup: {error}\n')


def load(folder):
    """The suites under a folder: every suite.py, in order of names."""
    found = []
    for file in sorted(pathlib.Path(folder).glob('*/suite.py')):
        module_name = 'suite_' + re.sub(r'\W', '_', str(file.parent.relative_to(paths.TESTS)))
        spec = importlib.util.spec_from_file_location(module_name, file)
        module = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(file.parent))
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.pop(0)
        suites = getattr(module, 'suites', None) or [module.suite]
        for suite in suites:
            suite.folder = file.parent
            found.append(suite)
    return found


def _compare(run, options):
    file = run.suite.folder / 'expected' / run.suite.expected / f'{run.scenario.name}.txt'
    said = ''.join(run.said)
    (run.dir / 'transcript.txt').write_text(said)
    if options.rewrite and options.against == 'apache':
        if said:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(said)
        elif file.exists():
            file.unlink()
        return
    if not said and not file.exists():
        return
    if not file.exists():
        raise Failure(f'no {file.relative_to(paths.ROOT)}; write it with --against apache --rewrite')
    expected = file.read_text()
    if said != expected:
        lines = list(difflib.unified_diff(expected.splitlines(), said.splitlines(), 'expected (Apache Kafka)', 'got', lineterm='', n=2))
        raise Failure('the answers differ from Apache Kafka\'s:\n' + '\n'.join(lines[:40]))


def _run_one(suite, scenario, broker, prepared, options, results, folder):
    name = f'{suite.name}/{scenario.name}'
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.is_file():
            old.unlink()
    run = Run(suite, scenario, broker, prepared, options, folder)
    start = time.monotonic()
    outcome, note = tally.PASS, ''
    try:
        scenario.function(run)
        _compare(run, options)
    except Skip as skip:
        outcome, note = tally.SKIP, str(skip)
    except (Failure, TimeoutError, brokers.StartFailed, install.InstallFailed) as failure:
        outcome, note = tally.FAIL, str(failure)
    except Exception as error:
        outcome, note = tally.FAIL, f'{type(error).__name__}: {error}\n' + ''.join(traceback.format_exc().splitlines(True)[-6:])
    finally:
        run.finish()
    if outcome == tally.PASS and broker is not None and not broker.alive():
        outcome, note = tally.FAIL, 'the broker is gone'
    if outcome == tally.FAIL:
        try:
            tail = run.log.read_text(errors='replace').splitlines()[-12:]
        except OSError:
            tail = []
        note = '\n'.join([note, *(f'| {line[:300]}' for line in tail), f'(all of it: {run.dir})'])
    results.add(outcome, name, time.monotonic() - start, note)
    return outcome


def _run_suite(suite, chosen, options, results, folder):
    base = folder / suite.name.replace('/', '_')
    try:
        prepared = suite.prepare_function()
    except Skip as skip:
        for scenario in chosen:
            results.add(tally.SKIP, f'{suite.name}/{scenario.name}', 0, str(skip))
        return
    except Exception as error:
        for number, scenario in enumerate(chosen):
            results.add(tally.FAIL, f'{suite.name}/{scenario.name}', 0, f'preparing failed: {error}' if number == 0 else 'preparing failed, see above')
        return
    broker, failed = None, False
    try:
        for scenario in chosen:
            if not suite.own_broker and (broker is None or not broker.alive()):
                if broker is not None:
                    broker.keep_logs(base / 'crash')
                    broker.close()
                    broker = None
                try:
                    broker = brokers.start_broker(options.against, suite.overrides)
                except (brokers.StartFailed, TimeoutError, install.InstallFailed) as error:
                    results.add(tally.FAIL, f'{suite.name}/{scenario.name}', 0, f'the broker did not start: {error}')
                    continue
            failed |= _run_one(suite, scenario, broker, prepared, options, results, base / scenario.name) == tally.FAIL
    finally:
        if broker is not None:
            code = broker.stop(60)
            if failed or code not in (0, 143, -15):
                broker.keep_logs(base)
            if options.against == 'moldau' and code != 0:
                results.add(tally.FAIL, f'{suite.name}/clean-stop', 0, f'SIGTERM ended the broker with {code}\n{broker.log_tail(15)}')
            broker.close()


def run_folder(layer, options, results):
    """Runs the suites of tests/LAYER, several at a time."""
    folder = paths.RESULTS / layer / options.against
    pattern = re.compile(options.pattern or '')
    plan = []
    for suite in load(paths.TESTS / layer):
        chosen = [s for s in suite.scenarios if pattern.search(f'{suite.name}/{s.name}') and (options.long or not s.long)
                  and s.only in (None, options.against)]
        if chosen:
            plan.append((suite, chosen))
    # A worker thread lives until all is done, and with it the processes tied to it.
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, options.jobs)) as pool:
        for future in [pool.submit(_run_suite, suite, chosen, options, results, folder) for suite, chosen in plan]:
            future.result()
