#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of check_replication_lag costs.

    bench.py CHECK_REPLICATION_LAG MINIMAL_LIBPQ [MINIMAL_LIBCURL] [MINIMAL_HIREDIS]      (make bench)

Everything is measured in this one run, on the same servers: a primary with two standbys on loopback, then with nine.

1. against the least that a libpq program can do (connect, one query, leave): instructions and CPU time, as ratios
2. wall time for 1, 3 and 10 nodes: they are asked at once, so it should stay flat. On loopback all servers share this
   machine's processors, so that is shown with each node behind a relay that makes it as far away as another site
3. against check_postgres and check_pgactivity, on the same job
4. Azure Storage: against the least that a libcurl program can do, on the same stand-in

Instructions are counted by perf where the kernel lets it, else by callgrind. Times are medians over RUNS runs of each
command, taken in turns, so that a busy moment hits all of them alike. Nothing here fails: figures are for people.
"""

import asyncio
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

TESTS = pathlib.Path(__file__).resolve().parents[1]
for folder in ("lab", "live", "faults"):
    sys.path.insert(0, str(TESTS / folder))

import peers  # noqa: E402
import postgresql  # noqa: E402
import redis  # noqa: E402
import stub_azure_storage  # noqa: E402

RUNS = 41
PLUGINS = os.environ.get("PATH", "") + ":/usr/lib/nagios/plugins:/usr/lib64/nagios/plugins"
GOAL = 1.25
GOAL_REDIS = 1.3
FAR = 0.02  # seconds one way to a node in another site


class Cost:
    """Wall and CPU seconds of the runs of one command."""

    def __init__(self, command, environment=None):
        self.command = [str(word) for word in command]
        self.environment = dict(os.environ, **(environment or {}))
        self.wall = []
        self.cpu = []

    def run(self):
        started = time.monotonic()
        process = subprocess.Popen(self.command, env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
        process.stdout.close()
        self.wall.append(time.monotonic() - started)
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        if process.returncode != 0:
            raise SystemExit("%s: exit code %d\n%s" % (" ".join(self.command), process.returncode,
                                                      output.decode(errors="replace")))

    def wall_ms(self):
        return statistics.median(self.wall) * 1000

    def cpu_ms(self):
        return statistics.median(self.cpu) * 1000


def in_turns(*costs):
    for cost in costs:
        cost.run()  # the first one pays for cold caches
        cost.wall.clear()
        cost.cpu.clear()
    for _ in range(RUNS):
        for cost in costs:
            cost.run()


def instructions_by_perf(command):
    if shutil.which("perf") is None:
        return None
    done = subprocess.run(["perf", "stat", "-x", ",", "-e", "instructions:u", "--"] + command, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, check=False)
    found = re.search(r"^([0-9]+),[^,]*,instructions", done.stderr, re.MULTILINE)
    return int(found.group(1)) if found else None


def instructions_by_callgrind(command):
    if shutil.which("valgrind") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=%s/out" % folder] + command,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False)
    found = re.search(r"Collected\s*:\s*([0-9]+)", done.stderr)
    return int(found.group(1)) if found else None


def count_instructions(*commands):
    """(how, [instructions of each command]); one way for all of them."""
    for how, count in (("perf", instructions_by_perf), ("callgrind", instructions_by_callgrind)):
        counts = [count(command) for command in commands]
        if all(counts):
            return how, counts
    return None, []


def ratio(ours, least, goal=GOAL):
    return "%.2f times (goal: at most %.2f)" % (ours / least, goal)


def against_minimal(ours, least, library, goal=GOAL):
    print("\nA primary with two standbys, against a minimal %s program" % library)
    how, counts = count_instructions(ours.command, least.command)
    if counts:
        print("  instructions (%s)   %12d  minimal %12d   %s" % (how, counts[0], counts[1], ratio(*counts, goal)))
    else:
        print("  instructions: NOT MEASURED, neither perf nor valgrind can count here")
    in_turns(ours, least)
    print("  CPU time             %9.2f ms  minimal %9.2f ms   %s" % (
        ours.cpu_ms(), least.cpu_ms(), ratio(ours.cpu_ms(), least.cpu_ms(), goal)))
    print("  wall time            %9.2f ms  minimal %9.2f ms   %.2f times" % (
        ours.wall_ms(), least.wall_ms(), ours.wall_ms() / least.wall_ms()))


def azure(check, minimal):
    """With a SAS, so that the minimal program needs to sign nothing; and once with the account key, which we do sign."""
    sas = stub_azure_storage.make_sas()
    query = urllib.parse.urlencode(sas)
    server = stub_azure_storage.Storage(sas=sas)
    with peers.Honest(server.session) as peer:
        place = "http://127.0.0.1:%d/" % peer.port
        uri = "azure-storage://acct?endpoint=%s{service}&services=" % place
        ours = Cost([check, "-T", uri + "blob&" + query])
        three = Cost([check, "-T", uri + "blob,queue,table&" + query])
        signed = Cost([check, "-T", uri + "blob"], {"AZURE_STORAGE_KEY": stub_azure_storage.KEY})
        least = Cost([minimal, place + "blob/?restype=service&comp=stats&" + query, "x-ms-version: 2020-10-02"])
        print("\nAzure Storage, one service, against a minimal libcurl program")
        how, counts = count_instructions(ours.command, least.command)
        if counts:
            print("  instructions (%s)   %12d  minimal %12d   %s" % (how, counts[0], counts[1], ratio(*counts)))
        else:
            print("  instructions: NOT MEASURED, neither perf nor valgrind can count here")
        in_turns(ours, three, signed, least)
    print("  CPU time             %9.2f ms  minimal %9.2f ms   %s" % (
        ours.cpu_ms(), least.cpu_ms(), ratio(ours.cpu_ms(), least.cpu_ms())))
    for name, cost in (("wall time", ours), ("with the account key", signed), ("three services", three)):
        print("  %-20s %9.2f ms  minimal %9.2f ms   %.2f times" % (
            name, cost.wall_ms(), least.wall_ms(), cost.wall_ms() / least.wall_ms()))


class Relays:
    """Each server once more, on a port where every byte takes FAR seconds in each direction."""

    def __init__(self, servers):
        self.loop = asyncio.new_event_loop()
        self.ports = {}
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        for server in servers:
            self.ports[server.name] = asyncio.run_coroutine_threadsafe(self.listen(server.port), self.loop).result()

    async def listen(self, port):
        async def relay(reader, writer):
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(self.carry(reader, other_writer), self.carry(other_reader, writer))
        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def carry(self, reader, writer):
        try:
            while True:
                data = await reader.read(65536)
                self.loop.call_later(FAR, writer.write if data else lambda _: writer.close(), data)
                if not data:
                    return
        except OSError:
            writer.close()

    def uri(self, server):
        return server.uri("monitor").replace(":%d/" % server.port, ":%d/" % self.ports[server.name])

    def close(self):
        async def end():
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


def by_nodes(check, servers, title, uri):
    print("\nWall time by number of nodes, " + title)
    costs = {}
    for count in (1, 3, 10):
        targets = [word for server in servers[:count] for word in ("-T", "%s=%s" % (server.name, uri(server)))]
        costs[count] = Cost([check] + targets)
    in_turns(*costs.values())
    for count, cost in costs.items():
        print("  %2d nodes             %9.2f ms wall (%.2f times)  %9.2f ms CPU" % (
            count, cost.wall_ms(), cost.wall_ms() / costs[1].wall_ms(), cost.cpu_ms()))


def against_others(check, primary, standby):
    print("\nA primary and its standby, against other plugins")
    both = ["-T", primary.uri("monitor"), "-T", standby.uri("monitor")]
    home = tempfile.mkdtemp()
    commands = {
        "check_postgres": ["check_postgres", "--action=hot_standby_delay", "--dbhost=127.0.0.1,127.0.0.1",
                           "--dbport=%d,%d" % (primary.port, standby.port), "--dbuser=monitor", "--dbname=postgres",
                           "--warning=100000000", "--critical=200000000"],
        "check_pgactivity": ["check_pgactivity", "-s", "streaming_delta", "-h", "127.0.0.1", "-p", primary.port,
                             "-U", "monitor", "-d", "postgres", "--status-file", home + "/status"],
    }
    costs = {"check_replication_lag": Cost([check] + both)}
    for name, command in commands.items():
        path = shutil.which(name, path=PLUGINS)
        if path is None:
            print("  %s: NOT MEASURED, it is not installed" % name)
        else:
            costs[name] = Cost([path] + command[1:], {"HOME": home})
    in_turns(*costs.values())
    ours = costs["check_replication_lag"]
    for name, cost in costs.items():
        print("  %-21s %8.2f ms wall (%.1f times)  %8.2f ms CPU (%.1f times)" % (
            name, cost.wall_ms(), cost.wall_ms() / ours.wall_ms(), cost.cpu_ms(), cost.cpu_ms() / ours.cpu_ms()))
    shutil.rmtree(home)


def bench_redis(check, minimal):
    with redis.Lab() as lab:
        primary = lab.server("r1")
        lab.replicas(["r2", "r3"], primary)
        print("\nRedis " + primary.info("server")["redis_version"])
        against_minimal(Cost([check, "-T", primary.uri()]), Cost([minimal, "127.0.0.1", primary.port]), "hiredis",
                        GOAL_REDIS)
    for name in ("check_redis", "check_redis.pl"):
        if shutil.which(name, path=PLUGINS) is None:
            print("  %s: NOT MEASURED, it is not installed" % name)


def main():
    check, minimal = (os.path.abspath(path) for path in sys.argv[1:3])
    others = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[3:]}
    if "minimal_libcurl" in others:
        azure(check, others["minimal_libcurl"])
    else:
        print("Azure Storage: NOT MEASURED, built without it")
    with postgresql.Lab() as lab:
        room = {"max_wal_senders": "30"}  # each pg_basebackup takes two
        primary = lab.primary("db1", **room)
        primary.sql("create role monitor login; grant pg_monitor to monitor")
        standbys = lab.standbys(["db2", "db3"], primary, **room)
        print(primary.value("select 'PostgreSQL ' || current_setting('server_version')") + ", medians of %d runs" % RUNS)
        uri = primary.uri("monitor") + "?gssencmode=disable"
        against_minimal(Cost([check, "-T", uri]), Cost([minimal, uri]), "libpq")
        against_others(check, primary, standbys[0])
        servers = [primary] + standbys
        servers += lab.standbys(["db%d" % number for number in range(4, 11)], primary, **room)
        by_nodes(check, servers, "all on this machine", lambda server: server.uri("monitor"))
        relays = Relays(servers)
        by_nodes(check, servers, "each %d ms away" % (FAR * 2000), relays.uri)
        relays.close()
    if "minimal_hiredis" in others:
        bench_redis(check, others["minimal_hiredis"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
