# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on real servers: who follows whom."""

import pytest

from conftest import ROLES, targets

TWENTY_MB = 19500000


# ---- the wrong servers ----

def test_split_brain(cluster, lag):
    """0.6, G: two primaries of one system."""
    db4 = cluster.temporary_standby("db4")
    db4.promote()
    assert not cluster.db1.in_recovery() and not db4.in_recovery()
    result = lag(*cluster.all, *targets(db4), "--rpo", "5m")
    assert result.state == "CRITICAL", result
    assert "db1" in result.first and "db4" in result.first, result


def test_wrong_timeline(cluster, lag):
    """G: a standby of a node that was promoted by mistake follows another history."""
    db4 = cluster.temporary_standby("db4")
    db4.promote()
    db5 = cluster.temporary_standby("db5", db4)
    db5.wait_for("select received_tli from pg_stat_wal_receiver", "2")
    result = lag(*targets(cluster.db1, db5), "--rpo", "5m")
    assert result.state == "CRITICAL", result
    assert any(state == "CRITICAL" and "timeline" in text for state, text in result.about("db5")), result


def test_wrong_cluster(cluster, other, lag):
    """G: a primary, and a standby, of something else."""
    result = lag(*cluster.all, *targets(other), "--rpo", "5m")
    assert result.state == "CRITICAL" and result.says("db1", "other", "clusters"), result
    stranger = cluster.temporary_standby("stranger", other)
    result = lag(*targets(cluster.db1, cluster.db2, stranger), "--rpo", "5m")
    assert result.state == "CRITICAL" and "stranger" in result.first, result


@pytest.mark.parametrize("name, state", [("db1", "OK"), ("db2", "CRITICAL")])
def test_expected_primary(cluster, lag, name, state):
    result = lag(*cluster.all, "--rpo", "5m", "--expect-primary", name)
    assert result.state == state, result
    if state != "OK":
        assert result.says("db1", "db2", "primary"), result


def test_expected_upstream(cluster, lag):
    """A standby that follows another node than planned."""
    result = lag(*targets(cluster.db1, cluster.db2), "--expect-upstream", "db1")
    assert result.state == "OK", result
    result = lag(*targets(cluster.db1, cluster.db2), "--expect-upstream", "db3")
    assert result.state != "OK" and result.says("db3", "db2", "upstream"), result


# ---- cascades ----

def test_cascade_healthy(cluster, lag):
    leaf = cluster.temporary_standby("leaf", cluster.db2)
    cluster.db1.write()
    cluster.db2.wait_caught_up()
    leaf.wait_caught_up()
    for nodes in (cluster.servers + (leaf,), (cluster.db1, cluster.db2, leaf), (cluster.db1, leaf)):
        result = lag(*targets(*nodes), "--rpo", "5m")
        assert result.state == "OK", result


def test_cascade_is_measured_against_the_true_primary(cluster, lag):
    """1.2: the leaf has all its upstream has, and that is 20 MB too little."""
    leaf = cluster.temporary_standby("leaf", cluster.db2)
    cluster.db2.freeze_link()
    cluster.db1.write(20)
    assert leaf.lsn() == cluster.db2.lsn()
    cluster.db3.wait_caught_up()
    result = lag(*targets(cluster.db1, leaf), "-c", "loss_bytes=1MiB")
    assert result.state == "CRITICAL" and result.says("leaf"), result
    assert result.perfdata["leaf_loss_bytes"] > TWENTY_MB, result
    result = lag(*targets(cluster.db1, cluster.db2, leaf), "-c", "loss_bytes=1MiB")
    assert result.state == "CRITICAL" and result.says("leaf", "db2"), result
    assert result.perfdata["leaf_loss_bytes"] > TWENTY_MB, result


# ---- rows that are no standbys ----

def test_receivewal_is_no_standby(cluster, lag, lab):
    """H: it never replays and cannot be promoted."""
    lab.receivewal(cluster.db1, "archive")
    cluster.db1.wait_for("select count(*) from pg_stat_replication where state = 'streaming'", "3")
    result = lag(*cluster.primary, "--rpo", "5m", "--expect-count", "2")
    assert result.state == "OK" and result.perfdata["standbys"] == 2, result
    result = lag(*cluster.primary, "--rpo", "5m", "--expect-count", "3")
    assert result.state != "OK" and result.perfdata["standbys"] == 2, result


def test_only_receivewal_left(cluster, lag_until, lab):
    """H, C: with the standbys gone it must not stand in for them. Who connected within the last seconds and has not
    reported a flush may still turn out to be a standby: unknown, never OK."""
    lab.receivewal(cluster.db1, "archive")
    cluster.db2.stop()
    cluster.db3.stop()
    cluster.db1.wait_for("select string_agg(application_name, ',') from pg_stat_replication", "archive")
    states = []

    def critical(result):
        states.append(result.state)
        return result.state == "CRITICAL"

    result = lag_until(critical, 20, *cluster.primary, "--rpo", "5m")
    assert result.state == "CRITICAL" and result.perfdata.get("standbys", 0) == 0, result
    assert "OK" not in states, states


# ---- synchronous replication ----

