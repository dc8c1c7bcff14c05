"""Results of tests, and the closing line that everything which runs tests ends with."""
import re
import sys
import threading

PASS, FAIL, SKIP = 'pass', 'fail', 'skip'


class Tally:
    """Counts and lists results; safe to use from several threads."""

    def __init__(self, quiet=False):
        self.count = {PASS: 0, FAIL: 0, SKIP: 0}
        self.failed = []
        self.skipped = []
        self._lock = threading.Lock()
        self._quiet = quiet

    def add(self, outcome, name, seconds=None, note='', times=1):
        with self._lock:
            self.count[outcome] += times
            if outcome == FAIL:
                self.failed.append(name)
            if outcome == SKIP:
                self.skipped.append(f'{name} ({note})' if note else name)
            if not self._quiet:
                took = f' {seconds:.1f}s' if seconds is not None else ''
                first, *rest = note.splitlines() or ['']
                print(f'{outcome} {name}{took}{": " + first if first else ""}')
                for line in rest:
                    print(f'    {line}')
                sys.stdout.flush()

    def merge(self, other):
        with self._lock:
            for outcome in self.count:
                self.count[outcome] += other.count[outcome]
            self.failed += other.failed
            self.skipped += other.skipped

    def line(self):
        return f'{self.count[PASS]} passed, {self.count[FAIL]} failed, {self.count[SKIP]} skipped'

    @property
    def total(self):
        return sum(self.count.values())


def parse_closing_line(text):
    """The last `N passed, N failed, N skipped` of a text as a tuple, or None."""
    found = re.findall(r'^(\d+) passed, (\d+) failed, (\d+) skipped$', text, re.M)
    return tuple(int(n) for n in found[-1]) if found else None


def parse_catch2(text):
    """(passed, failed) test cases from the summary of Catch2's console reporter, or None when there is no summary."""
    found = re.findall(r'^All tests passed \(.*? in (\d+) test cases?\)', text, re.M)
    if found:
        return int(found[-1]), 0
    found = re.findall(r'^test cases:\s*(\d+)(.*)$', text, re.M)
    if found:
        total, rest = int(found[-1][0]), found[-1][1]
        failed = re.search(r'(\d+) failed', rest)
        passed = re.search(r'(\d+) passed', rest)
        good = int(passed.group(1)) if passed else 0
        bad = int(failed.group(1)) if failed else 0
        return good, max(bad, total - good)
    if re.search(r'^No tests ran', text, re.M):
        return 0, 0
    return None
