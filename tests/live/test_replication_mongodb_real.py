# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on real replica sets, where there is a mongod (tests/lab/mongodb.py). Without one these
are not run, and the run says so."""

import mongodb
import pytest


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text(mongodb.PASSWORD + "\n")
    path.chmod(0o600)
    return ["--password-file", path]


@pytest.fixture(scope="module")
def whole_set():
    with mongodb.Set(3) as members:
        yield members


@pytest.fixture
def members(whole_set):
    """Three members with data; whole again after each test."""
    yield whole_set
    for server in whole_set.servers:
        if server.process is None:
            server.start()
        server.thaw()
    whole_set.wait_whole()


def standby(members):
    primary = members.primary()
    return next(server for server in members.servers if server is not primary)


def test_healthy(members, lag_until, password):
    members.write()
    result = lag_until(lambda r: r.state == "OK", 10, *members.targets(), *password)
    assert result.state == "OK" and result.perfdata["loss"] == 0 and result.perfdata["standbys"] == 2, result


def test_healthy_from_the_primary_alone(members, lag, password):
    result = lag(*members.targets(members.primary().name), *password)
    assert result.state == "OK" and result.perfdata["standbys"] == 2, result


def test_heartbeat(members, lag, tmp_path):
    """Written by a user who may; nagios, who may not, is told so."""
    path = tmp_path / "root"
    path.write_text(mongodb.PASSWORD + "\n")
    path.chmod(0o600)
    result = lag(*members.targets(user="root"), "--password-file", path, "--heartbeat")
    assert result.state == "OK", result
    result = lag(*members.targets(), "--password-file", path, "--heartbeat")
    assert result.state == "UNKNOWN" and result.says("appendOplogNote"), result


def test_secondary_stopped(members, lag, password):
    gone = standby(members)
    gone.stop()
    result = lag(*members.targets(), *password)
    assert result.state == "CRITICAL" and gone.name in result.first, result


def test_secondary_frozen(members, lag, password):
    frozen = standby(members)
    frozen.freeze()
    members.write()
    result = lag(*members.targets(), *password, "-t", "3s")
    assert result.state == "CRITICAL" and result.says(frozen.name), result


def test_secondary_far_behind(members, lag_until, password):
    """fsyncLock: it takes nothing to its disk any more."""
    behind = standby(members)
    behind.run({"fsync": 1, "lock": True})
    try:
        members.write()
        result = lag_until(lambda r: r.state == "CRITICAL", 20, *members.targets(), *password, "--rpo", "2s")
    finally:
        behind.run({"fsyncUnlock": 1})
    assert result.state == "CRITICAL" and result.says(behind.name), result


def test_no_primary(members, lag_until, password):
    """Two of three are gone: the third may not be chosen."""
    left = standby(members)
    for server in members.servers:
        if server is not left:
            server.stop()
    result = lag_until(lambda r: r.says("no primary"), 20, *members.targets(left.name), *password)
    assert result.state == "CRITICAL" and result.says("no primary"), result


def test_wrong_password(members, lag, tmp_path):
    path = tmp_path / "wrong"
    path.write_text("Okapi\n")
    path.chmod(0o600)
    result = lag(*members.targets(), "--password-file", path)
    assert result.state == "UNKNOWN" and result.says("authentication failed"), result


def test_missing_role(members, lag, password):
    result = lag(*members.targets(user="nobody"), *password)
    assert result.state == "UNKNOWN" and result.says("clusterMonitor"), result


def test_arbiter_and_delayed_member(lag_until, password):
    special = {"db2": {"arbiterOnly": True, "priority": 0},
               "db3": {"priority": 0, "hidden": True, "secondaryDelaySecs": 3600}}
    with mongodb.Set(4, special) as members:
        result = lag_until(lambda r: r.state == "OK", 10, *members.targets(), *password)
        assert result.state == "OK" and result.says("delayed by 1h on purpose"), result
