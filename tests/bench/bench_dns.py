#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of check_dns_target costs.

    bench_dns.py CHECK_DNS_TARGET [PROGRAM...]      (make bench)

The tables are those of bench_queues.py: the first row is what all others are compared with. It is minimal_dns, which
sends the very questions that the check has sent (taken from its -vv), each from a socket of its own, as the check does,
and reads nothing of the replies but their headers. With one socket for each server, which is less work, it is easier to
lie to. Both programs are first compared by what a server of ours has heard of them.

1. one server, Knot and NSD, given by --server and --zone, so that nothing has to be found (goal: at most GOAL times the
   wall time of minimal_dns); beside plugins that are installed: they ask for one address of one server, since they can
   no more, and read what dig or nslookup prints. Here instructions are counted as well. What blackbox_exporter needs
   for its one question, over HTTP, and for its start
2. eight servers, four of each, and sixty-four addresses of these
3. eight of which one takes SLOW seconds to answer, beside that one alone: they should take as long as it does
4. three servers that are found: the parent's referral, the zone's own NS records, a resolver; and validated (--dnssec)

Nothing here fails: figures are for people."""

import contextlib
import http.client
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
for folder in ("lab", "faults", "bench"):
    sys.path.insert(0, str(HERE.parent / folder))

import dns_servers  # noqa: E402
from bench_liveness import instructions  # noqa: E402
from bench_queues import Command, installed, table  # noqa: E402
from dns_zones import Zone  # noqa: E402
from liar import TYPES, Liar  # noqa: E402
from postgresql import LabError, free_port  # noqa: E402
from program import Program, find_program  # noqa: E402

GOAL = 1.5
RUNS = 101
MANY_RUNS = 31
PROBES = 200
SLOW = 0.3
ZONE = dns_servers.ZONE
APP = "app." + ZONE
ADDRESS, ADDRESS6 = "192.0.2.20", "2001:db8:1::20"
EACH = 8  # addresses of one server
RECORDS = "app 60 A %s\napp 60 AAAA %s" % (ADDRESS, ADDRESS6)
NS = "ns.nobody.invalid"
SOA = NS + " hostmaster." + ZONE + " 1 3600 600 604800 60"
LIAR_RECORDS = {(ZONE, "SOA"): [(300, SOA)], (ZONE, "NS"): [(300, NS)],
                (APP, "A"): [(60, ADDRESS)], (APP, "AAAA"): [(60, ADDRESS6)]}
ASKED = re.compile(r"ask (ns|resolver) ([0-9.]+):(\d+) (\w+) (\S+) \(udp, try 1\)$", re.MULTILINE)
BLACKBOX = """modules:
  dns:
    prober: dns
    timeout: 5s
    dns:
      preferred_ip_protocol: ip4
      query_name: %s
      query_type: A
""" % APP


class Exporter:
    """blackbox_exporter, on a port of loopback."""

    def __init__(self, folder, taken):
        self.port = free_port(taken)
        self.configuration = folder / "blackbox.yml"
        self.configuration.write_text(BLACKBOX)
        self.path = find_program("prometheus-blackbox-exporter")
        self.program = Program("blackbox", str(folder / "blackbox"))

    def __enter__(self):
        started = time.monotonic()
        self.program.run([self.path, "--config.file=%s" % self.configuration,
                          "--web.listen-address=127.0.0.1:%d" % self.port])
        self.program.wait_for(self.healthy, "answers")
        self.start = time.monotonic() - started
        return self

    def __exit__(self, *_):
        self.program.kill()

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def healthy(self):
        try:
            return self.get("/-/healthy")
        except OSError:
            return None

    def cpu(self):
        fields = pathlib.Path("/proc/%d/stat" % self.program.process.pid).read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """MiB, the most that it had."""
        status = pathlib.Path("/proc/%d/status" % self.program.process.pid).read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024

    def probe(self, server):
        """(median of wall seconds, CPU seconds of one), the exporter's alone."""
        walls, before = [], self.cpu()
        for _ in range(PROBES):
            started = time.monotonic()
            said = self.get("/probe?module=dns&target=%s:%d" % (server.address, server.port))
            walls.append(time.monotonic() - started)
            if not re.search(r"^probe_success 1$", said, re.MULTILINE):
                raise LabError("blackbox_exporter did not succeed: %s" % " ".join(said.split())[:200])
        return statistics.median(walls), (self.cpu() - before) / PROBES


def heard(question):
    """What two programs ask alike: all but where from, the id, and the name that nobody has."""
    return question._replace(source="", id=0, name=re.sub("^dr-check-[0-9a-f]+", "random", question.name),
                             as_asked="")


