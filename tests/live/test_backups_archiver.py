# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on what PostgreSQL says of its archiving: postgresql-archive://."""

import os
import time

import pytest

from conftest import ROLES
from postgresql import Lab, wait_until

DAY = 86400


class Archiver:
    """A primary that archives into a folder, as long as no file "broken" is there."""

    def __init__(self, lab, name="arc", **settings):
        self.lab = lab
        self.folder = os.path.join(lab.folder, name + "-archive")
        os.mkdir(self.folder)
        lab.give(self.folder)
        inside = lab.inside(self.folder)
        self.command = "test ! -e %s/broken && cp %%p %s/%%f" % (inside, inside)
        self.server = lab.primary(name, archive_mode="on", archive_command=self.command, **settings)
        self.server.sql(ROLES)

    def uri(self, user="monitor"):
        return "arc=" + self.server.uri(user).replace("postgresql://", "postgresql-archive://")

    def break_it(self):
        with open(os.path.join(self.folder, "broken"), "w"):
            pass

    def mend_it(self):
        os.unlink(os.path.join(self.folder, "broken"))
        self.server.sql("select pg_switch_wal()")

    def write(self):
        """A row that no archived segment has."""
        self.server.sql("create table if not exists t (n int); insert into t values (1)")

    def switch(self):
        """Ends the segment; it is archived, and nothing is written behind it."""
        self.server.sql("select txid_current(); select pg_switch_wal()")
        self.settle()

    def settle(self):
        """Until everything that is complete is archived."""
        self.server.wait_for("select count(*) = 0 from pg_ls_archive_statusdir() where name like '%.ready'")

    def last(self):
        return self.server.value("select last_archived_wal from pg_stat_archiver")


@pytest.fixture(scope="module")
def own_lab():
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def whole_archiver(own_lab):
    return Archiver(own_lab)


@pytest.fixture
def archiver(whole_archiver):
    yield whole_archiver
    whole_archiver.server.set(archive_command=whole_archiver.command, archive_timeout=None)
    if os.path.exists(os.path.join(whole_archiver.folder, "broken")):
        whole_archiver.mend_it()
    whole_archiver.switch()


def ask(run, archiver, *arguments, user="monitor", **options):
    return run("-T", archiver.uri(user), "--rpo", "1h", "--proof", "none", *arguments, **options)


# ---- healthy ----

def test_nothing_is_written(archiver, backup_freshness):
    archiver.write()
    archiver.switch()
    result = ask(backup_freshness, archiver)
    assert result.state == "OK", result
    assert result.perfdata["exposure"] == 0, result


def test_nothing_is_written_for_long(archiver, backup_freshness):
    """A long time without a write is no exposure (only the clocks differ, since the test's is ahead)."""
    archiver.write()
    archiver.switch()
    result = ask(backup_freshness, archiver, now=time.time() + 30 * DAY)
    assert result.perfdata["exposure"] == 0 and result.says("has written nothing"), result
    assert result.state == "WARNING" and result.says("clock"), result


def test_a_checkpoint_is_no_write(archiver, backup_freshness):
    """What the server writes by itself is not data: neither a checkpoint nor a restart puts anything at risk."""
    archiver.write()
    archiver.switch()
    archiver.server.sql("checkpoint")
    result = ask(backup_freshness, archiver, now=time.time() + 30 * DAY)
    assert result.perfdata["exposure"] == 0, result
    archiver.server.restart()
    archiver.settle()
    result = ask(backup_freshness, archiver, now=time.time() + 30 * DAY)
    assert result.perfdata["exposure"] == 0, result


def test_one_row_is_a_write(archiver, backup_freshness):
    """The smallest change behind the last segment counts from when that was archived."""
    archiver.write()
    archiver.switch()
    archiver.write()
    result = ask(backup_freshness, archiver, now=time.time() + 2 * 3600)
    assert result.state == "CRITICAL", result
    assert 7190 < result.perfdata["exposure"] < 7300, result
    assert ask(backup_freshness, archiver).state == "OK"


