# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs an executable as a monitoring core does, and takes its output apart.

Every run proves on the way what holds for all of them: an exit code of 0 to 3, silence on stderr, a first line that
names the state of the exit code, ASCII, the size limits, perfdata by the strict grammar.

DR_EXECUTABLES is the list (separated by colons) of the executables to test; where they load modules from a build
tree, DR_PLUGINS_MODULE_DIR says where from. DR_WRAPPER, a command such as "valgrind -q", is put in front."""

import functools
import os
import re
import shlex
import subprocess
import time

STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
# What each executable calls what it checks: the first word of its output.
SERVICES = {"check_replication_lag": "REPLICATION", "check_queue_mirrors": "QUEUES", "check_liveness": "LIVENESS",
            "check_dns_target": "DNS", "check_backup_freshness": "BACKUP"}
# Seconds that a run may take beside what it waits for: to start, which a sanitizer or a wrapper (valgrind) makes slow, to
# be given a processor, and to leave.
SLACK = 20 if "DR_WRAPPER" in os.environ else 1 if "DR_SANITIZERS" in os.environ else 0.3
FIRST_LINE_MAX = 1000
OUTPUT_MAX = 8192

PERFDATUM = re.compile(
    r"(?P<label>[A-Za-z0-9_.-]+)=(?P<value>-?[0-9]+(?:\.[0-9]+)?)(?P<unit>s|B|%|c|)"
    r"(?:;(?P<warning>[0-9.:@~-]*))?(?:;(?P<critical>[0-9.:@~-]*))?"
    r"(?:;(?P<minimum>-?[0-9.]*))?(?:;(?P<maximum>-?[0-9.]*))?$")
FINDING = re.compile(r"^(?P<indent> +)\\_ \[(?P<state>OK|WARNING|CRITICAL|UNKNOWN)\] (?P<text>.*)$")


class Perfdatum(float):
    """The number, with .unit, .warning and .critical as they were printed."""

    def __new__(cls, match):
        self = super().__new__(cls, match["value"])
        self.unit = match["unit"]
        self.warning = match["warning"] or ""
        self.critical = match["critical"] or ""
        return self


class Result:
    """What a run said.

    code, state     the exit code and its name
    first           the first line without its perfdata
    lines           all lines, without perfdata
    findings        [(state, text)] of the lines below
    perfdata        {label: Perfdatum}
    output, seconds
    again           runs the same once more; None: it cannot be"""

    def __init__(self, command, code, output, seconds, again=None):
        self.command = command
        self.code = code
        self.output = output
        self.seconds = seconds
        self.again = again
        self.reruns = []
        self.state = STATES[code]
        self.perfdata = {}
        self.lines = []
        for line in output.splitlines():
            text, bar, data = line.partition("|")
            self.lines.append(text.rstrip())
            if bar:
                self._read_perfdata(data)
        self.first = self.lines[0] if self.lines else ""
        self.findings = [(m["state"], m["text"]) for m in map(FINDING.match, self.lines) if m]

    def _read_perfdata(self, data):
        for datum in data.split():
            match = PERFDATUM.match(datum)
            assert match, "not perfdata: %r in\n%s" % (datum, self)
            assert match["label"] not in self.perfdata, "%s twice in\n%s" % (match["label"], self)
            self.perfdata[match["label"]] = Perfdatum(match)

    def about(self, word):
        """The findings of what is called so ("db2: ...", "slot db2: ..."): [(state, text)]."""
        return [(state, text) for state, text in self.findings
                if ": " in text and says(text.split(": ", 1)[0], word)]

    def says(self, *words):
        return all(says("\n".join(self.lines), word) for word in words)

    def within(self, limit, measured=None):
        """Whether the run took no longer than `limit` seconds, and SLACK. Where it did, the machine may have had no time for
        it: the quickest of three runs counts, as long as they come to the same; so the peer must still be there.

        measured    a function: the seconds of the last run, where they are not those of the whole command"""
        seconds = measured() if measured else self.seconds
        while seconds > limit + SLACK and self.again is not None and len(self.reruns) < 2:
            other = self.again()
            self.reruns.append(other)
            if gist(other) == gist(self):
                seconds = min(seconds, measured() if measured else other.seconds)
        return seconds <= limit + SLACK

    def __repr__(self):
        return "$ %s\n%sexit code %d, %.2f s%s" % (
            " ".join(map(shlex.quote, self.command)), self.output, self.code, self.seconds,
            "".join("\nagain: %s: %.2f s" % (other.first, other.seconds) for other in self.reruns))


def gist(result):
    """What a run came to, whatever its numbers."""
    return result.code, re.sub(r"[0-9.]+", "#", result.first)


def says(text, word):
    """Whether the word (or words) occurs, whatever the case, and not inside a longer word."""
    return re.search(r"(?<![A-Za-z0-9])%s(?![A-Za-z0-9])" % re.escape(word), text, re.IGNORECASE) is not None


def executable(name):
    """The executable's path out of DR_EXECUTABLES."""
    listed = [path for path in os.environ.get("DR_EXECUTABLES", "").split(":") if path]
    found = [path for path in listed if os.path.basename(path) == name]
    if not found:
        raise LookupError("DR_EXECUTABLES names no %s: it must list the executables to test, separated by colons"
                          % name)
    if not os.access(found[0], os.X_OK):
        raise LookupError("%s, named by DR_EXECUTABLES, is not an executable" % found[0])
    return os.path.abspath(found[0])


def run(name, *arguments, environment=None, service=None, kill_after=60.0):
    """Runs the executable with nothing in its environment but what is given; Result."""
    command = shlex.split(os.environ.get("DR_WRAPPER", "")) + [executable(name)] + [str(a) for a in arguments]
    clean = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    for variable in ("DR_PLUGINS_MODULE_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if variable in os.environ:
            clean[variable] = os.environ[variable]
    clean.update(environment or {})
    started = time.monotonic()
    done = subprocess.run(command, env=clean, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=kill_after)
    seconds = time.monotonic() - started
    shown = "%s\n%s" % (" ".join(command), done.stdout.decode(errors="backslashreplace"))
    assert done.stderr == b"", "stderr of %s\n%s" % (shown, done.stderr.decode(errors="backslashreplace"))
    assert done.returncode in (0, 1, 2, 3), "exit code %d of %s" % (done.returncode, shown)
    assert done.stdout.isascii(), "not ASCII: %s" % shown
    again = functools.partial(run, name, *arguments, environment=environment, service=service, kill_after=kill_after)
    result = Result([os.path.basename(command[0])] + [str(a) for a in arguments], done.returncode,
                    done.stdout.decode(), seconds, again)
    service = service or SERVICES[name]
    assert re.match(r"%s %s\b" % (service, result.state), result.first), "the first line of\n%s" % result
    verbose = any(str(a).startswith("-v") or a == "--verbose" for a in arguments)
    assert len(result.output.splitlines()[0]) <= FIRST_LINE_MAX, "first line too long:\n%s" % result
    assert verbose or len(result.output) <= OUTPUT_MAX, "too much:\n%s" % result
    return result
