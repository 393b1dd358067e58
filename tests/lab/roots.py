#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian suites in folders: older and newer servers, libraries and compilers beside those of this machine.

    roots.py ensure SUITE [PACKAGE...]   make the folder ready (root only) and print its path
    roots.py list                        what is there
    roots.py run SUITE COMMAND...        run a command inside, with /proc and /dev

A folder is made once by debootstrap and kept in $XDG_CACHE_HOME/dr-plugins/roots (~/.cache/dr-plugins/roots); a stamp
file in it lists what was installed, so that a second `ensure` costs nothing. The mirror is the one this machine's own
apt uses, asked from apt at run time. Nothing starts by itself inside: policy-rc.d refuses and no PostgreSQL cluster is
made.

/proc and /dev are mounted only inside a mount namespace of the command that needs them (`enter`), and that command has a
process namespace of its own: when it ends, by itself or by a kill, the kernel takes every process it left and every
mount away.
"""

import argparse
import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import time

# What building and testing needs, in every suite.
PACKAGES = (
    "autoconf", "automake", "barman", "bind9", "borgbackup", "bzip2", "ca-certificates", "celery", "freetds-dev",
    "gcc", "haproxy", "knot", "knot-dnsutils", "ldnsutils", "libbz2-dev", "libc6-dev", "libcmocka-dev",
    "libcurl4-openssl-dev", "libexpat1-dev", "libhiredis-dev", "libjansson-dev", "libldns-dev", "liblz4-dev",
    "liblzma-dev", "libmongoc-dev", "libmonitoring-plugin-perl", "libpcre2-dev", "libpq-dev", "librabbitmq-dev",
    "libssl-dev", "libtool", "libyaml-dev", "libzstd-dev", "lz4", "make", "mandoc", "nginx-light", "nsd", "openssl",
    "pgbackrest", "pigz", "pkg-config", "postgresql", "python3", "python3-celery", "python3-pytest",
    "python3-redis", "python3-rq", "rabbitmq-server", "redis-tools", "restic", "ruby-sidekiq", "unbound",
    "xz-utils", "zip", "zlib1g-dev", "zstd",
)
# What only some suites have.
MORE = {"trixie": ("python3-flask", "python3-flask-cors", "python3-moto", "valkey-tools"), "sid": ("valkey-tools",)}
SUITES = ("bullseye", "trixie", "sid")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
STAMP = ".dr-plugins-packages"
ATTEMPTS = 3


class NotAvailable(Exception):
    """The suite cannot be had on this machine now; the text says why."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "dr-plugins" / "roots"


def root_path(suite):
    return cache_folder() / suite


def run(command, log, **options):
    """Runs a command with everything it says in the log; returns its exit code."""
    print("$ " + " ".join(map(str, command)), file=log, flush=True)
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, **options).returncode


def host_mirror():
    """The URI of the Debian archive that this machine's apt uses: read by apt itself, whatever format its files have."""
    found = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)\t$(ORIGIN)\t$(SUITE)\t$(RELEASE)", "Created-By: Packages"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False)
    if found.returncode != 0:
        raise NotAvailable("apt-get indextargets: " + found.stderr.strip())
    rows = [line.split("\t") for line in found.stdout.splitlines() if line.count("\t") == 3]
    main = [uri for uri, origin, suite, release in rows
            if origin == "Debian" and not any(word in suite + release for word in ("-", "/"))]
    if not main:
        raise NotAvailable("no Debian archive among the apt sources of this machine (or `apt-get update` never ran)")
    return main[0]


