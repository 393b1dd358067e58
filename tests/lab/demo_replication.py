# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows check_replication_lag on a real cluster that breaks in several ways.

A primary (db1) and two standbys (db2, db3) run on loopback in a scratch folder and are gone at the end, also after
Ctrl-C. Every command is shown as it is run and every output is the true one."""

import tempfile

from demo_show import Stage, paint, show
from postgresql import Lab

NAME = "check_replication_lag"
OPTIONS = ["--rpo", "1m"]


class Demo(Stage):
    def __init__(self, lab, folder, state_dir):
        self.lab = lab
        self.state_dir = state_dir
        self.db1 = lab.primary("db1")
        self.db1.sql("create role monitor login; grant pg_monitor to monitor")
        self.db2, self.db3 = lab.standbys(["db2", "db3"], self.db1)
        super().__init__(folder, NAME, [word for server in (self.db1, self.db2, self.db3)
                                        for word in ("-T", "%s=%s" % (server.name, server.uri("monitor")))])

    def whole(self):
        for server in (self.db2, self.db3):
            server.wait_caught_up()

    # ---- the scenes ----

    def healthy(self):
        self.scene("All is well",
                   "One primary, two standbys that stream from it. The plan allows a loss of one minute (--rpo 1m).")
        self.db1.write()
        self.whole()
        self.check(*OPTIONS, "--state-dir", self.state_dir)

    def standby_down(self):
        self.scene("A standby is gone",
                   "db3 was stopped. A primary does not miss it: its view of the standbys just has a row less.")
        self.db3.stop()
        self.check(*OPTIONS)
        self.db3.start()
        self.whole()

    def frozen(self):
        self.scene("A link is up and carries nothing",
                   "The WAL receivers of both standbys are frozen, then 20 MB are committed. The connections stand, "
                   "the primary still says \"streaming\", and its replay_lag still says that all is well.")
        self.db2.freeze_link()
        self.db3.freeze_link()
        self.db1.write(20)
        self.db1.wait_for("select min(clock_timestamp() - reply_time) > interval '2 s' from pg_stat_replication")
        self.check("--rpo", "2s")
        self.db2.thaw_link()
        self.db3.thaw_link()
        self.whole()

    def paused(self):
        self.scene("Somebody paused the replay and forgot it",
                   "No data is in danger on db2, but it would come up late.")
        self.db2.sql("select pg_wal_replay_pause()")
        self.db1.write()
        self.db2.wait_received(self.db1.lsn())
        self.check(*OPTIONS)
        self.db2.sql("select pg_wal_replay_resume()")
        self.whole()

    def split_brain(self):
        self.scene("Two primaries",
                   "db3 was promoted while db1 still takes writes: from now on both write histories of their own.")
        self.db3.promote()
        self.check(*OPTIONS)
        self.db3.remove()
        self.db3 = self.lab.standby("db3", self.db1)
        self.targets[-1] = "db3=%s" % self.db3.uri("monitor")

    def dead(self):
        self.scene("The primary dies",
                   "The links froze, 5 MB were committed, the check ran once more, then db1 crashed. What is lost if "
                   "we fail over now? The history in --state-dir knows how far db1 had come.")
        self.db2.freeze_link()
        self.db3.freeze_link()
        self.db1.write(5)
        self.check(*OPTIONS, "--state-dir", self.state_dir, quiet=True)
        self.db1.stop("immediate")
        self.check(*OPTIONS, "--state-dir", self.state_dir)

    def run(self):
        self.show_targets()
        for scene in (self.healthy, self.standby_down, self.frozen, self.paused, self.split_brain, self.dead):
            scene()
        show()
        show("All of it ran on real servers in %s; they are stopped and removed now." % self.lab.folder)


def demonstrate(folder):
    with Lab() as lab, tempfile.TemporaryDirectory(prefix="dr-demo-") as state_dir:
        show(paint("Starting a primary and two standbys on loopback ...", "2"))
        Demo(lab, folder, state_dir).run()
