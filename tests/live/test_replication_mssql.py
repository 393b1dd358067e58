# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on Azure SQL geo-replication, and on availability groups of SQL Server, which the strict stub stands
in for."""

import contextlib
import os
import re
import struct
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import check  # noqa: E402
import peers  # noqa: E402
import stub_mssql as stub  # noqa: E402
from conftest import no_secret  # noqa: E402
from stub_mssql import link, replica  # noqa: E402

EAST, WEST, APP = "db-east", "db-west", "appdb"


def primary(*links, **options):
    return stub.Server(list(links), name=EAST, **options)


def secondary(committed=1.0, **options):
    """The database on db-west, whose primary is on db-east."""
    return stub.Server([link(EAST, role=1, committed=committed, state=options.pop("state", stub.CATCH_UP))], name=WEST,
                       updateability="READ_ONLY", **options)


@contextlib.contextmanager
def serving(query="encrypt=no", **servers):
    """Starts each server; the -T options for all of them."""
    with contextlib.ExitStack() as stack:
        arguments = []
        for name, server in servers.items():
            peer = stack.enter_context(peers.Honest(server.session))
            arguments += ["-T", "%s=mssql://%s@127.0.0.1:%d/%s?%s"
                          % (name, server.user, peer.port, server.database, query)]
        yield arguments


@pytest.fixture
def ask(lag):
    """Runs the check against the servers, given by the names of their targets; further options first."""
    def run(*options, query="encrypt=no", environment=None, **servers):
        with serving(query, **servers) as arguments:
            result = lag(*arguments, *options, environment=dict({"SQLCMDPASSWORD": stub.PASSWORD}, **(environment or {})))
        no_secret(result, stub.PASSWORD)
        return result
    return run


# ---- the primary alone ----

def test_healthy(ask):
    server = primary(link(WEST))
    result = ask("--partner", WEST, "--rpo", "1m", db1=server)
    assert result.state == "OK" and result.perfdata["loss"] == 0 and result.perfdata["standbys"] == 1, result
    assert result.says("Azure SQL Database 12.0.2000.8"), result
    assert len(server.logins) == 1 and len(server.batches) == 1, server.batches
    login = server.logins[0]
    assert login["database"] == APP and login["password"] == stub.PASSWORD and not login["readonly"], login
    assert login["server"] == "127.0.0.1" and login["language"] == "us_english", login


def test_partner_by_its_whole_name(ask):
    """Where the target is server.database.windows.net, the partner may be called so."""
    result = ask("--partner", "db-south", db1=primary(link(WEST)))
    assert result.state == "CRITICAL" and result.says("db-south"), result


def test_idle(ask):
    """Nothing was committed for a day, and the last commit took a minute to arrive: nothing is missing."""
    result = ask("--rpo", "1m", db1=primary(link(WEST, lag=60, replicated=86400, committed=86460)))
    assert result.state == "OK" and result.perfdata["loss"] == 0, result


def test_lagging(ask):
    """Busy, and what is acknowledged now was committed two minutes ago."""
    result = ask("--rpo", "1m", db1=primary(link(WEST, lag=120, replicated=0, committed=0)))
    assert result.state == "CRITICAL" and 120 <= result.perfdata["loss"] < 125, result


def test_frozen_while_catching_up(ask):
    """The link says CATCH_UP and a lag of 0, but acknowledges nothing while commits go on."""
    result = ask("--rpo", "1m", db1=primary(link(WEST, lag=0, replicated=600, committed=0)))
    assert result.state == "CRITICAL" and 600 <= result.perfdata["loss"] < 605, result


def test_suspended_with_frozen_lag(ask):
    result = ask("--rpo", "1m", db1=primary(link(WEST, stub.SUSPENDED, lag=0, replicated=900, committed=0)))
    assert result.state == "CRITICAL" and result.says(WEST), result
    assert result.perfdata["db-west_loss"] >= 900, result


def test_suspended_and_idle(ask):
    """Nothing is missing yet, but nothing would arrive either."""
    result = ask(db1=primary(link(WEST, stub.SUSPENDED, lag=0, replicated=900, committed=901)))
    assert result.state == "CRITICAL" and result.says(WEST), result


@pytest.mark.parametrize("state", (stub.SEEDING, stub.PENDING))
def test_seeding(ask, state):
    """No use before it is complete, whatever its figures say."""
    result = ask("--partner", WEST, db1=primary(link(WEST, state, lag=0, replicated=0, committed=1)))
    assert result.state != "OK" and result.says(WEST), result
    assert "loss" not in result.perfdata, result


def test_unknown_state(ask):
    result = ask(db1=primary(link(WEST, 9)))
    assert result.state == "CRITICAL" and result.says(WEST), result


def test_no_row_and_a_partner(ask):
    result = ask("--partner", WEST, db1=primary())
    assert result.state == "CRITICAL" and result.says(WEST), result


def test_no_row(ask):
    """Nobody receives: not OK, although nobody was named."""
    result = ask(db1=primary())
    assert result.state == "CRITICAL", result


def test_no_row_is_wanted(ask):
    result = ask("--expect-count", "0", db1=primary())
    assert result.state == "OK", result


def test_other_partner(ask):
    result = ask("--partner", WEST, db1=primary(link("db-north")))
    assert result.state == "CRITICAL" and result.says(WEST), result


def test_two_partners_one_behind(ask):
    """Each is held to the limits, not only the best one."""
    result = ask("--rpo", "1m", db1=primary(link(WEST), link("db-north", lag=300, replicated=0, committed=0)))
    assert result.state == "CRITICAL" and result.about("db-north") and result.perfdata["standbys"] == 2, result


@pytest.mark.parametrize("column", ("last_replication", "replication_lag_sec"))
def test_null_on_the_primary(ask, column):
    """CATCH_UP without a figure is no evidence."""
    row = link(WEST)
    row[column] = None
    result = ask(db1=primary(row))
    assert result.state in ("UNKNOWN", "CRITICAL"), result


def test_last_commit_unknown(ask):
    """What was committed last is unknown: only what was acknowledged is safe."""
    row = link(WEST, lag=0, replicated=300)
    row["last_commit"] = None
    assert ask("--rpo", "1m", db1=primary(row)).state == "CRITICAL"


# ---- the secondary, and both ----

def test_both(ask):
    result = ask("--partner", WEST, "--rpo", "1m", db1=primary(link(WEST, committed=5)), db2=secondary(committed=5))
    assert result.state == "OK" and result.perfdata["loss"] == 0 and result.perfdata["standbys"] == 1, result


def test_both_after_a_failover(ask):
    """The roles are found, not given."""
    east = stub.Server([link(WEST, role=1, committed=5)], name=EAST, updateability="READ_ONLY")
    west = stub.Server([link(EAST, committed=5)], name=WEST)
    result = ask("--rpo", "1m", db1=east, db2=west)
    assert result.state == "OK" and result.says("db2: primary"), result


def test_both_and_behind(ask):
    result = ask("--rpo", "1m", db1=primary(link(WEST, lag=200, replicated=0, committed=0)), db2=secondary(committed=200))
    assert result.state == "CRITICAL" and 199 <= result.perfdata["loss"] < 206, result


def test_both_with_a_frozen_link(ask):
    """What the primary says of the link is old; the secondary's own last commit proves it."""
    result = ask("--rpo", "1m", db1=primary(link(WEST, lag=0, replicated=600, committed=0)), db2=secondary(committed=600))
    assert result.state == "CRITICAL" and result.perfdata["loss"] >= 599, result


