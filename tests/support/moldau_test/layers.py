"""The layers of tests/run: what each needs, builds and runs. Each adds to a Tally."""
import os
import re
import shutil
import subprocess
import sys
import time

from . import install, paths, process, scenario, tally, timing


class LayerFailed(Exception):
    """The layer could not run at all (a build failed)."""


def _cpus():
    return len(os.sched_getaffinity(0))


def build(preset, targets, options):
    """Configures and builds targets of a preset; the log is build/test-results/build-PRESET.log."""
    install.deps('run', *(['fuzz'] if preset == 'fuzz' else []))
    paths.RESULTS.mkdir(parents=True, exist_ok=True)
    log = paths.RESULTS / f'build-{preset}.log'
    start = time.monotonic()
    print(f'  building preset {preset}: {" ".join(targets) or "all"} (log: {log.relative_to(paths.ROOT)})', file=sys.stderr)
    with timing.counted('build'), open(log, 'w') as out:
        for command in (['cmake', '--preset', preset],
                        ['cmake', '--build', paths.build_dir(preset), '-j', str(_cpus()), *(['--target', *targets] if targets else [])]):
            code = subprocess.run([str(word) for word in command], cwd=paths.ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out).returncode
            if code != 0:
                tail = [line for line in log.read_text(errors='replace').splitlines() if re.search(r'error|FAILED|undefined', line)][:20]
                raise LayerFailed(f'the build of preset {preset} failed, see {log}\n' + '\n'.join(tail))
    print(f'  built preset {preset} in {time.monotonic() - start:.0f} s', file=sys.stderr)


