#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs every test there is on this machine, and counts.

    everything.py FOLDER        builds and logs go there

Parts that measure time (the live tests) run alone; the others two at a time. A part that was not run is named and
counts as failed, a skipped test too: what was not tested is not fine. The last line is `N passed, N failed`.

Where a few live tests fail they are run once more, by themselves: on a machine that does five things at once a server may
take longer than a test waits. What passes then has passed, and is named at the very end: it depends on the load, which
somebody should look at.

A signal that ends this ends what it runs.
"""

import concurrent.futures
import os
import pathlib
import queue
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

import azurite
import mongodb
import nuget

TREE = pathlib.Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
LIMIT = 1200  # seconds for any one command
LANES = 5  # of live tests beside each other
GRACE = 30  # seconds in which what is told to stop must have stopped its servers
AGAIN_MAX = 10  # more that fail are no accident
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Other implementations that our parsers are compared with, by `make check`.
ORACLES = ("tests/vectors/oracle_perl.pl", "tests/vectors/compare_monitoring_plugins")


class Interrupted(Exception):
    """Nothing more is to be started."""


class Running:
    """The commands that run now, each with all that it has started in one process group."""

    def __init__(self):
        self.lock = threading.Lock()
        self.processes = []
        self.stopped = False

    def start(self, command, **options):
        with self.lock:
            if self.stopped:
                raise Interrupted
            process = subprocess.Popen(command, start_new_session=True, **options)
            self.processes.append(process)
            return process

    def wait(self, process, seconds):
        """Its exit code; subprocess.TimeoutExpired when it takes longer: it is gone then, too."""
        try:
            code = process.wait(seconds)
        except BaseException:
            end([process])
            raise
        finally:
            with self.lock:
                self.processes.remove(process)
        if self.stopped:
            raise Interrupted
        return code

    def stop(self):
        with self.lock:
            self.stopped = True
            running = list(self.processes)
        end(running)


def end(processes):
    """In good order, so that they stop their servers; what has not ended then is killed."""
    def tell(process, number):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
    last = time.monotonic() + GRACE
    for process in processes:
        tell(process, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(max(0, last - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        tell(process, signal.SIGKILL)
        process.wait()


RUNNING = Running()


class Part:
    """One line of the result."""

    def __init__(self, folder, name):
        self.name = name
        self.log = folder / "logs" / (re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".log")
        self.passed = 0
        self.failed = 0
        self.why = ""
        self.again = None  # runs the tests that failed once more, for another part
        self.failures = set()  # those that can be run again
        self.started = time.monotonic()

    def run(self, *command, cwd=TREE, **environment):
        """Whether the command succeeded; its output is appended to the log."""
        with open(self.log, "ab") as log:
            log.write(("$ %s\n" % " ".join(map(shlex.quote, map(str, command)))).encode())
            log.flush()
            process = RUNNING.start([str(word) for word in command], cwd=str(cwd), stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=log, env=dict(os.environ, **environment))
            try:
                return RUNNING.wait(process, LIMIT) == 0
            except subprocess.TimeoutExpired:
                log.write(b"not done within %d s\n" % LIMIT)
                return False

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def note(self, text):
        with open(self.log, "a") as log:
            log.write(text + "\n")

    def count(self, passed, failed):
        self.passed += passed
        self.failed += failed

    def one(self, success, why=""):
        """Counts one thing."""
        self.count(int(bool(success)), int(not success))
        if not success and why:
            self.why = self.why or why
        return success

    def report(self):
        print("%-44s %5d passed %4d failed %6.0f s%s" % (
            self.name, self.passed, self.failed, time.monotonic() - self.started,
            "  (%s)" % self.why if self.why else ""), flush=True)
        if self.failed:
            for line in self.output().splitlines()[-40:]:
                print("    | " + line)
            print("    see %s" % self.log, flush=True)


def build(part, folder, *options, **environment):
    """Configures and makes in `folder`; whether that worked. Counts one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return part.one(part.run(TREE / "configure", "--prefix=%s" % (folder / "stage"), "--enable-werror", *options,
                             cwd=folder, **environment)
                    and part.run("make", "-j2", cwd=folder), "does not build")