def test_secondary_alone(ask):
    """Its lag is NULL there; its last commit was just now."""
    result = ask("--rpo", "1m", db2=secondary())
    assert result.state in ("OK", "UNKNOWN") and not result.says("primary db"), result


def test_secondary_alone_and_suspended(ask):
    result = ask("--rpo", "1m", db2=secondary(state=stub.SUSPENDED))
    assert result.state == "CRITICAL", result


def test_secondary_without_last_commit(ask):
    row = link(EAST, role=1)
    row["last_commit"] = None
    result = ask(db2=stub.Server([row], name=WEST, updateability="READ_ONLY"))
    assert result.state in ("UNKNOWN", "CRITICAL"), result


def test_read_only_without_a_link(ask):
    """What a read-scale replica, or a secondary without its link, looks like: never OK."""
    west = stub.Server([], name=WEST, updateability="READ_ONLY")
    for servers in ({"db2": west}, {"db1": primary(link(WEST)), "db2": west}):
        result = ask(**servers)
        assert result.state == "CRITICAL" and result.says("no replication link"), result


def test_two_primaries(ask):
    """After a forced failover both sides may take writes."""
    west = stub.Server([], name=WEST)
    result = ask(db1=primary(link(WEST, stub.SUSPENDED)), db2=west)
    assert result.state == "CRITICAL", result


