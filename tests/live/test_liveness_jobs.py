# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness on RQ, Sidekiq, RedBeat and canaries: real workers of the first two on a real Redis, their keys as they
write them where a fault cannot be made in time, and nothing written by us."""

import datetime
import json
import re
import time

import pytest

import redis
import workers as programs
from postgresql import wait_until


@pytest.fixture(scope="module")
def server():
    with redis.Lab() as lab:
        yield lab.server("r1")


@pytest.fixture(scope="module")
def crowd(server):
    with programs.Workers(server) as workers:
        yield workers


@pytest.fixture(autouse=True)
def emptied(server, crowd):
    yield
    crowd.restore()
    server.call("FLUSHALL")


def uri(server, kind, rest=""):
    return "%s+redis://127.0.0.1:%d%s" % (kind, server.port, rest)


@pytest.fixture
def look(server, liveness):
    """look("rq", ...): the check; nothing in the database is another afterwards."""
    def run(kind, *arguments, rest=""):
        result = liveness("-T", uri(server, kind, rest), *arguments)
        return result
    return run


def state_of(result, name):
    """The states of the lines of a unit."""
    return [state for state, text in result.findings if re.match(r"%s( |:)" % re.escape(name), text)]


def text_of(result, name):
    return " ".join(text for _, text in result.findings if re.match(r"%s( |:)" % re.escape(name), text))


# ---- RQ ----

def utc(ago=0.0):
    """As RQ writes it."""
    moment = datetime.datetime.utcfromtimestamp(time.time() - ago)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def rq_worker(server, name="w1", ago=1.0, state="idle", queues="default", left=None, prefix="rq:", **fields):
    """A worker's registration, as old as given; `left`: seconds until its key expires."""
    key = "%sworker:%s" % (prefix, name)
    server.call("SADD", prefix + "workers", key)
    for queue in queues.split(","):
        server.call("SADD", "%sworkers:%s" % (prefix, queue), key)
    given = {"state": state, "last_heartbeat": utc(ago), "birth": utc(ago + 60), "queues": queues, "hostname": "host-" + name,
             "pid": "1", "version": "1.13.0", "successful_job_count": "5"}
    given.update(fields)
    for field, value in given.items():
        if value is not None:
            server.call("HSET", key, field, value)
    if left is not None:
        server.call("PEXPIRE", key, int(left * 1000))


def rq_job(server, ident, queue="default", ago=0.0):
    server.call("SADD", "rq:queues", "rq:queue:" + queue)
    server.call("HSET", "rq:job:" + ident, "enqueued_at", utc(ago))
    server.call("RPUSH", "rq:queue:" + queue, ident)


def test_rq_healthy(crowd, look):
    crowd.rq("rqw1", queues=("default", "mail"))
    crowd.rq("rqw2", queues=("default",))
    job = crowd.send("quick", queue="default", kind="rq")
    wait_until(lambda: crowd.server.call("HGET", "rq:job:" + job.id, "status") in (None, "finished"), "it is done")
    result = look("rq", "--expect-workers", "rqw*=2")
    assert result.state == "OK" and result.says("2 of 2 workers"), result
    assert state_of(result, "rqw1") == ["OK"] and state_of(result, "default") == ["OK"], result
    assert result.perfdata["rqw1_heartbeat_age"] < 30, result
    assert look("rq", "--expect", "passive").state == "CRITICAL"
    assert look("rq", "--expect-workers", "rqw*=3").state == "CRITICAL"


def test_rq_busy(crowd, look):
    crowd.rq("rqw1")
    job = crowd.send("hold", queue="default", kind="rq")
    job.wait_started()
    result = look("rq")
    assert result.state == "OK" and result.perfdata["rqw1_busy"] == 1, result
    assert 0 <= result.perfdata["rqw1_task_age"] < 30 and result.perfdata["default_taken"] == 1, result
    assert look("rq", "--task-limit", "1ms").state == "WARNING"


