# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Barman beside real PostgreSQL servers, in the folder of a postgresql.Lab.

    with postgresql.Lab() as lab:
        home = Home(lab, "plain")
        db = home.add("demo")
        home.backup("demo")

Its cron is never started: what that would do is done by archive(). Standard library only; Python 3.9 or newer.
"""

import json
import os
import shutil
import signal
import subprocess

import postgresql

PROGRAM = "/usr/bin/barman"


class Home:
    """barman_home, with the servers that are added to it."""

    def __init__(self, lab, name, **settings):
        if not os.path.exists(os.path.join(lab.root, PROGRAM[1:])):
            raise postgresql.LabError("barman is not installed")
        self.lab = lab
        self.folder = os.path.join(lab.folder, "barman-" + name)
        os.mkdir(self.folder)
        lab.give(self.folder)
        self.settings = settings
        self.servers = {}

    def config(self):
        return self.folder + ".conf"

    def configure(self):
        inside = self.lab.inside
        lines = ["[barman]", "barman_user = postgres", "barman_home = " + inside(self.folder),
                 "log_file = %s.log" % inside(self.folder), "log_level = INFO",
                 "path_prefix = " + self.lab.bindir]
        for name, server in self.servers.items():
            where = "host=127.0.0.1 port=%d user=postgres dbname=postgres" % server.port
            lines += ["[%s]" % name, "description = " + name, "conninfo = " + where, "streaming_conninfo = " + where,
                      "backup_method = postgres", "archiver = on", "immediate_checkpoint = true"]
            lines += ["%s = %s" % item for item in sorted(self.settings.items())]
        with open(self.config(), "w") as file:
            file.write("\n".join(lines) + "\n")
        self.lab.give(self.config())

    def spawn(self, *words):
        return self.lab.spawn([PROGRAM, "--config", self.lab.inside(self.config())] + list(words),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, *words):
        process = self.spawn(*words)
        output = process.communicate(timeout=120)[0].decode(errors="replace")
        if process.returncode != 0:
            raise postgresql.LabError("barman %s: %s" % (" ".join(words), output))
        return output

    def add(self, name, segment=16):
        """A new server that is archived here; segment: size of its WAL's segments in MiB."""
        incoming = os.path.join(self.folder, name, "incoming")
        os.makedirs(incoming)
        for path in (os.path.dirname(incoming), incoming):
            self.lab.give(path)
        server = self.lab.primaries([os.path.basename(self.folder) + "-" + name], segment=segment, archive_mode="on",
                                    archive_command="cp %%p %s/%%f" % self.lab.inside(incoming),
                                    min_wal_size="%dMB" % (2 * segment), max_wal_size="%dMB" % (4 * segment))[0]
        self.servers[name] = server
        self.configure()
        self.spawn("check", name).communicate(timeout=60)  # makes its folders, and says that there is no WAL yet
        self.archive(name)
        return server

    def switch(self, name):
        """Has the server archive what it wrote; the name of that segment."""
        server = self.servers[name]
        server.write()
        segment = server.value("select pg_walfile_name(pg_current_wal_lsn())")
        server.sql("select pg_switch_wal()")
        server.wait_for("select last_archived_wal >= '%s' from pg_stat_archiver" % segment)
        return segment

    def archive(self, name):
        """Takes what has come in, as barman's cron does; then WAITING_FOR_WALS may become DONE."""
        segment = self.switch(name)
        self.run("archive-wal", name)
        for backup in self.ids(name):
            if not self.is_done(name, backup):
                self.run("check-backup", name, backup)
        return segment

    def is_done(self, name, backup):
        """By its backup.info, which from 3.13 on is in meta/."""
        home = os.path.join(self.folder, name)
        places = (os.path.join(home, "meta", backup + "-backup.info"), os.path.join(home, "base", backup, "backup.info"))
        with open(next(path for path in places if os.path.exists(path))) as file:
            return "status=DONE\n" in file

    def ids(self, name):
        """Of all backups, the oldest first."""
        base = os.path.join(self.folder, name, "base")
        return sorted(os.listdir(base)) if os.path.isdir(base) else []

    def backup(self, name, *options, archive=True):
        """Makes one; returns its id. Without `archive` it waits for WAL."""
        self.run("backup", *options, name)
        if archive:
            self.archive(name)
        return self.ids(name)[-1]

    def listed(self, name):
        return json.loads(self.run("-f", "json", "list-backups", name))[name]

    def killed(self, name):
        """A backup that is killed while it is made; its id."""
        before = self.ids(name)
        # Its own tool stands still, so that it cannot end before it is killed.
        process = self.spawn("backup", name)

        def begun():
            if process.poll() is not None:
                raise postgresql.LabError("the backup ended: " + process.stdout.read().decode(errors="replace"))
            new = [backup for backup in self.ids(name) if backup not in before]
            return new and os.path.isdir(os.path.join(self.folder, name, "base", new[0], "data")) and new[0]

        made = postgresql.wait_until(begun, "a backup is being made", poll=0.001)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return made

    def copy(self, to):
        """The home as it is now, with its times, to be changed; returns the path."""
        shutil.copytree(self.folder, str(to), symlinks=True)
        return str(to)