def test_secondary_of_another_server(ask):
    """db2 follows db-north, not the primary that was asked."""
    west = stub.Server([link("db-north", role=1, committed=1)], name=WEST, updateability="READ_ONLY")
    result = ask(db1=primary(link("db-south")), db2=west)
    assert result.state != "OK", result


def test_one_server_by_two_names(ask):
    """A listener and the server behind it are no two primaries."""
    server = primary(link(WEST))
    result = ask(db1=server, listener=server)
    assert result.state == "OK", result


def test_two_databases(ask):
    """Each is judged by itself: the second one has no link."""
    result = ask(db1=primary(link(WEST)), db2=stub.Server([], name=EAST, database="other"))
    assert result.state == "CRITICAL" and result.says("other"), result
    result = ask(db1=primary(link(WEST)), db2=stub.Server([link(WEST, database="other")], name=EAST, database="other"))
    assert result.state == "OK", result


def test_managed_instance(ask):
    """It calls itself by its long name, its partner's view by the short one."""
    domain = ".weu123.database.windows.net"
    east = stub.Server([link(WEST, committed=5)], edition=stub.INSTANCE, name=EAST + domain)
    west = stub.Server([link(EAST, role=1, committed=5)], edition=stub.INSTANCE, name=WEST + domain,
                       updateability="READ_ONLY")
    result = ask("--partner", WEST, db1=east, db2=west)
    assert result.state == "OK" and result.perfdata["standbys"] == 1, result


@pytest.mark.parametrize("offset", (-7200, 7200))
def test_clock_of_the_server(ask, offset):
    """All ages are on the clock of the server."""
    result = ask("--rpo", "1m", db1=primary(link(WEST), clock=offset))
    assert result.perfdata["loss"] == 0, result


# ---- availability groups ----

def group(*replicas, **options):
    return stub.Server(list(replicas), edition=stub.SQL_SERVER, **options)


def own(name="SQL1", **options):
    return replica(name, local=True, primary=True, state="SYNCHRONIZED", **options)


@pytest.mark.parametrize("state", ("SYNCHRONIZED", "SYNCHRONIZING"))
def test_group_healthy(ask, state):
    server = group(own(), replica("SQL2", state=state), name="SQL1")
    result = ask("--partner", "SQL2", "--rpo", "1m", db1=server)
    assert result.state == "OK" and result.perfdata["loss"] == 0, result
    assert result.says("SQL Server 16.0.4135.4"), result


def test_group_behind(ask):
    server = group(own(committed=9000, ago=0), replica("SQL2", lag=300, committed=1000, ago=300), name="SQL1")
    result = ask("--rpo", "1m", db1=server)
    assert result.state == "CRITICAL" and 299 <= result.perfdata["loss"] <= 305, result


def test_group_lag_unknown(ask):
    server = group(own(committed=9000, ago=0), replica("SQL2", lag=None, committed=1000, ago=300), name="SQL1")
    result = ask("--rpo", "1m", db1=server)
    assert result.state in ("UNKNOWN", "CRITICAL"), result


def test_group_suspended(ask):
    server = group(own(committed=9000, ago=0), name="SQL1")
    server.links.append(replica("SQL2", state="NOT SYNCHRONIZING", suspended="SUSPEND_FROM_USER", committed=1000, ago=600))
    result = ask("--rpo", "1m", db1=server)
    assert result.state == "CRITICAL" and result.says("SQL2") and "SUSPEND_FROM_USER" in result.output, result


def test_group_not_synchronizing(ask):
    """The lag stands still at 0."""
    server = group(own(committed=9000, ago=0), replica("SQL2", state="NOT SYNCHRONIZING", committed=1000, ago=600),
                   name="SQL1")
    result = ask("--rpo", "1m", db1=server)
    assert result.state == "CRITICAL" and result.says("SQL2"), result


def test_group_seeding(ask):
    server = group(own(), replica("SQL2", state="INITIALIZING", lag=None), name="SQL1")
    assert ask(db1=server).state != "OK"