def unit(part, folder):
    """`make check`, counted test by test."""
    if not (folder / "Makefile").exists():
        return part.one(False, "not run: not built")
    ended_well = part.run("make", "-j2", "-k", "check", cwd=folder)
    programs = re.findall(r"^(PASS|FAIL|SKIP|XPASS|XFAIL|ERROR): (\S+)", part.output(), re.MULTILINE)
    for verdict, program in programs:
        log = folder / (program + ".log")
        text = log.read_text(errors="replace") if log.exists() else ""
        good = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", text)))
        bad = sum(map(int, re.findall(r"\[  FAILED  \].*?(\d+) test", text)))
        bad += sum(map(int, re.findall(r"\[  SKIPPED \].*?(\d+) test", text)))
        # What stopped before it could count, and what is no cmocka program.
        if verdict != "PASS":
            bad = max(bad, 1)
            part.note("%s\n%s" % (program, "\n".join(line for line in text.splitlines() if "  OK ]" not in line
                                                      and "RUN  " not in line)))
        elif good == 0 and bad == 0:
            good = 1
        part.count(good, bad)
    if not programs:
        part.one(False, "no test was run")
    elif not ended_well and part.failed == 0:
        part.one(False, "make check failed")
    return None


def pytest(part, folder, *arguments, **environment):
    """pytest with the executables of a build, counted by its own report."""
    executables = sorted(path for path in (folder / "plugins").glob("check_*")
                         if path.is_file() and os.access(path, os.X_OK))
    if not executables:
        return part.one(False, "not run: not built")
    report = part.log.with_suffix(".xml")
    if report.exists():
        report.unlink()
    modules = folder / "plugins" / ".libs"
    environment.setdefault("DR_EXECUTABLES", ":".join(map(str, executables)))
    if list(modules.glob("*.so")):
        environment.setdefault("DR_PLUGINS_MODULE_DIR", str(modules))
    cache = part.log.with_suffix(".cache")  # where pytest keeps the names of those that failed
    if "--lf" not in arguments:
        shutil.rmtree(cache, ignore_errors=True)
        part.again = lambda other: pytest(other, folder, *arguments, "--lf", "-o", "cache_dir=%s" % cache, **environment)
        arguments += ("-o", "cache_dir=%s" % cache)
    ended_well = part.run(PYTHON, "-m", "pytest", "-q", "--tb=short", "--durations=10", "--junitxml=%s" % report,
                          *arguments, **environment)
    if not report.exists():
        return part.one(False, "pytest did not come to its end")
    # One that fails and then cannot be cleared away stands there twice.
    cases = xml.etree.ElementTree.parse(str(report)).getroot().findall(".//testcase")
    names, skipped = set(map(title, cases)), {title(case) for case in cases if case.findall("skipped")}
    part.failures = {title(case) for case in cases if case.findall("failure") or case.findall("error")}
    part.count(len(names - skipped - part.failures), len(skipped | part.failures))
    if not cases:
        part.one(False, "no test was run")
    elif not ended_well and not part.failed:
        part.one(False, "pytest failed")
    return None


def title(case):
    """What a test is called in a report of pytest."""
    return "%s::%s" % (case.get("classname").split(".")[-1], case.get("name"))


# ---- the parts ----

