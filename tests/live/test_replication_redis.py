# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on real Redis and Valkey servers: healthy, slow, frozen, gone, wrong.

Each scenario first shows with the server's own figures that it really is in the state it is about. Every server program
of this machine is tested."""

import os
import re
import threading

import pytest

import check
import redis
from postgresql import free_port, wait_until

PROGRAMS = [name for name in redis.PROGRAMS if redis.find_program(name)]
VIEWS = ("all", "primary")


def test_programs():
    """At least Redis is there, or nothing here was tested."""
    assert "redis-server" in PROGRAMS


@pytest.fixture(scope="module", params=PROGRAMS)
def place(request):
    with redis.Lab(request.param) as lab:
        yield lab


@pytest.fixture
def servers(place):
    """Makes servers that are gone after the test."""
    there = list(place.servers)
    yield place
    for relay in list(place.relays):
        relay.close()
        place.relays.remove(relay)
    for server in list(place.servers):
        if server not in there:
            server.remove()


def targets(*nodes):
    return [word for node in nodes for word in ("-T", "%s=%s" % (node.name, node.uri()))]


class Trio:
    """The primary r1 with its replicas r2 and r3."""

    def __init__(self, lab):
        self.lab = lab
        self.r1 = lab.server("r1")
        self.r2, self.r3 = lab.replicas(["r2", "r3"], self.r1)
        self.all = targets(self.r1, self.r2, self.r3)
        self.primary = targets(self.r1)

    def seen(self, server):
        """The line of a replica in the primary's INFO, as a dict."""
        for key, value in self.r1.info("replication").items():
            if key.startswith("slave") and "port=%d," % server.port in value:
                return dict(pair.split("=") for pair in value.split(","))
        return None


@pytest.fixture(scope="module")
def idle(place):
    """A trio one of which is frozen before the other tests, which are the time that passes."""
    trio = Trio(place)
    trio.r1.config(repl_timeout="3600")
    trio.r2.freeze()
    return trio


@pytest.fixture(scope="module")
def steady(place, idle):
    """A trio that no test changes."""
    return Trio(place)


@pytest.fixture
def trio(servers):
    """A trio of the test's own."""
    return Trio(servers)


# ---- healthy ----

@pytest.mark.parametrize("view", VIEWS)
def test_healthy(steady, lag, view):
    result = lag(*getattr(steady, view), "--rpo", "5s", "--expect-count", "2")
    assert result.state == "OK", result
    assert result.perfdata["loss"] == 0 and result.perfdata["loss_bytes"] == 0, result
    assert result.perfdata["standbys"] == 2, result


def test_says_what_it_is(steady, lag):
    result = lag(*steady.all)
    info = steady.r1.info("server")
    name = "Valkey " + info["valkey_version"] if "valkey_version" in info else "Redis " + info["redis_version"]
    assert result.says(name) and [state for state, _ in result.about("r2")] == ["OK"], result


def test_is_quick_where_all_are_asked(steady, lag):
    """A replica that is asked itself is not waited for until it reports to its primary."""
    steady.r1.write(1)
    for replica in (steady.r2, steady.r3):
        replica.wait_info("replication", lambda info: int(info["slave_repl_offset"]) >= steady.r1.offset(), "has it all")
    result = lag(*steady.all)
    assert result.state == "OK" and result.perfdata["loss"] == 0, result
    if "DR_WRAPPER" not in os.environ:
        assert result.perfdata["time"] < 0.5, result


@pytest.mark.parametrize("view", VIEWS)
def test_just_written(steady, lag, view):
    """A replica reports once a second: what it does not have by its last report is no alarm yet."""
    steady.r1.write(2)
    result = lag(*getattr(steady, view), "--rpo", "5s")
    assert result.state == "OK", result


@pytest.mark.parametrize("view", VIEWS)
def test_busy(steady, lag, view):
    """Standbys that keep up are OK while the primary writes."""
    stop = threading.Event()

    def write():
        client = steady.r1.connect()
        while not stop.is_set():
            client.call("SET", "lab:busy", b"x" * 2000)
        client.close()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            result = lag(*getattr(steady, view), "--rpo", "10s")
            assert result.state == "OK", result
    finally:
        stop.set()
        writer.join()


def test_standby_alone_proves_no_loss(steady, lag):
    """A replica does not know what its primary has: never OK by itself, and it says what to do."""
    result = lag(*targets(steady.r2))
    assert result.state == "UNKNOWN" and result.says("no primary among the targets"), result