def test_rq_frozen_while_a_task_waits(crowd, look):
    """An idle worker that does not take a task shows that it does not work, long before its sign of life is old."""
    worker = crowd.rq("rqw1")
    worker.freeze()
    crowd.send("quick", queue="default", kind="rq")  # Redis hands it to the frozen worker, which has asked for it
    crowd.send("quick", queue="default", kind="rq")
    assert look("rq").state == "OK"
    head = crowd.server.call("LINDEX", "rq:queue:default", "0")
    crowd.server.call("HSET", "rq:job:" + head, "enqueued_at", utc(45))
    result = look("rq")
    assert result.state == "CRITICAL" and state_of(result, "rqw1") == ["CRITICAL"], result
    assert "idle" in text_of(result, "rqw1") and result.perfdata["default_oldest"] >= 45, result


def test_rq_killed(crowd, look):
    """Its name stays: first with an old sign of life, then alone."""
    worker = crowd.rq("rqw1")
    crowd.rq("rqw2")
    worker.kill()
    crowd.server.call("HSET", "rq:worker:rqw1", "last_heartbeat", utc(500))
    crowd.server.call("PERSIST", "rq:worker:rqw1")
    result = look("rq")
    assert result.state == "WARNING" and state_of(result, "rqw1") == ["WARNING"], result
    crowd.server.call("DEL", "rq:worker:rqw1")
    result = look("rq")
    assert result.state == "WARNING" and "died" in text_of(result, "rqw1"), result
    assert look("rq", "--min-alive", "2").state == "CRITICAL"


def test_rq_suspended(crowd, look):
    crowd.rq("rqw1")
    crowd.server.call("SADD", "rq:queues", "rq:queue:default")
    crowd.server.call("SET", "rq:suspended", "1")
    result = look("rq")
    assert result.state == "CRITICAL" and result.says("suspended"), result
    assert look("rq", "--expect", "passive").state == "OK"


def test_rq_suspended_and_busy(crowd, look):
    """It is not passive before its task has ended."""
    crowd.rq("rqw1")
    job = crowd.send("hold", queue="default", kind="rq")
    job.wait_started()
    crowd.server.call("SET", "rq:suspended", "1")
    result = look("rq", "--expect", "passive")
    assert result.state == "CRITICAL" and "busy" in text_of(result, "rqw1"), result


def test_rq_nobody(look, server):
    """An empty database is no proof of anything; one that RQ has used proves that nobody works."""
    result = look("rq")
    assert result.state == "CRITICAL" and result.says("no worker has registered"), result
    assert look("rq", "--expect", "passive").state == "UNKNOWN"
    rq_job(server, "a")
    result = look("rq")
    assert result.state == "CRITICAL" and state_of(result, "default") == ["CRITICAL"], result
    server.call("DEL", "rq:queue:default")
    assert look("rq").state == "CRITICAL"
    assert look("rq", "--expect", "passive").state == "OK"
    rq_worker(server, "dead", ago=1000)
    server.call("DEL", "rq:worker:dead")
    assert look("rq", "--expect", "passive").state == "OK"


@pytest.mark.parametrize("ago,state,left,wanted", (
    (400, "idle", 80, "OK"),       # it says something every 405 s
    (470, "idle", None, "OK"),
    (490, "idle", None, "WARNING"),
    (490, "idle", 100, "OK"),      # --worker-ttl is longer: it has promised to
    (60, "busy", 30, "OK"),
    (100, "busy", None, "WARNING"),
    (1000, "busy", 2600, "OK"),    # in its own process (SimpleWorker): silent for as long as its job may take
    (5, "started", None, "OK"),
    (300, "suspended", None, "WARNING"),
))
def test_rq_age(server, look, ago, state, left, wanted):
    rq_worker(server, "w1", ago=ago, state=state, left=left)
    rq_worker(server, "w2")
    result = look("rq")
    if state == "suspended":
        assert state_of(result, "w1") == ["CRITICAL"], result
    else:
        assert result.state == wanted, result