class Bench:
    def __init__(self, check, programs, folder):
        self.check = check
        self.programs = programs  # {name: path}
        self.folder = folder

    def ours(self, *arguments):
        return Command([self.check, "-n", APP, "--site", "prod=" + dns_servers.PROD, "--expect", "prod",
                        "--timeout", "60s"] + list(arguments))

    def given(self, *places):
        """places: (address, port)"""
        servers = ["--server=%s:%d" % place for place in places]
        return self.ours("--search=given", "--zone=" + ZONE, *servers)

    def minimal(self, ours, sockets="question"):
        """Asks what ours asks, from a socket for each question or for each server."""
        done = subprocess.run(ours.words + ["-vv"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              universal_newlines=True, check=False)
        asked = ASKED.findall(done.stdout)
        if done.returncode != 0 or not asked or "(tcp" in done.stdout:
            return "its questions are not known, check_dns_target: %s" % done.stdout.split("\n", maxsplit=1)[0]
        return Command([self.programs["minimal_dns"], sockets]
                       + ["%s %s %s %d %s" % (address, port, whom, TYPES[kind], name)
                          for whom, address, port, kind, name in
                          sorted(asked, key=lambda words: words[1:3])])  # those of one server together

    def pair(self, ours):
        return [("minimal_dns, the same questions", self.minimal(ours)), ("check_dns_target", ours),
                ("  minimal_dns, a socket for each server", self.minimal(ours, "server"))]

    def alike(self):
        """Both ask the same; LabError."""
        with Liar(LIAR_RECORDS) as server:
            minimal = self.minimal(self.given((server.address, server.port)))
            if not isinstance(minimal, Command):
                raise LabError(minimal)
            wanted = sorted(map(heard, server.questions))
            server.questions.clear()
            minimal.run()
            if minimal.failure or sorted(map(heard, server.questions)) != wanted:
                raise LabError("minimal_dns does not ask what check_dns_target asks: %s, not %s" % (
                    minimal.failure or sorted(map(heard, server.questions)), wanted))
        print("  each name server is asked %d questions" % len(wanted), flush=True)

    # ---- one server ----

    @contextlib.contextmanager
    def servers(self):
        """Four Knot and four NSD, with EACH addresses; LabError."""
        with dns_servers.Lab() as lab:
            numbers = iter(range(1, 8 * EACH + 1))
            servers = [(lab.knot if number < 4 else lab.nsd)(
                "s%d" % number, *("127.53.10.%d" % next(numbers) for _ in range(EACH))) for number in range(8)]
            for server in servers:
                server.serve(Zone(ZONE, RECORDS))
                server.start(wait=False)
            for server in servers:
                server.wait_ready()
            yield servers

    def one(self, servers):
        for name, server in (("Knot", servers[0]), ("NSD", servers[-1])):
            rows = self.pair(self.given((server.address, server.port)))
            rows += [("check_dig, one question", installed(
                ["check_dig", "-H", server.address, "-p", str(server.port), "-l", APP, "-T", "A", "-a", ADDRESS]))]
            table("one server, " + name, rows, RUNS)
            instructions(rows[:2])
        self.port53()
        self.exporter(servers[0])

    def port53(self):
        """check_dns knows no ports."""
        with dns_servers.Lab() as lab:
            server = lab.knot("s53", "127.53.11.1")
            server.port = 53
            server.serve(Zone(ZONE, RECORDS))
            try:
                server.start()
            except LabError as error:
                print("\ncheck_dns: NOT MEASURED, it needs a server on port 53: %s" % str(error).split("\n")[0])
                return
            check_dns = installed(["check_dns", "-H", APP, "-s", server.address, "-a", ADDRESS + "," + ADDRESS6])
            table("one server, Knot on port 53",
                  self.pair(self.given((server.address, 53))) + [("check_dns, one question", check_dns)], MANY_RUNS)

    def exporter(self, server):
        if shutil.which("prometheus-blackbox-exporter") is None:
            print("  blackbox_exporter: NOT MEASURED, it is not installed")
            return
        with Exporter(self.folder, {server.port}) as exporter:
            wall, cpu = exporter.probe(server)
            words = "one question, asked for over HTTP, %.1f ms wall, %.1f ms CPU of its own, %.1f MiB; " \
                    "from its start to its first reply %.0f ms"
            print("  blackbox_exporter: " + words % (wall * 1000, cpu * 1000, exporter.memory(), exporter.start * 1000),
                  flush=True)

    # ---- several ----

    def many(self, servers):
        every = [(address, server.port) for server in servers for address in server.addresses]
        table("8 servers, four Knot and four NSD",
              self.pair(self.given(*((server.address, server.port) for server in servers))), RUNS)
        table("%d servers, eight addresses of each" % len(every), self.pair(self.given(*every)), MANY_RUNS)

    def late(self, servers):
        places = [(server.address, server.port) for server in servers[1:]]
        with Liar(LIAR_RECORDS, mode="slow%g" % SLOW) as slow:
            late = (slow.address, slow.port)
            rows = self.pair(self.given(late, *places))
            rows += [("  the late one alone", self.given(late)), ("  all but the late one", self.given(*places))]
            table("8 servers, one of them %d ms late" % (SLOW * 1000), rows)

    def given_servers(self):
        with self.servers() as servers:
            for part in (self.one, self.many, self.late):
                part(servers)

    # ---- found ----

    def found(self):
        with dns_servers.Place() as place:
            finder = place.r1
            ports = ["-P", str(place.port), "--find-by=%s:%d" % (finder.address, finder.port),
                     "--parent=%s:%d" % (place.parent.address, place.port)]
            search = self.ours(*ports)
            known = self.given(*((server.address, server.port) for server in place.names))
            table("three servers that are found", [
                ("minimal_dns, the same, all at once", self.minimal(search)), ("check_dns_target", search),
                ("  given, not found", known)], RUNS)
            place.sign()
            place.r1.forget()
            validated = self.ours(*ports, "--dnssec")
            table("the same, signed", [
                ("minimal_dns, the same, all at once", self.minimal(validated)), ("check_dns_target", search),
                ("  --dnssec", validated)], MANY_RUNS)


def main():
    programs = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[2:]}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(os.path.abspath(sys.argv[1]), programs, pathlib.Path(folder))
        print("What check_dns_target costs (goal: at most %.1f times the wall time of minimal_dns)" % GOAL)
        for part in (bench.alike, bench.given_servers, bench.found):
            try:
                part()
            except LabError as error:
                print("\n%s: NOT MEASURED, %s" % (part.__name__, error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
