# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on real servers: privileges, passwords, and nodes that do not answer."""

import os
import socket

import pytest

from conftest import no_secret, target, targets
from postgresql import free_port

VIEWS = ("all", "primary", "standby")


def errors_logged(server, start):
    return [line for line in server.log()[start:].splitlines() if "ERROR:" in line or "FATAL:" in line]


# ---- least privilege ----

@pytest.mark.parametrize("view", VIEWS)
def test_pg_monitor_is_enough(cluster, lag, view):
    """A role with exactly pg_monitor: every figure is there and no statement is refused."""
    assert cluster.db1.sql("select roleid::regrole::text from pg_auth_members"
                           " where member = 'monitor'::regrole") == [("pg_monitor",)]
    starts = {server: len(server.log()) for server in cluster.servers}
    cluster.db1.sql("select pg_create_physical_replication_slot('spare', true)")
    result = lag(*getattr(cluster, view), "--rpo", "5m")
    assert result.state == "OK", result
    for server, start in starts.items():
        assert errors_logged(server, start) == [], result


def test_nothing_but_login_on_the_primary_alone(cluster, lag):
    """D: rows of nothing but NULL are no evidence; the cure is named."""
    assert cluster.db1.sql("set role nobody; select count(*) from pg_stat_replication where state is null;"
                           " reset role") == [("2",)]
    starts = {server: len(server.log()) for server in cluster.servers}
    result = lag(*targets(cluster.db1, user="nobody"), "--rpo", "5m")
    assert result.state == "UNKNOWN" and result.says("pg_monitor"), result
    for server, start in starts.items():
        assert errors_logged(server, start) == [], result


def test_nothing_but_login_on_all_nodes(cluster, lag):
    """D: every node asked, the two sides together need no privilege."""
    nodes = targets(*cluster.servers, user="nobody")
    cluster.db1.write()
    cluster.wait_whole()
    result = lag(*nodes, "--rpo", "5m")
    assert result.state == "OK", result
    assert result.perfdata["loss_bytes"] == 0, result


@pytest.mark.parametrize("limit", [("-c", "loss_bytes=1MiB"), ("--rpo", "1s")])
def test_nothing_but_login_on_all_nodes_behind(cluster, lag_until, limit):
    nodes = targets(*cluster.servers, user="nobody")
    cluster.db2.freeze_link()
    cluster.db3.freeze_link()
    cluster.db1.write(20)
    result = lag_until(lambda result: result.state == "CRITICAL", 6, *nodes, *limit)
    assert result.state == "CRITICAL" and result.perfdata["loss_bytes"] > 19500000, result


def test_changes_nothing(cluster, lag):
    """No transaction of ours ever gets a number."""
    query = "select pg_snapshot_xmax(pg_current_snapshot())"
    before = cluster.db1.value(query)
    assert lag(*cluster.all, "-vvv").state == "OK"
    assert cluster.db1.value(query) == before


# ---- passwords ----

def locked(cluster):
    return [word for server in cluster.servers for word in ("-T", target(server, "locked"))]


def secret_file(tmp_path, text):
    path = tmp_path / "secret"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_right_password(cluster, lag, tmp_path):
    result = lag(*locked(cluster), "--password-file", secret_file(tmp_path, "open sesame\n"), "-vvv")
    assert result.state == "OK", result
    no_secret(result, "open sesame")


def test_password_on_the_command_line(cluster, lag):
    """It works, and is warned of without an alarm."""
    uri = "db1=" + cluster.db1.uri("locked").replace("locked@", "locked:open%20sesame@")
    result = lag("-T", uri, "--rpo", "5m", "-vvv")
    assert result.says("command line", "--password-file"), result
    assert result.about("command line")[0][0] == "OK", result
    no_secret(result, "open sesame", "open%20sesame")


def test_password_in_an_ini_file(cluster, lag, tmp_path):
    """Nobody else can read it there: nothing to warn of."""
    uri = cluster.db1.uri("locked").replace("locked@", "locked:open%20sesame@")
    path = secret_file(tmp_path, "[orders]\ntarget = db1=%s\nrpo = 5m\n" % uri)
    result = lag("--extra-opts=orders@%s" % path, "-vvv")
    assert result.says("db1") and not result.says("command line"), result
    no_secret(result, "open sesame", "open%20sesame")


def test_pgpassfile(cluster, lag, tmp_path):
    path = secret_file(tmp_path, "127.0.0.1:*:*:locked:open sesame\n")
    result = lag(*locked(cluster), "-vvv", environment={"PGPASSFILE": str(path)})
    assert result.state == "OK", result
    no_secret(result, "open sesame")


def test_wrong_password(cluster, lag, tmp_path):
    """Our fault, not the cluster's."""
    result = lag(*locked(cluster), "--password-file", secret_file(tmp_path, "open barley\n"), "-vvv")
    assert result.state == "UNKNOWN" and result.says("db1", "db2", "db3"), result
    no_secret(result, "open barley")


# ---- other ways to say which servers ----

