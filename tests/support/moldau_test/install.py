"""Clients and tools from their registries (Maven, PyPI, npm, Go proxy) through the ordinary command line clients.

Each lands in a folder of the cache that carries a digest of what was asked for; a marker says that it is whole, a lock
lets one installer in at a time. A failed install leaves nothing that counts as installed."""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

from . import paths, process, timing


class Skip(Exception):
    """The scenario can't run on this machine; the text says what is missing."""


class InstallFailed(Exception):
    pass


@contextlib.contextmanager
def _locked(name):
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    with open(paths.CACHE / f'.{name}.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(kind, name, parts, build):
    """The folder CACHE/kind/name-DIGEST, made by build(folder) when it isn't there yet. `parts`: what the digest covers."""
    digest = hashlib.sha256('\0'.join(str(part) for part in parts).encode()).hexdigest()[:12]
    folder = paths.CACHE / kind / f'{name}-{digest}'
    marker = folder / '.complete'
    if marker.exists():
        return folder
    with _locked(f'{kind}-{name}'):
        if not marker.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            print(f'  installing {kind} {name}', file=sys.stderr)
            with timing.counted('install'):
                build(folder)
            marker.touch()
    return folder


def _do(folder, command, cwd=None, env=None, seconds=900):
    log = folder.parent / f'{folder.name}.log'
    for attempt in (1, 2):
        code, out = process.run(command, log=log, cwd=cwd or folder, env=env, seconds=seconds)
        with open(log, 'a') as file:
            file.write(out)
        if code == 0:
            return out
    tail = '\n'.join(log.read_text(errors='replace').splitlines()[-15:])
    raise InstallFailed(f'{" ".join(str(word) for word in command[:4])}... failed ({code}), see {log}\n{tail}')


def deps(*groups):
    """Debian packages by group (deploy/install-deps)."""
    with timing.counted('install'):
        code = subprocess.run([paths.ROOT / 'deploy' / 'install-deps', *groups], stdin=subprocess.DEVNULL).returncode
    if code != 0:
        raise InstallFailed(f'deploy/install-deps {" ".join(groups)} failed')


def tool_version(command, *arguments):
    """The first version number a tool prints, as a tuple; () when the tool is not there."""
    path = shutil.which(command)
    if not path:
        return ()
    done = subprocess.run([path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = re.search(r'(\d+)\.(\d+)(?:\.(\d+))?|(\d+)', done.stdout + done.stderr)
    return tuple(int(part) for part in found.groups() if part) if found else ()


def need(command, least, *arguments):
    """Skips by name when a tool is missing or older than `least`."""
    have = tool_version(command, *arguments)
    if have < least:
        wanted = '.'.join(str(part) for part in least)
        found = '.'.join(str(part) for part in have) or 'none'
        raise Skip(f'needs {command} {wanted} or later, here: {found}')


def maven(kind, pom, properties, name):
    """Jars of a pom's dependencies."""
    deps('java')
    text = pathlib.Path(pom).read_text()

    def build(folder):
        # Two projects on one machine may fill the local repository at the same time; Maven copes, a retry helps.
        _do(folder, ['nice', 'mvn', '-q', '-B', '-f', pom, f'-Dlibs={folder}', *(f'-D{k}={v}' for k, v in properties.items()),
                     'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'])
    return cached('maven', name, [text, *properties.items()], build)


def python(name, packages, least=(3, 8), no_build_isolation=False):
    """A virtual environment; returns its python."""
    need('python3', least, '-c', 'import platform; print(platform.python_version())')
    deps('test')

    def build(folder):
        _do(folder, ['python3', '-m', 'venv', folder / 'venv'])
        _do(folder, [folder / 'venv' / 'bin' / 'pip', '-q', '--disable-pip-version-check', 'install', 'setuptools<81', 'wheel'])
        _do(folder, [folder / 'venv' / 'bin' / 'pip', '-q', '--disable-pip-version-check', 'install',
                     *(['--no-build-isolation'] if no_build_isolation else []), *packages])
    return cached('python', name, [*packages, os.path.realpath(shutil.which('python3'))], build) / 'venv' / 'bin' / 'python'


def node(name, packages, least=(16,)):
    """A folder with node_modules; give it to a program as NODE_PATH."""
    deps('node')
    need('node', least, '--version')

    def build(folder):
        (folder / 'package.json').write_text('{"private": true}\n')
        _do(folder, ['npm', 'install', '--no-audit', '--no-fund', '--no-save', '--ignore-scripts', *packages])
    return cached('node', name, packages, build) / 'node_modules'


def go(name, source, cgo=False):
    """Builds the Go module in the folder `source` (go.mod, go.sum and *.go) with what tests/support/go has for all; returns the
    program. Skips when the machine's Go is older than go.mod asks for."""
    deps('go')
    source = pathlib.Path(source)
    wanted = re.search(r'^go (\d+)\.(\d+)', (source / 'go.mod').read_text(), re.M)
    need('go', tuple(int(n) for n in wanted.groups()), 'version')
    files = sorted(f for folder in (source, paths.SUPPORT / 'go') for f in folder.iterdir() if f.suffix in ('.go', '.mod', '.sum'))

    def build(folder):
        for file in files:
            shutil.copy(file, folder)
        env = dict(os.environ, GOFLAGS='-mod=mod', CGO_ENABLED='1' if cgo else '0', GOTOOLCHAIN='local')
        _do(folder, ['nice', 'go', 'build', '-o', folder / 'program', '.'], env=env)
    return cached('go', name, [f.name + f.read_text() for f in files], build) / 'program'


def javac(name, sources, classpath, release=None):
    """Compiles Java sources against the jars of a folder; returns the class folder."""
    deps('java')
    sources = [pathlib.Path(s) for s in sources]

    def build(folder):
        flags = ['--release', str(release)] if release else []
        _do(folder, ['javac', '-nowarn', '-Xlint:none', *flags, '-cp', f'{classpath}/*', '-d', folder, *sources])
    return cached('java', name, [*(s.read_text() for s in sources), classpath, release], build)
