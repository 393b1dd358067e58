# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on real servers: the heartbeat, the one probe that writes."""

from conftest import targets

XMAX = "select pg_snapshot_xmax(pg_current_snapshot())::text"


def test_heartbeat(cluster, lag):
    """One commit, seen on every standby."""
    before = int(cluster.db1.value(XMAX))
    result = lag(*cluster.all, "--rpo", "5m", "--heartbeat")
    assert result.state == "OK", result
    assert int(cluster.db1.value(XMAX)) > before
    for name in ("db2", "db3"):
        assert any("heartbeat" in text for _, text in result.about(name)), result


def test_heartbeat_of_an_unprivileged_role(cluster, lag):
    """0.10: needs neither a table nor a privilege."""
    result = lag(*targets(*cluster.servers, user="nobody"), "--rpo", "5m", "--heartbeat")
    assert result.state == "OK", result


def test_heartbeat_with_a_frozen_standby(cluster, lag):
    """The one that does not answer is named; the others are measured; the deadline holds."""
    cluster.db2.freeze_link()
    result = lag(*cluster.all, "--rpo", "1s", "--heartbeat", "-t", "3s")
    assert result.state != "OK" and result.about("db2"), result
    assert any("heartbeat" in text for _, text in result.about("db3")), result
    assert result.within(3), result


def test_heartbeat_with_a_paused_standby(cluster, lag):
    """Received and not replayed: paused is the cause that is named."""
    cluster.db2.sql("select pg_wal_replay_pause()")
    result = lag(*cluster.all, "--rpo", "5m", "--heartbeat", "-t", "3s")
    assert result.state != "OK", result
    assert any("paused" in text for _, text in result.about("db2")), result
    assert result.within(3), result


def test_heartbeat_while_commits_hang(cluster, lag):
    """The heartbeat's own commit must not hang the check."""
    cluster.db1.set(synchronous_standby_names="ANY 3 (db2, db3, db9)")
    result = lag(*cluster.all, "--rpo", "5m", "--heartbeat", "-t", "3s")
    assert result.state == "CRITICAL" and result.says("commits"), result
    assert result.within(3), result


def test_heartbeat_without_a_primary(cluster, lag):
    """Nobody to write to: said, and in time."""
    cluster.db1.stop("immediate")
    result = lag(*cluster.all, "--rpo", "5m", "--heartbeat", "-t", "3s")
    assert result.state == "CRITICAL" and result.says("db1"), result
    assert result.within(3), result