# ---- slow, frozen ----

@pytest.mark.parametrize("view", VIEWS)
def test_slow_link(servers, lag, view):
    """0.8: megabytes behind, and every figure of the link says that all is well."""
    r1 = servers.server("r1")
    relay = servers.relay(r1.port)
    r2 = servers.replica("r2", r1, port=relay.port)
    relay.rate = 400000
    r1.write(12)
    info = r2.info("replication")
    assert info["master_link_status"] == "up" and int(info["master_last_io_seconds_ago"]) <= 1, info
    arguments = targets(r1, r2) if view == "all" else targets(r1)
    result = lag(*arguments, "--rpo", "1s")
    assert ",lag=0" in r1.info("replication")["slave0"] or ",lag=1" in r1.info("replication")["slave0"]
    assert result.state != "OK", result
    assert result.perfdata["loss_bytes"] > 5000000, result
    result = lag(*arguments, "-w", "loss_bytes=1MiB", "-c", "loss_bytes=4MiB")
    assert result.state == "CRITICAL", result


@pytest.mark.parametrize("view", VIEWS)
def test_frozen_replica(trio, lag, view):
    trio.r2.freeze()
    trio.r1.write(20)
    seen = trio.seen(trio.r2)
    assert seen["state"] == "online" and int(seen["offset"]) < trio.r1.offset() - 19000000, seen
    result = lag(*getattr(trio, view), "--rpo", "1s", "-t", "2.5")
    assert result.state != "OK", result
    name = "r2" if view == "all" else "127.0.0.1:%d" % trio.r2.port
    assert [state for state, _ in result.about(name)][0] in ("CRITICAL", "UNKNOWN"), result


def test_all_replicas_frozen(trio, lag):
    """What would be lost is said in bytes and seconds."""
    trio.r2.freeze()
    trio.r3.freeze()
    trio.r1.write(20)
    result = lag(*trio.primary, "--rpo", "1s", "-c", "loss_bytes=16MiB")
    assert result.state == "CRITICAL" and result.perfdata["loss_bytes"] > 19000000, result


# ---- not connected ----

def test_never_connected(servers, lag):
    r1 = servers.server("r1")
    lost = servers.server("r2", replicaof="127.0.0.1 %d" % free_port(servers.ports))
    lost.wait_info("replication", lambda info: info["master_link_status"] == "down"
                   and (info["master_link_down_since_seconds"] == "-1"
                        or int(info["master_link_down_since_seconds"]) > 1000000000), "never connected")
    for arguments in (targets(r1, lost), targets(lost)):
        result = lag(*arguments)
        assert result.state == "CRITICAL" and result.about("r2")[0][0] == "CRITICAL", result
        assert result.says("never"), result


def test_link_down(trio, lag):
    """The primary is gone: said of it, and of each replica."""
    trio.r1.stop()
    for replica in (trio.r2, trio.r3):
        replica.wait_info("replication", lambda info: info["master_link_status"] == "down", "link down")
    result = lag(*trio.all)
    assert result.state == "CRITICAL" and "r1" in result.first, result
    result = lag(*targets(trio.r2))
    assert result.state == "CRITICAL" and result.about("r2")[0][0] == "CRITICAL", result


def test_primary_dead_with_a_memory(trio, lag, tmp_path):
    """M: what was known of the primary still tells what is lost."""
    memory = ("--state-dir", str(tmp_path))
    assert lag(*trio.all, *memory).state == "OK"
    trio.r1.stop()
    trio.r2.wait_info("replication", lambda info: info["master_link_status"] == "down", "link down")
    result = lag(*trio.all, *memory)
    assert result.state == "CRITICAL" and "loss" in result.perfdata, result


def test_replica_gone(trio, lag):
    """C: its line is gone from the primary; only the plan knows that it should be there."""
    trio.r2.stop()
    wait_until(lambda: trio.seen(trio.r2) is None, "r1 has forgotten r2")
    result = lag(*trio.primary, "--expect-count", "2")
    assert result.state == "CRITICAL", result
    result = lag(*trio.primary, "--expect-standby", "127.0.0.1:%d" % trio.r2.port)
    assert result.state == "CRITICAL", result
    trio.r3.stop()
    wait_until(lambda: trio.seen(trio.r3) is None, "r1 has forgotten r3")
    assert lag(*trio.primary).state == "CRITICAL"


# ---- the wrong server ----

def test_two_primaries(trio, lag):
    trio.r2.promote()
    result = lag(*trio.all)
    assert result.state == "CRITICAL" and result.says("r1", "r2"), result