def test_sync_quorum_complete(cluster, lag):
    cluster.db1.set(synchronous_standby_names="ANY 1 (db2, db3)")
    cluster.db1.wait_for("select count(*) from pg_stat_replication where sync_state = 'quorum'", "2")
    result = lag(*cluster.all, "--rpo", "5m")
    assert result.state == "OK", result


@pytest.mark.parametrize("names", ["ANY 3 (db2, db3, db9)", "FIRST 3 (db2, db3, db9)", "3 (db2, db3, db9)"])
def test_sync_quorum_short(cluster, lag, names):
    """I: commits hang; that is no lag at all, and worse."""
    cluster.db1.set(synchronous_standby_names=names)
    cluster.db1.wait_for("select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')", "2")
    for arguments in (cluster.primary, cluster.all):
        result = lag(*arguments, "--rpo", "5m")
        assert result.state == "CRITICAL", result
        assert result.says("commits") and ("hang" in result.output or "wait" in result.output), result


def test_sync_standby_down(cluster, lag):
    cluster.db1.set(synchronous_standby_names="db2")
    cluster.db2.stop()
    cluster.db1.wait_for("select string_agg(application_name || sync_state, '') from pg_stat_replication", "db3async")
    result = lag(*cluster.primary, "--rpo", "5m")
    assert result.state == "CRITICAL" and result.says("commits"), result


# ---- roles that change ----

@pytest.fixture
def pair(lab, cluster):
    """A cluster that may be turned round."""
    a = lab.primary("site-a")
    a.sql(ROLES)
    b = lab.standby("site-b", a)
    return a, b


def switch_over(old, new):
    old.stop()
    new.promote()
    old.follow(new)
    old.start()
    old.wait_caught_up()


def test_planned_switchover(pair, lag):
    """After a switch as planned, the same command line says OK."""
    a, b = pair
    arguments = targets(a, b) + ["--rpo", "5m", "--expect-count", "1"]
    assert lag(*arguments).state == "OK"
    switch_over(a, b)
    result = lag(*arguments)
    assert result.state == "OK" and result.says("site-b"), result
    result = lag(*arguments, "--expect-primary", "site-a")
    assert result.state == "CRITICAL" and result.says("site-a", "site-b"), result
    # And back again: timeline 3.
    switch_over(b, a)
    result = lag(*arguments)
    assert result.state == "OK", result


def test_switchover_with_history(pair, lag, tmp_path):
    """What was remembered of the old primary does not speak against the new one."""
    a, b = pair
    arguments = targets(a, b) + ["--rpo", "5m", "--state-dir", str(tmp_path)]
    assert lag(*arguments).state == "OK"
    switch_over(a, b)
    b.write(1)
    a.wait_caught_up()
    for _ in range(2):
        result = lag(*arguments)
        assert result.state == "OK", result


def test_no_primary_at_all(cluster, lag):
    """Two standbys that answer are no cluster that serves."""
    cluster.db1.stop()
    result = lag(*targets(cluster.db2, cluster.db3), "--rpo", "5m")
    assert result.state != "OK", result


# ---- one server under several names ----

def test_virtual_address_is_no_second_primary(cluster, lag):
    """The primary by its own name and by the cluster's address: one server, no split brain, and both names count."""
    result = lag(*targets(cluster.db1, cluster.db2), "-T", "vip=" + cluster.db1.uri("monitor"),
                 "--expect-primary", "vip", "--rpo", "5m")
    assert result.state == "OK" and result.says("vip", "same server", "db1"), result


def test_standby_under_two_names_counts_once(cluster, lag):
    result = lag(*targets(cluster.db1, cluster.db2), "-T", "reader=" + cluster.db2.uri("monitor"),
                 "--rpo", "5m", "--expect-count", "3")
    assert result.state == "CRITICAL" and result.perfdata["standbys"] == 2, result


# ---- a standby that has not streamed since its start ----

def test_standby_that_cannot_connect_since_its_start(cluster, lag):
    """An idle primary hides that it gets nothing. One that restores from an archive by design is told apart: it has never
    asked for a stream, and pg_last_wal_receive_lsn() is NULL."""
    lost = cluster.temporary_standby("lost")
    lost.wait_caught_up()
    lost.restart(primary_conninfo="host=127.0.0.1 port=1 user=postgres application_name=lost")
    lost.wait_for("select pg_last_wal_receive_lsn() is not null")
    for user in ("monitor", "nobody"):
        result = lag(*targets(cluster.db1, cluster.db2, lost, user=user), "--rpo", "5m")
        assert result.state == "CRITICAL" and result.says("lost", "not receiving"), result


def test_standby_that_restores_from_the_archive(cluster, lag):
    """By design it does not stream: behind or not is all that counts."""
    shipped = cluster.temporary_standby("shipped")
    shipped.wait_caught_up()
    shipped.restart(primary_conninfo="", restore_command="/bin/false")
    shipped.wait_for("select pg_last_wal_receive_lsn() is null")
    for user in ("monitor", "nobody"):
        result = lag(*targets(*cluster.servers, shipped, user=user), "--rpo", "5m")
        assert result.state == "OK" and result.says("shipped", "archive"), result
    cluster.db1.write(20)
    cluster.db2.wait_caught_up()
    result = lag(*targets(cluster.db1, cluster.db2, shipped), "--rpo", "5m", "-c", "loss_bytes=10MB")
    assert result.state == "CRITICAL" and result.says("shipped", "behind"), result
