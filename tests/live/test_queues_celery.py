# SPDX-License-Identifier: GPL-3.0-or-later
"""The Celery source of check_queue_mirrors on real Redis and Valkey servers, with messages as Celery writes them, and
with Celery itself. What was found is read from the trace; every server program of this machine is tested."""

import datetime
import json
import os
import re
import subprocess
import sys
import time
import uuid

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import check  # noqa: E402
import peers  # noqa: E402
import redis  # noqa: E402
import stub_redis  # noqa: E402
from conftest import no_secret  # noqa: E402
from postgresql import wait_until  # noqa: E402
from test_replication_redis import PROGRAMS  # noqa: E402

SEP = "\x06\x16"
GRANT = "~* +info +select +time +scan +smembers +llen +lindex +zrange +zcount +hlen +hstrlen +hget"


@pytest.fixture(scope="module", params=PROGRAMS)
def place(request):
    with redis.Lab(request.param) as lab:
        yield lab


@pytest.fixture(scope="module")
def broker(place):
    return place.server("r1")


@pytest.fixture(autouse=True)
def emptied(broker):
    broker.call("FLUSHALL")


class Seen(check.Result):
    """A result, with the facts of its trace: counts {queue: {figure: value}}, flight {figure: value}, queues."""

    def __init__(self, result):
        self.__dict__.update(result.__dict__)
        self.counts = {}
        self.absent = []
        for text in re.findall(r"s: queue (.*)", self.output):
            name, *rest = text.split(", ")
            self.counts[name] = {word.rsplit(" ", 1)[0]: word.rsplit(" ", 1)[1] for word in rest if word != "not there"}
            if "not there" in rest:
                self.absent.append(name)
        found = re.search(r"s: db(\d+): (\d+) queues(.*)", self.output)
        self.db, self.queues = (int(found.group(1)), int(found.group(2))) if found else (None, None)
        self.flight = {word.rsplit(" ", 1)[0]: float(word.rsplit(" ", 1)[1])
                       for word in (found.group(3).split(", ") if found else []) if word}


def uri(server, rest="", user="", scheme="celery+redis"):
    return "%s://%s127.0.0.1:%d%s" % (scheme, user and user + "@", server.port, rest)


@pytest.fixture
def look():
    def run(where, *arguments, verbose="-vv"):
        given = where if isinstance(where, str) else uri(where)
        result = Seen(check.run("check_queue_mirrors", "-T", given, verbose, *arguments, service="QUEUES"))
        print(result)
        return result
    return run


def message(tag=None, eta=None, filler="", **headers):
    """As Celery writes it, protocol 2."""
    tag = tag or str(uuid.uuid4())
    given = {"lang": "py", "task": "tasks.add", "id": "id-" + tag, "eta": eta, "retries": 0, "argsrepr": "('private',)"}
    given.update(headers)
    return {"body": "W10=" + filler, "content-encoding": "utf-8", "content-type": "application/json", "headers": given,
            "properties": {"correlation_id": "id-" + tag, "delivery_mode": 2,
                           "delivery_info": {"exchange": "", "routing_key": "celery"}, "priority": 0,
                           "body_encoding": "base64", "delivery_tag": tag}}


def bind(server, *queues, exchange=None, prefix="", sep=SEP):
    for queue in queues:
        server.call("SADD", "%s_kombu.binding.%s" % (prefix, exchange or queue), sep.join((queue, "", queue)))


def send(server, queue, count=1, **fields):
    for _ in range(count):
        server.call("LPUSH", queue, json.dumps(message(**fields)))


def deliver(server, queue="celery", ago=0.0, exchange="", prefix="", **fields):
    """A task that a worker has had for so long."""
    tag = str(uuid.uuid4())
    server.call("HSET", prefix + "unacked", tag, json.dumps([message(tag, **fields), exchange, queue]))
    server.call("ZADD", prefix + "unacked_index", "%.6f" % (time.time() - ago), tag)
    return tag


def moment(seconds, zone=0):
    """So many seconds from now, as an eta."""
    there = datetime.timezone(datetime.timedelta(hours=zone))
    return (datetime.datetime.now(there) + datetime.timedelta(seconds=seconds)).isoformat()


@pytest.fixture
def password(tmp_path):
    """Writes a password; the options that hand it over."""
    def write(text):
        path = tmp_path / "password"
        path.write_text(text + "\n")
        path.chmod(0o600)
        return "--password-file", path
    return write