class Everything:
    def __init__(self, folder):
        self.folder = folder
        self.modules = folder / "modules"
        self.static = folder / "sanitizers"
        self.clang = folder / "clang"
        self.parts = []
        self.late = []  # tests that passed only when they were run again

    def part(self, name, work):
        part = Part(self.folder, name)
        self.parts.append(part)
        part.log.parent.mkdir(parents=True, exist_ok=True)
        if part.log.exists():
            part.log.unlink()
        try:
            work(part)
        except (OSError, ValueError) as error:
            part.one(False, str(error))
        part.report()
        return part

    def build_modules(self):
        options = []

        def oracle_tree(part):
            if part.one(part.run("sh", "-c", 'exec "$0" "$1" >"$1.path"', TREE / "tests/lab/monitoring_plugins.sh",
                                 self.folder / "monitoring-plugins"), "the tree could not be had"):
                path = (self.folder / "monitoring-plugins.path").read_text().strip()
                options.append("--with-monitoring-plugins=%s" % path)

        def unit_and_oracles(part):
            unit(part, self.modules)
            for oracle in ORACLES:
                if oracle not in part.output():
                    part.one(False, "%s was not run" % oracle)

        self.part("monitoring-plugins tree for comparison", oracle_tree)
        self.part("build with modules", lambda part: build(part, self.modules, *options))
        self.part("unit tests and oracles, modules", unit_and_oracles)

    def build_static(self):
        self.part("build in one file, with sanitizers",
                  lambda part: build(part, self.static, "--disable-modules", "--enable-sanitizers"))
        self.part("unit tests, sanitizers", lambda part: unit(part, self.static))

    def build_clang(self):
        self.part("build with clang, with fuzzers",
                  lambda part: build(part, self.clang, "--disable-modules", "--enable-fuzzers", "CC=clang"))
        self.part("fuzz (short)", self.fuzz)

    def make(self, folder, target):
        def work(part):
            if not (folder / "Makefile").exists():
                part.one(False, "not run: not built")
            else:
                part.one(part.run("make", target, cwd=folder))
        return work

    def find_mongod(self):
        found = mongodb.executable() or nuget.mongod()
        if found:
            os.environ["MONGOD"] = found

    def fuzz(self, part):
        self.make(self.clang, "fuzz-short")(part)

    def valgrind_unit(self):
        def work(part):
            programs = sorted(path for path in (self.modules / "tests" / "unit").glob("test_*")
                              if path.is_file() and os.access(path, os.X_OK))
            sound = {}

            def judge(program):
                sound[program] = part.run(
                    "./libtool", "--mode=execute", "valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
                    "--errors-for-leak-kinds=definite", program, cwd=self.modules,
                    DR_PLUGINS_MODULE_DIR=str(self.modules / "plugins" / ".libs"))
            share(2, [lambda _, program=program: judge(program) for program in programs])
            for program in programs:
                part.one(sound[program], program.name)
            if not programs:
                part.one(False, "not run: no unit test was built")
        self.part("valgrind, unit tests", work)

    def distcheck(self):
        self.part("distcheck", self.make(self.modules, "distcheck"))

    def live(self):
        live = [path.relative_to(TREE) for path in sorted((TREE / "tests/live").glob("test_*.py"))]
        queues = [path for path in live if path.name.startswith("test_queues_")]
        liveness = [path for path in live if path.name.startswith("test_liveness_")]
        dns = [path for path in live if path.name.startswith("test_dns_") or path.name == "test_replies_dns.py"]
        backups = [path for path in live if path.name.startswith("test_backups_") or path.name == "test_replies_archiver.py"]
        contract = [path for path in live if path.name in ("test_contract.py", "test_schemes.py", "test_faults.py")]
        replication = [path for path in live if path not in queues + liveness + dns + backups + contract]

        def modules(what, files):
            return lambda lane: self.part("live tests of %s, modules" % what, lambda part: pytest(
                part, self.modules, *files, DR_PORTS="%d/%d" % (lane, LANES)))

        def sanitizers(what, files):
            return lambda lane: self.part("live tests of %s, sanitizers" % what, lambda part: pytest(
                part, self.static, *files, DR_SANITIZERS="1", DR_PORTS="%d/%d" % (lane, LANES),
                LSAN_OPTIONS="print_suppressions=0:suppressions=%s" % (TREE / "tests/lab/leaks.supp")))
        before = len(self.parts)
        # Half of it is waiting for servers. The longest first.
        share(LANES, [
            sanitizers("replication", replication), modules("replication and contract", replication + contract),
            sanitizers("liveness and contract", liveness + contract), modules("queues", queues),
            modules("liveness", liveness), sanitizers("queues", queues), modules("DNS", dns), sanitizers("DNS", dns),
            modules("backups", backups), sanitizers("backups", backups)])
        self.run_again(self.parts[before:])
        self.part("valgrind, live runs", lambda part: pytest(
            part, self.modules, *("tests/live/test_%s.py" % source for source in (
                "replication_postgresql", "replication_mongodb", "replication_redis", "replication_mssql",
                "replication_azure", "queues_rabbitmq_replies", "queues_amqp_faults", "queues_celery_faults",
                "queues_azure", "liveness_http", "dns_resolvers", "dns_zone", "dns_encrypted", "replies_archiver",
                "backups_azure_blob", "backups_azure_files", "backups_azure_sql", "backups_digitalocean")),
            "-k", "test_healthy or test_standby_down or test_paused_by_user or test_every_node_and_one_list or "
                  "test_the_stand_in or test_honest or test_messages or test_all_well or test_tls_http1 or "
                  "test_the_parent_alone or test_questions_share_a_connection or test_versions or test_good or "
                  "test_fresh",
            DR_WRAPPER="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"))

    def run_again(self, parts):
        """What failed beside other lanes, by itself."""
        failed = [part for part in parts if part.failures]
        if sum(len(part.failures) for part in failed) > AGAIN_MAX:
            return
        for part in failed:
            other = self.part("again, by themselves: " + part.name, part.again)
            if other.passed + other.failed == len(part.failures):
                part.failed -= len(part.failures)
                self.late += ["%s (why it failed first: %s)" % (name, part.log)
                              for name in sorted(part.failures - other.failures)]

    def azurite(self):
        """Against Microsoft's own stand-in, where it can be had: it needs node, npm and its registry."""
        try:
            azurite.ensure()
        except (azurite.NotAvailable, OSError) as reason:
            print("NOT RUN: live tests against Azurite: %s" % reason, flush=True)
            return
        self.part("live tests, Azurite", lambda part: pytest(part, self.modules, "tests/live/azurite_storage.py",
                                                                  "tests/live/azurite_queues.py",
                                                                  "tests/live/azurite_backups.py"))