def test_one_row_behind_a_checkpoint_is_a_write(archiver, backup_freshness):
    archiver.write()
    archiver.switch()
    archiver.server.sql("checkpoint")
    archiver.write()
    result = ask(backup_freshness, archiver, now=time.time() + 2 * 3600)
    assert result.state == "CRITICAL" and result.perfdata["exposure"] > 7190, result


def test_the_exact_end_of_a_segment(archiver, backup_freshness):
    archiver.write()
    archiver.switch()
    assert int(archiver.server.value("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint % 1048576")) < 200
    result = ask(backup_freshness, archiver)
    assert result.state == "OK" and result.perfdata["exposure"] == 0, result


def test_base_backup_is_the_last_that_was_archived(archiver, backup_freshness):
    """The name of a .backup file is none of a segment, and tells which one is archived."""
    archiver.write()
    archiver.server.sql("select pg_backup_start('test', true); select pg_backup_stop()"
                        if int(archiver.server.value("show server_version_num")) >= 150000 else
                        "select pg_start_backup('test', true, false); select pg_stop_backup(false)")
    archiver.settle()
    assert archiver.last().endswith(".backup")
    result = ask(backup_freshness, archiver)
    assert result.state == "OK" and result.perfdata["exposure"] == 0, result


def test_other_labels(archiver, backup_freshness):
    """The default of -H is this source."""
    archiver.switch()
    result = backup_freshness("-H", "127.0.0.1", "-P", str(archiver.server.port), "-l", "monitor", "--proof", "none")
    assert result.state == "OK", result


# ---- not archived ----

def test_archiving_fails(archiver, backup_freshness):
    archiver.write()
    archiver.switch()
    archiver.break_it()
    archiver.write()
    archiver.server.sql("select pg_switch_wal()")
    archiver.server.wait_for("select last_failed_time > last_archived_time from pg_stat_archiver")
    result = ask(backup_freshness, archiver)
    assert result.state == "WARNING" and result.says("archiving fails"), result
    assert result.says("1 segments wait"), result
    result = ask(backup_freshness, archiver, now=time.time() + 2 * 3600)
    assert result.state == "CRITICAL" and result.perfdata["exposure"] > 7190, result


def test_true_archives_nothing(archiver, backup_freshness):
    archiver.server.set(archive_command="/bin/true")
    archiver.write()
    archiver.switch()
    result = ask(backup_freshness, archiver)
    assert result.state == "CRITICAL" and result.says("/bin/true"), result


@pytest.mark.parametrize("command", ["", " "])
def test_no_command(archiver, backup_freshness, command):
    archiver.server.set(archive_command=command)
    result = ask(backup_freshness, archiver)
    assert result.state == "CRITICAL" and result.says("archive_command is empty"), result


def test_statistics_reset(archiver, backup_freshness):
    """Counters that begin now are no evidence."""
    archiver.write()
    archiver.switch()
    archiver.server.sql("select pg_stat_reset_shared('archiver')")
    archiver.server.wait_for("select last_archived_time is null from pg_stat_archiver")
    result = ask(backup_freshness, archiver)
    assert result.state == "UNKNOWN" and result.says("statistics were reset"), result
    archiver.write()
    archiver.switch()
    archiver.server.wait_for("select last_archived_time is not null from pg_stat_archiver")  # up to 14 it comes late
    assert ask(backup_freshness, archiver).state == "OK"


def test_never_archived_and_failing(archiver, backup_freshness):
    archiver.switch()
    archiver.break_it()
    archiver.server.sql("select pg_stat_reset_shared('archiver')")
    archiver.write()
    archiver.server.sql("select pg_switch_wal()")
    archiver.server.wait_for("select failed_count > 0 and archived_count = 0 from pg_stat_archiver")
    result = ask(backup_freshness, archiver)
    assert result.state not in ("OK", "WARNING") and result.says("archiving fails"), result