def test_programs():
    """At least Redis is there, or nothing here was tested."""
    assert "redis-server" in PROGRAMS


# ---- which queues ----

def test_found_by_their_bindings(broker, look):
    bind(broker, "celery", "billing")
    bind(broker, "a", "b", exchange="shared")
    broker.call("SADD", "_kombu.binding.celery.pidbox", SEP.join(("", "", "w1@host.celery.pidbox")))
    broker.call("SADD", "_kombu.binding.reply.celery.pidbox", SEP.join(("x", "", "x.reply.celery.pidbox")))
    broker.call("SADD", "_kombu.binding.celeryev", SEP.join(("worker.#", "", "celeryev.1234")))
    broker.call("SET", "_kombu.binding.text", "of somebody else")
    send(broker, "celery", 3)
    result = look(broker)
    assert set(result.counts) == {"celery", "billing", "a", "b"}, result
    assert result.counts["celery"]["waiting"] == "3" and result.counts["a"]["waiting"] == "0", result


def test_named(broker, look):
    """An empty queue has no key: only its binding, to any exchange, tells it from one that is not there."""
    bind(broker, "empty")
    bind(broker, "shared-empty", exchange="shared")
    bind(broker, "elsewhere", exchange="named-like-an-exchange")
    send(broker, "unbound", 2)
    names = ("empty", "shared-empty", "unbound", "named-like-an-exchange", "nosuch")
    result = look(broker, *[word for name in names for word in ("--queue", name)])
    assert sorted(result.counts) == sorted(names), result
    assert sorted(result.absent) == ["named-like-an-exchange", "nosuch"], result
    assert result.counts["empty"] == {"waiting": "0", "unacknowledged": "0", "messages": "0"}, result
    assert result.counts["shared-empty"]["waiting"] == "0" and result.counts["unbound"]["waiting"] == "2", result
    assert not result.counts["nosuch"], result


def test_nothing_there(broker, look):
    result = look(broker)
    assert result.queues == 0 and result.state != "OK", result


def test_among_thousands_of_keys(broker, look):
    broker.call("EVAL", "for i = 1, 30000 do redis.call('SET', 'celery-task-meta-' .. i, 'x') end", "0")
    bind(broker, *["q%d" % i for i in range(300)])
    send(broker, "q7", 2)
    assert look(broker, verbose="-v").queues == 300
    assert look(broker, "--queue", "q7").counts["q7"]["waiting"] == "2"


class Endless(stub_redis.Server):
    """Has always more keys."""

    def answer(self, command):
        if command.startswith("SCAN"):
            return b"*2\r\n" + stub_redis.bulk("17") + stub_redis.array()
        if command.startswith(("LLEN", "HLEN", "ZCOUNT")):
            return b":0\r\n"
        if command.startswith(("SMEMBERS", "ZRANGE")):
            return stub_redis.array()
        return super().answer(command)


def test_too_many_keys(look):
    """A search that comes to no end is no list of the queues, and does not say of a queue that it is not there."""
    basics = {"SELECT 0": b"+OK\r\n", "TIME": stub_redis.array("1795259920", "0")}
    with peers.Honest(Endless(stub_redis.sample("redis-7.0-primary"), **basics).session) as peer:
        result = look(uri(peer), verbose="-v")
    assert result.state == "UNKNOWN" and result.says("--queue"), result


def test_prefix_and_steps(broker, look):
    bind(broker, "celery", prefix="app*:", sep="~")
    bind(broker, "other", prefix="appx:", sep="~")
    send(broker, "app*:celery", 1)
    send(broker, "app*:celery~5", 2)
    deliver(broker, prefix="app*:")
    result = look(uri(broker, "/0?prefix=app*:&sep=~&priority_steps=0,5"))
    assert result.counts.keys() == {"celery"} and result.counts["celery"]["waiting"] == "3", result
    assert result.counts["celery"]["unacknowledged"] == "1" and result.flight["in flight"] == 1, result


def test_database(broker, look):
    """The database is the path of the URI."""
    with_client = broker.connect()
    with_client.call("SELECT", "3")
    with_client.call("SADD", "_kombu.binding.celery", SEP.join(("celery", "", "celery")))
    with_client.call("LPUSH", "celery", json.dumps(message()))
    with_client.close()
    result = look(uri(broker, "/3"))
    assert result.db == 3 and result.counts["celery"]["waiting"] == "1", result
    assert look(broker).queues == 0
    assert look(uri(broker, "/99")).state == "UNKNOWN"


