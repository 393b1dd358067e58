# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on real servers: healthy, gone, frozen, paused, delayed.

Each scenario first shows with psql that the servers really are in the state it is about."""

import pytest

from conftest import targets
from postgresql import wait_until

VIEWS = ("all", "primary", "standby")
SENDER_TIMEOUT = 4.0  # wal_sender_timeout of the lab
# Freshness is judged at 3/4 of the time-out; the rest is for the runs themselves.
STALE_AFTER = 0.75 * SENDER_TIMEOUT + 1.5
TWENTY_MB = 19500000


def not_ok(result):
    return result.state != "OK"


# ---- healthy ----

@pytest.mark.parametrize("view", VIEWS)
def test_healthy(cluster, lag, view):
    result = lag(*getattr(cluster, view), "--rpo", "2s")
    assert result.state == "OK", result


def test_healthy_measures(cluster, lag):
    lag(*cluster.all)  # whoever reads fresh rows of the catalogue first may write of it
    cluster.wait_whole()
    result = lag(*cluster.all, "--rpo", "5m", "--expect-standby", "db2", "--expect-standby", "db3",
                 "--expect-count", "2")
    assert result.state == "OK", result
    assert result.perfdata["loss"] == 0 and result.perfdata["loss"].unit == "s", result
    assert result.perfdata["loss_bytes"] == 0 and result.perfdata["loss_bytes"].unit == "B", result
    assert result.perfdata["standbys"] == 2, result
    assert result.perfdata["loss"].critical == "300" and result.perfdata["loss"].warning == "240", result
    assert result.about("db2") and result.about("db3"), result


@pytest.mark.parametrize("view", VIEWS)
def test_idle(cluster, lag, view):
    """0.1, A: an idle primary is no lag, although the last replayed commit grows older and older."""
    cluster.db1.write()
    cluster.wait_whole()
    cluster.db2.wait_for("select now() - pg_last_xact_replay_timestamp() > interval '4.5 s'")
    result = lag(*getattr(cluster, view), "--rpo", "2s", "-c", "apply_lag=2", "-c", "link_age=4")
    assert result.state == "OK", result


def test_idle_with_patient_receiver(cluster, lag):
    """A receiver with the default wal_receiver_timeout (60 s) asks for a sign of life only every 30 s, and a sender that
    gets its replies sends none by itself: an old last_msg_receipt_time on an idle link is healthy, whatever
    wal_sender_timeout says."""
    cluster.db2.set(wal_receiver_timeout="60s")
    cluster.db2.wait_for("select clock_timestamp() - last_msg_receipt_time > interval '%g s'"
                         " from pg_stat_wal_receiver" % (SENDER_TIMEOUT + 1))
    assert cluster.db1.value("select clock_timestamp() - reply_time < interval '2 s' from pg_stat_replication"
                             " where application_name = 'db2'") == "t"
    for view in VIEWS:
        result = lag(*getattr(cluster, view), "--rpo", "2s")
        assert result.state == "OK", result


def test_busy(cluster, lag):
    """Standbys that keep up are OK while the primary writes."""
    for _ in range(5):
        cluster.db1.write(2)
        result = lag(*cluster.all, "--rpo", "10s", "-c", "apply_lag=10")
        assert result.state == "OK", result


# ---- gone ----

def test_standby_down_while_asked(cluster, lag):
    """C: a node that was asked and does not answer."""
    cluster.db2.stop()
    result = lag(*cluster.all)
    assert result.state == "CRITICAL" and "db2" in result.first, result
    assert [state for state, _ in result.about("db3")] == ["OK"], result


def test_standby_down_while_expected(cluster, lag):
    """0.3, C: the primary's view has no row any more; the expected name is missing."""
    cluster.db2.stop()
    cluster.db1.wait_for("select string_agg(application_name, ',') from pg_stat_replication", "db3")
    result = lag(*cluster.primary, "--expect-standby", "db2", "--expect-standby", "db3")
    assert result.state == "CRITICAL" and "db2" in result.first, result
    result = lag(*cluster.primary, "--expect-count", "2")
    assert result.state == "CRITICAL", result
    assert result.perfdata["standbys"] == 1, result


