# SPDX-License-Identifier: GPL-3.0-or-later
"""Real pgBackRest repositories of real PostgreSQL servers, in the folder of a postgresql.Lab.

    with postgresql.Lab() as lab:
        repository = Repository(lab, "plain")
        db = repository.add("main")
        repository.backup("main", "full")
        repository.backup("main", "incr")

Everything is on this machine's disk, as the servers' user. Standard library only; Python 3.9 or newer.
"""

import json
import os
import shutil
import signal
import subprocess

import postgresql

PROGRAM = "/usr/bin/pgbackrest"


class Repository:
    """A repository with the stanzas that are added to it; `folder` is its root."""

    def __init__(self, lab, name, **settings):
        if not os.path.exists(os.path.join(lab.root, PROGRAM[1:])):
            raise postgresql.LabError("pgbackrest is not installed")
        self.lab = lab
        self.home = os.path.join(lab.folder, "pgbackrest-" + name)
        self.folder = os.path.join(self.home, "repo")
        for path in (self.home, self.folder, os.path.join(self.home, "lock"), os.path.join(self.home, "log")):
            os.mkdir(path)
            lab.give(path)
        self.settings = settings
        self.servers = {}

    def config(self):
        return os.path.join(self.home, "pgbackrest.conf")

    def configure(self):
        inside = self.lab.inside
        lines = ["[global]", "repo1-path=" + inside(self.folder), "repo1-retention-full=9",
                 "lock-path=" + inside(os.path.join(self.home, "lock")), "log-level-file=off",
                 "log-path=" + inside(os.path.join(self.home, "log")), "log-level-console=warn", "start-fast=y",
                 "compress-level=1", "process-max=1"]
        lines += ["%s=%s" % (key.replace("_", "-"), value) for key, value in sorted(self.settings.items())]
        for stanza, server in self.servers.items():
            lines += ["[%s]" % stanza, "pg1-path=" + inside(server.data), "pg1-port=%d" % server.port,
                      "pg1-socket-path=" + inside(self.lab.folder)]
        with open(self.config(), "w") as file:
            file.write("\n".join(lines) + "\n")
        self.lab.give(self.config())

    def arguments(self, stanza, *words):
        return [PROGRAM, "--config=" + self.lab.inside(self.config())] + (
            ["--stanza=" + stanza] if stanza else []) + list(words)

    def run(self, stanza, *words):
        """Its standard output; LabError where it fails."""
        process = self.lab.spawn(self.arguments(stanza, *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = process.communicate(timeout=120)[0].decode(errors="replace")
        if process.returncode != 0:
            raise postgresql.LabError("pgbackrest %s: %s" % (" ".join(words), output))
        return output

    def add(self, stanza, segment=16):
        """A new server, archived here as that stanza; segment: size of its WAL's segments in MiB."""
        push = " ".join(self.arguments(stanza, "archive-push", "%p"))
        server = self.lab.primaries([os.path.basename(self.home) + "-" + stanza], segment=segment, archive_mode="on",
                                    archive_command=push, wal_keep_size="0", min_wal_size="%dMB" % (2 * segment),
                                    max_wal_size="%dMB" % (4 * segment))[0]
        self.adopt(stanza, server)
        self.run(stanza, "stanza-create")
        return server

    def adopt(self, stanza, server):
        """The server is the one of that stanza from now on."""
        self.servers[stanza] = server
        self.configure()

    def backup(self, stanza, kind):
        """Makes one; returns its label."""
        self.run(stanza, "backup", "--type=" + kind)
        return self.info(stanza)["backup"][-1]["label"]

    def info(self, stanza):
        return json.loads(self.run(stanza, "info", "--output=json"))[0]

    def archived(self, stanza, megabytes=0):
        """Writes, and waits until that is in the archive; the name of the last segment."""
        server = self.servers[stanza]
        server.write(megabytes)
        name = server.value("select pg_walfile_name(pg_current_wal_lsn())")
        server.sql("select pg_switch_wal()")
        server.wait_for("select last_archived_wal >= '%s' from pg_stat_archiver" % name)
        return name

    def stopped(self, stanza, kind):
        """A backup that stands still while it is made: (process, label). End it with kill."""
        before = set(os.listdir(os.path.join(self.folder, "backup", stanza)))
        process = self.lab.spawn(self.arguments(stanza, "backup", "--type=" + kind), stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
        made = []

        def begun():
            if process.poll() is not None:
                raise postgresql.LabError("the backup ended: " + process.stdout.read().decode(errors="replace"))
            made[:] = set(os.listdir(os.path.join(self.folder, "backup", stanza))) - before
            return made and os.path.exists(os.path.join(self.folder, "backup", stanza, made[0], "backup.manifest.copy"))

        postgresql.wait_until(begun, "a backup is being made", poll=0.001)
        os.killpg(process.pid, signal.SIGSTOP)
        return process, made[0]

    def copy(self, to):
        """The repository as it is now, with its times, to be changed; returns the path."""
        shutil.copytree(self.folder, str(to), symlinks=True)
        return str(to)


def kill(process):
    """As the kernel does where memory runs out: nothing is tidied up."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