def test_rq_own_limit(server, look):
    rq_worker(server, ago=70, left=400)
    assert look("rq").state == "OK"
    assert look("rq", "--heartbeat", "1m").state == "CRITICAL"
    assert look("rq", "--heartbeat", "2m").state == "OK"


def test_rq_clock_ahead(server, look):
    """A sign of life of the future proves nothing; what Redis itself counts does."""
    rq_worker(server, ago=-3600)
    assert look("rq").state == "UNKNOWN"
    rq_worker(server, ago=-3600, left=400)
    assert look("rq").state == "OK"


@pytest.mark.parametrize("field", ("state", "last_heartbeat", "queues"))
@pytest.mark.parametrize("value", (None, "", "nonsense"))
def test_rq_untold(server, look, field, value):
    """A worker that does not say what it must is not alive."""
    rq_worker(server)
    if value is None:
        server.call("HDEL", "rq:worker:w1", field)
    else:
        server.call("HSET", "rq:worker:w1", field, value)
    result = look("rq")
    assert state_of(result, "w1") == (["OK"] if (field, value) == ("queues", "nonsense") else ["UNKNOWN"]), result


def test_rq_unserved(server, look):
    rq_worker(server)
    rq_job(server, "a", "mail", ago=7)
    result = look("rq")
    assert result.state == "CRITICAL" and state_of(result, "mail") == ["CRITICAL"], result
    assert 7 <= result.perfdata["mail_oldest"] < 30 and result.perfdata["mail_waiting"] == 1, result


def test_rq_named_queues(server, look):
    """One that must be worked on has nobody, even while nothing waits; the others are not looked at."""
    rq_worker(server)
    rq_job(server, "a", "mail")
    assert look("rq", "--queue", "default").state == "OK"
    assert look("rq", "--queue", "default", "--queue", "nosuch").state == "CRITICAL"


def test_rq_abandoned(server, look):
    rq_worker(server)
    server.call("SADD", "rq:queues", "rq:queue:default")
    server.call("ZADD", "rq:wip:default", "%d" % (time.time() + 60), "running", "+inf", "for-ever")
    assert look("rq").state == "OK"
    server.call("ZADD", "rq:wip:default", "%d" % (time.time() - 300), "lost")
    result = look("rq")
    assert result.state == "WARNING" and result.says("workers that died"), result
    assert result.perfdata["default_taken"] == 3, result


def test_rq_failed_are_said(server, look):
    rq_worker(server)
    server.call("SADD", "rq:queues", "rq:queue:default")
    server.call("ZADD", "rq:failed:default", "1", "a", "2", "b")
    result = look("rq")
    assert result.state == "OK" and "2 failed" in text_of(result, "default"), result


def test_rq_scheduler(crowd, look):
    crowd.rq("rqw1", scheduler=True)
    crowd.send("quick", queue="default", kind="rq", seconds=3600)
    result = look("rq")
    assert result.state == "OK" and state_of(result, "scheduler of default") == ["OK"], result
    server = crowd.server
    member = server.call("ZRANGE", "rq:scheduled:default", "0", "0")[0]
    crowd["rqw1"].freeze()  # else it is started
    crowd["rqw1"].freeze_children()
    server.call("ZADD", "rq:scheduled:default", "%d" % (time.time() - 400), member)
    result = look("rq")
    assert result.state == "CRITICAL" and result.perfdata["scheduler_of_default_overdue"] >= 400, result
    assert look("rq", "--overdue", "10m").state == "OK"
    server.call("DEL", "rq:scheduler-lock:default")
    assert look("rq", "--overdue", "10m").says("nobody holds its lock")


