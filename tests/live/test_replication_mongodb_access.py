# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag and MongoDB: who may log in and see what, TLS, and servers that misbehave."""

import collections
import os

import pytest

import check
import stub_mongodb as stub
from authority import Authority
from stub_mongodb import peers, sample

NAME = "check_replication_lag"
PASSWORD = "Zebra%crossing:7@/?"
USERS = {"nagios": PASSWORD}
DEADLINE = 1.0
GRANT = 'db.getSiblingDB("admin").grantRolesToUser("nagios", [{role: "clusterMonitor", db: "admin"}])'


@pytest.fixture
def password(tmp_path):
    """The options for the right password."""
    return ["--password-file", written(tmp_path, "right", PASSWORD)]


def written(folder, name, text):
    path = folder / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


def ask(lag, name, *arguments, names=None, user="nagios", query="", **options):
    with stub.Set(sample(name), **options).serve(names, user, query) as targets:
        return lag(*targets, *arguments)


# ---- users ----

def test_password(lag, password):
    result = ask(lag, "healthy_8.0", *password, users=USERS)
    assert result.state == "OK" and result.perfdata["loss"] == 0, result


def test_password_in_uri(lag):
    encoded = PASSWORD.replace("%", "%25").replace(":", "%3A").replace("@", "%40").replace("/", "%2F").replace("?", "%3F")
    with stub.Set(sample("healthy_8.0"), users=USERS).serve(user="nagios:" + encoded) as targets:
        result = lag(*targets, "-vvv")
    assert result.state == "OK" and PASSWORD not in result.output and encoded not in result.output, result


def test_mechanism_and_source(lag, password):
    result = ask(lag, "healthy_8.0", *password, users=USERS, query="?authSource=admin&authMechanism=SCRAM-SHA-256")
    assert result.state == "OK", result


def test_wrong_password(lag, tmp_path):
    for names in (None, ["db2"]):
        result = ask(lag, "healthy_8.0", "--password-file", written(tmp_path, "wrong", "Okapi"), names=names, users=USERS)
        assert result.state == "UNKNOWN" and result.says("db2", "authentication failed"), result
        assert "Okapi" not in result.output, result


def test_unknown_user(lag, password):
    result = ask(lag, "healthy_8.0", *password, names=["db1"], user="nobody", users=USERS)
    assert result.state == "UNKNOWN" and result.says("authentication failed"), result


def test_no_user(lag):
    result = ask(lag, "healthy_8.0", names=["db1"], user="", users=USERS)
    assert result.state == "UNKNOWN" and result.says("db1", "password"), result


def test_user_without_password(lag):
    """libmongoc 1.23 would crash."""
    result = ask(lag, "healthy_8.0", names=["db1"], users=USERS)
    assert result.state == "UNKNOWN" and result.says("db1", "no password"), result


def test_arbiter_lets_nobody_in(lag, password):
    """Users do not exist on an arbiter: that it refuses us is no error, and hello says what it is."""
    result = ask(lag, "healthy_arbiter_chained_4.2", *password, users=USERS)
    assert result.state == "OK" and result.perfdata["loss"] == 0, result
    assert result.perfdata["standbys"] == 2, result


def test_arbiter_without_credentials(lag):
    """Authentication is on, and we have no user: the arbiter is an arbiter, the others refuse."""
    result = ask(lag, "healthy_arbiter_chained_4.2", user="", users=USERS)
    assert result.state == "UNKNOWN", result
    assert {state for state, _ in result.about("db1")} == {"UNKNOWN"}, result
    assert "UNKNOWN" not in {state for state, _ in result.about("db2")}, result


def test_arbiter_of_another_set(lag, password):
    result = ask(lag, "healthy_arbiter_chained_4.2", *password, names=["db2"], users=USERS, query="?replicaSet=rs7")
    assert result.state == "CRITICAL" and result.says("expected rs7"), result