@pytest.mark.parametrize("expected", [(), ("--expect-standby", "db2", "--expect-standby", "db3")])
def test_all_standbys_down(cluster, lag, expected):
    """0.3, C: no row at all is the worst case, not "nothing to report"."""
    cluster.db2.stop()
    cluster.db3.stop()
    cluster.db1.wait_for("select count(*) from pg_stat_replication", "0")
    result = lag(*cluster.primary, *expected)
    assert result.state == "CRITICAL", result
    if expected:
        assert result.says("db2", "db3"), result
    result = lag(*cluster.all, *expected)
    assert result.state == "CRITICAL" and result.says("db2", "db3"), result


def test_filter_that_matches_nothing(cluster, lag):
    """Excluding every standby leaves nothing that was proved."""
    result = lag(*cluster.primary, "--exclude", "db")
    assert result.state != "OK", result
    result = lag(*cluster.primary, "--include", "no such standby")
    assert result.state != "OK", result


# ---- frozen: the link is up and carries nothing ----

def freeze(cluster, *servers):
    """Freezes the links and writes 20 MB; afterwards the primary's columns still say that all is well."""
    # What an earlier scenario left in the columns must have gone first.
    cluster.db1.wait_for("select bool_and(coalesce(replay_lag, '0') < interval '0.5 s') from pg_stat_replication")
    for server in servers:
        server.freeze_link()
    cluster.db1.write(20)
    for server in servers:
        assert cluster.db1.value(
            "select state = 'streaming' and coalesce(replay_lag, '0') < interval '1 s'"
            " and pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn) > %d"
            " from pg_stat_replication where application_name = '%s'" % (TWENTY_MB, server.name)) == "t"


@pytest.mark.parametrize("view", VIEWS)
def test_frozen_link(cluster, lag_until, view):
    """0.2, B: from every side, although another standby is fine."""
    freeze(cluster, cluster.db2)
    result = lag_until(not_ok, STALE_AFTER, *getattr(cluster, view), "--rpo", "1s")
    assert result.state != "OK" and result.says("db2"), result


def test_frozen_link_after_the_row_is_gone(cluster, lag):
    """B: when the sender has given up, too."""
    freeze(cluster, cluster.db2)
    cluster.db1.wait_for("select count(*) from pg_stat_replication where application_name = 'db2'", "0")
    for arguments in (cluster.all, cluster.standby, cluster.primary + ["--expect-standby", "db2"]):
        result = lag(*arguments, "--rpo", "1s")
        assert result.state != "OK" and result.says("db2"), result


@pytest.mark.parametrize("view", ("all", "primary"))
def test_all_links_frozen(cluster, lag_until, view):
    """0.1, 0.2: what would be lost is said in bytes and seconds."""
    freeze(cluster, cluster.db2, cluster.db3)
    result = lag_until(lambda result: result.state == "CRITICAL", STALE_AFTER,
                       *getattr(cluster, view), "--rpo", "1s")
    assert result.state == "CRITICAL" and result.says("db2", "db3", "lost"), result
    assert result.perfdata["loss_bytes"] > TWENTY_MB, result
    assert result.perfdata["loss"] >= 1, result


def test_frozen_link_by_bytes(cluster, lag):
    """The byte gap needs no time to show."""
    freeze(cluster, cluster.db2, cluster.db3)
    for arguments in (cluster.all, cluster.primary):
        result = lag(*arguments, "-w", "loss_bytes=1MiB", "-c", "loss_bytes=16MiB")
        assert result.state == "CRITICAL" and result.perfdata["loss_bytes"] > TWENTY_MB, result
        assert result.perfdata["loss_bytes"].critical == "16777216", result


def test_back_from_the_freeze(cluster, lag):
    """No alarm outlives its cause."""
    freeze(cluster, cluster.db2)
    cluster.db2.thaw_link()
    cluster.wait_whole()
    result = lag(*cluster.all, "--rpo", "1s")
    assert result.state == "OK", result


# ---- replay: paused by somebody, paused by the server, delayed on purpose ----

