"""Processes that are always ended by their own pid, never by name, and that die with the test run."""
import os
import shutil
import signal
import subprocess
import time

# The kernel kills the child when the thread that started it ends: nothing outlives a killed test run.
_TIED = ['setpriv', '--pdeathsig', 'KILL', '--'] if shutil.which('setpriv') else []


class Process:
    """A child in its own session, its output in a file."""

    def __init__(self, command, log, env=None, cwd=None, stdin=subprocess.DEVNULL):
        self.command = [str(word) for word in command]
        self.log = log
        with open(log, 'ab') as out:
            self._child = subprocess.Popen(_TIED + self.command, stdin=stdin, stdout=out, stderr=subprocess.STDOUT,
                                           env=env, cwd=cwd, start_new_session=True)
        self.pid = self._child.pid

    def alive(self):
        return self._child.poll() is None

    @property
    def returncode(self):
        return self._child.poll()

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def stop(self, seconds=60):
        """SIGTERM, and SIGKILL when that does not end it in time; returns the exit code (negative: the signal)."""
        self.signal(signal.SIGTERM)
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._child.wait()

    def kill(self):
        """kill -9 of this process and its session, waited for."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self._child.wait(30)

    def wait(self, seconds):
        return self._child.wait(seconds)


def run(command, log=None, env=None, cwd=None, seconds=600, text=None):
    """Runs a command to its end with nothing on stdin (or `text`); returns (exit code, stdout as text).

    stderr is appended to `log`. The whole session is killed at the deadline: the exit code is then 124."""
    err = open(log, 'ab') if log else subprocess.DEVNULL
    try:
        child = subprocess.Popen(_TIED + [str(word) for word in command], stdout=subprocess.PIPE, stderr=err, env=env, cwd=cwd,
                                 start_new_session=True,
                                 stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL)
        try:
            out, _ = child.communicate(text.encode() if isinstance(text, str) else text, timeout=seconds)
            code = child.returncode
        except subprocess.TimeoutExpired:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            out, _ = child.communicate()
            code = 124
        return code, (out or b'').decode('utf-8', 'replace')
    finally:
        if log:
            err.close()


def wait_until(condition, seconds, what, every=0.05):
    """Polls until `condition()` is true; its value is returned. Fails with `what` at the deadline."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f'{what}: not within {seconds} s')
        time.sleep(every)
