# SPDX-License-Identifier: GPL-3.0-or-later
"""A server program of the lab: started in the foreground, watched, frozen, ended; its log.

The rules are those of postgresql.py: nothing sleeps for a fixed time, and only the main thread starts programs, since
the kernel takes them down with the thread that did (PR_SET_PDEATHSIG)."""

import os
import shutil
import signal
import subprocess

from postgresql import DEADLINE, LabError, wait_until

PATH = "/usr/bin:/usr/sbin:/bin:/sbin:/usr/local/bin"


def find_program(name):
    """The file of a program; LabError."""
    found = shutil.which(name, path=PATH + ":" + os.environ.get("PATH", ""))
    if found is None:
        raise LabError("no %s on this machine" % name)
    return found


def process_state(pid):
    """(state, parent) as /proc says it, "S" or "T" or "Z" ...; (None, None) when it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None, None
    return fields[0], int(fields[1])


def descendants(pid):
    """The processes that it has started, and theirs: the nearest first."""
    parents = {int(name): process_state(int(name))[1] for name in os.listdir("/proc") if name.isdigit()}
    found, last = [], [pid]
    while last:
        last = [child for child, parent in parents.items() if parent in last]
        found += last
    return found


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class Program:
    """One process and what it starts. `folder` is its own, and stays between two starts."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder
        self.logfile = folder + ".log"
        self.process = None
        self._log_start = 0
        os.makedirs(folder, exist_ok=True)

    def run(self, command, **environment):
        """Starts it, with nothing of our environment."""
        clean = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": self.folder, "TMPDIR": self.folder}
        clean.update(environment)
        self._log_start = os.path.getsize(self.logfile) if os.path.exists(self.logfile) else 0
        with open(self.logfile, "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--"] + [str(word) for word in command], env=clean, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait_for(self, condition, what, seconds=DEADLINE):
        """The first true value of condition(); LabError with the log when it ends before, or when it takes too long."""
        def test():
            if not self.running():
                raise LabError("%s has ended (%s)\n%s" % (self.name, what, self.log_tail()))
            return condition()
        return wait_until(test, lambda: "%s: %s\n%s" % (self.name, what, self.log_tail()), seconds)

    def log(self):
        """What it said since it was started last."""
        try:
            with open(self.logfile, "rb") as file:
                file.seek(self._log_start)
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def log_tail(self):
        return "\n".join(self.log().split("\n")[-20:])

    def kill(self):
        """At once, it and all that it started."""
        if self.running():
            family = descendants(self.process.pid)
            self.process.kill()
            signal_all(family, signal.SIGKILL)
            self.process.wait()
            wait_until(lambda: all(process_state(pid)[0] in (None, "Z") for pid in family), self.name + " is gone")
        self.process = None

    def stop(self, seconds=DEADLINE):
        """In good order (SIGTERM)."""
        if self.running():
            family = descendants(self.process.pid)
            signal_all(family + [self.process.pid], signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise LabError("%s does not stop\n%s" % (self.name, self.log_tail())) from None
            signal_all([pid for pid in family if process_state(pid)[0] not in (None, "Z")], signal.SIGKILL)
        self.process = None

    def children(self):
        return descendants(self.process.pid)

    def freeze(self):
        """Up, connected, and silent: the process itself, not its children."""
        self._freeze([self.process.pid])

    def freeze_children(self):
        self._freeze(self.children())

    def _freeze(self, pids):
        signal_all(pids, signal.SIGSTOP)
        wait_until(lambda: all(process_state(pid)[0] in ("T", "Z", None) for pid in pids), self.name + " is stopped")

    def thaw(self):
        """It and its children."""
        if self.running():
            signal_all([self.process.pid] + self.children(), signal.SIGCONT)