def test_group_both(ask):
    mine = group(own(committed=5000), replica("SQL2", committed=5000), name="SQL1")
    other = group(replica("SQL2", local=True, committed=5000, sender="SQL1"), name="SQL2", updateability="READ_ONLY")
    result = ask("--rpo", "1m", db1=mine, db2=other)
    assert result.state == "OK" and result.perfdata["standbys"] == 1 and result.perfdata["loss"] == 0, result


def test_group_both_and_behind(ask):
    mine = group(own(committed=9000, ago=0), replica("SQL2", lag=400, committed=1000, ago=400), name="SQL1")
    other = group(replica("SQL2", local=True, committed=1000, ago=400, lag=None, sender="SQL1"), name="SQL2",
                  updateability="READ_ONLY")
    result = ask("--rpo", "1m", db1=mine, db2=other)
    assert result.state == "CRITICAL" and result.perfdata["loss"] >= 399, result


def test_no_group(ask):
    """A database in no availability group has no standby."""
    assert ask(db1=group(name="SQL1")).state == "CRITICAL"


# ---- log-in ----

@pytest.mark.parametrize("number, state, said", (
    (18456, "UNKNOWN", "Login failed for user"), (4060, "UNKNOWN", "Cannot open database"),
    (40615, "UNKNOWN", "firewall"), (40532, "UNKNOWN", "user%40server"), (40613, "CRITICAL", "not available"),
    (40197, "CRITICAL", "failing over"), (40501, "CRITICAL", "throttling"), (978, "UNKNOWN", "intent=readonly"),
    (976, "UNKNOWN", "ask the primary"), (916, "UNKNOWN", "CREATE USER"), (17187, "CRITICAL", "starting"),
    (99999, "UNKNOWN", "99999")))
def test_refused(ask, number, state, said):
    texts = {18456: "Login failed for user 'monitor'.", 4060: 'Cannot open database "appdb" requested by the login.'}
    refusal = stub.SqlError(number, texts.get(number, "Some words of the server."), 14)
    result = ask(db1=primary(link(WEST), refuse=refusal))
    assert result.state == state and said in result.output and str(number) in result.output, result


def test_wrong_password(ask):
    result = ask(db1=primary(link(WEST)), environment={"SQLCMDPASSWORD": "wrong one"})
    assert result.state == "UNKNOWN" and result.says("Login failed for user 'monitor'"), result
    no_secret(result, "wrong one")


def test_no_password(lag):
    with serving(db1=primary(link(WEST))) as arguments:
        result = lag(*arguments)
    assert result.state == "UNKNOWN" and result.says("no password"), result


def test_password_file(lag, tmp_path):
    file = tmp_path / "secret"
    file.write_text(stub.PASSWORD + "\n")
    file.chmod(0o600)
    with serving(db1=primary(link(WEST))) as arguments:
        result = lag(*arguments, "--password-file", file)
    assert result.state == "OK", result


def test_wrong_database(ask):
    server = primary(link(WEST))
    with peers.Honest(server.session) as peer:
        result = ask("-T", "db1=mssql://monitor@127.0.0.1:%d/nothere?encrypt=no" % peer.port)
    assert result.state == "UNKNOWN" and result.says("nothere"), result


@pytest.mark.parametrize("database", ("", "/", "/master"))
def test_no_database(ask, database):
    with peers.Silent() as peer:
        result = ask("-T", "db1=mssql://monitor@127.0.0.1:%d%s" % (peer.port, database))
        assert peer.connections == 0
    assert result.state == "UNKNOWN" and result.says("which database"), result


@pytest.mark.parametrize("permitted", (False, "empty"))
def test_missing_permission(ask, permitted):
    result = ask(db1=primary(link(WEST), permitted=permitted))
    assert result.state == "UNKNOWN" and "GRANT VIEW DATABASE STATE TO [monitor]" in result.output, result
    server = group(own(), replica("SQL2"), name="SQL1", permitted=permitted)
    result = ask(db1=server)
    assert result.state == "UNKNOWN" and "GRANT VIEW SERVER STATE TO [monitor]" in result.output, result


def test_user_at_server(ask):
    server = primary(link(WEST))
    with peers.Honest(server.session) as peer:
        result = ask("-T", "db1=mssql://monitor%%40db-east@127.0.0.1:%d/appdb?encrypt=no" % peer.port)
    assert result.state == "OK" and server.logins[0]["user"] == "monitor@db-east", result


