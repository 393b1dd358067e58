# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on real servers: replication slots."""

MIB = 1024 * 1024


def make_slot(cluster, name, megabytes=0):
    """A slot nobody uses, that holds this much WAL back."""
    cluster.db1.sql("select pg_create_physical_replication_slot('%s', true)" % name)
    if megabytes:
        cluster.db1.write(megabytes)
        cluster.wait_whole()


def make_unreserved(cluster, name):
    # Without the usual reserve the slot alone decides, and the next checkpoint takes its WAL away.
    cluster.db1.set(wal_keep_size="0", max_slot_wal_keep_size="4MB", min_wal_size="2MB")
    make_slot(cluster, name, 12)
    cluster.db1.wait_for("select wal_status from pg_replication_slots where slot_name = '%s'" % name, "unreserved")


def test_lost_slot(cluster, lag):
    """0.4, E: restart_lsn is gone, and that is not zero bytes."""
    make_unreserved(cluster, "gone")
    cluster.db1.sql("checkpoint")
    cluster.db1.wait_for("select wal_status from pg_replication_slots where slot_name = 'gone'", "lost")
    for arguments in (cluster.primary, cluster.all):
        result = lag(*arguments, "--rpo", "5m")
        assert result.state == "CRITICAL" and "gone" in result.first, result
        assert any(state == "CRITICAL" and "lost" in text for state, text in result.about("gone")), result


def test_unreserved_slot(cluster, lag):
    """E: the last moment before it is lost; safe_wal_size is negative."""
    make_unreserved(cluster, "falling")
    assert int(cluster.db1.value("select safe_wal_size from pg_replication_slots")) < 0
    result = lag(*cluster.primary, "--rpo", "5m")
    assert result.state == "CRITICAL" and "falling" in result.first, result
    assert any("unreserved" in text for _, text in result.about("falling")), result


def test_missing_slot(cluster, lag):
    """E: a slot that should be there."""
    make_slot(cluster, "here")
    result = lag(*cluster.primary, "--expect-slot", "here", "--expect-slot", "nowhere")
    assert result.state == "CRITICAL" and "nowhere" in result.first, result
    result = lag(*cluster.primary, "--expect-slot", "here")
    assert result.state == "OK", result


def test_active_slot(cluster, lag):
    cluster.temporary_standby("db4", slots=True)
    cluster.db1.wait_for("select active from pg_replication_slots where slot_name = 'db4'")
    result = lag(*cluster.primary, "--expect-slot", "db4", "--slot-inactive", "0s", "--expect-count", "3")
    assert result.state == "OK", result


def test_inactive_slot(cluster, lag_until, lag, tmp_path):
    """E: before 17 only our own memory knows since when."""
    make_slot(cluster, "idle")
    arguments = cluster.primary + ["--slot-inactive", "1s", "--state-dir", str(tmp_path)]
    assert lag(*arguments).state == "OK"
    result = lag_until(lambda result: result.state != "OK", 10, *arguments)
    assert result.state == "WARNING" and "idle" in result.first, result
    assert any("not in use" in text for _, text in result.about("idle")), result
    # A slot that is not ours can be left out.
    result = lag(*arguments, "--exclude", "^idle$")
    assert result.state == "OK", result


def test_retained_wal(cluster, lag):
    make_slot(cluster, "hoarder", 8)
    result = lag(*cluster.primary, "-w", "slot_retained=1MiB", "-c", "slot_retained=1GiB")
    assert result.state == "WARNING" and "hoarder" in result.first, result
    assert result.perfdata["hoarder_slot_retained"] > 7.5 * MIB, result
    assert result.perfdata["hoarder_slot_retained"].warning == str(MIB), result


def test_time_until_the_slot_is_lost(cluster, lag, lag_until, tmp_path):
    """Minutes, not bytes. A rate is taken over ten seconds at least, so this takes as long."""
    cluster.db1.set(wal_keep_size="0", max_slot_wal_keep_size="512MB")
    make_slot(cluster, "hoarder", 1)
    arguments = cluster.primary + ["--state-dir", str(tmp_path), "-c", "slot_eta=1h:"]
    assert lag(*arguments).state == "OK"

    def wanted(result):
        cluster.db1.write(1)
        return result.state != "OK"

    result = lag_until(wanted, 30, *arguments)
    assert result.state == "CRITICAL" and "hoarder" in result.first, result
    assert 0 < result.perfdata["hoarder_slot_eta"] < 3600, result
