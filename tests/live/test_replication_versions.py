# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on PostgreSQL 9.6, 10, 11 and 12, which the strict stub stands in for.

The stub refuses every name that its version does not have, so an OK here also says that the whole text of the query is of
that version."""

import contextlib
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import peers  # noqa: E402
import stub_postgresql as stub  # noqa: E402

VERSIONS = ("9.6.24", "10.23", "11.22", "12.22")
PASSWORD = "Zebra crossing: 100%"

every_version = pytest.mark.parametrize("version", VERSIONS)


@contextlib.contextmanager
def serving(**servers):
    """Starts each server; the -T options for all of them."""
    with contextlib.ExitStack() as stack:
        arguments = []
        for name, server in servers.items():
            peer = stack.enter_context(peers.Honest(server.session))
            arguments += ["-T", "%s=postgresql://monitor@127.0.0.1:%d/postgres" % (name, peer.port)]
        yield arguments


def pair(version, behind=0):
    """A primary and its standby db2, both listening."""
    return {"db1": stub.Server(version, stub.primary([stub.stream("db2", behind)])),
            "db2": stub.Server(version, stub.standby(behind, cluster_name="db2", application_name="db2"))}


# ---- healthy ----

@every_version
def test_primary_alone_healthy(lag, version):
    server = stub.Server(version, stub.primary([stub.stream("db2"), stub.stream("db3")], [stub.slot("db2")]))
    with serving(db1=server) as arguments:
        result = lag(*arguments, "--expect-standby", "db2", "--expect-standby", "db3", "--rpo", "5m")
    assert result.state == "OK" and result.perfdata["standbys"] == 2, result
    assert result.perfdata["loss_bytes"] == 0, result


@every_version
def test_pair_healthy(lag, version):
    with serving(**pair(version)) as arguments:
        result = lag(*arguments, "--rpo", "5m")
    assert result.state == "OK" and result.perfdata["loss_bytes"] == 0, result


@every_version
def test_standby_alone(lag, version):
    with serving(db2=stub.Server(version, stub.standby())) as arguments:
        result = lag(*arguments, "--rpo", "5m")
    assert result.state == "OK", result


@every_version
def test_product_is_named(lag, version):
    with serving(**pair(version)) as arguments:
        assert "PostgreSQL " + version in lag(*arguments, "-v").output


@pytest.mark.parametrize("state", ("streaming", "catchup"))
def test_just_connected(lag, state):
    """The sender's measure begins with the connection: before that is old enough nothing follows from it, and the
    report that is milliseconds away is waited for."""
    looks = []

    def facts():
        looks.append(1)
        behind = 296 if len(looks) < 4 else 0
        return stub.primary([stub.stream("db2", behind, flush_lag=0.002, reply_age=0.06, connected=0.4, state=state)])
    with serving(db1=stub.Server("12.22", facts)) as arguments:
        result = lag(*arguments, "--rpo", "5m")
    assert result.state == "OK" and result.perfdata["loss_bytes"] == 0, result
    assert len(looks) == 4, "looks for as long as it needs to"


def test_connected_for_long(lag):
    """... and where it is old enough, what it says is enough: nobody waits."""
    looks = []

    def facts():
        looks.append(1)
        return stub.primary([stub.stream("db2", 296, flush_lag=0.002, reply_age=0.06)])
    with serving(db1=stub.Server("12.22", facts)) as arguments:
        result = lag(*arguments, "--rpo", "5m")
    assert result.state == "OK" and 0.05 < result.perfdata["loss"] < 1 and len(looks) == 1, (len(looks), result)


# ---- broken ----

@every_version
def test_standby_missing(lag, version):
    server = stub.Server(version, stub.primary([stub.stream("db3")]))
    with serving(db1=server) as arguments:
        result = lag(*arguments, "--expect-standby", "db2", "--expect-standby", "db3")
    assert result.state == "CRITICAL" and "db2" in result.first, result


@every_version
def test_all_standbys_missing(lag, version):
    with serving(db1=stub.Server(version, stub.primary([]))) as arguments:
        result = lag(*arguments, "--rpo", "5m")
    assert result.state == "CRITICAL", result


@every_version
def test_lag_from_the_primary(lag, version):
    server = stub.Server(version, stub.primary([stub.stream("db2", behind=20 * stub.MB)]))
    with serving(db1=server) as arguments:
        result = lag(*arguments, "-c", "loss_bytes=1MB")
    assert result.state == "CRITICAL" and result.says("db2"), result
    assert result.perfdata["loss_bytes"] == 20 * stub.MB, result


@every_version
def test_lag_of_a_pair(lag, version):
    with serving(**pair(version, behind=20 * stub.MB)) as arguments:
        result = lag(*arguments, "-c", "loss_bytes=1MB")
    assert result.state == "CRITICAL" and result.says("db2"), result
    assert result.perfdata["loss_bytes"] == 20 * stub.MB, result


@every_version
def test_behind_is_not_within_a_short_rpo(lag, version):
    """Whatever the version cannot tell in seconds, 20 MB that do not arrive while we look are not fine."""
    with serving(**pair(version, behind=20 * stub.MB)) as arguments:
        result = lag(*arguments, "--rpo", "500ms")
    assert result.state in ("CRITICAL", "UNKNOWN"), result


@every_version
def test_standby_alone_without_a_receiver(lag, version):
    facts = stub.standby(receiver_running=False, receiver_status=None, receiver_timeline=None, announced=None,
                         message_age=None, sender_host=None, sender_port=None)
    with serving(db2=stub.Server(version, facts)) as arguments:
        result = lag(*arguments, "--rpo", "5m")
    assert result.state in ("CRITICAL", "UNKNOWN") and result.says("db2"), result


@every_version
def test_paused_replay(lag, version):
    servers = {"db1": stub.Server(version, stub.primary([stub.stream("db2", replayed=stub.POSITION - stub.MB)])),
               "db2": stub.Server(version, stub.standby(replayed=stub.POSITION - stub.MB, pause="paused",
                                                        application_name="db2", cluster_name="db2"))}
    with serving(**servers) as arguments:
        result = lag(*arguments, "--rpo", "5m")
    assert result.state not in ("OK",) and result.says("db2", "paused"), result


@every_version
def test_two_primaries(lag, version):
    servers = {"db1": stub.Server(version, stub.primary([stub.stream("db3")])),
               "db2": stub.Server(version, stub.primary([], timeline="00000002"))}
    with serving(**servers) as arguments:
        result = lag(*arguments, "--rpo", "5m")
    assert result.state == "CRITICAL" and result.says("db1", "db2"), result


# ---- privileges and passwords ----

@every_version
def test_unprivileged_on_the_primary(lag, version):
    """The role's name, and the cure of that version: pg_monitor came with 10."""
    facts = stub.primary([stub.hidden_stream("db2")], privileged=False, role_name="nagios")
    with serving(db1=stub.Server(version, facts)) as arguments:
        result = lag(*arguments, "--rpo", "5m")
    assert result.state == "UNKNOWN" and result.says("nagios"), result
    assert result.says("pg_monitor" if version != "9.6.24" else "superuser"), result