def test_rq_stuck(server, look, tmp_path):
    """Nothing has moved between two looks: told only where there were two."""
    rq_worker(server, state="busy")
    rq_job(server, "a")
    assert look("rq").says("not looked at")
    result = look("rq", "--watch", "50ms", "--stuck-after", "40ms")
    assert result.state == "CRITICAL" and result.says("stuck"), result
    look("rq", "--state-dir", tmp_path)
    rq_worker(server, state="busy", successful_job_count="6")
    assert look("rq", "--state-dir", tmp_path, "--stuck-after", "1ms").says("moves")


def test_rq_prefix_and_database(server, look):
    client = server.connect()
    client.call("SELECT", "3")
    client.call("SADD", "mine:workers", "mine:worker:w1")
    for field, value in (("state", "idle"), ("last_heartbeat", utc()), ("queues", "q")):
        client.call("HSET", "mine:worker:w1", field, value)
    client.close()
    assert look("rq", rest="/3?prefix=mine:").state == "OK"
    assert look("rq", rest="/3").state == "CRITICAL"


def test_rq_many(server, look):
    server.call("EVAL", "for i = 1, 3000 do redis.call('SADD', 'rq:workers', 'rq:worker:w' .. i) "
                "redis.call('HSET', 'rq:worker:w' .. i, 'state', 'idle', 'last_heartbeat', '%s', 'queues', 'q' .. i, "
                "'hostname', 'h') redis.call('SADD', 'rq:queues', 'rq:queue:q' .. i) end" % utc(), "0")
    result = look("rq")
    assert result.state == "OK" and result.says("3000 of 3000 workers") and result.seconds < 5, result


# ---- Sidekiq ----

def sidekiq_process(server, name="h1:1:aaa", ago=2.0, queues=("default",), busy=0, quiet="false", left=None, prefix="",
                    **changed):
    """A process' registration; `left`: seconds until its key expires."""
    info = {"hostname": name.split(":")[0], "started_at": time.time() - 100, "pid": 1, "tag": "", "concurrency": 10,
            "queues": list(queues), "labels": [], "identity": name, "version": "7.3.0"}
    given = {"info": json.dumps(info), "concurrency": "10", "busy": str(busy), "beat": "%.6f" % (time.time() - ago),
             "quiet": quiet, "rss": "1000", "rtt_us": "100"}
    given.update(changed)
    server.call("SADD", prefix + "processes", name)
    for field, value in given.items():
        if value is not None:
            server.call("HSET", prefix + name, field, value)
    if left is not None:
        server.call("PEXPIRE", prefix + name, int(left * 1000))


def sidekiq_job(server, queue="default", ago=0.0, milliseconds=False, jid="j1", **changed):
    moment = time.time() - ago
    job = {"class": "Hard", "args": ["private"], "jid": jid, "created_at": moment - 1, "enqueued_at": moment, "queue": queue}
    if milliseconds:
        job.update(created_at=int(moment * 1000) - 1000, enqueued_at=int(moment * 1000))
    job.update(changed)
    server.call("SADD", "queues", queue)
    server.call("LPUSH", "queue:" + queue, json.dumps({key: value for key, value in job.items() if value is not None}))


def test_sidekiq_healthy(crowd, look):
    crowd.sidekiq("sk1", queues=("default", "mail"), concurrency=2)
    job = crowd.send("hold", queue="default", kind="sidekiq")
    job.wait_started()
    wait_until(lambda: crowd.server.call("HGET", crowd["sk1"].identity, "busy") == "1", "its beat says so")
    result = look("sidekiq", "--expect-workers", "*=1")
    assert result.state == "OK" and result.says("1 of 1 worker"), result
    name = crowd["sk1"].identity.rsplit(":", 1)[0]
    label = re.sub("[^A-Za-z0-9.-]", "_", name)
    assert result.perfdata[label + "_busy"] == 1 and result.perfdata[label + "_concurrency"] == 2, result
    assert 0 <= result.perfdata[label + "_task_age"] < 30 and result.perfdata["default_taken"] == 1, result
    assert state_of(result, "default") == ["OK"], result
    assert look("sidekiq", "--expect", "passive").state == "CRITICAL"