def lanes(*steps):
    """Runs the lists of steps beside each other."""
    def lane(works):
        for work in works:
            work()
    with concurrent.futures.ThreadPoolExecutor(len(steps)) as pool:
        futures = [pool.submit(lane, works) for works in steps]
        try:
            for future in futures:
                future.result()
        except KeyboardInterrupt:
            RUNNING.stop()
            raise


def share(count, works):
    """Runs the functions in so many lanes beside each other: a lane that is done takes the next. Each is given the number
    of its lane."""
    waiting = queue.SimpleQueue()
    for work in works:
        waiting.put(work)

    def lane(number):
        while True:
            try:
                work = waiting.get_nowait()
            except queue.Empty:
                return
            work(number)
    lanes(*[[lambda number=number: lane(number)] for number in range(count)])


def interrupt(number, _):
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # once is enough: we are about it
    raise KeyboardInterrupt("signal %d" % number)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: everything.py FOLDER")
    started = time.monotonic()
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
    every = Everything(pathlib.Path(sys.argv[1]).resolve())
    try:
        every.find_mongod()
        lanes([every.build_modules, every.distcheck],
              [every.build_static, every.build_clang])
        every.valgrind_unit()
        every.live()
        every.azurite()
    except KeyboardInterrupt as reason:
        print("interrupted (%s): what is not named above was not run" % reason)
        every.part("all of it", lambda part: part.one(False, "interrupted"))
    for part in every.parts:
        if part.failed:
            print("failed: %s%s" % (part.name, ", " + part.why if part.why else ""))
    if not mongodb.executable():
        print("%s, and %s" % (mongodb.NOT_RUN, nuget.refused()))
    print("%.0f s" % (time.monotonic() - started))
    for name in every.late:
        print("passed only when run again by itself: " + name)
    passed = sum(part.passed for part in every.parts)
    failed = sum(part.failed for part in every.parts)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