def test_multi_host_uri(cluster, lag):
    """One node for each host, not one connection to the first that answers."""
    hosts = ",".join("127.0.0.1:%d" % server.port for server in cluster.servers)
    result = lag("-T", "postgresql://monitor@%s/postgres?target_session_attrs=read-write" % hosts, "--rpo", "5m")
    assert result.state == "OK" and result.perfdata["standbys"] == 2, result
    cluster.db3.stop()
    result = lag("-T", "postgresql://monitor@%s/postgres" % hosts, "--rpo", "5m")
    assert result.state == "CRITICAL" and result.says("127.0.0.1:%d" % cluster.db3.port), result


@pytest.mark.parametrize("arguments", [("-T", "postgresql:///?service=dr"), ("--dbservice", "dr")])
def test_service_file(cluster, lag, tmp_path, arguments):
    path = tmp_path / "services"
    path.write_text("[dr]\nhost=127.0.0.1\nport=%d\nuser=monitor\ndbname=postgres\n" % cluster.db1.port)
    result = lag(*arguments, "--expect-count", "2", environment={"PGSERVICEFILE": str(path)})
    assert result.state == "OK" and result.perfdata["standbys"] == 2, result


def test_host_options(cluster, lag):
    result = lag("-H", "127.0.0.1", "-P", str(cluster.db1.port), "-l", "monitor", "-d", "postgres",
                 "--expect-count", "2")
    assert result.state == "OK" and result.perfdata["standbys"] == 2, result


# ---- nodes that do not answer ----

def test_refusing_node(cluster, lag):
    """A node that was listed must answer."""
    port = free_port(cluster.lab.ports)
    result = lag(*cluster.all, "-T", "db9=postgresql://monitor@127.0.0.1:%d/postgres" % port)
    assert result.state == "CRITICAL" and result.says("db9"), result
    assert result.about("db9")[0][0] == "CRITICAL", result


def test_only_a_refusing_node(cluster, lag):
    port = free_port(cluster.lab.ports)
    result = lag("-T", "db9=postgresql://monitor@127.0.0.1:%d/postgres" % port)
    assert result.state == "CRITICAL" and "db9" in result.first, result


def test_silent_node_among_others(cluster, lag):
    """O: one that never answers takes nothing from the others, and the deadline holds."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        port = silent.getsockname()[1]
        result = lag(*cluster.all, "-T", "db9=postgresql://monitor@127.0.0.1:%d/postgres" % port, "-t", "2s")
        assert result.state == "CRITICAL" and result.about("db9"), result
        assert result.about("db9")[0][0] == "CRITICAL", result
        assert [state for state, _ in result.about("db2")] == ["OK"], result
        assert result.perfdata["loss_bytes"] == 0, result
        assert result.within(2), result


def test_stopped_server_process(cluster, lag):
    """A server whose postmaster hangs accepts connections (the kernel does) and says nothing."""
    cluster.db2.disconnect()
    os.kill(cluster.db2.process.pid, 19)
    try:
        result = lag(*cluster.all, "-t", "2s:unknown")
        assert result.state == "UNKNOWN" and result.about("db2"), result
        assert result.within(2), result
    finally:
        os.kill(cluster.db2.process.pid, 18)


def test_starting_server(cluster, lag, lab):
    """A standby that takes no connections yet (hot_standby = off) is a standby we cannot serve from."""
    cluster.db2.disconnect()
    cluster.db2.stop()
    cluster.db2.settings["hot_standby"] = "off"
    cluster.db2.start(wait=False)
    cluster.db2.wait_log("started streaming WAL from primary", cluster.db2.log().rfind("starting PostgreSQL"))
    result = lag(*cluster.all)
    assert result.state in ("CRITICAL", "UNKNOWN") and result.about("db2"), result
    cluster.db2.stop()


# ---- the day it is for ----

def test_primary_dead_nothing_missing(cluster, lag, tmp_path):
    arguments = cluster.all + ["--rpo", "5m", "--state-dir", str(tmp_path)]
    cluster.db1.write()
    cluster.wait_whole()
    assert lag(*arguments).state == "OK"
    cluster.db1.stop("immediate")
    result = lag(*arguments)
    assert result.state == "CRITICAL" and result.says("db1", "db2", "has all"), result
    assert result.perfdata.get("loss_bytes", 0) < 1000000, result


def test_primary_dead_loss_estimate(cluster, lag, tmp_path):
    """M: the last known position of the dead primary against what the best standby has."""
    arguments = cluster.all + ["--rpo", "5m", "--state-dir", str(tmp_path)]
    assert lag(*arguments).state == "OK"
    for server in cluster.standbys:
        server.freeze_link()
    cluster.db1.write(5)
    lag(*arguments)
    cluster.db1.stop("immediate")
    result = lag(*arguments)
    assert result.state == "CRITICAL" and result.says("db1", "loses"), result
    assert 4900000 < result.perfdata["loss_bytes"] < 7000000, result
    assert 0 < result.perfdata["loss"] < 120, result


def test_primary_dead_without_history(cluster, lag, tmp_path):
    """No estimate can be made, and none is made up."""
    cluster.db1.stop("immediate")
    result = lag(*cluster.all, "--rpo", "5m", "--state-dir", str(tmp_path))
    assert result.state == "CRITICAL" and result.says("db1"), result
    assert "loss_bytes" not in result.perfdata and "loss" not in result.perfdata, result