@every_version
def test_unprivileged_on_both_nodes(lag, version):
    """The two sides of the LSN need no privilege in any version."""
    hidden = dict(receiver_status=None, receiver_timeline=None, announced=None, message_age=None, sender_host=None,
                  sender_port=None, application_name=None, privileged=False)
    servers = {"db1": stub.Server(version, stub.primary([stub.hidden_stream("db2")], privileged=False)),
               "db2": stub.Server(version, stub.standby(cluster_name="db2", **hidden))}
    with serving(**servers) as arguments:
        result = lag(*arguments, "--rpo", "5m")
    assert result.state == "OK" and result.perfdata["loss_bytes"] == 0, result


@pytest.mark.parametrize("version,authentication", [
    (version, way) for version in VERSIONS for way in ("md5", "scram-sha-256")
    if (version, way) != ("9.6.24", "scram-sha-256")])
@pytest.mark.parametrize("right", (True, False))
def test_password(lag, tmp_path, version, authentication, right):
    secret = tmp_path / "secret"
    secret.write_text((PASSWORD if right else "wrong horse") + "\n")
    secret.chmod(0o600)
    server = stub.Server(version, stub.primary([stub.stream("db2")]), authentication, PASSWORD)
    with serving(db1=server) as arguments:
        result = lag(*arguments, "--password-file", secret, "-vvv")
    assert result.state == ("OK" if right else "UNKNOWN"), result
    assert bool(server.statements) is right
    assert PASSWORD not in result.output and "wrong horse" not in result.output, result


