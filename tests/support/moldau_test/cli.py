"""tests/run: chooses layers, runs them one after the other, ends with one line of counts."""
import argparse
import os
import pathlib
import shutil
import signal
import sys
import threading
import time

from . import install, layers, paths, tally, timing

EXAMPLES = """examples:
  tests/run                                      every layer but bench, in its short form
  tests/run unit                                 one layer
  tests/run unit -k storage -- "[log]"           one test program, with arguments for Catch2
  tests/run integration -k kafkajs               scenarios by name (a regular expression on SUITE/SCENARIO)
  tests/run integration --against apache         the same scenarios on Apache Kafka, the oracle
  tests/run integration --binary build/dev/bin/moldau
  tests/run --long                               ThreadSanitizer, more loops, longer fuzzing

layers (folders of tests/):
"""


def parse(arguments):
    listed = ''.join(f'  {name:<12} {what}{"" if default else " (not by default)"}\n'
                     for name, (what, _, _, default) in layers.LAYERS.items())
    parser = argparse.ArgumentParser(prog='tests/run', description='Builds and runs the tests. Installs missing Debian packages itself, '
                                     'and says so; clients come from their registries into the cache.',
                                     epilog=EXAMPLES + listed, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('layers', nargs='*', metavar='LAYER', help='layers to run (default: all but bench)')
    parser.add_argument('--long', action='store_true', help='the long forms')
    parser.add_argument('--against', choices=['moldau', 'apache'], default='moldau', help='what the scenarios talk to')
    parser.add_argument('-k', dest='pattern', metavar='PATTERN', default='', help='only the tests whose name matches')
    parser.add_argument('--binary', metavar='PATH', help='a broker that is built already, instead of the release build')
    parser.add_argument('--no-build', action='store_true', help='run what is built')
    parser.add_argument('--rewrite', action='store_true', help='with --against apache: write the expected transcripts anew')
    parser.add_argument('-j', dest='jobs', type=int, default=min(2, len(os.sched_getaffinity(0))), help='suites at a time')
    parser.add_argument('--list', action='store_true', help='name the scenarios and stop')
    rest = []
    if '--' in arguments:
        at = arguments.index('--')
        arguments, rest = arguments[:at], arguments[at + 1:]
    options = parser.parse_args(arguments)
    options.rest, options.pattern_is_case = rest, False
    for name in options.layers:
        if name not in layers.LAYERS:
            parser.error(f'no layer {name}; there are: {" ".join(layers.LAYERS)}')
    if options.rewrite and options.against != 'apache':
        parser.error('--rewrite goes with --against apache: only Apache Kafka writes what is expected')
    if options.binary:
        os.environ['MOLDAU_BIN'] = str(pathlib.Path(options.binary).resolve())
    return options


def run_layer(name, options):
    """One layer under its time bound; a layer that hangs is given up on and counts as failed."""
    _, function, seconds, _ = layers.LAYERS[name]
    options.limit = seconds * (6 if options.long else 1) * (2 if options.against == 'apache' else 1)
    results = tally.Tally()
    start = time.monotonic()
    print(f'== {name}')

    def work():
        try:
            function(options, results)
        except (layers.LayerFailed, install.InstallFailed) as error:
            results.add(tally.FAIL, name, time.monotonic() - start, str(error))
        except Exception as error:
            import traceback
            results.add(tally.FAIL, name, time.monotonic() - start, f'{error}\n{traceback.format_exc()}')

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    # The build has its own share of the hour on top of what the layer's tests may take.
    worker.join(options.limit + (0 if options.no_build or options.binary else 1500))
    if worker.is_alive():
        results.add(tally.FAIL, name, time.monotonic() - start, f'the layer is not done within its time ({options.limit} s and the build)')
    print(f'-- {name}: {results.line()} in {time.monotonic() - start:.0f} s')
    return results, worker.is_alive()


def interrupted(number, _):
    """Ends at once: the children are tied to the threads that started them, the temporary folders are removed here."""
    print(f'interrupted by signal {number}')
    sys.stdout.flush()
    for folder in list(paths.made):
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(128 + number)


def main():
    options = parse(sys.argv[1:])
    if options.list:
        from . import scenario
        for layer in ('integration', 'conformance', 'fault'):
            for suite in scenario.load(paths.TESTS / layer):
                for one in suite.scenarios:
                    print(f'{layer} {suite.name}/{one.name}{" (--long)" if one.long else ""}')
        return 0
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, interrupted)
    paths.RESULTS.mkdir(parents=True, exist_ok=True)
    total, hung, times = tally.Tally(quiet=True), False, timing.Report()
    chosen = options.layers or [name for name, (_, _, _, default) in layers.LAYERS.items() if default]
    for name in chosen:
        with times.layer(name):
            results, stuck = run_layer(name, options)
        total.merge(results)
        hung |= stuck
    print('\n'.join(times.lines()))
    if total.skipped:
        print('skipped:')
        for name in total.skipped:
            print(f'  {name}')
    if total.failed:
        print('failed:')
        for name in total.failed:
            print(f'  {name}')
    if total.total == 0:
        print('nothing matched')
    print(total.line())
    sys.stdout.flush()
    code = 1 if total.count[tally.FAIL] or total.total == 0 else 0
    if hung:
        os._exit(code or 1)     # threads of the stuck layer would keep the process; its children die with it
    return code


if __name__ == '__main__':
    sys.exit(main())