# ---- what waits ----

def test_priorities(broker, look):
    bind(broker, "celery")
    for step, count in ((0, 0), (3, 2), (6, 0), (9, 4)):
        send(broker, "celery" + (SEP + str(step) if step else ""), count)
    result = look(broker)
    assert result.counts["celery"]["waiting"] == "6", result


def test_next_task(broker, look):
    """The same one as long as it is at the head of the list that is emptied first, whatever comes behind it."""
    bind(broker, "celery")
    send(broker, "celery" + SEP + "3", 2)
    first = look(broker).counts["celery"]["next"]
    send(broker, "celery" + SEP + "3", 2)
    send(broker, "celery" + SEP + "6", 2)
    assert look(broker).counts["celery"]["next"] == first
    send(broker, "celery")
    second = look(broker).counts["celery"]["next"]
    assert second != first
    broker.call("RPOP", "celery")
    assert look(broker).counts["celery"]["next"] == first
    broker.call("RPOP", "celery" + SEP + "3")
    assert look(broker).counts["celery"]["next"] not in (first, second)


def test_messages_that_cannot_be_read(broker, look):
    bind(broker, "celery", "odd")
    send(broker, "celery")
    broker.call("LPUSH", "odd", "no JSON")
    result = look(broker)
    assert result.counts["odd"]["waiting"] == "1" and "next" not in result.counts["odd"], result
    assert "next" in result.counts["celery"], result


def test_large_message(broker, look):
    """One that is larger than what is taken from a server leaves its head unknown, and nothing else."""
    bind(broker, "celery")
    send(broker, "celery", 2, filler="A" * 3000000)
    deliver(broker, ago=50, filler="A" * 3000000)
    result = look(broker)
    assert result.counts["celery"]["waiting"] == "2" and "next" not in result.counts["celery"], result
    assert result.flight == {"in flight": 1, "late": 0} and result.queues == 1, result
    assert "unacknowledged" not in result.counts["celery"], result


def test_key_of_another_type(broker, look):
    broker.call("SET", "celery", "x")
    result = look(broker, "--queue", "celery")
    assert result.state == "UNKNOWN" and result.says("LLEN celery", "WRONGTYPE") and result.queues is None, result


# ---- what workers have ----

def test_in_flight(broker, look):
    bind(broker, "celery", "billing")
    send(broker, "billing", 3)
    for queue, ago in (("celery", 30), ("billing", 10), ("billing", 5)):
        deliver(broker, queue, ago)
    result = look(broker)
    assert result.flight["in flight"] == 3 and result.flight["late"] == 0, result
    assert 30 <= result.flight["age"] < 40 and result.flight["waiting for their eta"] == 0, result
    assert result.counts["billing"] == {"waiting": "3", "unacknowledged": "2", "messages": "5",
                                        "next": result.counts["billing"]["next"]}, result
    assert result.counts["celery"]["messages"] == "1", result


def test_beyond_the_visibility_timeout(broker, look):
    bind(broker, "celery")
    deliver(broker, ago=4000)
    deliver(broker, ago=100)
    result = look(broker)
    assert result.flight["late"] == 1 and result.flight["age"] >= 4000, result
    assert look(broker, "--visibility-timeout", "2h").flight["late"] == 0
    assert look(broker, "--visibility-timeout", "1m").flight["late"] == 2


@pytest.mark.parametrize("zone", (0, 5, -8))
def test_eta(broker, look, zone):
    """A task that waits for its time is not old; one whose time has come counts from then on."""
    bind(broker, "celery")
    deliver(broker, ago=3000, eta=moment(600, zone))
    deliver(broker, ago=2000, eta=moment(-50, zone))
    deliver(broker, ago=20)
    result = look(broker)
    assert result.flight["waiting for their eta"] == 1 and 50 <= result.flight["age"] < 60, result


def test_eta_beyond_the_visibility_timeout(broker, look):
    """kombu gives those to another worker, too: each of them will run it."""
    bind(broker, "celery")
    deliver(broker, ago=4000, eta=moment(600))
    result = look(broker)
    assert result.flight == {"in flight": 1, "late": 1, "waiting for their eta": 1}, result


