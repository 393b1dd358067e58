#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of check_queue_mirrors costs.

    bench_queues.py CHECK_QUEUE_MIRRORS [MINIMAL_PROGRAM...]      (make bench)

One table for each thing it can look at. Its first row is what all others are compared with: how often its wall time, its CPU
time and its memory they need. Everything of a table is measured in this one run, in turns, so that a busy moment hits all
alike; times are medians, memory is the most of all runs. A reference to compare with is not always a check: curl downloads
and unpacks a list, and throws it away.

1. lists of 1,000, 10,000 and 100,000 queues from a stand-in that sends as fast as this machine can: what reading costs
2. the same 100,000 where each list takes as long as a broker needs to make it (MAKING): what a user waits for
3. a live broker with 10,000 queues, beside curl and beside plugins that are installed
4. the other sources, each beside the least that a program with the same client library can do

Nothing here fails: figures are for people."""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
for folder in ("lab", "live", "faults", "bench"):
    sys.path.insert(0, str(HERE.parent / folder))

import peers  # noqa: E402
import rabbitmq  # noqa: E402
import redis  # noqa: E402
import stand_in_rabbitmq as stand_in  # noqa: E402
import stub_azure_storage  # noqa: E402

RUNS = 15
SLOW_RUNS = 3
LIVE_QUEUES = 10000
MAKING = 4.25  # seconds: 3.10.8 on two processors needed 1.7 for the listing of 40,000
PLUGINS = os.environ.get("PATH", "") + ":/usr/lib/nagios/plugins:/usr/lib64/nagios/plugins"


def measure():
    """The program that runs a command from a small process, one of those that a bench is given."""
    for path in sys.argv[2:]:
        if os.path.basename(path) == "measure":
            return os.path.abspath(path)
    sys.exit("tests/bench/measure is not among the programs given")


class Command:
    """What the runs of one command used: wall and CPU seconds, KiB. `codes`: exit codes that are no failure."""

    def __init__(self, words, environment=None, codes=(0,)):
        self.words = [str(word) for word in words]
        self.environment = dict(os.environ, **(environment or {}))
        self.codes = codes
        self.used = []
        self.failure = None

    def run(self):
        with tempfile.NamedTemporaryFile() as file:
            done = subprocess.run([measure(), file.name] + self.words,
                                  env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
            used = file.read().split()
        if done.returncode not in self.codes or len(used) != 3:
            self.failure = "exit code %d: %s" % (done.returncode,
                                                 " ".join(done.stdout.decode(errors="replace").split())[:200])
        else:
            self.used.append([float(figure) for figure in used])

    def median(self, column):
        return statistics.median(used[column] for used in self.used)

    def memory(self):
        return max(used[2] for used in self.used) / 1024


def table(title, rows, runs=RUNS):
    """rows: [(name, Command, or why there is none)]; all are compared with the first one."""
    commands = [command for _, command in rows if isinstance(command, Command)]
    for turn in range(runs + 1):
        for command in commands:
            if command.failure is None:
                command.run()
        if turn == 0:  # the first one pays for cold caches
            for command in commands:
                command.used.clear()
    print("\n%s\n%-44s %10s %7s %10s %7s %8s %7s" % (title, "", "wall ms", "ratio", "CPU ms", "ratio", "MiB", "ratio"))
    first = commands[0]
    for name, command in rows:
        failure = command.failure if isinstance(command, Command) else command
        if failure or first.failure:
            print("  %s: NOT MEASURED, %s" % (name, failure or "there is nothing to compare it with"))
            continue
        columns = [(command.median(0) * 1000, first.median(0) * 1000), (command.median(1) * 1000, first.median(1) * 1000),
                   (command.memory(), first.memory())]
        print("  %-42s %10.1f %7.2f %10.1f %7.2f %8.1f %7.2f" % (
            (name,) + tuple(figure for value, other in columns for figure in (value, value / other))))
    sys.stdout.flush()


def installed(words, codes=(0,)):
    path = shutil.which(words[0], path=PLUGINS)
    # scripts, for the interpreters of the distribution
    return Command([path] + words[1:], {"PATH": "/usr/bin:/bin"}, codes) if path else "it is not installed"


def curl(*urls, user=None):
    """Downloads them, all at once."""
    words = [shutil.which("curl") or "curl", "--silent", "--compressed", "--parallel", "--parallel-immediate",
             "--no-progress-meter"]
    words += ["--user", ":".join(user)] if user else []
    return Command(words + [word for url in urls for word in ("--output", "/dev/null", url)])


class Bench:
    def __init__(self, check, minimal, folder):
        self.check = check
        self.programs = minimal
        self.folder = folder
        self.password = self.secret(stand_in.PASSWORD)

    def secret(self, text):
        path = self.folder / ("password %d" % len(list(self.folder.iterdir())))
        path.write_text(text + "\n")
        path.chmod(0o600)
        return str(path)

    def ours(self, uri, *arguments, password=None, environment=None):
        """A verdict about the queues is none about the run: 0, 1 and 2 are good."""
        words = [self.check, "-T", uri, "--timeout", "60s"]
        words += ["--password-file", password] if password else []
        return Command(words + list(arguments), environment, (0, 1, 2))

    def minimal(self, name, *arguments):
        path = self.programs.get(name)
        return Command([path] + list(arguments)) if path else "built without its client library"

    # ---- RabbitMQ ----

    def lists(self, cluster, single):
        """The rows for a stand-in: `single` is the URI of one of its nodes."""
        listing, totals = (cluster.url("queues?disable_stats=true" + more) for more in ("", "&enable_queue_totals=true"))
        must = ("--must-replicate", "^(orders|celery)")

        def ours(uri, *arguments):
            return self.ours(uri, "--detail", "totals", *arguments, password=self.password)
        return [("curl --compressed, the listing", curl(listing)),
                ("curl --compressed, listing and totals", curl(listing, totals)),
                ("minimal_libcurl, the listing, not unpacked",
                 self.minimal("minimal_libcurl", listing, "Accept-Encoding: gzip")),
                ("check_queue_mirrors", ours(single)),
                ("  three nodes", ours(cluster.uri())),
                ("  --must-replicate", ours(single, *must)),
                ("  --must-replicate --state-dir", ours(single, *must, "--state-dir", self.folder)),
                ("  --must-replicate --queue-warning", ours(single, *must, "--queue-warning", "^orders:messages=100"))]

    def stand_ins(self):
        for count in (1000, 10000, 100000):
            with stand_in.Cluster(count, 3) as cluster:
                rows = self.lists(cluster, cluster.uri(1))
                table("%d queues, a stand-in: listing %.1f MB, packed %.2f" % (
                    count, cluster.sizes["listing"] / 1e6, len(cluster.nodes[0].replies["listing"]) / 1e6), rows)
                if count == 100000:
                    cluster.wait(MAKING, "listing", "totals")
                    table("the same, each list after %g s" % MAKING, rows[:2] + rows[3:6], SLOW_RUNS)

    def broker(self):
        """Queues by an import, which takes the broker less than declaring each. They take so much of the lab's memory that
        nobody may publish any more: the probe goes first."""
        with rabbitmq.Cluster(1) as cluster:
            node = cluster.any()
            password = self.secret(rabbitmq.ADMIN[1])
            self.probe(node, password)
            node.api("POST", "/api/definitions", {"queues": [
                {"name": stand_in.make_queue(number)["name"], "vhost": "/", "durable": True, "auto_delete": False,
                 "arguments": {}} for number in range(LIVE_QUEUES)]}, seconds=300)
            user = rabbitmq.ADMIN
            url = "http://127.0.0.1:%d/api/" % node.http_port
            listing, totals = (url + "queues?disable_stats=true" + more for more in ("", "&enable_queue_totals=true"))
            uri = "rabbitmq://%s@127.0.0.1:%d" % (user[0], node.http_port)
            peer = ["--host=127.0.0.1", "--port=%d" % node.http_port, "--username=" + user[0], "--password=" + user[1]]
            table("RabbitMQ %d.%d, %d queues" % (*cluster.version(), LIVE_QUEUES), [
                ("curl --compressed, the listing", curl(listing, user=user)),
                ("curl --compressed, listing and totals", curl(listing, totals, user=user)),
                ("curl --compressed, /api/queues", curl(url + "queues", user=user)),
                ("check_queue_mirrors --detail totals", self.ours(uri, "--detail", "totals", password=password)),
                ("check_queue_mirrors --detail full", self.ours(uri, "--detail", "full", password=password)),
                ("check_rabbitmq_objects, counts queues",
                 installed(["check_rabbitmq_objects"] + peer + ["--timeout=60"])),
                ("check_rabbitmq_overview, no list", installed(["check_rabbitmq_overview"] + peer)),
                ("check_rabbitmq_queue, one queue",
                 installed(["check_rabbitmq_queue"] + peer + ["--queue=" + stand_in.make_queue(0)["name"]]))], SLOW_RUNS)

    def probe(self, node, password):
        user, secret = rabbitmq.ADMIN
        table("AMQP, a round trip through a classic queue", [
            ("minimal_librabbitmq", self.minimal("minimal_librabbitmq", "127.0.0.1", node.port, "/", user, secret)),
            ("check_queue_mirrors --probe classic", self.ours("amqp://%s@127.0.0.1:%d/%%2F" % (user, node.port), "--probe",
                                                              "classic", password=password))])

    # ---- the others ----

    def celery(self):
        with redis.Lab() as lab:
            server = lab.server("r1")
            for number in range(10):
                name = "celery%d" % number
                server.call("SADD", "_kombu.binding." + name, "\x06\x16".join((name, "", name)))
                server.call("LPUSH", name, "{}")
            table("Celery on Redis, ten queues", [
                ("minimal_hiredis, INFO alone", self.minimal("minimal_hiredis", "127.0.0.1", server.port)),
                ("check_queue_mirrors", self.ours("celery+redis://127.0.0.1:%d" % server.port)),
                ("check_redis", installed(["check_redis", "-H", "127.0.0.1", "-p", str(server.port), "-a",
                                           "connected_slaves", "-w", "~", "-c", "~"]))])

    def azure(self):
        """With a SAS, so that the minimal program needs to sign nothing."""
        sas = stub_azure_storage.make_sas(srt="sco", seconds=60 * 86400)
        query = urllib.parse.urlencode(sas)
        server = stub_azure_storage.Queues(sas=sas)
        with peers.Honest(server.session) as peer:
            place = "http://127.0.0.1:%d/acct" % peer.port
            table("Azure Queue Storage, a stand-in", [
                ("minimal_libcurl, one of four requests", self.minimal(
                    "minimal_libcurl", place + "/orders?comp=metadata&" + query, "x-ms-version: 2020-10-02")),
                ("check_queue_mirrors", self.ours("azure-queue://acct/orders?endpoint=%s&%s" % (place, query)))])


def main():
    programs = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[2:]}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(os.path.abspath(sys.argv[1]), programs, pathlib.Path(folder))
        print("What check_queue_mirrors costs")
        for part in (bench.stand_ins, bench.broker, bench.celery, bench.azure):
            try:
                part()
            except rabbitmq.LabError as error:
                print("\n%s: NOT MEASURED, %s" % (part.__name__, error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