def test_sidekiq_frozen(crowd, look):
    """Its beat stops, and after a minute its key is gone."""
    worker = crowd.sidekiq("sk1")
    crowd.sidekiq("sk2")
    worker.freeze()
    crowd.server.call("PEXPIRE", worker.identity, "25000")
    result = look("sidekiq")
    assert result.state == "WARNING" and result.says("gone"), result
    assert look("sidekiq", "--heartbeat", "50s").state == "OK"
    crowd.server.call("DEL", worker.identity)
    result = look("sidekiq")
    assert result.state == "WARNING" and result.says("it died", "1 of 2 workers"), result


def test_sidekiq_quiet(crowd, look):
    worker = crowd.sidekiq("sk1")
    job = crowd.send("hold", queue="default", kind="sidekiq")
    job.wait_started()
    worker.quiet()
    result = look("sidekiq", "--expect", "passive")
    assert result.state == "CRITICAL" and result.says("ends 1 tasks"), result
    job.release()
    wait_until(lambda: crowd.server.call("HGET", worker.identity, "busy") == "0", "its beat says so")
    assert look("sidekiq", "--expect", "passive").state == "OK"
    result = look("sidekiq")
    assert result.state == "CRITICAL" and result.says("taken out on purpose"), result


@pytest.mark.parametrize("ago,left,wanted", (
    (2, None, "OK"), (29, None, "OK"), (31, None, "CRITICAL"),
    (2, 25, "CRITICAL"),     # its clock is ahead: Redis knows better
    (7200, 55, "OK"),        # and behind
    (-7200, None, "UNKNOWN"),
))
def test_sidekiq_age(server, look, ago, left, wanted):
    sidekiq_process(server, ago=ago, left=left)
    assert look("sidekiq").state == wanted


@pytest.mark.parametrize("field", ("info", "busy", "quiet", "beat"))
@pytest.mark.parametrize("value", (None, "", "nonsense", "{}", "-1"))
def test_sidekiq_untold(server, look, field, value):
    sidekiq_process(server, **{field: value})
    assert look("sidekiq").state == "UNKNOWN"


def test_sidekiq_started_again(server, look):
    """In a container each has process 1: what is left of the old one is nobody's loss."""
    sidekiq_process(server, "h1:1:old")
    sidekiq_process(server, "h1:1:new")
    server.call("DEL", "h1:1:old")
    result = look("sidekiq")
    assert result.state == "OK" and result.says("1 of 1 worker"), result


@pytest.mark.parametrize("milliseconds", (False, True))
def test_sidekiq_waiting(server, look, milliseconds):
    """Seconds with a fraction, milliseconds since version 8."""
    sidekiq_process(server)
    sidekiq_job(server, ago=5, milliseconds=milliseconds)
    sidekiq_job(server, ago=1, milliseconds=milliseconds, jid="j2")
    result = look("sidekiq", "-w", "oldest=1m")
    assert result.state == "OK" and 5 <= result.perfdata["default_oldest"] < 30, result
    assert look("sidekiq", "-w", "oldest=2s").state == "WARNING"


def test_sidekiq_waiting_of_unknown_age(server, look):
    """A limit for what is not known is not kept."""
    sidekiq_process(server)
    sidekiq_job(server, enqueued_at=None, created_at=None)
    assert look("sidekiq", "-w", "oldest=1m").state == "UNKNOWN"
    assert look("sidekiq").state == "OK"


def test_sidekiq_unserved_and_paused(server, look):
    sidekiq_process(server)
    sidekiq_job(server, queue="mail")
    result = look("sidekiq")
    assert result.state == "CRITICAL" and state_of(result, "mail") == ["CRITICAL"], result
    server.call("SADD", "paused", "mail")
    assert look("sidekiq").says("paused")