def executables(preset, prefix):
    """Targets of a configured preset that are programs named PREFIX_*: {target: path}."""
    folder = paths.build_dir(preset)
    if not (folder / 'build.ninja').exists():
        install.deps('run')
        with timing.counted('build'):
            done = subprocess.run(['cmake', '--preset', preset], cwd=paths.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise LayerFailed(f'cmake --preset {preset} failed\n{done.stdout[-2000:]}{done.stderr[-3000:]}')
    listed = subprocess.run(['ninja', '-C', folder, '-t', 'targets', 'all'], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    found = {}
    for line in listed.splitlines():
        path, _, rule = line.partition(': ')
        if rule.startswith('CXX_EXECUTABLE_LINKER') and os.path.basename(path).startswith(prefix + '_'):
            found[os.path.basename(path)] = folder / path
    return dict(sorted(found.items()))


def _sanitizer_environment():
    env = dict(os.environ, MOLDAU_ROOT=str(paths.ROOT))
    env['ASAN_OPTIONS'] = 'detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:' + env.get('ASAN_OPTIONS', '')
    env['UBSAN_OPTIONS'] = 'print_stacktrace=1:halt_on_error=1:' + env.get('UBSAN_OPTIONS', '')
    env['TSAN_OPTIONS'] = 'halt_on_error=1:second_deadlock_stack=1:' + env.get('TSAN_OPTIONS', '')
    return env


def catch2(layer, options, results, presets):
    """Builds and runs the Catch2 programs of a layer (targets LAYER_*), counting test cases."""
    for preset in presets:
        programs = executables(preset, layer)
        if not programs:
            print(f'  {layer}: no test programs yet', file=sys.stderr)
            return
        if not options.no_build:
            build(preset, list(programs), options)
        for name, program in programs.items():
            label = f'{layer}/{name[len(layer) + 1:]} [{preset}]'
            if options.pattern and not options.pattern_is_case and not re.search(options.pattern, label):
                continue
            log = paths.RESULTS / layer / f'{name}-{preset}.log'
            log.parent.mkdir(parents=True, exist_ok=True)
            start = time.monotonic()
            env = _sanitizer_environment()
            if options.long:
                env['MOLDAU_LONG'] = '1'
            code, out = process.run(['nice', program, *options.rest], log=log, env=env, cwd=paths.ROOT, seconds=options.limit)
            with open(log, 'a') as file:
                file.write(out)
            seconds = time.monotonic() - start
            counted = tally.parse_catch2(out)
            if counted is None or code == 124 or (code != 0 and counted[1] == 0):
                why = f'not done within {options.limit} s' if code == 124 else f'ended with {code}'
                tail = log.read_text(errors='replace').splitlines()[-25:]
                results.add(tally.FAIL, label, seconds, '\n'.join([why, *tail, f'(all of it: {log})']))
                if counted and counted[0]:
                    results.add(tally.PASS, label, None, 'cases before that', times=counted[0])
                continue
            good, bad = counted
            if good:
                results.add(tally.PASS, label, seconds, f'{good} cases', times=good)
            if bad:
                results.add(tally.FAIL, label, seconds, '\n'.join([f'{bad} cases', *out.splitlines()[-60:], f'(all of it: {log})']), times=bad)


def checks(layer, options, results):
    """Runs the programs directly in tests/LAYER: exit 0 passes, 77 skips (its last line says why), anything else fails.

    One that closes with `N passed, N failed, N skipped` is counted by that line."""
    folder = paths.TESTS / layer
    for check in sorted(folder.iterdir()) if folder.exists() else []:
        if not check.is_file() or not os.access(check, os.X_OK):
            continue
        label = f'{layer}/{check.name}'
        if options.pattern and not re.search(options.pattern, label):
            continue
        log = paths.RESULTS / layer / f'{check.name}.log'
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b'')
        env = dict(os.environ, MOLDAU_ROOT=str(paths.ROOT), MOLDAU_LONG='1' if options.long else '',
                   MOLDAU_BIN=str(paths.broker_binary()))
        start = time.monotonic()
        code, out = process.run([check], log=log, env=env, cwd=paths.ROOT, seconds=options.limit)
        with open(log, 'a') as file:
            file.write(out)
        seconds = time.monotonic() - start
        lines = out.splitlines()
        counted = tally.parse_closing_line(out)
        if code == 77:
            results.add(tally.SKIP, label, seconds, lines[-1] if lines else '')
        elif counted and (code == 0) == (counted[1] == 0):
            for outcome, number in zip((tally.PASS, tally.FAIL, tally.SKIP), counted):
                if number:
                    note = '\n'.join(['', *lines[-40:-1]]) if outcome == tally.FAIL else f'{number}' if outcome == tally.PASS else f'{number}, named in {log}'
                    results.add(outcome, label, seconds, note, times=number)
        elif code == 0:
            results.add(tally.PASS, label, seconds)
        else:
            tail = log.read_text(errors='replace').splitlines()[-30:]
            results.add(tally.FAIL, label, seconds, '\n'.join([f'ended with {code}' if code != 124 else 'not done in time', *tail]))


def broker_build(options):
    """The release broker, unless the scenarios run against the oracle or against a given binary."""
    if options.against == 'moldau' and not options.binary and not options.no_build:
        build('release', ['moldau'], options)


def lint(options, results):
    install.deps('lint', *(['tidy', 'fuzz', 'run'] if options.long else []))
    checks('lint', options, results)
    if options.long:
        checks('lint/long', options, results)


def unit(options, results):
    catch2('unit', options, results, ['asan', 'tsan'] if options.long else ['asan'])


def scenario_layer(options, results):
    catch2('scenario', options, results, ['asan'])


def sim(options, results):
    catch2('sim', options, results, ['asan', 'tsan'] if options.long else ['asan'])


def integration(options, results):
    broker_build(options)
    scenario.run_folder('integration', options, results)


def conformance(options, results):
    broker_build(options)
    programs = executables('asan', 'conformance')
    if programs:
        catch2('conformance', options, results, ['asan'])
    checks('conformance', options, results)
    scenario.run_folder('conformance', options, results)


def fault(options, results):
    broker_build(options)
    scenario.run_folder('fault', options, results)


def fuzz(options, results):
    """Every libFuzzer target for a few seconds (--long: minutes), on the committed corpus tests/fuzz/corpus/TARGET."""
    install.deps('fuzz')
    programs = executables('fuzz', 'fuzz')
    if not programs:
        print('  fuzz: no targets yet', file=sys.stderr)
        return
    if not options.no_build:
        build('fuzz', list(programs), options)
    share = max(2, min(20, 120 // len(programs)))
    seconds = 300 if options.long else share
    for name, program in programs.items():
        label = f'fuzz/{name[5:]}'
        if options.pattern and not re.search(options.pattern, label):
            continue
        work = paths.RESULTS / 'fuzz' / name
        shutil.rmtree(work, ignore_errors=True)
        (work / 'corpus').mkdir(parents=True)
        seeds = [folder for folder in (paths.TESTS / 'fuzz' / 'corpus' / name[5:],) if folder.is_dir()]
        start = time.monotonic()
        code, _ = process.run(['nice', program, f'-max_total_time={seconds}', '-rss_limit_mb=2048', '-timeout=10', '-print_final_stats=1',
                               f'-artifact_prefix={work}/', work / 'corpus', *seeds], log=work / 'log', cwd=work, seconds=seconds + 120)
        took = time.monotonic() - start
        log = (work / 'log').read_text(errors='replace')
        runs = re.findall(r'number_of_executed_units:\s*(\d+)', log)
        if code == 0:
            results.add(tally.PASS, label, took, f'{runs[-1]} runs' if runs else '')
        else:
            results.add(tally.FAIL, label, took, '\n'.join([f'ended with {code}', *log.splitlines()[-40:], f'(input and log: {work})']))


def bench(options, results):
    broker_build(options)
    checks('bench', options, results)


# name: (what it is, function, seconds in the short form without the build, part of a plain `tests/run`)
LAYERS = {
    'lint': ('layers, coroutine traps, file sizes, hosts: reads the source', lint, 180, True),
    'unit': ('Catch2 under ASan and UBSan (--long: ThreadSanitizer too)', unit, 600, True),
    'scenario': ('scripts of commands with the expected trace beside them', scenario_layer, 300, True),
    'sim': ('seeded simulation: crashes, torn writes, delays', sim, 300, True),
    'conformance': ('schemas and golden bytes against Apache Kafka\'s own', conformance, 600, True),
    'integration': ('stock clients on a real broker process', integration, 1500, True),
    'fault': ('kill -9 under load, bad input', fault, 600, True),
    'fuzz': ('libFuzzer on every decoder, a short run each', fuzz, 600, True),
    'bench': ('figures beside Apache Kafka; by hand only', bench, 3600, False),
}