# ---- what is asked ----

@every_version
def test_read_only(lag, version):
    """Everything inside a read-only transaction with a statement timeout, and nothing of the session is changed."""
    servers = pair(version)
    with serving(**servers) as arguments:
        assert lag(*arguments).state == "OK"
    for server in servers.values():
        inside = None
        for statement in server.statements:
            if statement.startswith("BEGIN"):
                assert statement == "BEGIN READ ONLY"
                inside = []
            elif statement == "COMMIT":
                assert inside is not None and inside[0].startswith("SET LOCAL statement_timeout")
                inside = None
            else:
                inside.append(statement)
        assert inside is None and server.statements


@every_version
def test_one_round_trip_tells_all(lag, version):
    """One connection and, while nothing is behind, one message to a primary that is asked alone."""
    server = stub.Server(version, stub.primary([stub.stream("db2")]))
    with serving(db1=server) as arguments:
        assert lag(*arguments).state == "OK"
    assert len(server.startups) == 1
    assert server.statements.count("COMMIT") == 1, server.statements


@every_version
def test_heartbeat(lag, version):
    server = stub.Server(version, stub.primary([stub.stream("db2")]))
    with serving(db1=server) as arguments:
        result = lag(*arguments, "--heartbeat", "-t", "2s")
    assert result.state == "OK", result
    assert any("pg_logical_emit_message" in statement for statement in server.statements)


# ---- the stub itself: it would notice ----

class Text:
    """The text that the executable sends to a server of one version."""

    def __init__(self, lag, version):
        server = stub.Server(version, stub.primary([stub.stream("db2")]))
        with serving(db1=server) as arguments:
            assert lag(*arguments).state == "OK"
        self.statements = server.statements

    def error_of(self, version):
        """What a server of another version says to it."""
        server = stub.Server(version, stub.primary([stub.stream("db2")]))
        reply, _ = server.answer("; ".join(self.statements), b"I")
        found = re.search(rb"\0C([0-9A-Z]{5})\0M([^\0]*)", reply)
        return found and (found.group(1).decode(), found.group(2).decode())


@pytest.mark.parametrize("asked,served,state,name", [
    ("9.6.24", "10.23", "42703", "write_location"),
    ("10.23", "9.6.24", "42703", "write_lsn"),
    ("11.22", "10.23", "42703", "sender_host"),
    ("12.22", "11.22", "42703", "reply_time"),
])
def test_stub_refuses_names_of_other_versions(lag, asked, served, state, name):
    text = Text(lag, asked)
    assert text.error_of(asked) is None
    error = text.error_of(served)
    assert error is not None and error[0] == state and name in error[1], error


@pytest.mark.parametrize("statement,state", [
    ("SELECT wal_status FROM pg_replication_slots", "42703"),
    ("SELECT s.two_phase FROM pg_replication_slots s", "42703"),
    ("SELECT x.pid FROM pg_stat_replication s", "42P01"),
    ("SELECT pid FROM pg_stat_replication_slots", "42P01"),
    ("SELECT pg_get_wal_replay_pause_state() AS pause", "42883"),
    ("SELECT current_setting('recovery_min_apply_delay') AS delay", "42704"),
    ("SELECT pg_has_role('pg_checkpoint', 'USAGE') AS privileged", "42704"),
    ("SELECT '0/0'::pg_lsn8 AS position", "42704"),
    ("SELECT pg_is_wal_replay_paused() AS replayed", "55000"),
    ("SELECT (SELECT nothing FROM pg_settings) AS position", "42703"),
    ("SET LOCAL recovery_target_timeline = latest", "42704"),
    ("SET search_path = pg_catalog", "42601"),
    ("DELETE FROM pg_settings", "42601"),
])
def test_stub_refuses(statement, state):
    server = stub.Server("11.22", stub.primary([]))
    reply, _ = server.answer(statement, b"I")
    assert b"\0C" + state.encode() + b"\0" in reply, reply