def test_arbiter_alone_is_no_evidence(lag, password):
    result = ask(lag, "healthy_arbiter_chained_4.2", *password, names=["db2"], users=USERS)
    assert result.state != "OK", result


# ---- roles ----

def test_missing_role(lag, password):
    result = ask(lag, "healthy_8.0", *password, users=USERS,
                 denied=("replSetGetStatus", "replSetGetConfig", "serverStatus"))
    assert result.state == "UNKNOWN" and GRANT in result.output, result


def test_role_of_a_user_of_another_database(lag, password):
    result = ask(lag, "healthy_8.0", *password, names=["db1"], users=USERS, query="?authSource=ops",
                 denied=("replSetGetStatus",))
    assert result.state == "UNKNOWN" and 'getSiblingDB("ops")' in result.output, result


def test_no_configuration(lag, password):
    """Delays, priorities and votes are hidden: never OK without a word."""
    result = ask(lag, "delayed_8.0", *password, users=USERS, denied=("replSetGetConfig",))
    assert result.state in ("UNKNOWN", "CRITICAL"), result


def test_no_server_status(lag, password):
    """The window of the oplog and the version are hidden; the loss is known all the same."""
    result = ask(lag, "delayed_8.0", *password, users=USERS, denied=("serverStatus",))
    assert result.perfdata["loss"] == 0 and "window" not in result.output, result


def test_heartbeat_needs_its_privilege(lag, password):
    """clusterMonitor does not allow to write; with the one action more it is enough."""
    result = ask(lag, "healthy_8.0", "--heartbeat", *password, users=USERS)
    assert result.state == "UNKNOWN" and result.says("appendOplogNote"), result
    result = ask(lag, "healthy_8.0", "--heartbeat", *password, users=USERS,
                 granted=stub.CLUSTER_MONITOR + ("appendOplogNote",))
    assert result.state == "OK", result


# ---- parameters ----

@pytest.mark.parametrize("query, word", (
    ("?tlsCAFlie=/etc/ca.pem", "tlsCAFlie"),
    ("?tls=ture", "tls"),
    ("?tls=true&tlsCAFile=/nonexistent/ca.pem", "tlsCAFile cannot be read"),
    ("?sslmode=verify-full", "sslmode")))
def test_bad_parameter(lag, query, word):
    """The driver would only warn, and go on without TLS."""
    with peers.Silent() as peer:
        result = lag("-T", stub.uri(peer, query=query))
        assert peer.connections == 0
    assert result.state == "UNKNOWN" and result.says(word), result


def test_parameters_that_choose_a_server_do_not(lag):
    """Each node is asked, whatever its role and whatever its set calls the others."""
    result = ask(lag, "healthy_8.0", user="", query="?directConnection=false&readPreference=primary&replicaSet=rs0",
                 hosts=["nowhere1.invalid:27017", "nowhere2.invalid:27017"])
    assert result.state == "OK" and result.within(DEADLINE), result


# ---- TLS ----

