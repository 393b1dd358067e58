# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows check_backup_freshness on real dumps and a real archive: a nightly schedule that is green and cannot meet its
RPO, a dump that was cut, WAL that is missing, an archive_command that does nothing, a copy that holds the small files only.

The dumps are made by pg_dump of a server that runs on loopback in a scratch folder; their names and times are those of the
nights before. All of it is gone at the end."""

import os
import shutil
import subprocess
import time

from demo_show import Stage, paint, show
from postgresql import Lab, LabError

NAME = "check_backup_freshness"
HOUR, DAY = 3600, 86400
NIGHTS = 8


class Demo(Stage):
    def __init__(self, lab, folder):
        super().__init__(folder, NAME, [])
        self.lab = lab
        self.archive = self.folder("archive")
        lab.give(self.archive)
        self.db1 = lab.primary("db1", archive_mode="on", archive_command="cp %%p %s/%%f" % lab.inside(self.archive))
        self.db1.sql("create role monitor login; grant pg_monitor to monitor")
        self.db1.sql("create table orders as select n, md5(n::text) as what from generate_series(1, 20000) n")
        self.db1.sql("create table settings as select 'colour' as name, 'blue' as value")
        self.dumps = self.folder("dumps")
        self.plan = ["--name-format", "app-%Y%m%dT%H%M.sql", "--zone", "UTC"]

    def folder(self, name):
        path = os.path.join(self.lab.folder, name)
        os.mkdir(path)
        return path

    def dump(self, *options):
        ended = subprocess.run([self.lab.bin("pg_dump"), "--no-sync", *options, self.db1.uri()], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if ended.returncode != 0:
            raise LabError("pg_dump: %s" % ended.stderr.decode(errors="replace"))
        return ended.stdout

    def night(self, ago, content, database="app", took=2 * HOUR):
        """A dump whose making began so many seconds ago."""
        began = time.time() - ago
        path = os.path.join(self.dumps, database + time.strftime("-%Y%m%dT%H%M.sql", time.gmtime(began)))
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (began + took, began + took))
        return path

    # ---- the scenes ----

    def nightly(self):
        self.scene("A green schedule that cannot meet its RPO",
                   "pg_dump runs each night and takes two hours; not one run has failed. The plan says that at most "
                   "a day may be lost (--rpo 24h). But a dump gives back the data of its beginning, and until the next "
                   "one has ended it is all there is: just before that, 26 hours are lost.")
        content = self.dump()
        for night in range(NIGHTS):
            self.night(2 * HOUR + night * DAY, content)
        self.check("-T", "app=file://%s/*.sql" % self.dumps, *self.plan, "--rpo", "24h")
        show()
        show("   With what the schedule can give (--rpo 27h):")
        self.check("-T", "app=file://%s/*.sql" % self.dumps, *self.plan, "--rpo", "27h")

    def truncated(self):
        self.scene("The last dump was cut",
                   "The disk was full at 60 % of it. The file is there, young and large; its end is not.")
        content = self.dump()
        path = self.night(2 * HOUR, content[:len(content) * 6 // 10], took=HOUR)
        self.check("-T", "app=file://%s/*.sql" % self.dumps, *self.plan, "--rpo", "27h")
        os.unlink(path)
        self.night(2 * HOUR, content)

    def wal(self):
        self.scene("Archiving is alive, and it is in the archive",
                   "The server says what it has archived, the archive is looked at: both must fit.")
        for _ in range(4):
            self.db1.write(1)
            self.db1.sql("select pg_switch_wal()")
        self.archived()
        self.check("-T", "db1=%s" % self.archiver(), "-T", "archive=wal+file://%s" % self.archive, "--rpo", "15m")

    def archiver(self):
        return self.db1.uri("monitor").replace("postgresql://", "postgresql-archive://", 1)

    def archived(self):
        self.db1.wait_for("select last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) from pg_stat_archiver")

    def gap(self):
        self.scene("A segment of the WAL is missing",
                   "Somebody made room in the archive. Archiving goes on, the newest file is seconds old, and nothing behind "
                   "the gap can ever be restored.")
        segments = sorted(name for name in os.listdir(self.archive) if len(name) == 24)
        os.rename(os.path.join(self.archive, segments[-2]), os.path.join(self.lab.folder, "taken"))
        self.check("-T", "db1=%s" % self.archiver(), "-T", "archive=wal+file://%s" % self.archive, "--rpo", "15m")
        os.rename(os.path.join(self.lab.folder, "taken"), os.path.join(self.archive, segments[-2]))

    def hollow(self):
        self.scene("archive_command does nothing, and says that it succeeded",
                   "archive_command = '/bin/true --%p': pg_stat_archiver counts on, without a failure.")
        self.db1.set(archive_command="/bin/true --%p")
        for _ in range(4):
            self.db1.write(1)
            self.db1.sql("select pg_switch_wal()")
        self.archived()
        self.check("-T", "db1=%s" % self.archiver(), "-T", "archive=wal+file://%s" % self.archive, "--rpo", "15m")

    def copy(self):
        self.scene("The copy at the DR site lags",
                   "A job copies the dumps each night and ends with success. It has copied only files below 100 kB for "
                   "months; the newest file of the copy is young.")
        copy = self.folder("copy")
        small = self.dump("-t", "settings")
        for night in range(NIGHTS):
            shutil.copy2(self.night(2 * HOUR + night * DAY, small, "settings"), copy)
        self.check("-T", "dumps=file://%s" % self.dumps, "--compare", "dr=file://%s" % copy,
                   "--name-format", "{}-%Y%m%dT%H%M.sql", "--zone", "UTC", "--rpo", "27h")

    def run(self):
        for scene in (self.nightly, self.truncated, self.wal, self.gap, self.hollow, self.copy):
            scene()
        show()
        show("All of it were real dumps and a real archive in %s; they are removed now." % self.lab.folder)


def demonstrate(folder):
    with Lab() as lab:
        show(paint("Starting a PostgreSQL server that archives ...", "2"))
        Demo(lab, folder).run()