def test_many_in_flight(broker, look):
    """Of an index that is long the oldest task that does not wait is found, the other figures are not known."""
    bind(broker, "celery")
    for _ in range(300):
        deliver(broker, ago=3000, eta=moment(600))
    for _ in range(300):
        deliver(broker, ago=70)
    result = look(broker)
    assert result.flight["in flight"] == 600 and 70 <= result.flight["age"] < 90, result
    assert "waiting for their eta" not in result.flight and "messages" not in result.counts["celery"], result
    for _ in range(300):
        deliver(broker, ago=3000, eta=moment(600))
    assert "age" not in look(broker).flight


def test_in_flight_of_something_else(broker, look):
    """Messages that are not Celery's, and of exchanges that do not name the queue: nothing is said of them."""
    bind(broker, "celery")
    deliver(broker, ago=20)
    deliver(broker, "key", ago=10, exchange="topic")
    result = look(broker)
    assert 20 <= result.flight["age"] < 30 and "messages" not in result.counts["celery"], result
    broker.call("HSET", "unacked", "other", "[1]")
    broker.call("ZADD", "unacked_index", "1", "other")
    result = look(broker)
    assert "age" not in result.flight and "waiting for their eta" not in result.flight, result


def test_acknowledged_meanwhile(broker, look):
    """What is in the index and no more in the hash is done."""
    bind(broker, "celery")
    broker.call("HDEL", "unacked", deliver(broker, ago=500))
    deliver(broker, ago=5)
    result = look(broker)
    assert 5 <= result.flight["age"] < 15 and result.counts["celery"]["unacknowledged"] == "1", result


# ---- the verdict ----

@pytest.fixture(scope="module")
def pair(place):
    """A broker with a replica."""
    primary = place.server("p1")
    replica = place.replica("p2", primary)
    yield primary, replica
    replica.remove()
    primary.remove()


@pytest.fixture
def primary(pair):
    pair[0].call("FLUSHALL")
    pair[1].wait_caught_up(pair[0])
    return pair[0]


def test_healthy_and_busy(primary, pair, look):
    """Tasks that workers have are counted once, also where it cannot be told which queue they are of."""
    bind(primary, "celery", "billing")
    send(primary, "celery", 3)
    deliver(primary, ago=20)
    pair[1].wait_caught_up(primary)
    result = look(primary)
    assert result.state == "OK" and result.first.startswith("QUEUES OK - 4 tasks in 2 queues live on"), result
    assert result.says("2 queues, 3 tasks waiting"), result
    deliver(primary, "key", ago=10, exchange="topic")
    for _ in range(600):
        deliver(primary, ago=10)
    result = look(primary, "--state-dir", os.path.join(primary.folder), "-c", "oldest=1h")
    assert result.state == "OK" and result.says("605 tasks in 2 queues"), result


def test_nothing_waits_nothing_is_old(primary, look, tmp_path):
    """A queue is empty, and a worker has its last task: its head has no age, which is no reason to complain."""
    bind(primary, "celery")
    deliver(primary, ago=20)
    result = look(primary, "--state-dir", tmp_path, "-c", "oldest=1h")
    assert result.state == "OK", result


def test_queue_that_is_not_there(primary, look):
    bind(primary, "celery")
    result = look(primary, "--queue", "celery", "--queue", "nosuch")
    assert result.state == "UNKNOWN" and result.says("nosuch", "not there"), result


def test_late_tasks(primary, look):
    bind(primary, "celery")
    deliver(primary, ago=4000)
    assert look(primary).state == "CRITICAL"


def test_eta_is_no_age(primary, look):
    bind(primary, "celery")
    deliver(primary, ago=3500, eta=moment(60))
    assert look(primary).state == "OK"
    deliver(primary, ago=3700, eta=moment(60))
    result = look(primary)
    assert result.state == "WARNING" and result.says("will run twice"), result


def test_silent_replica(primary, pair, look):
    """Online and 0 bytes behind, as long as nothing is written: but nobody has heard of it."""
    bind(primary, "celery")
    pair[1].wait_caught_up(primary)
    pair[1].freeze()
    try:
        primary.wait_info("replication", lambda info: int(re.search(r"lag=(\d+)", info["slave0"]).group(1)) > 11, "it is silent", 30)
        result = look(primary)
        assert result.state != "OK" and result.says("has not reported"), result
    finally:
        pair[1].thaw()
        pair[1].wait_caught_up(primary)