@contextlib.contextmanager
def locked(suite):
    """One `ensure` at a time for each suite."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with open(str(cache_folder() / (suite + ".lock")), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def enter(root, command, folder="/"):
    """The command line that runs `command` inside the root, in namespaces of its own, with /proc and /dev."""
    # Bound to itself the root is a mount of its own, in which namespaces can be made again.
    script = ('mount --bind "$0" "$0" && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && '
              'folder=$1 && shift && exec chroot "$0" sh -c \'cd "$0" && exec "$@"\' "$folder" "$@"')
    return ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
            "sh", "-c", script, str(root), folder] + list(command)


def environment(**more):
    """What a command inside a root may see of our environment: nothing but what it needs."""
    clean = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
             "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    clean.update({name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")})
    clean.update(more)
    return clean


def last_error(log):
    """The last line of the log that begins with E: (debootstrap and apt), and where to read more."""
    errors = [line for line in pathlib.Path(log.name).read_text(errors="replace").splitlines()
              if line.startswith("E:")]
    return "%s (see %s)" % (errors[-1] if errors else "no reason given", log.name)


def bootstrap(suite, log):
    partial = cache_folder() / (suite + ".partial")
    mirror = host_mirror()
    for attempt in range(ATTEMPTS):
        shutil.rmtree(str(partial), ignore_errors=True)
        # An old keyring that cannot verify a newer suite is an error here, never a reason to trust it unseen.
        if run(["debootstrap", "--variant=minbase", "--keyring=" + KEYRING, suite, str(partial), mirror], log,
               env=environment()) == 0:
            break
    else:
        shutil.rmtree(str(partial), ignore_errors=True)
        raise NotAvailable("debootstrap failed %d times: %s" % (ATTEMPTS, last_error(log)))
    prepare(partial)
    partial.rename(root_path(suite))


def prepare(root):
    """Nothing starts by itself, nothing is asked, nothing is installed that was not named."""
    policy = root / "usr" / "sbin" / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    clusters = root / "etc" / "postgresql-common"
    clusters.mkdir(parents=True, exist_ok=True)
    (clusters / "createcluster.conf").write_text("create_main_cluster = false\n")
    (root / "etc" / "apt" / "apt.conf.d" / "90dr-plugins").write_text(
        'APT::Install-Recommends "false";\nAcquire::Languages "none";\nAcquire::Retries "3";\n'
        'Acquire::Check-Valid-Until "false";\n'
        'Dpkg::Options { "--force-confold"; };\n')
    (root / "etc" / "dpkg" / "dpkg.cfg.d" / "90dr-plugins").write_text(
        "force-unsafe-io\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/doc/*\n")


def install(suite, packages, log):
    root = root_path(suite)
    shutil.copy("/etc/resolv.conf", str(root / "etc" / "resolv.conf"))
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(attempt)  # the archive answers 404 while it is being synchronised
        if run(enter(root, ["apt-get", "update"]), log, env=environment()) == 0 and \
           run(enter(root, ["apt-get", "install", "--yes", "--no-install-recommends"] + sorted(packages)), log,
               env=environment()) == 0:
            run(enter(root, ["apt-get", "clean"]), log, env=environment())
            return
    raise NotAvailable("apt-get install failed %d times: %s" % (ATTEMPTS, last_error(log)))


def stamped(suite):
    stamp = root_path(suite) / STAMP
    return set(stamp.read_text().split()) if stamp.exists() else set()


def packages_of(suite):
    return PACKAGES + MORE.get(suite, ())


def ensure(suite, packages=None):
    """Makes the root of a suite ready with the packages; returns its path. NotAvailable with the reason otherwise."""
    if os.geteuid() != 0:
        raise NotAvailable("only root can make and enter %s" % root_path(suite))
    for tool in ("debootstrap", "unshare", KEYRING):
        if shutil.which(tool) is None and not os.path.exists(tool):
            raise NotAvailable("%s is not installed" % tool)
    with locked(suite):
        missing = set(packages or packages_of(suite)) - stamped(suite)
        if not missing and root_path(suite).exists():
            return root_path(suite)
        with open(str(cache_folder() / (suite + ".log")), "w") as log:
            if not root_path(suite).exists():
                bootstrap(suite, log)
            install(suite, missing, log)
        (root_path(suite) / STAMP).write_text("\n".join(sorted(stamped(suite) | missing)) + "\n")
    return root_path(suite)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb")
    verbs.required = True
    verb = verbs.add_parser("ensure")
    verb.add_argument("suite")
    verb.add_argument("packages", nargs="*")
    verbs.add_parser("list")
    verb = verbs.add_parser("run")
    verb.add_argument("suite")
    verb.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    if given.verb == "list":
        for suite in sorted(path.name for path in cache_folder().glob("*") if (path / STAMP).exists()):
            print(suite + ": " + " ".join(sorted(stamped(suite))))
        return 0
    try:
        if given.verb == "ensure":
            print(ensure(given.suite, given.packages))
            return 0
        command = enter(ensure(given.suite, stamped(given.suite)), given.command)
    except NotAvailable as reason:
        print("%s: not available: %s" % (given.suite, reason), file=sys.stderr)
        return 1
    return subprocess.run(command, env=environment(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