def test_paused_by_user(cluster, lag):
    """F: the data is safe, the promotion would wait."""
    cluster.db2.sql("select pg_wal_replay_pause()")
    cluster.db1.write()
    cluster.db2.wait_received(cluster.db1.lsn())
    if cluster.version >= 14:
        cluster.db2.wait_for("select pg_get_wal_replay_pause_state()", "paused")
    for arguments in (cluster.all, cluster.standby):
        result = lag(*arguments, "--rpo", "5m")
        assert result.state == "WARNING", result
        assert any(state == "WARNING" and "paused" in text for state, text in result.about("db2")), result
        assert not result.says("max_connections"), result


def test_paused_by_parameter_mismatch(cluster, lag):
    """0.5, F: the standby looks up and cannot be promoted."""
    try:
        cluster.db1.restart(max_connections="100")
        cluster.db3.wait_caught_up()
        if cluster.version >= 14:
            cluster.db2.wait_for("select pg_get_wal_replay_pause_state()", "paused")
            cluster.db2.wait_log("recovery has paused")
            cluster.db1.wait_for("select count(*) from pg_stat_replication where state = 'streaming'", "2")
        else:  # it shut down instead
            cluster.db2.process.wait(30)
        result = lag(*cluster.all, "--rpo", "5m")
        assert result.state == "CRITICAL" and "db2" in result.first, result
        if cluster.version >= 14:
            assert any(state == "CRITICAL" and "max_connections" in text
                       for state, text in result.about("db2")), result
        assert [state for state, _ in result.about("db3")] == ["OK"], result
    finally:
        cluster.db2.restart(max_connections="100")
        cluster.db1.restart(max_connections="50")
        cluster.db2.wait_caught_up()
        cluster.db2.restart(max_connections="50")


def test_delayed_standby(cluster, lag):
    """F: a delay on purpose is neither loss nor lag, and is named."""
    cluster.db2.set(recovery_min_apply_delay="1h")

    def is_held_back():
        # The setting reaches the replaying process some time after the reload: what came before was replayed at once.
        cluster.db1.write()
        cluster.db2.wait_received(cluster.db1.lsn())
        return cluster.db2.value("select pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn()"
                                 " and not pg_is_wal_replay_paused()") == "t"
    wait_until(is_held_back, "db2 holds back what it has received")
    written = cluster.db1.value("select clock_timestamp()")
    cluster.db1.wait_for("select clock_timestamp() - '%s' > interval '2 s'" % written)
    result = lag(*cluster.all, "--rpo", "5m", "-c", "apply_lag=1")
    assert result.state == "OK", result
    assert any("delay" in text and "1h" in text for _, text in result.about("db2")), result
    assert result.perfdata["db2_apply_bytes"] > 0, result
    assert result.perfdata["loss_bytes"] == 0, result


# ---- what the server says of itself after a restart ----

def test_restarted_idle_standby(cluster, lag):
    """1.2: after a restart pg_last_wal_receive_lsn() is rounded down to the segment: that is no gap."""
    cluster.db1.write()
    cluster.db2.wait_caught_up()
    cluster.db2.restart()
    cluster.db2.wait_streaming()
    result = lag(*cluster.all, "--rpo", "1s", "-c", "loss_bytes=100", "-c", "apply_bytes=100")
    assert result.state == "OK", result


def test_standbys_that_have_just_connected(cluster, lag):
    """The primary's measure of their lag means nothing yet: what they have not confirmed is looked at again."""
    cluster.db1.restart()
    cluster.wait_whole()
    for _ in range(15):
        cluster.db1.write(1)
        result = lag(*cluster.primary, "--rpo", "5m")
        assert result.state == "OK", result


def test_wal_removed_under_a_standby(cluster, lag):
    """Section 8: the standby asks for WAL that is gone; it will never catch up by itself."""
    db4 = cluster.temporary_standby("db4")
    db4.stop()
    cluster.db1.set(wal_keep_size="0", min_wal_size="2MB")
    for _ in range(3):
        cluster.db1.write(8)
        cluster.wait_whole()
        cluster.db1.sql("checkpoint")
    db4.start()
    db4.wait_log("requested WAL segment .* has already been removed")
    db4.wait_for("select count(*) = 0 from pg_stat_wal_receiver")  # until it tries again, five seconds later
    result = lag(*cluster.all, *targets(db4), "--rpo", "5m")
    assert result.state == "CRITICAL" and result.about("db4"), result
    assert result.about("db4")[0][0] == "CRITICAL", result
