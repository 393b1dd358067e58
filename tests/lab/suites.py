#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds and tests this tree in other Debian suites: other compilers, client libraries and servers.

    suites.py [SUITE...]        default: every suite of roots.py

In each root (roots.py): the source as it is here, uncommitted changes included; a build with modules and one without;
the unit tests of both; then the live tests against that suite's own servers (PostgreSQL, Redis, Valkey, RabbitMQ,
HAProxy, nginx, workers, Knot, NSD, Unbound, BIND), with its own tools for backups (pgBackRest, Barman, restic, Borg) and
client libraries, run by its own Python. Two suites run side by side.

Prints what was tested and `N passed, N failed` as its last line. A suite that cannot be had on this machine is named
with the reason; it is neither a failure nor hidden.
"""

import concurrent.futures
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

import check
import everything
import roots

TREE = pathlib.Path(__file__).resolve().parents[2]
INSIDE = "/srv/dr-plugins"  # the source in each root
WARNINGS_KNOWN_UP_TO_GCC = 16
BUILDS = {"modules": [], "static": ["--disable-modules"]}
# Without modules, those that read every kind of reply. With the build that is packaged every live test is run.
STATIC = ["replication_versions", "replication_postgresql", "replication_redis_tls", "replication_redis_faults",
          "queues_celery_faults", "queues_celery_tls", "queues_amqp_faults", "queues_azure", "dns_liar",
          "dns_encrypted", "dns_survival", "backups_packed", "backups_documents", "backups_azure_blob",
          "backups_azure_files", "backups_azure_sql", "backups_digitalocean", "backups_kubernetes", "backups_velero",
          "backups_elasticsearch", "replies_archiver"]


def live_runs():
    """Runs of pytest in each suite: (name, build, files). The longest first; the first two are about as long."""
    files = ["tests/live/" + path.name for path in sorted((TREE / "tests/live").glob("test_*.py"))]
    half = [name for name in files if name.startswith(("tests/live/test_re", "tests/live/test_s", "tests/live/test_co"))]
    return (("modules-1", "modules", half), ("modules-2", "modules", [name for name in files if name not in half]),
            ("static", "static", ["tests/live/test_%s.py" % name for name in STATIC]))


class Suite:
    """One root and the results of everything that ran in it."""

    def __init__(self, name):
        self.name = name
        self.root = None
        self.passed = 0
        self.failed = []
        self.builds = []  # those that can be run
        self.again = []  # (run, {test that failed at first: why})
        self.late = []  # tests that passed only when they were run again
        self.unsaid = []  # what its versions do not have, by name
        self.facts = {}

    def inside(self, command, log=None, **environment):
        """Runs a command in the source folder of the root: (exit code, output). The log keeps what it said."""
        done = subprocess.run(
            roots.enter(self.root, command, INSIDE), env=roots.environment(**environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        output = done.stdout.decode(errors="replace")
        if log:
            (self.folder() / (log + ".log")).write_text(output)
        return done.returncode, output

    def folder(self):
        return pathlib.Path(str(self.root) + INSIDE)

    def count(self, what, good, output=""):
        if good:
            self.passed += 1
        else:
            self.failed.append(what)
            tail = "\n".join(output.splitlines()[-40:])
            print("%s: FAILED: %s\n%s" % (self.name, what, tail), flush=True)
        return good


def copy_source(suite):
    """The tracked and new files of the working tree (in a tarball: all of them) into the root."""
    shutil.rmtree(str(suite.folder()), ignore_errors=True)
    listed = subprocess.run(["git", "-C", str(TREE), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if listed.returncode != 0:
        shutil.copytree(str(TREE), str(suite.folder()), symlinks=True, ignore=shutil.ignore_patterns("build*/"))
        return
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = TREE / name, suite.folder() / name
        if source.exists():  # not deleted since
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(source), str(target))


# What the tests of check_liveness run with, by Debian's names.
LIVENESS = {"HAProxy": "haproxy", "nginx": "nginx-light", "Celery": "python3-celery", "RQ": "python3-rq",
            "Sidekiq": "ruby-sidekiq"}
# ... and of check_dns_target.
NAMES = {"Knot": "knot", "NSD": "nsd", "Unbound": "unbound", "BIND": "bind9", "ldns": "ldnsutils"}
# ... and of check_backup_freshness.
BACKUPS = {"pgBackRest": "pgbackrest", "Barman": "barman", "restic": "restic", "Borg": "borgbackup", "zstd": "zstd",
           "xz": "xz-utils", "lz4": "lz4", "SQLite": "libsqlite3-0"}


def first_line(suite, command):
    code, output = suite.inside(command)
    return output.splitlines()[0].strip() if code == 0 and output else "none"


def versions(suite, packages):
    return ", ".join("%s %s" % (name, first_line(
        suite, ["dpkg-query", "-W", "-f", "${source:Upstream-Version}", package]).split("+")[0])
                     for name, package in packages.items())


def learn(suite):
    """What is tested here, by its own words."""
    suite.facts = {
        "compiler": first_line(suite, ["gcc", "--version"]),
        "gcc": int(first_line(suite, ["gcc", "-dumpversion"]).split(".")[0]),
        "libpq": first_line(suite, ["pkg-config", "--modversion", "libpq"]),
        "server": first_line(suite, ["sh", "-c", "/usr/lib/postgresql/*/bin/postgres --version"]),
        "python": first_line(suite, ["python3", "--version"]),
        "liveness": versions(suite, LIVENESS),
        "names": versions(suite, NAMES),
        "backups": versions(suite, BACKUPS),
    }


def count_unit_tests(suite, build, code, output):
    """The programs of `make check` by name; one that was skipped has proved nothing and counts as failed."""
    results = re.findall(r"^(PASS|FAIL|SKIP|XPASS|XFAIL|ERROR): (\S+)", output, re.MULTILINE)
    for verdict, program in results:
        log = suite.folder() / ("build-" + build) / (program + ".log")
        suite.count("%s, %s: %s" % (build, program, verdict), verdict == "PASS",
                    log.read_text(errors="replace") if log.exists() else "")
    named = any(verdict != "PASS" for verdict, _ in results)
    suite.count(build + ", make check", bool(results) and (code == 0 or named), output)


def build_and_check(suite, build, options):
    """One build and its unit tests; True when there is an executable to go on with."""
    folder = "build-" + build
    werror = ["--enable-werror"] if suite.facts["gcc"] <= WARNINGS_KNOWN_UP_TO_GCC else []
    steps = (("configure", ["sh", "-c", 'mkdir "$0" && cd "$0" && ../configure "$@"', folder] + werror + options),
             ("make", ["make", "-C", folder, "-j2"]))
    for step, command in steps:
        code, output = suite.inside(command, build + "-" + step)
        if not suite.count("%s, %s" % (build, step), code == 0, output):
            return False
    code, output = suite.inside(["make", "-C", folder, "-j2", "-k", "check"], build + "-check")
    count_unit_tests(suite, build, code, output)
    return True


def build_suite(suite):
    """Everything up to the live tests; the names of the builds that can be run."""
    suite.root = roots.ensure(suite.name)
    copy_source(suite)
    learn(suite)
    code, output = suite.inside(["./autogen.sh"], "autogen")
    if not suite.count("autogen.sh", code == 0, output):
        return []
    return [build for build, options in BUILDS.items() if build_and_check(suite, build, options)]


def run_pytest(suite, run, log, ports, *arguments):
    """pytest with the executables of one build: (whether it came to its end, output, all tests, {test that failed: why})."""
    name, build, files = run
    report = suite.folder() / (log + ".xml")
    # By this variable tests know which build it is.
    modules = {"DR_PLUGINS_MODULE_DIR": "%s/build-%s/plugins/.libs" % (INSIDE, build)} if build == "modules" else {}
    code, output = suite.inside(
        ["python3", "-m", "pytest", "-q", "--tb=short", "-o", "cache_dir=live-%s.cache" % name,
         "--junitxml=" + report.name] + files + list(arguments), log,
        DR_EXECUTABLES=":".join("%s/build-%s/plugins/%s" % (INSIDE, build, service) for service in check.SERVICES),
        DR_PORTS=ports, DR_SUITE=suite.name, **modules)
    cases = xml.etree.ElementTree.parse(str(report)).getroot().findall(".//testcase") if report.exists() else []
    # One that fails and then cannot be cleared away stands there twice.
    bad = {}
    for case in cases:
        for fault in case.findall("failure") + case.findall("error") + case.findall("skipped"):
            bad.setdefault(everything.title(case), fault.text or "")
    # pytest: 0 all passed, 1 some failed; anything else is no run at all.
    return code in (0, 1) and bool(cases), output, set(map(everything.title, cases)), bad


def run_live(suite, run, lane):
    """Live tests of one run. What fails is counted when it has been run again."""
    name = run[0]
    ended, output, tests, bad = run_pytest(suite, run, "live-" + name, "%d/%d" % (lane, everything.LANES))
    if not suite.count("%s, live tests" % name, ended, output):
        return
    suite.unsaid += re.findall(r"^not run(?: with|:).*", output, re.MULTILINE)
    suite.passed += len(tests - set(bad))
    if bad:
        suite.again.append((run, bad))


def run_again(suite):
    """What failed beside other suites, by itself, as everything.py does: a machine that does several things at once may
    keep a server from being ready in time."""
    few = sum(len(bad) for _, bad in suite.again) <= everything.AGAIN_MAX
    for run, bad in suite.again:
        name, build, _ = run
        good = set()
        if few:
            ended, _, tests, still_bad = run_pytest(suite, run, "again-" + name, "0/1", "--lf", "--lfnf=none")
            good = tests - set(still_bad) if ended else set()
        for test, why in sorted(bad.items()):
            suite.count("%s, %s" % (build, test), test in good, why)
            if test in good:
                suite.late.append("%s, %s" % (build, test))


def main():
    started = time.monotonic()
    suites = [Suite(name) for name in sys.argv[1:] or roots.SUITES]
    missing = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        work = [(suite, pool.submit(build_suite, suite)) for suite in suites]
        for suite, built in work:
            try:
                suite.builds = built.result()
            except roots.NotAvailable as reason:
                missing.append("NOT TESTED: %s: %s" % (suite.name, reason))
    everything.share(everything.LANES, [
        functools.partial(run_live, suite, run) for run in live_runs() for suite in suites if run[1] in suite.builds])
    for suite in suites:
        run_again(suite)
    for suite in suites:
        if suite.facts:
            print("%-9s %s, libpq %s, %s, %s: %d passed, %d failed" % (
                suite.name, suite.facts["server"], suite.facts["libpq"], suite.facts["compiler"],
                suite.facts["python"], suite.passed, len(suite.failed)))
            print("          " + suite.facts["liveness"])
            print("          " + suite.facts["names"])
            print("          " + suite.facts["backups"])
            for what in suite.failed:
                print("          FAILED: " + what)
            for what in suite.late:
                print("          passed only when run again by itself: " + what)
            for what in suite.unsaid:
                print("          " + what)
    print("\n".join(missing + ["%d s" % (time.monotonic() - started)]))
    failed = sum(len(suite.failed) for suite in suites)
    print("%d passed, %d failed" % (sum(suite.passed for suite in suites), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