def test_read_only_intent(ask):
    """Only where it is asked for: it would lead to a read-scale replica, which knows no link."""
    server = primary(link(WEST))
    assert ask(db1=server, query="encrypt=no&intent=readonly").state == "OK"
    assert server.logins[0]["readonly"]


def test_heartbeat(ask):
    result = ask("--heartbeat", db1=primary(link(WEST)))
    assert result.state == "UNKNOWN" and result.says("--heartbeat"), result


@pytest.mark.parametrize("query, said", (
    ("encrypt=maybe", "encrypt"), ("sslmode=require", "sslmode"), ("cafile=relative", "cafile"),
    ("cafile=/nonexistent", "cannot be read"), ("cafile=/a%23b", "cafile")))
def test_bad_parameters(ask, query, said):
    result = ask(db1=primary(link(WEST)), query=query)
    assert result.state == "UNKNOWN" and result.says(said), result


@pytest.mark.parametrize("variable", ("TDSPORT", "TDSHOST", "TDSVER", "TDSDUMP", "TDSDUMPCONFIG"))
def test_environment(ask, tmp_path, variable):
    result = ask(db1=primary(link(WEST)), environment={variable: "1"})
    assert result.state == "UNKNOWN" and result.says(variable), result


def test_other_peoples_configuration(ask, tmp_path):
    """A site's freetds.conf changes nothing: neither TLS, nor the version, nor the language, nor a dump file."""
    dump = tmp_path / "dump"
    conf = tmp_path / "freetds.conf"
    conf.write_text("[global]\ntds version = 4.2\nencryption = require\ndump file = %s\nlanguage = deutsch\nport = 1\n"
                    "ca file = /nonexistent\nread-only intent = yes\ndatabase = other\nclient charset = ISO-8859-1\n"
                    % dump)
    server = primary(link(WEST))
    result = ask(db1=server, environment={"FREETDSCONF": str(conf)})
    assert result.state == "OK" and not dump.exists(), result
    login = server.logins[0]
    assert login["language"] == "us_english" and login["database"] == APP and not login["readonly"], login


# ---- TLS ----

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return stub.make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """For another host."""
    return stub.make_certificate(tmp_path_factory.mktemp("foreign"), "DNS:elsewhere.example")


def tls_server(certificate):
    return primary(link(WEST), encrypt="on", certificate=certificate)


def test_tls_verified(ask, certificate):
    result = ask("-v", db1=tls_server(certificate), query="cafile=" + certificate[0])
    assert result.state == "OK" and "over TLS" in result.output, result


def test_tls_is_the_default_and_verified(ask, certificate):
    """A certificate that nobody vouches for: the password is not sent."""
    server = tls_server(certificate)
    result = ask(db1=server, query="")
    assert result.state == "UNKNOWN" and result.says("certificate", "trusted") and not server.logins, result


def test_tls_for_another_host(ask, foreign):
    server = tls_server(foreign)
    result = ask(db1=server, query="cafile=" + foreign[0])
    assert result.state == "UNKNOWN" and result.says("certificate") and not server.logins, result


def test_tls_trusted_without_looking(ask, foreign):
    assert ask(db1=tls_server(foreign), query="trust=yes").state == "OK"


def test_tls_refused_by_the_server(ask):
    """The password does not go out in the clear instead."""
    server = primary(link(WEST))
    result = ask(db1=server, query="trust=yes")
    assert result.state == "UNKNOWN" and result.says("TLS") and not server.logins, result


def test_strict_needs_a_newer_library(ask, certificate):
    """TDS 8: never less than was asked for."""
    with peers.Silent() as peer:
        result = ask("-T", uri(peer, "encrypt=strict&cafile=" + certificate[0]), "-t", "1s")
    if library() < (1, 5, 0):
        assert result.state == "UNKNOWN" and result.says("needs FreeTDS 1.5") and peer.connections == 0, result
    else:
        assert result.state == "CRITICAL" and result.says("no answer"), result