def test_switched_over(trio, lag):
    """As planned: another primary, and everybody follows it."""
    trio.r2.promote()
    trio.r1.follow(trio.r2)
    trio.r3.follow(trio.r2)
    for replica in (trio.r1, trio.r3):
        replica.wait_caught_up(trio.r2)
    result = lag(*trio.all)
    assert result.state == "OK" and result.says("r2: primary"), result


def test_replica_of_another_primary(steady, servers, lag):
    """The offsets may be alike; they are of another history."""
    other = servers.server("other")
    foreign = servers.replica("foreign", other)
    assert foreign.info("replication")["master_replid"] != steady.r1.info("replication")["master_replid"]
    result = lag(*steady.all, *targets(foreign))
    assert result.state == "CRITICAL" and result.about("foreign")[0][0] == "CRITICAL", result


def test_gap_beyond_backlog(servers, lag):
    """When it comes back it will need a full copy."""
    r1 = servers.server("r1", repl_backlog_size="1mb")
    relay = servers.relay(r1.port)
    r2 = servers.replica("r2", r1, port=relay.port)
    relay.close()
    r2.wait_info("replication", lambda info: info["master_link_status"] == "down", "link down")
    r1.wait_info("replication", lambda info: info["connected_slaves"] == "0", "has let go of r2")
    r1.write(5)
    assert int(r1.info("replication")["repl_backlog_first_byte_offset"]) > int(
        r2.info("replication")["slave_repl_offset"]) + 1
    result = lag(*targets(r1, r2))
    assert result.state == "CRITICAL" and result.says("full copy"), result


def test_full_copy_running(servers, lag):
    """A replica that is being filled is no use yet."""
    r1 = servers.server("r1", repl_diskless_sync="no")
    for number in range(8):
        r1.call("SET", "big:%d" % number, os.urandom(500000).hex())
    relay = servers.relay(r1.port, rate=500000)
    r2 = servers.replica("r2", r1, port=relay.port, wait=False)
    r2.wait_info("replication", lambda info: info["master_sync_in_progress"] == "1"
                 and int(info["master_sync_left_bytes"]) > 0, "copying")
    result = lag(*targets(r1, r2))
    assert result.state != "OK" and result.says("full copy"), result
    result = lag(*targets(r1))
    assert result.state != "OK" and "loss" not in result.perfdata, result


# ---- what endangers the data ----

def test_min_replicas(trio, lag):
    trio.r1.config(min_replicas_to_write="2")
    result = lag(*trio.all)
    assert result.state == "OK" and result.says("2 of 2"), result
    trio.r1.config(min_replicas_to_write="3")
    result = lag(*trio.all)
    assert result.state == "CRITICAL" and result.says("refuses writes", "2 of 3"), result


def test_no_persistence(trio, lag):
    """A primary that restarts empty empties its replicas."""
    trio.r1.config(appendonly="no", save="")
    result = lag(*trio.all)
    assert result.state == "WARNING" and "r1" in result.first, result
    trio.r1.config(save="3600 1")
    assert lag(*trio.all).state == "OK"


def test_eviction(trio, lag):
    trio.r1.config(maxmemory="100mb", maxmemory_policy="allkeys-lru")
    result = lag(*trio.all)
    assert result.says("allkeys-lru"), result


def test_writable_replica(trio, lag):
    trio.r2.config(replica_read_only="no")
    result = lag(*trio.all)
    assert result.state == "WARNING" and result.says("r2"), result


def test_backup_client_is_no_standby(servers, lag):
    """redis-cli --replica and the like: connected, fed, and never to be promoted."""
    r1 = servers.server("r1")
    client = r1.connect()
    client.send("SYNC")
    r1.wait_info("replication", lambda info: info["connected_slaves"] == "1", "feeds a client")
    result = lag(*targets(r1))
    assert result.state == "CRITICAL" and result.perfdata["standbys"] == 0, result
    client.close()


# ---- the way in ----

GRANTS = "+info +config|get"
HEARTBEAT_GRANTS = "+publish +wait &drcheck"


def user(server, name, *rules):
    server.call("ACL", "SETUSER", name, "reset", "on", ">open sesame", *rules)


def knows_channels(server):
    return not server.info("server")["redis_version"].startswith("6.0")


def password_file(tmp_path, text="open sesame"):
    path = tmp_path / "password"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