Certificates = collections.namedtuple("Certificates", "server ca other_ca")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Files: the certificate and key of localhost, its CA, another CA."""
    folder = tmp_path_factory.mktemp("tls")
    ca = Authority(folder)
    return Certificates(ca.certificate("server", "DNS:localhost").pem, ca.file, Authority(folder, "other").file)


def over_tls(lag, certificates, host, query, *arguments):
    member = stub.Member("db1:27017", sample("healthy_8.0"))
    with stub.Tls(member.session, certificates.server) as peer:
        return lag("-T", "db1=mongodb://%s:%d/%s" % (host, peer.port, query), *arguments)


def test_verified(lag, certificates):
    result = over_tls(lag, certificates, "localhost", "?tls=true&tlsCAFile=%s" % certificates.ca)
    assert result.state == "OK", result


@pytest.mark.parametrize("host, query", (
    ("127.0.0.1", "?tls=true&tlsCAFile={ca}"),
    ("localhost", "?tls=true&tlsCAFile={other}"),
    ("localhost", "?tls=true")))
def test_not_verified(lag, certificates, host, query):
    """Another name, another authority, none that is known: verified without being asked to."""
    result = over_tls(lag, certificates, host, query.format(ca=certificates.ca, other=certificates.other_ca))
    assert result.state == "UNKNOWN" and result.says("db1", "TLS"), result


def test_verification_switched_off(lag, certificates):
    result = over_tls(lag, certificates, "127.0.0.1", "?tls=true&tlsInsecure=true")
    assert result.state == "OK", result


def test_tls_where_there_is_none(lag):
    result = ask(lag, "healthy_8.0", "-t", "%gs" % DEADLINE, names=["db1"], user="", query="?tls=true")
    assert result.state in ("UNKNOWN", "CRITICAL") and result.says("db1"), result


def test_no_tls_where_it_is_wanted(lag, certificates):
    result = over_tls(lag, certificates, "localhost", "", "-t", "%gs" % DEADLINE)
    assert result.state in ("UNKNOWN", "CRITICAL") and result.says("db1"), result


# ---- the driver's own traces ----

def counters():
    return {name for name in os.listdir("/dev/shm") if name.startswith("mongoc-")}


def test_leaves_no_counters(lag):
    """The driver keeps its counters in a file that only an orderly exit removes; a task that hangs ends otherwise."""
    before = counters()
    with peers.Silent() as peer:
        lag("-T", stub.uri(peer), "-T", "b" + stub.uri(peer), "-t", "300ms")
    assert not counters() - before


def test_counters_left_by_another(lag, tmp_path, monkeypatch):
    """A file of that name is there already: the driver would warn of it on stderr."""
    script = tmp_path / "stale"
    script.write_text("#!/bin/sh\n: >/dev/shm/mongoc-$$\nexec \"$@\"\n")
    script.chmod(0o755)
    before = counters()
    monkeypatch.setenv("DR_WRAPPER", "%s %s" % (script, os.environ.get("DR_WRAPPER", "")))
    try:
        with open(check.executable(NAME), "rb") as file:
            linked_in = b"libmongoc-1.0.so" in file.read()
        if linked_in:  # then it speaks before our first instruction; stated in SECURITY.md
            with pytest.raises(AssertionError, match="counters"):
                ask(lag, "healthy_8.0", user="")
        else:
            assert ask(lag, "healthy_8.0", user="").state == "OK"
    finally:
        for name in counters() - before:
            os.unlink("/dev/shm/" + name)


# ---- faults ----

def script():
    return stub.Member("db1:27017", sample("healthy_8.0")).session


@pytest.fixture(scope="module")
def length():
    """Bytes of all an honest member says before it is looked at again."""
    sent = []
    serve = script()

    def counted(receive):
        for data in serve(receive):
            sent.append(len(data))
            yield data

    with peers.Honest(counted) as peer:
        assert check.run(NAME, "-T", stub.uri(peer)).state == "OK"
    return sum(sent[:4])


AT_ONCE = {
    "refuse": (lambda: peers.Refuse(), "CRITICAL", ("refused",)),
    "silent": (lambda: peers.Silent(), "CRITICAL", ("no answer",)),
    "never reads": (lambda: peers.NeverReads(), "CRITICAL", ("no answer",)),
    "close": (lambda: peers.Close(), "CRITICAL", ()),
    "reset": (lambda: peers.Reset(), "CRITICAL", ()),
    "drip": (lambda: peers.Drip(script(), seconds=0.05), "CRITICAL", ("no answer",)),
}


@pytest.mark.parametrize("fault", AT_ONCE)
def test_at_once(lag, fault):
    make, state, said = AT_ONCE[fault]
    with make() as peer:
        result = lag("-T", stub.uri(peer), "-t", "%gs" % DEADLINE)
        assert result.state == state and result.says("db1", *said), result
        assert result.within(DEADLINE), result


@pytest.mark.parametrize("seed", range(6))
def test_garbage(lag, seed):
    with peers.Garbage(seed=seed) as peer:
        result = lag("-T", stub.uri(peer), "-t", "%gs" % DEADLINE)
        assert result.state in ("UNKNOWN", "CRITICAL") and result.within(DEADLINE), result


def test_flood(lag):
    with peers.Flood() as peer:
        result = lag("-T", stub.uri(peer), "-t", "%gs" % DEADLINE)
        assert result.state in ("UNKNOWN", "CRITICAL") and result.within(DEADLINE), result


@pytest.mark.parametrize("kind", (peers.Close, peers.Reset))
def test_cut_anywhere(lag, length, kind):
    """Half a message is never OK, wherever it ends."""
    for place in sorted(set(range(1, length, max(1, length // 25))) | {length - 1}):
        with kind(script(), place) as peer:
            result = lag("-T", stub.uri(peer), "-t", "%gs" % DEADLINE)
            assert result.state in ("CRITICAL", "UNKNOWN"), "%s after %d bytes: %s" % (kind.__name__, place, result)
            assert result.within(DEADLINE), result


@pytest.mark.parametrize("share", (0.1, 0.5, 0.9))
def test_silent_after_a_while(lag, length, share):
    """The stage in which it hangs is named."""
    with peers.Silent(script(), int(length * share)) as peer:
        result = lag("-T", stub.uri(peer), "-t", "%gs" % DEADLINE)
        assert result.state == "CRITICAL" and result.says("no answer", "stage"), result
        assert result.within(DEADLINE), result


def test_too_new(lag):
    """A server that speaks nothing as old as the driver."""
    result = ask(lag, "healthy_8.0", names=["db1"], user="", wire=(900, 901))
    assert result.state == "UNKNOWN" and result.says("wire version"), result


def test_newer_but_willing(lag):
    result = ask(lag, "healthy_8.0", user="", wire=(0, 900))
    assert result.state == "OK", result


def test_no_such_name(lag):
    result = lag("-T", "db1=mongodb://no-such-host.invalid/", "-t", "5s")
    assert result.state == "UNKNOWN" and result.says("db1", "no-such-host.invalid"), result


def test_one_dead_among_three(lag):
    """O: what the others say is there, and nobody waits longer than the deadline."""
    with peers.Silent() as dead, stub.Set(sample("healthy_8.0")).serve(["db1", "db2"]) as targets:
        result = lag(*targets, "-T", stub.uri(dead, "db3"), "-t", "%gs" % DEADLINE)
        assert result.state == "CRITICAL" and result.perfdata["db2_loss"] == 0, result
        assert result.within(DEADLINE), result


# ---- replies with something missing ----

NEEDED = ("set", "date", "myState", "members")


@pytest.mark.parametrize("field", NEEDED)
def test_status_without(lag, field):
    documents = sample("healthy_8.0")

    def change(command, document):
        if command == "replSetGetStatus":
            document.pop(field)
        return document

    result = ask(lag, "healthy_8.0", names=["db1"], user="", change=change)
    assert result.state == "UNKNOWN" and result.says("reply cannot be used"), result
    assert field in documents["replSetGetStatus"]


@pytest.mark.parametrize("value", ("", 7, {}, None))
def test_members_of_another_kind(lag, value):
    def change(command, document):
        return dict(document, members=value) if command == "replSetGetStatus" else document

    result = ask(lag, "healthy_8.0", names=["db1"], user="", change=change)
    assert result.state == "UNKNOWN", result


@pytest.mark.parametrize("field", ("name", "state", "health", "optime"))
def test_member_without(lag, field):
    """Of a standby seen from the primary alone: never OK without its evidence."""
    def change(command, document):
        if command == "replSetGetStatus":
            for member in document["members"]:
                if not member.get("self"):
                    member.pop(field, None)
        return document

    result = ask(lag, "healthy_8.0", names=["db1"], user="", change=change)
    assert result.state != "OK", result