def test_replica_beside_its_primary(primary, pair, look):
    """Whichever comes first: it is the primary that is judged."""
    bind(primary, "celery")
    pair[1].wait_caught_up(primary)
    for hosts in ((pair[0].port, pair[1].port), (pair[1].port, pair[0].port)):
        result = look("celery+redis://127.0.0.1:%d,127.0.0.1:%d/0" % hosts)
        assert result.state == "OK" and result.says("live on if 127.0.0.1:%d dies" % pair[0].port), result


def test_two_primaries(primary, broker, look):
    bind(primary, "celery")
    bind(broker, "celery")
    result = look("celery+redis://127.0.0.1:%d,127.0.0.1:%d/0" % (primary.port, broker.port))
    assert result.state == "WARNING" and result.says("is a primary like 127.0.0.1:%d" % primary.port), result


def test_one_of_two_is_gone(place, primary, look):
    bind(primary, "celery")
    for hosts in ((1, primary.port), (primary.port, 1)):
        result = look("celery+redis://127.0.0.1:%d,127.0.0.1:%d/0" % hosts)
        assert result.state == "CRITICAL" and result.says("live on if 127.0.0.1:%d dies" % primary.port), result


@pytest.mark.parametrize("append, state, words", (
    ("yes", "WARNING", "until it is back"),
    ("no", "CRITICAL", "loses up to 3 of 3 tasks"),
))
def test_no_replica(place, look, append, state, words):
    server = place.server("alone", appendonly=append)
    try:
        bind(server, "celery")
        send(server, "celery", 3)
        result = look(server)
        assert result.state == state and result.says(words), result
    finally:
        server.remove()


def test_eviction(primary, look):
    bind(primary, "celery")
    primary.config(maxmemory="100mb", maxmemory_policy="allkeys-lru")
    try:
        result = look(primary)
        assert result.state == "WARNING" and result.says("allkeys-lru"), result
    finally:
        primary.config(maxmemory="0", maxmemory_policy="noeviction")


# ---- the server ----

def test_replicas(place, broker, look):
    replica = place.replica("r2", broker)
    try:
        bind(broker, "celery")
        send(broker, "celery", 2)
        replica.wait_caught_up(broker)
        result = look(broker)
        assert result.says("primary", "replica 127.0.0.1:%d online, bytes behind 0" % replica.port), result
        asked = look(replica)
        assert asked.says("replica of 127.0.0.1:%d" % broker.port) and asked.counts["celery"]["waiting"] == "2", asked
    finally:
        replica.remove()
    wait_until(lambda: broker.info("replication")["connected_slaves"] == "0", "the replica is gone")
    assert not look(broker).says("replica 127.0.0.1:%d" % replica.port)


def test_frozen(place, look):
    server = place.server("frozen")
    try:
        server.freeze()
        result = look(server, "-t", "1")
        assert result.state == "CRITICAL" and result.queues is None, result
    finally:
        server.remove()


def test_not_there(place, look):
    server = place.server("gone")
    server.stop()
    result = look(server)
    server.remove()
    assert result.state == "CRITICAL" and result.queues is None, result


def test_sentinel(place, broker, look):
    sentinel, = place.sentinels(["s1"], broker, "mymaster", quorum=1)
    try:
        result = look(sentinel)
        assert result.state == "UNKNOWN" and result.says("Sentinel"), result
    finally:
        sentinel.remove()


def test_unix_socket(place, look):
    server = place.server("socket", unixsocket=place.folder + "/r.sock")
    try:
        bind(server, "celery")
        result = look("celery+redis+unix://%s/r.sock?db=0" % place.folder)
        assert result.db == 0 and result.queues == 1, result
    finally:
        server.remove()


@pytest.mark.parametrize("where, words", (
    ("celery+redis://127.0.0.1/x", "no number of a database"),
    ("celery+redis://127.0.0.1/?prefx=a", "no parameter"),
    ("celery+redis://127.0.0.1/0?db=1", "db is for Unix sockets"),
    ("celery+redis://127.0.0.1/0?priority_steps=0,x", "priority_steps"),
    ("celery+redis://127.0.0.1/0?priority_steps=", "priority_steps"),
    ("celery+redis:///0", "no host in the URI"),
    ("celery+redis+unix://host/path", "Unix socket"),
))
def test_bad_uri(look, where, words):
    result = look(where)
    assert result.state == "UNKNOWN" and words in result.output, result


