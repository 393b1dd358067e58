#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of check_replication_lag costs.

    bench.py CHECK_REPLICATION_LAG [MINIMAL_PROGRAM...]      (make bench)

Everything is measured in this one run, each product on the same servers for all that are compared: PostgreSQL and Redis
for real (a primary with two standbys on loopback, PostgreSQL then with nine), the others on the stand-ins of the live
tests. A minimal program is the least that a program with the same client library can do: connect, ask once, leave.

1. wall time for 1, 3 and 10 PostgreSQL nodes: they are asked at once, so it should stay flat. On loopback all servers share
   this machine's processors, so that is shown with each node behind a relay that makes it as far away as another site
2. one table: instructions, CPU and wall time of the check, of the minimal program, and of other plugins that are installed,
   with the ratio of the check to each of them

Instructions are counted by perf where the kernel lets it, else by callgrind: the least of COUNTS runs. Times are medians
over many runs; the check and the minimal program take turns, so that a busy moment hits both alike. Nothing here fails:
figures are for people.
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
import stub_mongodb  # noqa: E402
import stub_mssql  # noqa: E402

RUNS = 41
PAIR_RUNS = 201  # of the check and the minimal program
OTHER_RUNS = 15
COUNTS = 3
PLUGINS = os.environ.get("PATH", "") + ":/usr/lib/nagios/plugins:/usr/lib64/nagios/plugins"
PRODUCTS = {  # the minimal program, and how many times its cost the check may take
    "PostgreSQL": ("minimal_libpq", 1.25),
    "MongoDB": ("minimal_libmongoc", 1.25),
    "Redis": ("minimal_hiredis", 1.3),
    "SQL Server": ("minimal_dblib", 1.25),
    "Azure Storage": ("minimal_libcurl", 1.25),
}
FAR = 0.02  # seconds one way to a node in another site


class Failed(Exception):
    pass


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
            raise Failed("%s ends with exit code %d: %s" % (os.path.basename(self.command[0]), process.returncode,
                                                        " ".join(output.decode(errors="replace").split())[:300]))

    def wall_ms(self):
        return statistics.median(self.wall) * 1000

    def cpu_ms(self):
        return statistics.median(self.cpu) * 1000


def in_turns(*costs, runs=RUNS):
    for cost in costs:
        cost.run()  # the first one pays for cold caches
        cost.wall.clear()
        cost.cpu.clear()
    for _ in range(runs):
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
        counts = [[count(command) for _ in range(COUNTS)] for command in commands]
        if all(all(runs) for runs in counts):
            return how, [min(runs) for runs in counts]
    return None, [None] * len(commands)


class Table:
    """The rows of one product at a time; printed at the end."""

    def __init__(self):
        self.lines = []
        self.how = None

    def head(self):
        return "%-36s %14s %6s %10s %6s %10s %6s" % (
            "ratio: check_replication_lag to it", self.how or "instructions", "ratio", "CPU ms", "ratio", "wall ms", "ratio")

    def product(self, title, ours, least, others):
        """ours, least: Cost; others: {name: Cost, compared by time only, or why there is none}; a
        name in parentheses is a variant of the first two."""
        product = title.split(",")[0]
        library, goal = PRODUCTS[product]
        how, counts = count_instructions(ours.command, least.command)
        self.how = how and "instr. (%s)" % how
        costs = {name: cost for name, cost in others.items() if isinstance(cost, Cost)}
        compiled = [cost for name, cost in costs.items() if name.startswith("(")]
        scripts = [cost for name, cost in costs.items() if not name.startswith("(")]
        in_turns(ours, least, *compiled, runs=PAIR_RUNS)
        in_turns(*scripts, runs=OTHER_RUNS)  # by themselves: they push everything else out of the caches
        self.lines.append("%s (goal: at most %.2f times %s)" % (title, goal, library))
        rows = [("check_replication_lag", ours, counts[0]), (library, least, counts[1])]
        for name, cost, count in rows + [(name, cost, None) for name, cost in costs.items()]:
            instructions = "%14d %6.2f" % (count, counts[0] / count) if count else "%14s %6s" % ("-", "-")
            self.lines.append("  %-34s %s %10.2f %6.2f %10.2f %6.2f" % (
                name, instructions, cost.cpu_ms(), ours.cpu_ms() / cost.cpu_ms(), cost.wall_ms(),
                ours.wall_ms() / cost.wall_ms()))
        for name, why in others.items():
            if name not in costs:
                self.without("  " + name, why)

    def without(self, title, why):
        self.lines.append("%s: NOT MEASURED, %s" % (title, why))

    def show(self):
        print("\nOne check against the least (medians of %d runs), and against others (%d)" % (PAIR_RUNS, OTHER_RUNS))
        print(self.head())
        print("\n".join(self.lines), flush=True)


def installed(commands):
    """{name: Cost of a plugin that is there, else why it cannot be measured}. They are scripts, for the interpreters of the
    distribution."""
    costs = {}
    for name, (words, environment) in commands.items():
        path = shutil.which(words[0], path=PLUGINS)
        if path is None:
            costs[name] = "it is not installed"
            continue
        cost = Cost([path] + words[1:], dict({"PATH": "/usr/bin:/bin"}, **environment))
        try:
            cost.run()
            costs[name] = cost
        except Failed as failed:
            costs[name] = str(failed)
    return costs