def test_one_host_with_two_settings(ask, certificate):
    """FreeTDS knows one set of parameters for a host; it is said, and not mixed up. Names are the same in any case."""
    with serving(db1=primary(link(WEST))) as one, serving("trust=yes", db2=tls_server(certificate)) as two:
        for name in ("127.0.0.1", "localhost"):
            both = [word.replace("127.0.0.1", name) for word in one] + \
                   [word.replace("127.0.0.1", name.upper()) for word in two]
            result = ask(*both)
            assert result.state == "UNKNOWN" and result.says("two targets on one host"), result


def library():
    """The version of FreeTDS: (1, 3, 17)."""
    said = subprocess.run([check.executable("check_replication_lag"), "--version", "-v"], stdout=subprocess.PIPE,
                          check=False).stdout.decode()
    return tuple(map(int, re.search(r"FreeTDS (\d+)\.(\d+)\.(\d+)", said).groups()))


def redirected(ask, certificate, node):
    """A gateway that sends the client to the node; result and gateway."""
    def script(receive):
        try:
            yield from node.session(receive)
        except AssertionError:
            raise EOFError("this FreeTDS is one of those that cannot be redirected") from None

    with peers.Honest(script) as peer:
        gateway = primary(link("nobody"), encrypt="on", certificate=certificate, redirect=("127.0.0.1", peer.port))
        return ask("--partner", WEST, db1=gateway, query="cafile=" + certificate[0]), gateway


def test_redirected(ask, certificate):
    """The gateway of Azure may send the client to a node. Two versions of FreeTDS cannot follow, and that is said."""
    node = tls_server(certificate)
    result, gateway = redirected(ask, certificate, node)
    assert not gateway.batches
    if library() in ((1, 3, 16), (1, 3, 17)):
        assert result.state == "UNKNOWN" and result.says("connection policy Proxy"), result
    else:
        assert result.state == "OK" and len(node.batches) == 1, result


def test_redirected_to_a_stranger(ask, certificate, foreign):
    node = tls_server(foreign)
    result, _ = redirected(ask, certificate, node)
    assert result.state == "UNKNOWN" and not node.logins, result


# ---- peers that misbehave ----

DEADLINE = 1.0


def uri(peer, query="encrypt=no"):
    return "db1=mssql://monitor@127.0.0.1:%d/appdb?%s" % (peer.port, query)


AT_ONCE = {
    "refuse": (lambda script: peers.Refuse(), "CRITICAL", "refused"),
    "unreachable": (lambda script: peers.Unreachable(), "CRITICAL", ""),
    "silent": (lambda script: peers.Silent(), "CRITICAL", "no answer"),
    "never reads": (lambda script: peers.NeverReads(), "CRITICAL", "no answer"),
    "close": (lambda script: peers.Close(), "CRITICAL", ""),
    "reset": (lambda script: peers.Reset(), "CRITICAL", ""),
    "drip": (lambda script: peers.Drip(script, seconds=0.05), "CRITICAL", "no answer"),
    "zeros": (lambda script: peers.Flood(), "CRITICAL", ""),
}


@pytest.mark.parametrize("fault", AT_ONCE)
def test_at_once(ask, fault):
    make, state, said = AT_ONCE[fault]
    with make(primary(link(WEST)).session) as peer:
        result = ask("-T", uri(peer), "-t", "%gs" % DEADLINE)
        assert fault in ("refuse", "unreachable") or peer.settled(5)
        assert result.state == state and "db1" in result.first and said in result.output, result
        assert result.within(DEADLINE), result


def test_unresolvable(ask):
    result = ask("-T", "db1=mssql://monitor@nowhere.invalid/appdb", "-t", "5s")
    assert result.state == "UNKNOWN" and result.says("nowhere.invalid"), result


@pytest.mark.parametrize("seed", range(8))
def test_garbage(ask, seed):
    with peers.Garbage(seed=seed) as peer:
        result = ask("-T", uri(peer), "-t", "%gs" % DEADLINE)
        assert result.state in ("UNKNOWN", "CRITICAL") and "db1" in result.first, result
        assert result.within(DEADLINE), result


@pytest.fixture(scope="module")
def whole():
    """Bytes of an honest conversation."""
    with peers.Honest(primary(link(WEST)).session) as peer:
        result = check.run("check_replication_lag", "-T", uri(peer), environment={"SQLCMDPASSWORD": stub.PASSWORD})
        assert result.state == "OK", result
        assert peer.settled(5)
    return peer.sent