# ---- who may ----

def test_least_privilege(broker, look, password):
    """With what the manual page names, and nothing else."""
    given = password("open sesame")
    broker.call("ACL", "SETUSER", "nagios", "on", ">open sesame", *GRANT.split())
    bind(broker, "celery")
    send(broker, "celery", 2)
    deliver(broker, ago=20)
    for more in ((), ("--queue", "celery"), ("--queue", "nosuch")):
        result = look(uri(broker, user="nagios"), *given, *more)
        assert result.flight["in flight"] == 1 and result.flight["age"] >= 20, result
        no_secret(result, "open sesame")


@pytest.mark.parametrize("missing", GRANT.split())
def test_privilege_missing(broker, look, missing, password):
    """Each of them is needed, and the error says all."""
    rest = [word for word in GRANT.split() if word != missing]
    broker.call("ACL", "SETUSER", "partial", "reset", "on", ">sesame", *rest)
    bind(broker, "celery")
    send(broker, "celery", 2)
    deliver(broker, ago=20)
    result = look(uri(broker, user="partial"), *password("sesame"))
    assert result.state == "UNKNOWN" and "ACL SETUSER partial %s" % GRANT in result.output, result
    assert result.queues is None, result


def test_wrong_password(broker, look, password):
    result = look(uri(broker, user="nagios"), *password("wrong one"))
    assert result.state == "UNKNOWN" and result.says("WRONGPASS"), result
    no_secret(result, "wrong one")


def test_password_missing(place, look):
    server = place.server("locked", requirepass="secret")
    try:
        result = look(server)
        assert result.state == "UNKNOWN" and result.says("NOAUTH"), result
    finally:
        server.remove()


def test_reads_only(broker, look):
    """Nothing that writes, publishes or subscribes, and no message in the trace."""
    bind(broker, "celery")
    send(broker, "celery", 2)
    deliver(broker, ago=20)
    broker.call("CONFIG", "RESETSTAT")
    before = broker.info("persistence")["rdb_changes_since_last_save"]
    result = look(broker, verbose="-vvv")
    assert result.queues == 1 and "private" not in result.output and "tasks.add" not in result.output, result
    used = {key[len("cmdstat_"):].replace("|", " ") for key in broker.info("commandstats") if "cmdstat_" in key}
    # Before Redis 7 CONFIG is counted as a whole.
    assert used - {"info", "config", "config resetstat", "ping", "replconf"} <= {
        "select", "time", "config get", "scan", "smembers", "llen", "lindex", "zrange", "zcount", "hlen", "hstrlen",
        "hget"}
    assert broker.info("persistence")["rdb_changes_since_last_save"] == before


# ---- Celery itself ----

# Sends, and takes without acknowledging, as a worker that was killed.
CELERY = """
import datetime, os, sys
from celery import Celery
from kombu import Consumer
app = Celery("lab", broker=sys.argv[1])
for priority in (0, 0, 5, 9):
    app.send_task("tasks.add", args=(1, 2), queue="celery", priority=priority)
later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=5)
app.send_task("tasks.add", args=(1, 2), queue="billing", eta=later)
app.send_task("tasks.add", args=(1, 2), queue="billing")
with app.connection() as connection:
    taken = []
    consumer = Consumer(connection.default_channel, [app.amqp.queues["billing"]], accept=["json"],
                        callbacks=[lambda body, message: taken.append(message)])
    consumer.consume()
    while len(taken) < 2:
        connection.drain_events(timeout=20)
    os._exit(0)
"""


def test_real_celery(broker, look):
    where = "redis://127.0.0.1:%d/0" % broker.port
    subprocess.run(["/usr/bin/python3", "-I", "-c", CELERY, where], check=True, cwd="/", timeout=60)
    result = look(broker)
    assert set(result.counts) == {"celery", "billing"}, result
    assert result.counts["celery"]["waiting"] == result.counts["celery"]["messages"] == "4", result
    assert "next" in result.counts["celery"], result
    assert result.counts["billing"] == {"waiting": "0", "unacknowledged": "2", "messages": "2"}, result
    assert result.flight["waiting for their eta"] == 1 and result.flight["age"] < 30, result