def bench_azure(table, check, minimal):
    """With a SAS, so that the minimal program needs to sign nothing; and once with the account key, which we do sign."""
    sas = stub_azure_storage.make_sas()
    query = urllib.parse.urlencode(sas)
    server = stub_azure_storage.Storage(sas=sas)
    with peers.Honest(server.session) as peer:
        place = "http://127.0.0.1:%d/" % peer.port
        uri = "azure-storage://acct?endpoint=%s{service}&services=" % place
        ours = Cost([check, "-T", uri + "blob&" + query])
        least = Cost([minimal, place + "blob/?restype=service&comp=stats&" + query, "x-ms-version: 2020-10-02"])
        table.product("Azure Storage, one service", ours, least, {
            "other plugins": "Debian has none for this",
            "(ours, three services)": Cost([check, "-T", uri + "blob,queue,table&" + query]),
            "(ours, with the account key)": Cost([check, "-T", uri + "blob"],
                                                 {"AZURE_STORAGE_KEY": stub_azure_storage.KEY})})


def bench_mongodb(table, check, minimal):
    documents = stub_mongodb.sample("healthy_8.0")
    documents["buildinfo"] = {"version": documents["serverStatus"]["version"], "versionArray": [8, 0, 12, 0], "bits": 64,
                              "maxBsonObjectSize": 16777216, "ok": 1.0}
    with stub_mongodb.Set(documents).serve(["db1"]) as targets:
        port = re.search(r":([0-9]+)/", targets[1]).group(1)
        others = installed({"check_mongodb": (
            ["check_mongodb", "-H", "127.0.0.1", "-P", port, "-A", "replset_state", "-W", "0", "-C", "0"], {})})
        table.product("MongoDB, the primary of a set of three", Cost([check] + targets),
                      Cost([minimal, "mongodb://127.0.0.1:%s/?directConnection=true" % port]), others)


def bench_mssql(table, check, minimal):
    """The minimal program sends what ours sent."""
    server = stub_mssql.Server([stub_mssql.link("db-west")])
    password = {"SQLCMDPASSWORD": stub_mssql.PASSWORD}
    with peers.Honest(server.session) as peer:
        address = "127.0.0.1:%d" % peer.port
        ours = Cost([check, "-T", "mssql://%s@%s/%s?encrypt=no" % (server.user, address, server.database)], password)
        ours.run()
        least = Cost([minimal, address, server.database, server.user, server.batches[0]], password)
        table.product("SQL Server, one link", ours, least, {"other plugins": "Debian has none for this"})


def bench_redis(table, check, minimal):
    settings = ["CONFIG GET " + name for name in ("save", "min-replicas-to-write", "repl-ping-replica-period")]
    with redis.Lab() as lab:
        primary = lab.server("r1")
        lab.replicas(["r2", "r3"], primary)
        others = installed({"check_redis": (
            ["check_redis", "-H", "127.0.0.1", "-p", primary.port, "-a", "connected_slaves",
             "-w", "~", "-c", "~"], {})})
        others = dict({"(minimal_hiredis, INFO alone)": Cost([minimal, "127.0.0.1", primary.port])}, **others)
        table.product("Redis, %s, a primary with two replicas" % primary.info("server")["redis_version"],
                      Cost([check, "-T", primary.uri()]), Cost([minimal, "127.0.0.1", primary.port] + settings), others)


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


def bench_postgresql(table, check, minimal):
    with postgresql.Lab() as lab:
        room = {"max_wal_senders": "30"}  # each pg_basebackup takes two
        primary = lab.primary("db1", **room)
        primary.sql("create role monitor login; grant pg_monitor to monitor")
        standbys = lab.standbys(["db2", "db3"], primary, **room)
        uri = primary.uri("monitor") + "?gssencmode=disable"
        home = tempfile.mkdtemp()
        others = installed({
            "check_postgres": (
                ["check_postgres", "--action=hot_standby_delay", "--dbhost=127.0.0.1,127.0.0.1",
                 "--dbport=%d,%d" % (primary.port, standbys[0].port), "--dbuser=monitor", "--dbname=postgres",
                 "--warning=100000000", "--critical=200000000"], {}),
            "check_pgactivity": (
                ["check_pgactivity", "-s", "streaming_delta", "-h", "127.0.0.1", "-p", primary.port,
                 "-U", "monitor", "-d", "postgres", "--status-file", home + "/status"], {"HOME": home})})
        table.product("PostgreSQL, %s, a primary with two standbys" % primary.value("show server_version").split()[0],
                      Cost([check, "-T", uri]), Cost([minimal, uri]), others)
        shutil.rmtree(home)
        servers = [primary] + standbys
        servers += lab.standbys(["db%d" % number for number in range(4, 11)], primary, **room)
        by_nodes(check, servers, "all on this machine", lambda server: server.uri("monitor"))
        relays = Relays(servers)
        by_nodes(check, servers, "each %d ms away" % (FAR * 2000), relays.uri)
        relays.close()


def main():
    check = os.path.abspath(sys.argv[1])
    minimal = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[2:]}
    table = Table()
    benches = {"PostgreSQL": bench_postgresql, "MongoDB": bench_mongodb, "Redis": bench_redis, "SQL Server": bench_mssql,
               "Azure Storage": bench_azure}
    for product, bench in benches.items():
        program = PRODUCTS[product][0]
        if program not in minimal:
            table.without(product, "built without its client library")
            continue
        try:
            bench(table, check, minimal[program])
        except Failed as failed:
            table.without(product, str(failed))
    table.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
