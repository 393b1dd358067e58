# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness on jobs in Redis: how it gets in, what it may do there, that it writes nothing; and servers that do not do
as they should, or have lost some of what RQ, Sidekiq, RedBeat and canaries wrote: never OK without it."""

import json
import os
import re
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import mutations  # noqa: E402
import peers  # noqa: E402
import redis  # noqa: E402
import workers as programs  # noqa: E402
from authority import Authority  # noqa: E402
from conftest import no_secret  # noqa: E402
from postgresql import free_port  # noqa: E402
from test_liveness_jobs import rq_job, rq_worker, sidekiq_job, sidekiq_process  # noqa: E402

PASSWORD = "open sesame"
KINDS = ("rq", "sidekiq", "redbeat", "canary")
CANARY = ("--canary", "beat:canary", "--heartbeat", "1m")
DEADLINE = 1.0


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    ca = Authority(folder)
    ca.certificate("server", "IP:127.0.0.1")
    ca.certificate("elsewhere", "DNS:elsewhere.example")
    return folder


@pytest.fixture(scope="module")
def lab(files):
    with redis.Lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def server(lab, files):
    def start(name, certificate):
        return lab.server(
            name, tls_port=str(free_port(lab.ports)), tls_auth_clients="no",
            unixsocket=os.path.join(lab.folder, name + ".sock"), tls_cert_file=str(files / (certificate + ".crt")),
            tls_key_file=str(files / (certificate + ".key")), tls_ca_cert_file=str(files / "ca.crt"))
    start("wrong", "elsewhere")
    return start("r1", "server")


@pytest.fixture(autouse=True)
def emptied(server):
    server.call("FLUSHALL")


@pytest.fixture
def look(server, liveness):
    def run(kind, *arguments, where=None, user=""):
        where = where or "+redis://%s127.0.0.1:%d" % (user and user + "@", server.port)
        return liveness("-T", "r1=" + kind + where, *(CANARY if kind == "canary" else ()), *arguments)
    return run


def fill(server, kind):
    """Something of everything that is asked for."""
    if kind == "rq":
        rq_worker(server, state="busy", current_job="j1", left=80)
        rq_job(server, "j2", ago=5)
        server.call("HSET", "rq:job:j1", "started_at", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        server.call("ZADD", "rq:wip:default", "%d" % (time.time() + 90), "j1")
        server.call("ZADD", "rq:scheduled:default", "%d" % (time.time() + 90), "j3")
        server.call("SET", "rq:scheduler-lock:default", "x", "EX", "60")
    elif kind == "sidekiq":
        sidekiq_process(server, busy=1, left=55)
        sidekiq_job(server)
        server.call("SET", "stat:processed", "10")
        server.call("ZADD", "schedule", "%d" % (time.time() + 90), "{}")
        server.call("HSET", "h1:1:aaa:work", "t", json.dumps({"queue": "default", "payload": "{}", "run_at": time.time() - 5}))
    elif kind == "redbeat":
        programs.redbeat(server, {"off": -1000, "daily": 3000}, lock=1500)
        key = "redbeat:off"
        definition = json.loads(server.call("HGET", key, "definition"))
        server.call("HSET", key, "definition", json.dumps(dict(definition, enabled=False)))
    else:
        server.call("SET", "beat:canary", "%d" % time.time())


# ---- what it may do ----

@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return "--password-file", str(path)


@pytest.mark.parametrize("kind", KINDS)
def test_grant(server, look, password, kind):
    """The grant that the error names is enough, and nothing in it is too much."""
    fill(server, kind)
    server.call("ACL", "SETUSER", "nagios", "reset", "on", ">" + PASSWORD)
    denied = look(kind, *password, user="nagios")
    assert denied.state == "UNKNOWN", denied
    grant = re.search(r"ACL SETUSER nagios (~\S+(?: \+\w+)+)", denied.output).group(1).split()
    server.call("ACL", "SETUSER", "nagios", *grant)
    result = look(kind, *password, user="nagios")
    assert result.state == "OK", result
    no_secret(result, PASSWORD)
    for word in grant[1:]:
        server.call("ACL", "SETUSER", "nagios", "-" + word[1:])
        result = look(kind, *password, user="nagios")
        assert result.state == "UNKNOWN" and result.says("allow it: ACL SETUSER nagios"), (word, result)
        server.call("ACL", "SETUSER", "nagios", word)
    server.call("ACL", "SETUSER", "nagios", "resetkeys")
    result = look(kind, *password, user="nagios")
    assert result.state == "UNKNOWN" and "NOPERM" not in result.first, result


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_password(server, look, tmp_path, kind):
    path = tmp_path / "wrong"
    path.write_text("wrong sesame\n")
    path.chmod(0o600)
    server.call("ACL", "SETUSER", "nagios", "reset", "on", ">" + PASSWORD)
    result = look(kind, "--password-file", path, user="nagios")
    assert result.state == "UNKNOWN", result
    no_secret(result, "wrong sesame")


class Monitor:
    """All commands that the server gets while it is open."""

    def __init__(self, server):
        self.client = server.connect()
        assert self.client.call("MONITOR") == "OK"
        self.lines = []
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        while True:
            line = self.client.reply()
            if '"the end"' in line:
                return
            self.lines.append(line)

    def commands(self, server):
        server.call("ECHO", "the end")
        self.thread.join()
        self.client.close()
        return [re.search(r'\] "([a-z]+)"', line, re.IGNORECASE).group(1).upper() for line in self.lines]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written(server, look, kind):
    fill(server, kind)
    before = {key: server.call("DUMP", key) for key in server.call("KEYS", "*")}
    monitor = Monitor(server)
    result = look(kind, *(("--watch", "10ms") if kind in ("rq", "sidekiq") else ()))
    commands = monitor.commands(server)
    assert result.state == "OK", result
    known = {name.upper() for name in server.call("ACL", "CAT", "write")}
    assert commands and not known & set(commands), commands
    after = {key: server.call("DUMP", key) for key in server.call("KEYS", "*")}
    assert after == before


@pytest.mark.parametrize("kind", KINDS)
def test_few_round_trips(server, look, kind):
    """What depends on nothing else is asked for at once: a packet of commands for each step."""
    fill(server, kind)
    result = look(kind, "-vv")
    assert result.output.count("query: INFO") == 1, result


# ---- how it gets in ----

@pytest.mark.parametrize("kind", KINDS)
def test_unix_socket(server, look, kind):
    fill(server, kind)
    assert look(kind, where="+redis+unix://%s" % server.settings["unixsocket"]).state == "OK"
    assert look(kind, where="+redis+unix://%s?db=3" % server.settings["unixsocket"]).state != "OK"
    assert look(kind, where="+redis+unix:///nosuch").state == "CRITICAL"


@pytest.mark.parametrize("kind", KINDS)
def test_tls(server, lab, look, files, kind):
    fill(server, kind)
    where = "+rediss://127.0.0.1:%s?cacert=%s" % (server.settings["tls-port"], files / "ca.crt")
    assert look(kind, where=where).state == "OK"
    wrong = [other for other in lab.servers if other.name == "wrong"][0]
    for given in (where.partition("?")[0], where.replace(server.settings["tls-port"], wrong.settings["tls-port"])):
        result = look(kind, where=given)
        assert result.state == "UNKNOWN" and result.says("certificate"), result
    result = look(kind, "-t", "1", where=where.replace(server.settings["tls-port"], str(server.port)))
    assert result.state != "OK", result


@pytest.mark.parametrize("where,words", (
    ("+redis://127.0.0.1/x", "database"), ("+redis://127.0.0.1?db=1", "db"), ("+redis://127.0.0.1?nosuch=1", "nosuch"),
    ("+redis:///x", "host"), ("+redis+unix://127.0.0.1/x", "host"), ("+redis://127.0.0.1?prefix=" + "x" * 200, "prefix"),
))
def test_usage(look, where, words):
    result = look("rq", where=where)
    assert result.state == "UNKNOWN" and words in result.first, result


def test_lock_is_for_redbeat(look):
    assert look("rq", where="+redis://127.0.0.1?lock=x").says("lock")


def test_replica(lab, server, look):
    """A replica tells what its primary had: as long as it has one."""
    fill(server, "rq")
    replica = lab.replica("r2", server)
    where = "+redis://127.0.0.1:%d" % replica.port
    assert look("rq", where=where).state == "OK"
    replica.call("REPLICAOF", "127.0.0.1", "1")
    result = look("rq", where=where)
    assert result.state == "UNKNOWN" and result.says("lost its primary"), result
    replica.remove()


# ---- servers that do not do as they should ----

class Forward:
    """Hands every command to a real server, and changes the reply to those that match."""

    def __init__(self, server, pattern=None, reply=b""):
        self.server = server
        self.pattern = pattern
        self.reply = reply
        self.seen = []

    def session(self, receive):
        client = self.server.connect()
        try:
            while True:
                count = int(self._line(receive)[1:])
                words = [receive(int(self._line(receive)[1:]) + 2)[:-2] for _ in range(count)]
                command = b" ".join(words).decode()
                self.seen.append(command)
                client.send(*words)
                honest = self._raw(client.file)
                yield self.reply if self.pattern is not None and re.match(self.pattern, command) else honest
        finally:
            client.close()

    def _raw(self, file):
        line = file.readline()
        if line[:1] == b"$" and int(line[1:]) >= 0:
            return line + file.read(int(line[1:]) + 2)
        if line[:1] == b"*" and int(line[1:]) >= 0:
            return line + b"".join(self._raw(file) for _ in range(int(line[1:])))
        return line

    def _line(self, receive):
        line = b""
        while not line.endswith(b"\r\n"):
            line += receive(1)
        return line[:-2]


@pytest.fixture
def ask(liveness):
    def run(kind, peer, *arguments):
        return liveness("-T", "r1=%s+redis://127.0.0.1:%d" % (kind, peer.port), "-t", "%gs" % DEADLINE,
                        *(CANARY if kind == "canary" else ()), *arguments)
    return run


REPLIES = {"below zero": b":-5\r\n", "status": b"+OK\r\n", "nil": b"$-1\r\n", "nil array": b"*-1\r\n", "nothing": b"*0\r\n",
           "one": b"*1\r\n:1\r\n", "two nils": b"*2\r\n$-1\r\n$-1\r\n", "two arrays": b"*2\r\n*0\r\n*0\r\n",
           "text": b"$3\r\nabc\r\n", "error": b"-ERR no\r\n", "number": b":7\r\n"}
# What can be meant: a job that was taken or ended meanwhile, a set without members, a key without an end or one that is
# not there. That still proves that somebody works.
MEANT = {
    "SELECT": {"status"},
    "EXISTS": {"number"}, "LLEN": {"number"}, "ZCARD": {"number"}, "ZCOUNT": {"number"}, "PTTL": {"number", "below zero"},
    "LINDEX": {"nil", "nil array", "text"}, "HGET": {"nil", "nil array", "text"},
    "ZRANGE": {"nothing"}, "ZRANGEBYSCORE": {"nothing"},
    "GET stat": {"nil", "nil array", "text"},
    # pages without members: of the jobs that run
    "HSCAN": set(),
}


def meant(command):
    return MEANT.get(" ".join(command.split()[:2]).split(":")[0], MEANT.get(command.split()[0], ()))


@pytest.mark.one_build
@pytest.mark.parametrize("kind", KINDS)
def test_another_reply(server, ask, kind):
    """To each command in turn: understood as what it can mean, or refused."""
    fill(server, kind)
    honest = Forward(server)
    with peers.Honest(honest.session) as peer:
        assert ask(kind, peer).state == "OK"
    commands = sorted({" ".join(command.split()[:2]) for command in honest.seen})
    assert len(commands) >= 4
    for command in commands:
        for name, reply in REPLIES.items():
            with peers.Honest(Forward(server, re.escape(command), reply).session) as peer:
                result = ask(kind, peer)
                assert result.within(DEADLINE), (command, name, result)
            assert result.state != "OK" or name in meant(command), (command, name, result)


@pytest.mark.parametrize("kind", KINDS)
def test_cut_and_hang(server, ask, kind):
    fill(server, kind)
    with peers.Honest(Forward(server).session) as peer:
        assert ask(kind, peer).state == "OK"
        assert peer.settled(5)
    for place in range(1, peer.sent - 40, max(1, peer.sent // 12)):
        with peers.Close(Forward(server).session, place) as cut:
            assert ask(kind, cut).state == "CRITICAL"
    for place in (1, peer.sent // 2, peer.sent - 40):
        with peers.Silent(Forward(server).session, place) as silent:
            result = ask(kind, silent)
            assert result.state == "CRITICAL" and result.within(DEADLINE), result


@pytest.mark.parametrize("kind", KINDS)
def test_refused_and_garbage(ask, lab, liveness, kind):
    result = liveness("-T", "%s+redis://127.0.0.1:%d" % (kind, free_port(lab.ports)), *(CANARY if kind == "canary" else ()))
    assert result.state == "CRITICAL" and result.says("refused"), result
    for seed in range(3):
        with peers.Garbage(seed=seed) as peer:
            result = ask(kind, peer)
            assert result.state in ("UNKNOWN", "CRITICAL") and result.within(DEADLINE), result


# ---- what was written, with something missing ----

FOR_PEOPLE = "for people, or for figures that have no limit"
NOT_NEEDED = {
    "rq": (
        (r"rq:worker:w1\.(hostname|version|birth|pid|successful_job_count|current_job): .*", FOR_PEOPLE),
        (r"rq:job:.*", "ages have no limit, and a job that is done has no key"),
        (r"rq:queue:default.*", "nothing waits"),
        (r"rq:queues.*", "the worker lives"),
        (r"rq:workers:default.*", "each worker says its queues"),
        (r"rq:wip:default.*", "nothing runs"),
        (r"rq:scheduled:default.*", "nothing is scheduled"),
        (r"rq:worker:w1: without an end", "its sign of life is young"),
        (r"rq:scheduler-lock:default: emptied", "that it is there, with an end, is what counts"),
    ),
    "sidekiq": (
        (r"h1:1:aaa\.(rss|rtt_us|concurrency): .*", FOR_PEOPLE),
        (r"h1:1:aaa\.beat: .*", "when its key ends says it better"),
        (r"h1:1:aaa\.info\.(hostname|started_at|pid|tag|concurrency|labels|identity|version): .*", FOR_PEOPLE),
        (r"h1:1:aaa: without an end", "its beat is young"),
        (r"h1:1:aaa:work.*", "what it runs has no limit"),
        (r"queue:default.*", "nothing waits, or its age is not known, which has no limit"),
        (r"queues.*", "the process lives"),
        (r"(schedule|stat:processed).*", "nothing is scheduled, nothing was done"),
    ),
    "redbeat": (
        (r"redbeat:(off|daily): removed", "that is not due"),
        (r"redbeat:(off|daily)\.meta.*", "the schedule says when it is due"),
        (r"redbeat:daily\..*", "it is not due"),
        (r"redbeat:off\.definition\.(?!enabled).*", FOR_PEOPLE),
        (r"redbeat::statics.*", "for RedBeat itself"),
        (r"redbeat::schedule: removed", "no entries: its lock is held"),
        (r"redbeat::lock: emptied", "that it is there is what counts"),
    ),
    "canary": (),
}


def put_back(server, key, dump, left):
    server.call("DEL", key)
    client = server.connect()
    client.send("RESTORE", key, str(left if left > 0 else 0), dump)
    client.reply()
    client.close()


def changes(server, key):
    """(name, words of a command) for everything that can be missing in a key."""
    kind = server.call("TYPE", key)
    yield key + ": removed", ("DEL", key)
    if server.call("PTTL", key) > 0:
        yield key + ": without an end", ("PERSIST", key)
    if kind == "string":
        yield key + ": emptied", ("SET", key, "", "KEEPTTL")
    if kind == "list":
        for name, changed in mutations.of_json(json.loads(server.call("LINDEX", key, "-1")) if "{" in server.call(
                "LINDEX", key, "-1") else {}):
            yield "%s.%s" % (key, name), ("LSET", key, "-1", json.dumps(changed))
        yield key + ": emptied", ("LSET", key, "-1", "")
    if kind != "hash":
        return
    fields = server.call("HGETALL", key)
    for field, value in zip(fields[::2], fields[1::2]):
        yield "%s.%s: removed" % (key, field), ("HDEL", key, field)
        yield "%s.%s: emptied" % (key, field), ("HSET", key, field, "")
        if value.startswith("{"):
            for name, changed in mutations.of_json(json.loads(value)):
                yield "%s.%s.%s" % (key, field, name), ("HSET", key, field, json.dumps(changed))


def raw_dump(server, key):
    client = server.connect()
    client.send("DUMP", key)
    size = int(client.file.readline()[1:])
    data = client.file.read(size + 2)[:-2]
    client.close()
    return data


@pytest.mark.parametrize("kind", KINDS)
def test_every_field(server, look, kind):
    fill(server, kind)
    outcomes = {}
    whole = look(kind)
    assert whole.state == "OK", whole
    for key in server.call("KEYS", "*"):
        dump, left = raw_dump(server, key), server.call("PTTL", key)
        for name, command in list(changes(server, key)):
            server.call(*command)
            outcomes[name] = look(kind).state == "OK"
            put_back(server, key, dump, left)
    assert look(kind).state == "OK" and len(outcomes) >= 2
    wrong, idle = mutations.unexplained(outcomes, dict(NOT_NEEDED[kind]))
    assert not wrong, "OK without evidence: %s" % "\n".join(wrong)
    assert not idle, "needed after all: %s" % idle
