# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on real servers: logical subscriptions."""

import pytest

from conftest import targets


@pytest.fixture
def subscription(cluster, other):
    """db1 subscribes to a table of another system."""
    for server in (other, cluster.db1):
        server.sql("create table orders (id int primary key)")
    other.sql("create publication orders_out for table orders")
    cluster.db1.sql("create subscription orders_in connection 'host=127.0.0.1 port=%d user=postgres dbname=postgres'"
                    " publication orders_out" % other.port)
    cluster.db1.wait_for("select bool_and(srsubstate = 'r') from pg_subscription_rel")
    cluster.wait_whole()
    yield "orders_in"
    cluster.db1.sql("drop subscription orders_in")
    cluster.db1.sql("drop table orders")
    other.sql("drop publication orders_out")
    other.sql("drop table orders")
    other.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots")


def test_subscription_healthy(cluster, other, lag, subscription):
    other.sql("insert into orders values (1)")
    cluster.db1.wait_for("select count(*) from orders", "1")
    cluster.wait_whole()
    result = lag(*cluster.all, "--rpo", "5m")
    assert result.state == "OK", result


def test_subscription_broken(cluster, other, lag_until, subscription):
    """Section 8: the same key on both sides; the worker crashes, is started again and crashes."""
    cluster.db1.sql("insert into orders values (7)")
    other.sql("insert into orders values (7)")
    if int(cluster.db1.value("show server_version_num")) >= 150000:
        cluster.db1.wait_for("select apply_error_count > 0 from pg_stat_subscription_stats")
    else:
        cluster.db1.wait_log("duplicate key value violates unique constraint")
    result = lag_until(lambda result: result.state != "OK", 10, *cluster.all, "--rpo", "5m")
    assert result.state != "OK" and result.says(subscription), result


def test_subscription_disabled(cluster, lag, subscription):
    """Switched off by somebody is known, and is not "healthy"."""
    cluster.db1.sql("alter subscription orders_in disable")
    cluster.db1.wait_for("select pid from pg_stat_subscription", None)
    result = lag(*cluster.all, "--rpo", "5m")
    assert result.state != "OK" and result.says(subscription, "disabled"), result


def test_logical_walsender_is_no_standby(cluster, other, lag, subscription):
    """The subscriber is a row in the publisher's pg_stat_replication, and no standby of it."""
    other.wait_for("select application_name from pg_stat_replication", "orders_in")
    result = lag(*targets(other), "--rpo", "5m")
    assert result.state == "CRITICAL" and result.perfdata.get("standbys", 0) == 0, result


def test_spilled_transaction(cluster, other, lag, subscription):
    """A transaction too large for logical_decoding_work_mem waits on the publisher's disk until it commits."""
    if int(other.value("show server_version_num")) < 150000:
        result = lag(*targets(other), "--expect-count", "0", "-w", "slot_spilled=1kB")
        assert result.state == "UNKNOWN" and result.says("orders_in", "15"), result
        return
    # From 18 on a large transaction is handed to the subscriber as it grows, unless it asks for whole ones.
    cluster.db1.sql("alter subscription orders_in set (streaming = off)")
    other.set(logical_decoding_work_mem="64kB")
    other.sql("select pg_terminate_backend(active_pid) from pg_replication_slots")
    other.sql("begin")
    other.sql("insert into orders select * from generate_series(1000, 60000)")
    other.wait_for("select coalesce(sum(size), 0) > 100000 from pg_ls_replslotdir('orders_in')"
                   " where name like '%.spill'")
    result = lag(*targets(other), "--expect-count", "0", "-w", "slot_spilled=1kB")
    other.sql("rollback")
    assert result.state == "WARNING" and result.says("orders_in", "on disk", "warning above 1 kB"), result
    assert result.perfdata["orders_in_slot_spilled"] > 100000, result