def test_least_privilege(steady, lag, tmp_path):
    """Exactly what SECURITY.md grants."""
    for server in (steady.r1, steady.r2):
        user(server, "nagios", *GRANTS.split())
    arguments = [word for server in (steady.r1, steady.r2) for word in ("-T", server.uri("nagios"))]
    result = lag(*arguments, "--password-file", password_file(tmp_path))
    assert result.state == "OK" and not result.says("could not be read"), result


def test_least_privilege_for_the_heartbeat(steady, lag, tmp_path):
    rules = (GRANTS + " " + HEARTBEAT_GRANTS).split()
    if not knows_channels(steady.r1):
        rules.remove("&drcheck")
    user(steady.r1, "nagios", *rules)
    result = lag("-T", steady.r1.uri("nagios"), "--heartbeat", "--password-file", password_file(tmp_path))
    assert result.state == "OK", result
    user(steady.r1, "nagios", *GRANTS.split())
    result = lag("-T", steady.r1.uri("nagios"), "--heartbeat", "--password-file", password_file(tmp_path))
    assert result.state == "UNKNOWN" and result.says("ACL SETUSER nagios +publish +wait"), result


def test_without_config(trio, lag, tmp_path):
    """CONFIG is not there on managed services: said, and no alarm."""
    user(trio.r1, "nagios", "+info")
    trio.r1.config(appendonly="no")
    result = lag("-T", trio.r1.uri("nagios"), "--password-file", password_file(tmp_path))
    assert result.state == "OK" and result.says("could not be read"), result


def test_without_info(steady, lag, tmp_path):
    user(steady.r1, "nagios", "+ping")
    result = lag("-T", steady.r1.uri("nagios"), "--password-file", password_file(tmp_path))
    assert result.state == "UNKNOWN" and result.says("INFO is not allowed", "the user nagios"), result


@pytest.mark.parametrize("who", ("nagios", "nobody", ""))
def test_wrong_password(trio, lag, tmp_path, who):
    user(trio.r1, "nagios", *GRANTS.split())
    trio.r1.config(requirepass="another one")
    trio.r1.disconnect()
    result = lag("-T", trio.r1.uri(who), "--password-file", password_file(tmp_path, "sesame open"))
    assert result.state == "UNKNOWN" and result.says("AUTH"), result
    assert "sesame" not in result.output, result


def test_password_of_the_default_user(trio, lag, tmp_path):
    trio.r1.config(requirepass="open sesame")
    result = lag(*trio.primary)
    assert result.state == "UNKNOWN" and result.says("NOAUTH"), result
    result = lag(*trio.primary, "--password-file", password_file(tmp_path), "-vvv")
    assert result.state == "OK" and "sesame" not in result.output, result


def test_unix_socket(servers, lag):
    path = os.path.join(servers.folder, "s.sock")
    r1 = servers.server("r1", unixsocket=path)
    servers.replica("r2", r1)
    result = lag("-T", "redis+unix://" + path)
    assert result.state == "OK", result
    result = lag("-T", "redis+unix://" + path + ".gone")
    assert result.state == "CRITICAL" and result.says("No such file"), result


def test_ipv6(servers, lag):
    """Asked, and named by its primary, in brackets."""
    r1 = servers.server("r1", bind="127.0.0.1 ::1")
    r2 = servers.server("r2", bind="127.0.0.1 ::1", replicaof="::1 %d" % r1.port)
    r2.wait_up()
    r1.write()
    r2.wait_caught_up(r1)
    assert "ip=::1," in r1.info("replication")["slave0"]
    result = lag("-T", "redis://[::1]:%d" % r1.port, "--rpo", "5s", "--expect-standby", "[::1]:%d" % r2.port)
    assert result.state == "OK" and result.about("[::1]:%d" % r2.port), result
    result = lag("-T", "redis://[::1]:%d" % r1.port, "-T", "redis://[::1]:%d" % r2.port, "--rpo", "5s")
    assert result.state == "OK" and result.perfdata["standbys"] == 1, result


@pytest.mark.parametrize("extra, words", [("/x", "number of a database"), ("?cacrt=x", "no parameter")])
def test_mistyped_uri(servers, lag, extra, words):
    r1 = servers.server("r1")
    assert lag("-T", r1.uri() + extra).says(words)
    assert lag("-T", r1.uri() + extra).state == "UNKNOWN"


def test_database_in_the_uri(steady, lag):
    assert lag("-T", steady.r1.uri() + "/0").state == "OK"


# ---- heartbeat ----

