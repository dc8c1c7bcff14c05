"""Where things are. ROOT is the checkout; CACHE keeps downloads between runs; RESULTS the logs of the last run."""
import os
import pathlib
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
TESTS = ROOT / 'tests'
SUPPORT = TESTS / 'support'
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'moldau'
RESULTS = pathlib.Path(os.environ.get('MOLDAU_TEST_RESULTS') or ROOT / 'build' / 'test-results')


made = set()        # temporary folders, so that an interrupted run can remove them


def temporary(prefix):
    """A fresh folder under the system's temporary one; the caller removes it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f'moldau-{prefix}-{os.getpid()}-'))     # whose it is shows in the name
    made.add(folder)
    return folder


def build_dir(preset):
    return ROOT / 'build' / preset


def broker_binary():
    """The broker under test: $MOLDAU_BIN, else the release build."""
    return pathlib.Path(os.environ.get('MOLDAU_BIN') or build_dir('release') / 'bin' / 'moldau')
