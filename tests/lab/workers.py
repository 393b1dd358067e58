# SPDX-License-Identifier: GPL-3.0-or-later
"""Real workers of Celery, RQ and Sidekiq, on a Redis server or a RabbitMQ of the lab; gone at the end.

    with redis.Lab() as place, Workers(place.server("r1")) as workers:
        w1 = workers.celery("w1@a", queues=("celery", "billing"), concurrency=2)
        workers.rq("rqw1", queues=("default",), scheduler=True)
        workers.sidekiq("sk1", queues=("default",), concurrency=2)
        workers.send("quick")                          # Celery
        job = workers.send("hold", queue="billing")    # runs until job.release()
        job.wait_started()
        w1.freeze()                                    # the main process: no ping, no heartbeat, takes nothing
        w1.freeze_children()                           # the pool: pings are answered, nothing gets done
        w1.kill()                                      # with all its processes, without a last word
        w1.stop()                                      # in good order

On RabbitMQ there is Celery only: Workers(url=node.uri("shop")).

(The module is not called celery: it would stand before the library of that name.)

The rules are those of program.py. Measured with Celery 5.2, RQ 1.13 and Sidekiq 6.4 on two processors, seconds: a Celery
worker starts in 1.3, stops in 1.6, an RQ worker in 0.1 and 0.4, Sidekiq in 0.2 and 0.5, quiet() takes 5 (from Sidekiq 7 on
10); send() 0.005, for Sidekiq 0.15; restore() 0.05 where no worker has to be started again, else 1.4."""

import atexit
import itertools
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from postgresql import DEADLINE, LabError, catch_signals, wait_until
from program import Program, find_program

JOBS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jobs")
PYTHON = "/usr/bin/python3"
START = 60  # seconds that it may take on a busy machine
POLL = 0.05


class Job:
    """Something sent. A "hold" runs until it is released."""

    def __init__(self, path):
        self.id = None
        self.path = path

    def started(self):
        return os.path.exists(self.path + ".started")

    def wait_started(self, seconds=DEADLINE):
        wait_until(self.started, "the job %s has started" % self.id, seconds, POLL)

    def release(self):
        open(self.path, "w").close()


class Worker(Program):
    """One worker. freeze(), freeze_children(), thaw(), kill(), stop() and log() are those of Program.

    name        "w1@a", "rqw1"; for Sidekiq what we call it (its identity: .identity)
    queues      those it serves"""

    def __init__(self, workers, name, queues, command, environment):
        super().__init__(name, os.path.join(workers.folder, "%d-%s" % (len(workers.all), name.replace("@", "-"))))
        self.workers = workers
        self.queues = tuple(queues)
        self.command = command
        self.environment = dict(environment, PYTHONPATH=JOBS, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1",
                                C_FORCE_ROOT="1")
        self.touched = False  # whether something was done to it
        workers.all.append(self)

    def start(self, wait=True):
        self.run(self.command, **self.environment)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        """Until it serves its queues."""
        self.wait_for(self.ready, "is ready", START)

    def restart(self):
        self.kill()
        return self.start()

    def _freeze(self, pids):
        self.touched = True
        super()._freeze(pids)

    def kill(self):
        self.touched = True
        super().kill()

    def stop(self, seconds=DEADLINE):
        self.touched = True
        super().stop(seconds)


class Celery(Worker):
    def ready(self):
        return " ready." in self.log()


class Rq(Worker):
    """`scheduler`: it holds the lock of the scheduler, as soon as it is ready."""

    def __init__(self, *arguments, scheduler=False):
        super().__init__(*arguments)
        self.scheduler = scheduler

    def ready(self):
        # Its jobs' own processes have process groups of their own; the scheduler is one of its children.
        server = self.workers.server
        return (server.call("HGET", "rq:worker:" + self.name, "state") in ("idle", "busy")
                and (not self.scheduler or server.call("EXISTS", "rq:scheduler-lock:" + self.queues[0])))