@pytest.mark.parametrize("view", VIEWS)
def test_heartbeat(steady, lag, view):
    result = lag(*getattr(steady, view), "--heartbeat", "--rpo", "1s")
    assert result.state == "OK" and result.perfdata["loss"] < 1, result


def test_heartbeat_that_does_not_arrive(trio, lag):
    """Of an idle primary: the heartbeat is what the standby lacks, and for how long that has been so is said."""
    trio.r2.freeze()
    trio.r3.freeze()
    before = {server: int(trio.seen(server)["offset"]) for server in (trio.r2, trio.r3)}
    result = lag(*trio.primary, "--heartbeat", "--rpo", "1s", "-t", "2.5")
    assert result.state == "CRITICAL" and result.perfdata["loss_bytes"] >= len("PUBLISH drcheck"), result
    for server in (trio.r2, trio.r3):
        assert int(trio.seen(server)["offset"]) == before[server], "it did report"
        name = "127.0.0.1:%d" % server.port
        state, text = result.about(name)[0]
        assert state == "CRITICAL" and re.search(r"behind by (at least )?[12](\.\d)? s, critical above 1 s", text), result
        lacked = trio.r1.offset() - before[server]
        assert 0 < result.perfdata[name.replace(":", "_") + "_loss_bytes"] <= lacked, result


def test_touches_nothing(steady, lag):
    """No key, and no command but these."""
    steady.r1.write()
    before = steady.r1.call("DBSIZE"), steady.r1.info("persistence")["rdb_changes_since_last_save"]
    monitor = steady.r1.connect()
    assert monitor.call("MONITOR") == "OK"
    assert lag(*steady.all).state == "OK"
    assert lag(*steady.all, "--heartbeat").state == "OK"
    steady.r1.call("ECHO", "the end")
    seen = []
    while not seen or "the end" not in seen[-1]:
        seen.append(monitor.reply())
    monitor.close()
    commands = [line.split('] "', 1)[1].replace('"', "").lower() for line in seen if '] "' in line]
    allowed = ("info", "config get ", "publish drcheck ", "wait ", "ping", "echo the end", "replconf")
    assert commands and all(command.startswith(allowed) for command in commands), commands
    assert sum(command.startswith("publish") for command in commands) == 1, commands
    after = steady.r1.call("DBSIZE"), steady.r1.info("persistence")["rdb_changes_since_last_save"]
    assert before == after


def has_modules():
    """Whether the executable loads its sources; else they are linked in."""
    with open(check.executable("check_replication_lag"), "rb") as file:
        return b"libhiredis.so" not in file.read()


def test_no_module_package_is_named(lag, tmp_path):
    """The scheme names what is missing where the module is not installed."""
    result = lag("-T", "redis://127.0.0.1:1", environment={"DR_PLUGINS_MODULE_DIR": str(tmp_path)})
    if has_modules():
        assert result.state == "UNKNOWN" and result.says("libhiredis0.14"), result
    else:  # a build without modules has it inside
        assert result.state == "CRITICAL" and result.says("refused"), result


@pytest.mark.parametrize("scheme", ("rediss", "rediss+sentinel"))
def test_no_module_with_tls(steady, lag, tmp_path, scheme):
    """As where it was built without OpenSSL: refused by name, never asked without TLS instead."""
    if has_modules():
        plain = os.path.join(os.environ["DR_PLUGINS_MODULE_DIR"], "replication-redis.so")
        os.symlink(os.path.abspath(plain), str(tmp_path / "replication-redis.so"))
    here = {"DR_PLUGINS_MODULE_DIR": str(tmp_path)}
    assert lag("-T", steady.r1.uri(), environment=here).state == "OK"
    path = "/m1" if "sentinel" in scheme else ""
    result = lag("-T", "%s://127.0.0.1:%d%s?insecure=1" % (scheme, steady.r1.port, path), "-t", "2", environment=here)
    if has_modules():
        assert result.state == "UNKNOWN" and result.says("libssl3", "rediss"), result
    else:  # with OpenSSL inside; the server speaks none
        assert result.state in ("UNKNOWN", "CRITICAL") and result.says("TLS"), result


# ---- at the end: what takes time ----

def test_frozen_idle_replica(idle, lag_until):
    """Nothing was written, and it does not report any more."""
    wait_until(lambda: int(idle.seen(idle.r2)["lag"]) > 11, "its last report is 12 s old")
    result = lag_until(lambda result: result.state != "OK", 3, *idle.primary)
    assert result.state != "OK" and result.about("127.0.0.1:%d" % idle.r2.port), result
