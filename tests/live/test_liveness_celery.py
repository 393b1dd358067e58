# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness and Celery's workers behind Redis: real ones, in each state that they can be in. Whatever happens,
nothing of ours is left in Redis."""

import os
import re
import signal
import subprocess
import threading
import time

import pytest

import check
import redis
import stub_celery
from postgresql import wait_until

FAST = ("-t", "3s")  # where somebody does not answer, it is waited for less


def contents(server):
    """All keys, and who is bound to get replies."""
    return (sorted(server.call("KEYS", "*")), sorted(server.call("SMEMBERS", "_kombu.binding.reply.celery.pidbox")))


def uri(server, database=0, query="", user=""):
    return "celery+redis://%s127.0.0.1:%d/%d%s" % (user, server.port, database, query)


def wait_listening(server, count):
    """A worker says that it is ready a moment before it listens to remote control."""
    wait_until(lambda: check.run("check_liveness", "-T", uri(server)).perfdata.get("alive") == count, "they listen")


@pytest.fixture(autouse=True)
def listening(workers):
    wait_listening(workers.server, 2)


@pytest.fixture
def look(workers, liveness):
    """The check on the broker of the workers; fails where it leaves something there."""
    def run(*arguments, database=0, query=""):
        server = workers.server
        standing = ("_kombu.binding.", "unacked")

        def left():
            return [key for key in server.call("KEYS", "*") if "reply" in key or "dr-plugins" in key
                    and not key.startswith(standing)]
        result = liveness("-T", uri(server, database, query), *arguments)
        assert left() == [], "left behind: %s" % left()
        return result
    return run


# ---- what workers can be in ----

def test_healthy(workers, look):
    before = contents(workers.server)
    result = look()
    assert result.state == "OK" and result.says("2 of 2 workers"), result
    assert result.about("w1@a") and result.about("w2@b"), result
    assert result.perfdata["alive"] == 2 and result.perfdata["w1_a_concurrency"] == 2, result
    assert result.perfdata["w1_a_response_time"] < 0.5 and result.seconds < 2, result
    assert contents(workers.server) == before


def test_frozen_worker_is_wedged(workers, look):
    workers["w1@a"].freeze()
    result = look(*FAST)
    assert result.state == "CRITICAL" and result.says("w1@a", "wedged"), result
    assert result.about("w2@b")[0][0] == "OK", result
    assert result.perfdata["alive"] == 1, result


def test_killed_worker_is_gone(workers, look):
    workers["w1@a"].kill()
    result = look()
    assert result.state == "WARNING" and "gone" in result.about("w1@a")[0][1], result
    assert result.seconds < 2, result  # nobody is waited for


def test_both_killed(workers, look):
    workers["w1@a"].kill()
    workers["w2@b"].kill()
    assert look().state == "CRITICAL"
    assert look("-e", "passive").state == "OK"


def test_killed_and_frozen(workers, look):
    """Which is which cannot be told: each of them is said to be one of two."""
    third = workers.celery("w3@c", queues=("mail",))
    wait_listening(workers.server, 3)
    workers["w1@a"].kill()
    third.freeze()
    result = look(*FAST)
    assert result.state == "CRITICAL" and "or gone" in result.about("w1@a")[0][1], result
    assert "or gone" in result.about("w3@c")[0][1], result


def test_stopped_worker_is_not_missed(workers, look):
    workers["w1@a"].stop()
    result = look()
    assert not result.about("w1@a") and result.about("w2@b")[0][0] == "OK", result
    assert result.state == "OK", result
    assert look("--expect-workers", "w1@*=1").state == "CRITICAL"


def test_busy_prefork_worker_answers(workers, look):
    jobs = [workers.send("hold", queue="billing") for _ in range(2)]
    for job in jobs:
        job.wait_started()
    result = look()
    assert result.state == "OK" and result.perfdata["w1_a_busy"] == 2, result
    assert 0 <= result.perfdata["w1_a_task_age"] < 60, result


def test_task_over_its_limit(workers, look):
    workers.send("hold", queue="billing").wait_started()
    wait_until(lambda: look().perfdata["w1_a_task_age"] > 1, "a task that is a second old")
    assert look("--task-limit", "1s").state == "WARNING"


def test_busy_solo_worker_is_no_alarm(workers, look):
    """It does not answer while it runs a task: its task tells it from one that is wedged, as long as that is young."""
    workers.celery("solo@c", queues=("slow",), pool="solo", late=True)
    wait_listening(workers.server, 3)
    workers.send("hold", queue="slow").wait_started()
    result = look(*FAST)
    assert result.state == "OK" and "busy" in result.about("solo@c")[0][1], result
    assert result.about("slow")[0][0] == "OK", result
    result = look("--task-limit", "1s", *FAST)
    assert result.state == "CRITICAL" and result.says("solo@c", "wedged"), result


def test_frozen_worker_among_busy_ones(workers, look):
    """Tasks that another worker has taken and does not run yet are no excuse for the one that is silent."""
    late = workers.celery("late@c", queues=("slow",))
    jobs = [workers.send("hold", queue="slow") for _ in range(2)]
    jobs[0].wait_started()
    wait_until(lambda: workers.server.call("HLEN", "unacked") > 0, "one more is taken")
    workers["w1@a"].freeze()
    result = look(*FAST)
    assert result.state == "CRITICAL" and result.says("w1@a", "wedged"), result
    assert result.about(late.name)[0][0] == "OK", result


def test_hung_children(workers, look, tmp_path):
    """They answer the ping, and nothing moves: two looks tell, in one run or in two."""
    for _ in range(6):
        workers.send("hold", queue="billing")
    wait_until(lambda: workers.server.call("LLEN", "billing") > 0, "tasks wait")
    workers["w1@a"].freeze_children()
    assert look().state == "OK"  # nobody has looked whether it moves, and it says so
    assert look().says("whether it moves was not looked at")
    result = look("--watch", "1500ms", "--stuck-after", "1s")
    assert result.state == "CRITICAL" and result.says("billing", "nothing has moved"), result
    assert look("--state-dir", tmp_path, "--stuck-after", "1s").state == "OK"
    wait_until(lambda: look("--state-dir", tmp_path, "--stuck-after", "1s").state == "CRITICAL", "it is stuck")


def test_moving_queue_is_not_stuck(workers, look):
    stop = time.monotonic() + 4

    for _ in range(2000):
        workers.send("quick", queue="billing")
        if time.monotonic() > stop:
            break
    result = look("--watch", "1s", "--stuck-after", "900ms")
    assert result.state == "OK", result


def test_long_task_alone_is_not_stuck(workers, look):
    workers.celery("late@c", queues=("slow",), late=True)
    workers.send("hold", queue="slow").wait_started()
    result = look("--watch", "1500ms", "--stuck-after", "1s")
    assert result.state == "OK" and result.perfdata["slow_taken"] == 1, result


def test_task_that_waits_for_its_time_is_not_stuck(workers, look):
    workers.send("quick", queue="billing", seconds=600)
    wait_until(lambda: workers.server.call("HLEN", "unacked") == 1, "a worker has taken it")
    result = look("--watch", "1500ms", "--stuck-after", "1s")
    assert result.state == "OK", result


def test_zombie_takes_nothing(workers, look):
    """It answers and says which queue it takes from, and does not: no connection waits for tasks."""
    with stub_celery.Worker(workers.server, "zombie@z", queues=("lost",)):
        assert look("--queue", "lost").state == "OK"
        workers.send("quick", queue="lost")
        result = look("--watch", "1s")
        assert result.state == "CRITICAL" and result.says("zombie@z", "takes no tasks"), result
        assert result.about("w1@a")[0][0] == "OK", result


def test_worker_without_queues_drains(workers, look):
    with stub_celery.Worker(workers.server, "quiet@z", queues=()):
        result = look()
        assert result.state == "OK" and "takes no new tasks" in result.about("quiet@z")[0][1], result


def test_two_workers_of_one_name(workers, look):
    with stub_celery.Worker(workers.server, "w1@a", queues=("celery",)):
        result = look()
        assert result.state == "UNKNOWN" and result.says("2 workers have this name"), result


def test_somebody_else_who_listens_to_everything(workers, look):
    """Some tools subscribe to all channels: they are no workers."""
    ear = workers.server.connect()
    ear.call("PSUBSCRIBE", "*")
    result = look(*FAST)
    ear.close()
    assert result.state == "OK" and result.perfdata["units"] == 2, result


def test_names_that_were_lost(workers, look):
    """Without the names of the workers nobody can tell who is silent."""
    workers["w1@a"].freeze()
    workers.server.call("DEL", "_kombu.binding.celery.pidbox")
    result = look(*FAST)
    assert result.state == "UNKNOWN" and result.says("1 more listeners"), result


def test_worker_that_is_starting(workers, look):
    """It is known by name a moment before it listens: that is no death."""
    server = workers.server
    member = "\x06\x16\x06\x16late@z.celery.pidbox"
    server.call("SADD", "_kombu.binding.celery.pidbox", member)
    late = stub_celery.Worker(server, "late@z")
    timer = threading.Timer(0.3, late.__enter__)
    timer.start()
    result = look()
    timer.join()
    late.__exit__()
    assert result.state == "OK" and result.about("late@z"), result


# ---- queues ----

def test_queue_that_nobody_takes_from(workers, look):
    workers.send("quick", queue="orphan")
    result = look()
    assert result.state == "CRITICAL" and result.says("orphan", "nobody takes from it"), result
    assert result.perfdata["orphan_waiting"] == 1, result
    assert look("--queue", "billing").state == "OK"


def test_named_queue(workers, look):
    assert look("--queue", "billing", "--queue", "mail").state == "OK"
    result = look("--queue", "nobody")
    assert result.state == "CRITICAL" and result.about("nobody")[0][0] == "CRITICAL", result


def test_all_priorities_count(workers, look):
    for step in ("", "\x06\x163", "\x06\x169"):
        workers.server.call("LPUSH", "orphan" + step, "{}")
    assert look("--queue", "orphan").perfdata["orphan_waiting"] == 3
    assert look("--queue", "orphan", query="?priority_steps=0,3").perfdata["orphan_waiting"] == 2


def test_abandoned_tasks(workers, look):
    late = workers.celery("late@c", queues=("slow",), late=True)
    workers.send("hold", queue="slow").wait_started()
    late.kill()
    result = look()
    assert result.says("tasks of workers that died") and result.about("late@c")[0][0] == "WARNING", result


# ---- where they are ----

def test_nobody(workers, look):
    result = look(database=5)
    assert result.state == "CRITICAL" and result.says("nobody"), result
    assert look("-e", "passive", database=5).state == "OK"


def test_passive_with_workers(workers, look):
    assert look("-e", "passive").state == "CRITICAL"


def test_two_sites(workers, liveness):
    server = workers.server
    sites = ("--site", "a=" + uri(server, 0), "--site", "b=" + uri(server, 5))
    assert liveness(*sites).state == "OK"
    assert liveness(*sites, "--expect", "b").state == "WARNING"
    assert liveness("--site", "a=" + uri(server, 0), "--site", "b/two=" + uri(server, 0)).state == "CRITICAL"


def test_prefix_and_exchange(workers, look):
    server = workers.server
    with stub_celery.Worker(server, "p@z", prefix="app:", database=3):
        result = look(database=3, query="?prefix=app:")
        assert result.state == "OK" and result.about("p@z"), result
        assert look(database=3).state == "CRITICAL"
    with stub_celery.Worker(server, "q@z", channel="celery.pidbox", database=4):
        assert look(database=4, query="?fanout_prefix=false").about("q@z")
    with stub_celery.Worker(server, "r@z", channel="x-4-celery.pidbox", database=4):
        assert look(database=4, query="?fanout_prefix=x-{db}-").about("r@z")


@pytest.mark.parametrize("query, word", (("?sep=", "sep"), ("?control_exchange=a%20b", "control_exchange"),
                                         ("?db=1", "db"), ("?colour=red", "colour")))
def test_parameters(liveness, query, word):
    result = liveness("-T", "celery+redis://127.0.0.1:1/0" + query)
    assert result.state == "UNKNOWN" and result.says(word), result


def test_replica(workers, liveness):
    with redis.Lab() as lab:
        primary = lab.server("p")
        replica = lab.replica("r", primary)
        result = liveness("-T", uri(replica))
        assert result.state == "UNKNOWN" and result.says("this is a replica of 127.0.0.1"), result


def test_unix_socket(liveness, tmp_path):
    with redis.Lab() as lab:
        path = os.path.join(lab.folder, "sock")
        server = lab.server("u", unixsocket=path)
        with stub_celery.Worker(server, "u@z", database=2):
            result = liveness("-T", "celery+redis+unix://%s?db=2" % path)
            assert result.state == "OK" and result.about("u@z"), result


# ---- rights ----

GRANT = ("~* &*.pidbox +info +select +time +scan +smembers +sadd +srem +del +publish +brpop +rpop +llen +lindex "
         "+zrange +hstrlen +hget +client|list").split()


@pytest.fixture
def granted(workers):
    server = workers.server

    # Channels have no rules before 6.2.
    channels = not re.search(r"redis_version:6\.0", server.call("INFO", "server"))

    def grant(*words):
        words = [word for word in words if channels or not word.startswith("&")]
        server.call("ACL", "SETUSER", "monitor", "reset", "on", ">s3cret", *words)
    yield grant
    server.call("ACL", "DELUSER", "monitor")


def test_grant(workers, granted, liveness, tmp_path):
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    password.chmod(0o600)
    words = ("-T", uri(workers.server, user="monitor@"), "--password-file", password)
    granted(*GRANT)
    workers.send("hold", queue="billing").wait_started()
    workers.celery("late@c", queues=("slow",), late=True)
    for _ in range(2):
        workers.send("hold", queue="slow")
    wait_until(lambda: workers.server.call("HLEN", "unacked") > 0, "a task is in flight")
    workers.send("quick", queue="stray")  # a name that was not sent to before: the sender binds each once
    assert liveness(*words, "--queue", "slow").state == "OK"
    assert liveness(*words).state == "CRITICAL"  # nobody takes from "stray"
    for word in GRANT:
        if not word.startswith("+"):
            continue
        granted(*[other for other in GRANT if other != word])
        result = liveness(*words)
        if word == "+client|list":  # more evidence where it is allowed
            assert result.state == "CRITICAL", result
        elif word not in ("+del", "+srem"):  # they take back what was written
            assert result.state == "UNKNOWN" and result.says("ACL SETUSER monitor"), (word, result)
        assert "s3cret" not in result.output
    server = workers.server
    server.call("DEL", *[key for key in server.call("KEYS", "*") if "reply" in key] or ["none"])


# ---- nothing is left behind ----

def ours(server):
    return [key for key in server.call("KEYS", "*") if "dr-plugins" in key] + [
        member for member in server.call("SMEMBERS", "_kombu.binding.reply.celery.pidbox") if "dr-plugins" in member]


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
def test_stopped_by_a_signal(workers, number):
    server = workers.server
    for worker in workers.all:  # one that answers just then would leave its answer behind
        worker.freeze()
    environment = {name: os.environ[name] for name in ("DR_PLUGINS_MODULE_DIR",) if name in os.environ}
    # Whoever started the tests may ignore it, as nohup and a shell's "&" do: that would be inherited.
    process = subprocess.Popen([check.executable("check_liveness"), "-T", uri(server), "-t", "30s"], env=environment,
                               stdout=subprocess.PIPE, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    wait_until(lambda: ours(server), "it is bound")
    process.send_signal(number)
    process.communicate(timeout=10)
    assert process.returncode == -number
    assert ours(server) == []


def test_leftovers_of_a_killed_run(workers, liveness):
    """They are taken back when they are an hour old: a younger one can still be at work."""
    server = workers.server
    binding = "_kombu.binding.reply.celery.pidbox"
    oids = ["dr-plugins-%d-0123456789abcdef" % (time.time() - age) for age in (4000, 60)] + ["foreign"]
    for oid in oids:
        server.call("SADD", binding, "%s\x06\x16\x06\x16%s.reply.celery.pidbox" % (oid, oid))
        server.call("LPUSH", oid + ".reply.celery.pidbox", "late")
    assert liveness("-T", uri(server)).state == "OK"
    lists = [key for key in server.call("KEYS", "*") if key.endswith(".reply.celery.pidbox") and key != binding]
    assert sorted(lists) == sorted(oid + ".reply.celery.pidbox" for oid in oids[1:])
    assert sorted(member.split("\x06")[0] for member in server.call("SMEMBERS", binding)) == sorted(oids[1:])


def test_server_that_hangs(workers, liveness):
    workers.server.freeze()
    try:
        result = liveness("-T", uri(workers.server), "-t", "1s")
    finally:
        workers.server.thaw()
    assert result.state == "CRITICAL" and result.says("no answer"), result