def test_cut_anywhere(ask, whole):
    """A conversation that ends early is never OK, wherever it ends."""
    for place in sorted(set(range(1, whole, whole // 40)) | {whole - 1}):
        with peers.Close(primary(link(WEST)).session, place) as peer:
            result = ask("-T", uri(peer), "-t", "%gs" % DEADLINE)
            assert result.state in ("CRITICAL", "UNKNOWN"), (place, result)
            assert result.within(DEADLINE), result


def test_half_a_reply_and_silence(ask, whole):
    for place in (10, whole // 3, whole - 200, whole - 1):
        with peers.Silent(primary(link(WEST)).session, place) as peer:
            result = ask("-T", uri(peer), "-t", "500ms")
            assert result.state == "CRITICAL" and result.says("no answer"), (place, result)
            assert result.within(0.5), result


def test_garbage_after_log_in(ask, whole):
    for seed in range(6):
        with peers.Garbage(primary(link(WEST)).session, whole - 300, seed=seed) as peer:
            result = ask("-T", uri(peer), "-t", "%gs" % DEADLINE)
        assert result.state in ("CRITICAL", "UNKNOWN"), (seed, result)


def test_damaged_anywhere(ask, whole):
    """One byte is another one: nothing hangs, crashes or prints to stderr."""
    for place in range(3, whole, whole // 50):
        def change(offset, data, place=place):
            at = place - offset
            return data if not 0 <= at < len(data) else data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:]

        def script(receive):
            try:
                yield from primary(link(WEST)).session(receive)
            except AssertionError:
                raise EOFError("the client acts on what we damaged") from None

        with peers.Replace(script, change) as peer:
            result = ask("-T", uri(peer), "-t", "500ms")
            assert result.within(0.5), (place, result)


def test_many_links(ask):
    """More rows than fit a packet; and more than anybody has are no reply."""
    result = ask("--rpo", "1m", db1=primary(*[link("db-%03d" % number) for number in range(300)]))
    assert result.state == "OK" and result.perfdata["standbys"] == 300, result
    result = ask(db1=primary(*[link("db-%04d" % number) for number in range(1200)]))
    assert result.state == "UNKNOWN", result


ROW = stub.encoded([("db-west", None), (2, 4)])
NOTICE = stub.said(0xAB, 50000, "beware " * 100, 10)


@pytest.mark.parametrize("token", (ROW, NOTICE, b"\xd1" + b"\xa0\x0f" + b"x" * 4000), ids=("rows", "notices", "wide rows"))
def test_without_end(ask, token):
    """A reply that does not end takes no more than the deadline."""
    def script(receive):
        replies = primary(link(WEST)).session(receive)
        yield next(replies)
        yield next(replies)
        next(replies)
        data = stub.metadata([("partner_server", None), ("role", 4)])
        while True:
            yield struct.pack(">BBHHBB", stub.REPLY, 0, len(data) + 8, 51, 1, 0) + data
            data = token

    with peers.Honest(script) as peer:
        result = ask("-T", uri(peer), "-t", "%gs" % DEADLINE)
        assert peer.settled(5)
        assert result.state in ("UNKNOWN", "CRITICAL") and "db1" in result.first, result
        assert result.within(DEADLINE), result


def test_many_targets(ask):
    """db-lib's handlers and settings are one for all threads: the trouble of one target is not another's."""
    refusals = {number: stub.SqlError(40613, "It is %02d's turn." % number) for number in range(0, 12, 3)}
    servers = {"n%02d" % number: primary(link(WEST), database="app%02d" % number, refuse=refusals.get(number))
               for number in range(12)}
    result = ask("--rpo", "1m", **servers)
    assert result.state == "CRITICAL", result
    for number in range(12):
        told = [text for _, text in result.about("n%02d" % number)]
        assert len(told) == 1, (number, told, result)
        assert ("turn" in told[0]) == (number % 3 == 0), (number, told)
        assert number % 3 or "%02d's turn" % number in told[0], (number, told)


def test_silent_one_among_two(ask):
    """It does not delay the others beyond the deadline, and they are still told of."""
    with peers.Silent() as peer:
        result = ask("-T", uri(peer).replace("db1", "db3"), "-t", "%gs" % DEADLINE, db1=primary(link(WEST)))
        assert result.state == "CRITICAL" and result.says("db3", "no answer") and result.about("db-west"), result
        assert result.within(DEADLINE), result