def test_archive_mode_off(own_lab, backup_freshness):
    server = own_lab.primary("off", archive_mode="off")
    try:
        server.sql(ROLES)
        result = backup_freshness("-T", "off=" + server.uri("monitor").replace("postgresql:", "postgresql-archive:"),
                                  "--proof", "none")
        assert result.state == "CRITICAL" and result.says("archive_mode is off"), result
    finally:
        server.remove()


# ---- rights ----

def test_pg_monitor_is_enough(archiver, backup_freshness):
    start = len(archiver.server.log())
    archiver.write()
    archiver.switch()
    assert ask(backup_freshness, archiver).state == "OK"
    assert "permission denied" not in archiver.server.log()[start:]


def test_login_alone(archiver, backup_freshness):
    """What waits is not seen: said with the grant, and no alarm as long as nothing depends on it."""
    archiver.write()
    archiver.switch()
    newest = max(name for name in os.listdir(archiver.folder) if len(name) == 24)
    # up to 14 the statistics come late
    archiver.server.wait_for("select last_archived_wal = '%s' from pg_stat_archiver" % newest)
    start = len(archiver.server.log())
    result = ask(backup_freshness, archiver, user="nobody")
    assert result.state == "OK" and result.says("GRANT pg_monitor TO nobody"), result
    assert "ERROR" not in archiver.server.log()[start:]


def test_login_alone_and_a_backlog(archiver, backup_freshness):
    """Several segments wait, and nobody can say since when: the last one that was archived is no bound."""
    archiver.switch()
    archiver.break_it()
    for _ in range(4):
        archiver.write()
        archiver.server.sql("select pg_switch_wal()")
    archiver.server.wait_for("select last_failed_time > last_archived_time from pg_stat_archiver")
    result = ask(backup_freshness, archiver, user="nobody")
    assert result.state == "UNKNOWN" and result.says("GRANT pg_monitor TO nobody"), result


def test_slow_archiver(archiver, backup_freshness):
    """Segments are archived, the last one just now, and the first that waits was complete long ago."""
    archiver.switch()
    archiver.break_it()
    for _ in range(3):
        archiver.write()
        archiver.server.sql("select pg_switch_wal()")
    status = os.path.join(archiver.server.data, "pg_wal", "archive_status")
    ready = wait_until(lambda: sorted(name for name in os.listdir(status) if name.endswith(".ready")), "three wait")
    old = time.time() - 3 * 3600
    for name in ready:
        os.utime(os.path.join(status, name), (old, old))
    result = ask(backup_freshness, archiver)
    assert result.state == "CRITICAL" and result.perfdata["exposure"] > 10790, result


# ---- standbys ----

def standby_uri(server):
    return "arc2=" + server.uri("monitor").replace("postgresql:", "postgresql-archive:")


def test_standby_that_does_not_archive(archiver, own_lab, backup_freshness):
    standby = own_lab.standby("arc2", archiver.server, archive_mode="on", archive_command=archiver.command)
    try:
        result = backup_freshness("-T", standby_uri(standby), "--proof", "none")
        assert result.state == "UNKNOWN" and result.says("standby", "primary"), result
    finally:
        standby.remove()


def test_standby_that_archives(archiver, own_lab, backup_freshness, tmp_path):
    standby = own_lab.standby("arc2", archiver.server, archive_mode="always",
                              archive_command="cp %%p %s/%%f.arc2" % own_lab.inside(archiver.folder))
    try:
        archiver.write()
        archiver.switch()
        standby.wait_caught_up()
        standby.wait_for("select last_archived_wal >= '%s' from pg_stat_archiver" % archiver.last())
        result = backup_freshness("-T", standby_uri(standby), "--proof", "none")
        assert result.state == "OK" and result.perfdata["exposure"] == 0, result
    finally:
        standby.remove()


# ---- errors ----

def test_server_is_down(own_lab, backup_freshness):
    from postgresql import free_port
    result = backup_freshness("-T", "postgresql-archive://monitor@127.0.0.1:%d/postgres" % free_port(own_lab.ports))
    assert result.state == "CRITICAL" and result.says("refused"), result