def test_sidekiq_work(server, look):
    """What runs, under both names of its hash, and as both versions write it."""
    sidekiq_process(server, "h1:1:a", busy=1)
    sidekiq_process(server, "h2:1:b", busy=1)
    server.call("HSET", "h1:1:a:work", "t1", json.dumps({"queue": "default", "payload": "{}", "run_at": time.time() - 50}))
    server.call("HSET", "h2:1:b:workers", "t1",
                json.dumps({"queue": "default", "payload": {}, "run_at": int((time.time() - 70) * 1000)}))
    server.call("SADD", "queues", "default")
    result = look("sidekiq")
    assert 50 <= result.perfdata["h1_1_task_age"] < 65 and 70 <= result.perfdata["h2_1_task_age"] < 85, result
    assert result.perfdata["default_taken"] == 2, result


@pytest.mark.parametrize("key", ("schedule", "retry"))
def test_sidekiq_schedule(server, look, key):
    sidekiq_process(server)
    server.call("ZADD", key, "%.3f" % (time.time() + 100), "{}")
    assert look("sidekiq").state == "OK"
    server.call("ZADD", key, "%.3f" % (time.time() - 100), "{1}")
    assert look("sidekiq").state == "OK"
    result = look("sidekiq", "--overdue", "1m")
    assert result.state == "CRITICAL" and result.perfdata[key + "_overdue"] >= 100, result


def test_sidekiq_nobody(server, look):
    assert look("sidekiq").says("no worker has registered")
    assert look("sidekiq", "--expect", "passive").state == "UNKNOWN"
    server.call("SET", "stat:processed", "7")
    assert look("sidekiq").state == "CRITICAL"
    assert look("sidekiq", "--expect", "passive").state == "OK"
    server.call("ZADD", "schedule", "%.3f" % (time.time() + 50), "{}")
    assert look("sidekiq").state == "CRITICAL"
    assert look("sidekiq", "--expect", "passive").state == "OK"


def test_sidekiq_large_jobs(server, look):
    """Jobs that are larger than all that is taken from a server: their age is unknown, and nothing else."""
    sidekiq_process(server)
    for number in range(5):
        sidekiq_job(server, queue="q%d" % number, args=["x" * 4000000])
    sidekiq_process(server, queues=["q%d" % number for number in range(5)])
    result = look("sidekiq")
    assert result.state == "OK" and not any(label.endswith("_oldest") for label in result.perfdata), result
    assert look("sidekiq", "-w", "oldest=1m").state == "UNKNOWN"


def test_sidekiq_namespace(server, look):
    sidekiq_process(server, prefix="app:")
    assert look("sidekiq", rest="?prefix=app:").state == "OK"
    assert look("sidekiq").state == "CRITICAL"


def test_sidekiq_stuck(server, look):
    sidekiq_process(server, busy=1)
    sidekiq_job(server)
    server.call("SET", "stat:processed", "5")
    server.call("HSET", "h1:1:aaa:work", "t1", json.dumps({"queue": "default", "payload": "{}", "run_at": time.time() - 50}))
    result = look("sidekiq", "--watch", "50ms", "--stuck-after", "40ms")
    assert result.state == "CRITICAL" and result.says("stuck"), result


# ---- RedBeat ----

def test_redbeat(server, look):
    programs.redbeat(server, {"daily": 3000, "soon": 5}, lock=1500)
    result = look("redbeat")
    assert result.state == "OK" and result.says("runs", "2 entries"), result
    assert result.perfdata["redbeat_overdue"] == 0, result
    server.call("DEL", "redbeat::lock")
    result = look("redbeat")
    assert result.state == "CRITICAL" and result.says("nobody holds its lock"), result
    assert look("redbeat", "--expect", "passive").state == "OK"
    assert look("redbeat", rest="?lock=").state == "OK"