class Sidekiq(Worker):
    """identity: its key in Redis."""
    identity = None

    def ready(self):
        server = self.workers.server
        for identity in server.call("SMEMBERS", "processes"):
            info = server.call("HGET", identity, "info")
            if info and json.loads(info)["pid"] == self.process.pid:
                self.identity = identity
                return True
        return False

    def quiet(self):
        """It takes no more jobs; its heartbeat says so when this returns (within some 10 s)."""
        self.process.send_signal(signal.SIGTSTP)
        self.wait_for(lambda: self.workers.server.call("HGET", self.identity, "quiet") == "true", "is quiet", START)


class Sender:
    """The process that sends, kept: a request costs milliseconds, not the import of a library."""

    def __init__(self, url):
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": JOBS, "PYTHONDONTWRITEBYTECODE": "1", "LAB_BROKER": url}
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", PYTHON, os.path.join(JOBS, "send.py")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", env=environment)

    def ask(self, *request):
        self.process.stdin.write((json.dumps(request) + "\n").encode())
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], START)[0]:
            raise LabError("%s: not sent" % (request,))
        answer = json.loads(self.process.stdout.readline() or '{"error": "the sender has ended"}')
        if "error" in answer:
            raise LabError("%s: %s" % (request, answer["error"]))
        return answer["id"]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Workers:
    """A scratch folder, the workers, and the promise that all of it goes away.

    server      redis.Server
    database    its database
    url         another broker, for Celery alone"""

    def __init__(self, server=None, url=None, database=0):
        if threading.current_thread() is not threading.main_thread():
            raise LabError("Workers belong to the main thread")
        self.server = server
        self.url = url or "redis://127.0.0.1:%d/%d" % (server.port, database)
        self.all = []
        self.standing = []
        self.jobs = []
        self._numbers = itertools.count()
        self._kept_keys = {}
        self._late = False  # whether something is due later
        self._sender = None
        catch_signals()
        atexit.register(self.close)
        self.folder = tempfile.mkdtemp(prefix="dr-lab-")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops everything and removes the folder; may be called again."""
        atexit.unregister(self.close)
        if self._sender is not None:
            self._sender.close()
            self._sender = None
        for worker in self.all:
            worker.kill()
        self.all = []
        shutil.rmtree(self.folder, ignore_errors=True)

    def __getitem__(self, name):
        return next(worker for worker in self.all if worker.name == name)

    # ---- workers ----

    def celery(self, name, queues=("celery",), concurrency=1, pool="prefork", late=False, options=(), wait=True):
        """A Celery worker that answers to "ping" when this returns.

        name       as "w1@a"
        pool       prefork, solo, threads
        late       its tasks are acknowledged when they are done
        options    more of them, as ("--without-heartbeat",)"""
        command = [PYTHON, "-m", "celery", "-A", "lab_tasks", "worker", "-n", name, "-Q", ",".join(queues), "-c",
                   concurrency, "-P", pool, "--loglevel", "INFO"]
        # Celery 5.0's default gives a child a second task while another one is idle.
        command += ["-O", "fair"] + list(options)
        environment = {"LAB_BROKER": self.url}
        if late:
            environment["LAB_LATE"] = "1"
        return Celery(self, name, queues, command, environment).start(wait)

    def rq(self, name, queues=("default",), scheduler=False, options=(), wait=True):
        """An RQ worker; `scheduler`: with the scheduler of its queues."""
        command = [find_program("rq"), "worker", "-u", self.url, "--name", name] + list(options)
        command += ["--with-scheduler"] if scheduler else []
        return Rq(self, name, queues, command + list(queues), {}, scheduler=scheduler).start(wait)

    def sidekiq(self, name, queues=("default",), concurrency=1, options=(), wait=True):
        """A Sidekiq process."""
        command = [find_program("sidekiq"), "-r", os.path.join(JOBS, "lab_jobs.rb"), "-c", concurrency, "-t", "2"]
        command += [word for queue in queues for word in ("-q", queue)] + list(options)
        return Sidekiq(self, name, queues, command, {"REDIS_URL": self.url}).start(wait)

    # ---- work ----

    def send(self, task="quick", queue="celery", kind="celery", seconds=None):
        """Sends a Job: "quick", or "hold", which runs until it is released.

        kind       celery, rq, sidekiq (whose queue is then "default", as RQ's)
        seconds    due so many seconds from now (Celery: eta)"""
        job = Job(os.path.join(self.folder, "job-%d" % next(self._numbers)))
        self.jobs.append(job)
        self._late = self._late or seconds is not None
        arguments = [job.path] if task == "hold" else []
        if kind == "sidekiq":
            job.id = self._push(task, arguments, queue, seconds)
        else:
            if self._sender is None:
                self._sender = Sender(self.url)
            job.id = self._sender.ask(kind, task, arguments, queue, seconds)
        return job

    def _push(self, task, arguments, queue, seconds):
        """By its own client: what it writes differs by version."""
        item = {"class": "Lab" + task.capitalize(), "args": arguments, "queue": queue}
        if seconds is not None:
            item["at"] = time.time() + seconds
        done = subprocess.run(
            [find_program("ruby"), "-rjson", "-r" + os.path.join(JOBS, "lab_jobs.rb"), "-e",
             "puts Sidekiq::Client.push(JSON.parse(ARGV[0]))", json.dumps(item)],
            env={"PATH": "/usr/bin:/bin", "REDIS_URL": self.url, "LC_ALL": "C.UTF-8"}, cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=START, check=False)
        said = done.stdout.decode(errors="replace").strip()
        if done.returncode != 0 or not re.match("[0-9a-f]{24}$", said.split("\n")[-1]):
            raise LabError("Sidekiq::Client.push: %s" % said)
        return said.split("\n")[-1]

    # ---- between tests ----

    def keep(self):
        """Those that are there now are there again after restore()."""
        self.standing = list(self.all)
        self._kept_keys = self._bindings()

    def _bindings(self):
        """What Celery's workers write in Redis once, when they start: with names of that start."""
        if self.server is None:
            return {}
        return {key: sorted(self.server.call("SMEMBERS", key))
                for key in self.server.call("KEYS", "_kombu.binding.*") if self.server.call("TYPE", key) == "set"}

    def restore(self):
        """The kept workers at work, no others, no job left, nothing else in the Redis server."""
        for job in self.jobs:
            job.release()
        self.jobs = []
        for worker in [worker for worker in self.all if worker not in self.standing]:
            worker.kill()
            self.all.remove(worker)
        if not self._restore_keys():
            self._restart()
        self._late = False

    def _restore_keys(self):
        """Whether that is enough: nothing has been done to the workers, and they have nothing in mind."""
        if self.server is None or self._late or not all(
                isinstance(worker, Celery) and worker.running() and not worker.touched for worker in self.all):
            return False
        for key in set(self.server.call("KEYS", "*")) - set(self._kept_keys):
            self.server.call("DEL", key)
        return self._bindings() == self._kept_keys

    def _restart(self):
        for worker in self.all:
            worker.kill()
        if self.server is not None:
            self.server.call("FLUSHALL")
        for worker in self.all:
            worker.start(wait=False)
        for worker in self.all:
            worker.wait_ready()
            worker.touched = False
        self._kept_keys = self._bindings()


def redbeat(server, entries, prefix="redbeat:", lock=None):
    """What the scheduler RedBeat keeps in Redis: it is in no package.

    entries    {name: seconds from now at which it is due next}
    lock       seconds for which one scheduler holds the lock; None: nobody does"""
    for name, seconds in entries.items():
        key = prefix + name
        due = time.time() + seconds
        last = time.gmtime(due - 60)
        server.call("HSET", key, "definition", json.dumps({
            "name": name, "task": "lab.quick", "args": [], "kwargs": {}, "options": {}, "enabled": True,
            "schedule": {"__type__": "interval", "every": 60.0, "relative": False}}))
        server.call("HSET", key, "meta", json.dumps({"total_run_count": 1, "last_run_at": {
            "__type__": "datetime", "year": last.tm_year, "month": last.tm_mon, "day": last.tm_mday,
            "hour": last.tm_hour, "minute": last.tm_min, "second": last.tm_sec, "microsecond": 0, "timezone": "UTC"}}))
        server.call("ZADD", prefix + ":schedule", "%.6f" % due, key)
        server.call("SADD", prefix + ":statics", name)
    if lock is not None:
        server.call("SET", prefix + ":lock", "lab", "EX", lock)