def test_redbeat_wedged(server, look):
    """It holds its lock, and starts nothing."""
    programs.redbeat(server, {"daily": 3000, "stuck": -400, "late": -20}, lock=1500)
    result = look("redbeat")
    assert result.state == "CRITICAL" and result.says("redbeat:stuck") and result.perfdata["redbeat_overdue"] >= 400, result
    assert look("redbeat", "--overdue", "10m").state == "OK"


def test_redbeat_disabled(server, look):
    """Entries that are disabled stay where they were, and those that are never due again have a score below zero."""
    programs.redbeat(server, {"daily": 3000}, lock=1500)
    for number in range(200):
        programs.redbeat(server, {"off%d" % number: -4000})
        key = "redbeat:off%d" % number
        definition = json.loads(server.call("HGET", key, "definition"))
        server.call("HSET", key, "definition", json.dumps(dict(definition, enabled=False)))
    server.call("ZADD", "redbeat::schedule", "-1", "redbeat:over")
    assert look("redbeat").state == "OK"
    programs.redbeat(server, {"stuck": -400})
    result = look("redbeat")
    assert result.state == "CRITICAL" and 400 <= result.perfdata["redbeat_overdue"] < 500, result


def test_redbeat_too_many_disabled(server, look):
    server.call("SET", "redbeat::lock", "x", "EX", "1000")
    server.call("EVAL", "for i = 1, 1100 do redis.call('ZADD', 'redbeat::schedule', 1000 + i, 'redbeat:' .. i) "
                "redis.call('HSET', 'redbeat:' .. i, 'definition', '{\"enabled\": false}') end", "0")
    assert look("redbeat").state == "UNKNOWN"


def test_redbeat_nothing_there(server, look):
    assert look("redbeat").state == "CRITICAL"
    assert look("redbeat", "--expect", "passive").state == "UNKNOWN"
    server.call("SET", "redbeat::lock", "x")
    result = look("redbeat")
    assert result.state == "UNKNOWN" and result.says("no end"), result
    server.call("EXPIRE", "redbeat::lock", "100")
    assert look("redbeat").state == "OK"


def test_redbeat_prefix_and_lock(server, look):
    programs.redbeat(server, {"a": 100}, prefix="rb:")
    server.call("SET", "elsewhere", "x", "EX", "100")
    assert look("redbeat", rest="?prefix=rb:&lock=elsewhere").state == "OK"
    assert look("redbeat", rest="?prefix=rb:").state == "CRITICAL"


# ---- canaries ----

@pytest.mark.parametrize("value", ("%d", "%.6f", " %d\n", "%d000", "iso"))
def test_canary(server, look, value):
    for ago, wanted in ((5, "OK"), (100, "CRITICAL")):
        moment = time.time() - ago
        server.call("SET", "beat", utc(ago) if value == "iso" else value % moment)
        result = look("canary", "--canary", "beat", "--heartbeat", "1m")
        assert result.state == wanted and ago <= result.perfdata["beat_heartbeat_age"] < ago + 20, result


@pytest.mark.parametrize("value", ("", "now", "0x5f", "nan", "-5", "12:30", "%d" % (time.time() + 7200)))
def test_canary_unreadable(server, look, value):
    server.call("SET", "beat", value)
    assert look("canary", "--canary", "beat", "--heartbeat", "1m").state == "UNKNOWN"


def test_canary_not_there(server, look):
    server.call("SET", "beat", "%d" % time.time())
    server.call("LPUSH", "list", "x")
    result = look("canary", "--canary", "beat", "--canary", "nosuch", "--canary", "list", "--heartbeat", "1m")
    assert state_of(result, "beat") == ["OK"] and state_of(result, "nosuch") == ["CRITICAL"], result
    assert state_of(result, "list") == ["UNKNOWN"] and result.state == "CRITICAL", result


@pytest.mark.parametrize("given,missing", ((("--canary", "x"), "--heartbeat"), (("--heartbeat", "1m"), "--canary")))
def test_canary_usage(look, given, missing):
    result = look("canary", *given)
    assert result.state == "UNKNOWN" and missing in result.first, result
