# SPDX-License-Identifier: GPL-3.0-or-later
"""Real name servers on loopback: Knot, NSD and BIND with zones of ours, Unbound and BIND as resolvers; gone at the end.

    with Lab() as lab:
        ns1, ns2 = lab.knot("ns1"), lab.nsd("ns2")
        zone = Zone("shop.dr-lab.example", "www 60 A 192.0.2.10", servers=(ns1, ns2))
        for server in (ns1, ns2):
            server.serve(zone)
            server.start()
        ns2.change(zone.origin, records="www 60 A 198.51.100.10")      # the next serial, on this server alone
        r1 = lab.unbound("r1", {zone.origin: (ns1, ns2)}).start()
        r1.ask("www.shop.dr-lab.example").addresses

All servers of a lab listen on one port (Lab.port), since a referral carries none; each has an address of its own in
127.53.0.0/16, or ::1. BIND listens on addresses of interfaces alone: 127.0.0.1 and ::1. A BIND that resolves has a port
of its own, so that there may be one that serves zones beside it. TLS and HTTPS have ports of their own, the same for
all. What the live tests share is Place. Zones are those of dns_zones.py.

The rules are those of program.py: nothing sleeps for a fixed time. Nothing is asked beyond loopback: resolvers send
from 127.0.0.1 and ::1. The names lie below `example.`: resolvers answer for `test.` by themselves.

Measured on Debian 12, seconds until the first answer: Knot 0.02, NSD 0.06, BIND 0.03, Unbound 0.04; all four of a Place
0.07. A change of a zone 0.02 to 0.03, signing it on three servers and its DS 0.11."""

import atexit
import functools
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from dns_wire import ask
from dns_zones import MARK, Zone, delegation, run_tool
from postgresql import LabError, catch_signals, free_port, wait_until
from program import Program, find_program, process_state, signal_all

NETWORK = "127.53.9."
ANSWER_WAIT = 0.2  # seconds for one reply while a server starts

# ---- programs ----

@functools.lru_cache(maxsize=None)
def program_words(program):
    """What nsd, unbound or named says of itself."""
    done = subprocess.run([find_program(program), {"nsd": "-v"}.get(program, "-V")], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
    return done.stdout


def version(program):
    """(4, 6, 1) of nsd, unbound or named."""
    found = re.search(r"\b(\d+)\.(\d+)\.(\d+)", program_words(program))
    if found is None:
        raise LabError("%s says no version: %s" % (program, program_words(program)))
    return tuple(map(int, found.groups()))


def encrypted():
    """{(program, "tls" or "https"): whether this one has it}."""
    named = version("named") >= (9, 18)
    return {("unbound", "tls"): True, ("unbound", "https"): "nghttp2" in program_words("unbound"),
            ("named", "tls"): named, ("named", "https"): named}


def extended_errors():
    """{program: whether this one says with an answer that it is too old (RFC 8914)}."""
    return {"unbound": version("unbound") >= (1, 16), "named": version("named") >= (9, 18)}


# ---- servers ----

class Server:
    """One process. `addresses` are all of them, `address` the first; `port` is the lab's."""

    def __init__(self, lab, name, addresses):
        self.lab = lab
        self.name = name
        self.addresses = tuple(addresses)
        self.address = self.addresses[0]
        self.port = lab.port
        self.program = Program(name, os.path.join(lab.folder, name))
        self.folder = self.program.folder
        lab.servers.append(self)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, wait=True):
        for other in self.lab.servers:
            if other.running() and other.port == self.port and set(other.addresses) & set(self.addresses):
                raise LabError("%s and %s have the same address" % (self.name, other.name))
        path = self.path("server.conf")
        with open(path, "w") as file:
            file.write(self.configuration())
        self.program.run(self.command(path))
        if wait:
            self.wait_ready()
        return self

    def ready(self):
        """It answers, whatever. BIND answers few questions of class CH in a second."""
        return self.try_ask("", "NS") is not None

    def wait_ready(self):
        self.program.wait_for(self.ready, "answers")

    def try_ask(self, name, kind, **options):
        try:
            return ask(self.address, self.port, name, kind, seconds=ANSWER_WAIT, **options)
        except OSError:
            return None

    def ask(self, name, kind="A", **options):
        """Reply; OSError. Options of ask()."""
        return ask(self.address, self.port, name, kind, **options)

    def running(self):
        return self.program.running()

    def stop(self):
        """As a crash: at once. Nobody listens any more."""
        self.program.kill()

    def restart(self):
        self.stop()
        return self.start()

    def freeze(self):
        """Up, and silent."""
        pids = [self.program.process.pid] + self.program.children()
        signal_all(pids, signal.SIGSTOP)
        wait_until(lambda: all(process_state(pid)[0] in ("T", "Z", None) for pid in pids), self.name + " is stopped")

    def thaw(self):
        self.program.thaw()


class Authoritative(Server):
    """A server of zones: its own copy of each in `zones`."""

    def __init__(self, lab, name, addresses):
        super().__init__(lab, name, addresses)
        self.zones = {}
        self.marks = {}
        self.followed = {}  # origin: the primary that it is transferred from
        self.followers = {}  # origin: secondaries

    def zone_file(self, origin):
        return self.path((origin or "root") + ".zone")

    def serve(self, zone):
        """Takes a Zone, in place of the one it may have of that name. A running server has it when this returns."""
        new = zone.origin not in self.zones
        self.zones[zone.origin] = zone
        self.marks[zone.origin] = str(self.lab.later())
        zone.write(self.lab, self.zone_file(zone.origin), self.marks[zone.origin])
        if self.running():
            if new:
                self.restart()
            else:
                self.program.process.send_signal(signal.SIGHUP)
                self.wait_ready()
        return self

    def change(self, origin, **fields):
        """Zone.change() of its own copy."""
        return self.serve(self.zones[origin].change(**fields))

    def remove(self, origin):
        """It serves this zone no more."""
        del self.zones[origin], self.marks[origin]
        if self.running():
            self.restart()

    def ready(self):
        return (super().ready() and all(map(self.has, self.marks)) and all(map(self.transferred, self.followed))
                and self.settled())

    def settled(self):
        """Whoever answers has what was seen last. Asked after that was seen."""
        return True

    def has(self, origin):
        reply = self.try_ask("%s.%s" % (MARK, origin), "TXT")
        return reply is not None and [record.data for record in reply.records("TXT")] == [self.marks[origin]]

    def transferred(self, origin):
        return self.serial(origin) == self.followed[origin].zones[origin].serial

    def serial(self, origin):
        """As it says; None."""
        reply = self.try_ask(origin, "SOA")
        found = reply.records("SOA") if reply else []
        return found[0].data[2] if found else None

    def wait_serial(self, origin, serial):
        self.program.wait_for(lambda: self.serial(origin) == serial and self.settled(),
                              "serial %d of %s" % (serial, origin))


class Knot(Authoritative):
    CONFIG = """
server:
    rundir: "%(folder)s"
%(listen)s
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    nsid: "%(name)s"
log:
  - target: stderr
    any: info
control:
    listen: "%(folder)s/knot.sock"
database:
    storage: "%(folder)s"
acl:
  - id: lab
    address: [127.0.0.0/8, "::1"]
    action: transfer
%(remotes)stemplate:
  - id: default
    storage: "%(folder)s"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    acl: lab
zone:
%(zones)s"""

    def command(self, path):
        return [find_program("knotd"), "-c", path]

    def configuration(self):
        followers = sorted({server for servers in self.followers.values() for server in servers},
                           key=lambda server: server.name)
        remotes = "".join('  - id: %s\n    address: %s@%d\n' % (server.name, server.address, server.port)
                          for server in followers)
        zones = ""
        for origin in self.zones:
            notified = ", ".join(server.name for server in self.followers.get(origin, ()))
            zones += '  - domain: "%s."\n    file: "%s"\n' % (origin, self.zone_file(origin))
            zones += "    notify: [%s]\n" % notified if notified else ""
        listen = "\n".join('    listen: "%s@%d"' % (address, self.port) for address in self.addresses)
        return self.CONFIG % {"folder": self.folder, "listen": listen, "name": self.name, "zones": zones,
                              "remotes": "remote:\n" + remotes if remotes else ""}


class Nsd(Authoritative):
    CONFIG = """
server:
%(listen)s
    server-count: 1
    username: ""
%(database)s    zonesdir: "%(folder)s"
    pidfile: "%(folder)s/nsd.pid"
    xfrdfile: "%(folder)s/xfrd.state"
    xfrdir: "%(folder)s"
    zonelistfile: "%(folder)s/zone.list"
    xfrd-reload-timeout: 0
    rrl-ratelimit: 0
    nsid: "ascii_%(name)s"
    verbosity: 1
remote-control:
    control-enable: no
"""

    def command(self, path):
        return [find_program("nsd"), "-d", "-c", path]

    def configuration(self):
        # Later versions have none, and know the word no more.
        database = '    database: ""\n' if version("nsd") < (4, 8) else ""
        listen = "\n".join("    ip-address: %s@%d" % (address, self.port) for address in self.addresses)
        text = self.CONFIG % {"folder": self.folder, "listen": listen, "name": self.name, "database": database}
        for origin in list(self.zones) + list(self.followed):
            text += 'zone:\n    name: "%s."\n    zonefile: "%s"\n' % (origin, self.zone_file(origin))
            if origin in self.followed:
                primary = self.followed[origin]
                text += "    allow-notify: 127.0.0.0/8 NOKEY\n    request-xfr: AXFR %s@%d NOKEY\n" % (
                    primary.address, primary.port)
        return text

    def settled(self):
        """Beside the process that transfers and the one that watches there is one that answers: with each reload it is
        a new one, and the old one answers for a moment longer."""
        return len([pid for pid in self.program.children() if process_state(pid)[0] not in (None, "Z")]) == 2

    def follow(self, primary, origin):
        """It is a secondary of a Knot for this zone: AXFR, NOTIFY. Both start anew where they run."""
        self.followed[origin] = primary
        primary.followers.setdefault(origin, []).append(self)
        for server in (primary, self):
            if server.running():
                server.restart()
        return self


NAMED = """
%(tls)soptions {
    directory "%(folder)s";
    port %(port)d;
%(listen)s
    pid-file none;
    session-keyfile none;
    managed-keys-directory "%(folder)s";
    query-source address 127.0.0.1;
    query-source-v6 address ::1;
    notify no;
    allow-query { any; };
    allow-transfer { any; };
    empty-zones-enable no;
    server-id "%(name)s";
%(options)s};
controls { };
logging { category lame-servers { null; }; };
%(zones)s"""


def named_command(path):
    return [find_program("named"), "-g", "-n", "1", "-c", path]


def named_configuration(server, zones, tls=None, **options):
    """`options` with "_" for "-"; a value is written as it is."""
    family, other = ("-v6", "") if ":" in server.address else ("", "-v6")
    listen = "    listen-on%s port %d { %s; };\n    listen-on%s { none; };\n" % (
        family, server.port, server.address, other)
    statement = ""
    if tls:
        statement = 'tls lab { cert-file "%s"; key-file "%s"; };\nhttp lab { endpoints { "/dns-query"; }; };\n' % (
            tls.chain, tls.key)
        for port, words in ((server.tls_port, "tls lab"), (server.https_port, "tls lab http lab")):
            listen += "    listen-on%s port %d %s { %s; };\n" % (family, port, words, server.address)
    lines = "".join("    %s %s;\n" % (name.replace("_", "-"), value) for name, value in options.items())
    return NAMED % {"folder": server.folder, "port": server.lab.port, "listen": listen.rstrip("\n"),
                    "name": server.name, "options": lines, "zones": zones, "tls": statement}


class Bind(Authoritative):
    def command(self, path):
        return named_command(path)

    def configuration(self):
        zones = "".join('zone "%s." { type master; file "%s"; check-integrity no; };\n' % (
            origin, self.zone_file(origin)) for origin in self.zones)
        return named_configuration(self, zones, recursion="no", dnssec_validation="no")


class Resolver(Server):
    """One with a cache. DoT and DoH (/dns-query, HTTP/2 alone) are on tls_port and https_port: see encrypted().

    stubs      {origin: servers}, Servers or (address, port)
    tls        an authority.Certificate: there are DoT and DoH
    anchors    lines of DS records that it validates by; none: nothing is validated
    options    of its configuration, "_" for "-" in their names"""

    def __init__(self, lab, name, addresses, stubs, tls=None, anchors="", **options):
        super().__init__(lab, name, addresses)
        self.stubs = dict(stubs)
        self.tls = tls
        self.tls_port = lab.tls_port
        self.https_port = lab.https_port
        self.anchors = anchors
        self.options = options

    def forget(self):
        """Its cache is empty: it starts anew."""
        return self.restart()

    def set(self, anchors=None, **options):
        """Other options, one without a value (None) is taken out; starts anew. Its cache is empty."""
        self.anchors = self.anchors if anchors is None else anchors
        self.options.update(options)
        self.options = {name: value for name, value in self.options.items() if value is not None}
        return self.restart()

    def ask(self, name, kind="A", **options):
        return super().ask(name, kind, **dict({"recursion": True}, **options))


def places(servers):
    """[(address, port)] of Servers and of what is such a pair already."""
    found = []
    for server in servers:
        found += [server] if isinstance(server, tuple) else [(address, server.port) for address in server.addresses]
    return found


class Unbound(Resolver):
    """A stub for each zone, since it asks the servers of a referral on port 53.

    It says nothing for some 30 s where the servers of a zone are dead, and takes a signature as valid until a day after
    it has expired (val-sig-skew-max: a tenth of its life, an hour to a day)."""

    CONFIG = """
server:
%(listen)s
    access-control: 127.0.0.0/8 allow
    access-control: ::1 allow
    do-not-query-localhost: no
    outgoing-interface: 127.0.0.1
    outgoing-interface: ::1
    do-daemonize: no
    username: ""
    chroot: ""
    directory: "%(folder)s"
    pidfile: ""
    use-syslog: no
    num-threads: 1
    module-config: "validator iterator"
%(options)sremote-control:
    control-enable: no
"""
    def says_stale(self):
        """It has extended errors."""
        return extended_errors()["unbound"]

    def command(self, path):
        return [find_program("unbound"), "-d", "-c", path]

    def serve_stale(self):
        """Answers that are too old are given where nobody can be asked, with extended errors where it has them."""
        edes = {"ede": "yes", "ede_serve_expired": "yes"} if self.says_stale() else {}
        return self.set(serve_expired="yes", **edes)

    def clamp(self, seconds):
        """Nothing is kept for less than so long."""
        return self.set(cache_min_ttl=seconds)

    def configuration(self):
        ports = [self.port] + ([self.tls_port, self.https_port] if self.tls else [])
        listen = "\n".join("    interface: %s@%d" % (address, port) for address in self.addresses for port in ports)
        options = dict(self.options)
        if self.tls:
            options.update(tls_port=self.tls_port, https_port=self.https_port,
                           tls_service_pem='"%s"' % self.tls.chain, tls_service_key='"%s"' % self.tls.key)
        if self.anchors:
            with open(self.path("anchors"), "w") as file:
                file.write(self.anchors)
            options["trust_anchor_file"] = '"%s"' % self.path("anchors")
        lines = "".join("    %s: %s\n" % (name.replace("_", "-"), value) for name, value in options.items())
        text = self.CONFIG % {"folder": self.folder, "listen": listen, "options": lines}
        for origin, servers in self.stubs.items():
            text += 'stub-zone:\n    name: "%s."\n' % origin
            text += "".join("    stub-addr: %s@%d\n" % place for place in places(servers))
        return text


class BindResolver(Resolver):
    """Follows referrals from the root, whose servers are stubs[""], on the lab's port; other stubs are forwarded to."""

    def __init__(self, lab, name, addresses, stubs, **options):
        super().__init__(lab, name, addresses, stubs, **options)
        self.port = wait_until(lab.free_port, "a port that is free on all addresses")

    def command(self, path):
        return named_command(path)

    def says_stale(self):
        return extended_errors()["named"]

    def serve_stale(self):
        return self.set(stale_cache_enable="yes", stale_answer_enable="yes", stale_answer_ttl=30)

    def clamp(self, seconds):
        return self.set(min_cache_ttl=seconds)

    def configuration(self):
        with open(self.path("hints"), "w") as file:
            file.write(delegation("", self.stubs[""]))
        zones = 'zone "." { type hint; file "%s"; };\n' % self.path("hints")
        for origin, servers in self.stubs.items():
            if origin:
                zones += 'zone "%s." { type forward; forward only; forwarders { %s }; };\n' % (
                    origin, " ".join("%s port %d;" % place for place in places(servers)))
        if self.anchors:
            zones += "trust-anchors {\n%s};\n" % "".join(
                '    "%s" static-ds %s %s %s "%s";\n' % words for words in re.findall(
                    r"^(\S+)\s.*?\bDS\s+(\d+)\s+(\d+)\s+(\d+)\s+([0-9A-Fa-f]+)", self.anchors, re.MULTILINE))
        options = dict({"recursion": "yes", "dnssec_validation": "yes" if self.anchors else "no",
                        "allow_recursion": "{ any; }"}, **self.options)
        return named_configuration(self, zones, self.tls, **options)


class Lab:
    """Servers, their one port, and the keys of zones."""

    def __init__(self):
        if threading.current_thread() is not threading.main_thread():
            raise LabError("a Lab belongs to the main thread")
        self.servers = []
        self.ports = set()
        self.port, self.tls_port, self.https_port = (
            wait_until(self.free_port, "a port that is free on all addresses") for _ in range(3))
        self._number = itertools.count(1)
        self._addresses = itertools.count(1)
        self._keys = {}
        catch_signals()
        atexit.register(self.close)
        self.folder = tempfile.mkdtemp(prefix="dr-lab-")

    def free_port(self):
        """One that is free on every address, for UDP and TCP; it is only looked at."""
        port = free_port(self.ports)
        for family, everywhere in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(family, kind) as probe:
                    if family == socket.AF_INET6:
                        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    try:
                        probe.bind((everywhere, port))
                    except OSError:
                        return None
        return port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops everything and removes the folder; may be called again."""
        atexit.unregister(self.close)
        for server in self.servers:
            server.stop()
        self.servers = []
        shutil.rmtree(self.folder, ignore_errors=True)

    def later(self):
        """A number that nobody had before."""
        return next(self._number)

    def _addresses_of(self, given):
        return given or (NETWORK + str(next(self._addresses)),)

    def knot(self, name, *addresses):
        return Knot(self, name, self._addresses_of(addresses))

    def nsd(self, name, *addresses):
        return Nsd(self, name, self._addresses_of(addresses))

    def bind(self, name, address="127.0.0.1"):
        """One for each of 127.0.0.1 and ::1."""
        return Bind(self, name, (address,))

    def unbound(self, name, stubs, *addresses, **options):
        return Unbound(self, name, self._addresses_of(addresses), stubs, **options)

    def bind_resolver(self, name, stubs, address="127.0.0.1", **options):
        return BindResolver(self, name, (address,), stubs, **options)

    # ---- keys ----

    def keys(self, origin, algorithm="ECDSAP256SHA256"):
        """The base names of the keys of a zone (KSK, ZSK), made once."""
        if (origin, algorithm) not in self._keys:
            self._keys[origin, algorithm] = [
                os.path.join(self.folder, run_tool("ldns-keygen", *kind, "-a", algorithm, origin + ".",
                                                   folder=self.folder).strip())
                for kind in (["-k"], [])]
        return self._keys[origin, algorithm]

    def ds(self, origin, algorithm="ECDSAP256SHA256"):
        """The line of its DS record (SHA-256)."""
        return run_tool("ldns-key2ds", "-n", "-2", self.keys(origin, algorithm)[0] + ".key", folder=self.folder)


# ---- what the live tests share ----

PARENT = "dr-lab.example"
ZONE = "shop." + PARENT
PROD = "192.0.2.0/24,2001:db8:1::/48"
DR = "198.51.100.0/24,2001:db8:2::/48"
# What is there: www by a link to a load balancer, and the same for the other site; a name of its own for each site.
RECORDS = """
www     60 CNAME lb-prod
lb-prod 60 A     192.0.2.10
lb-prod 60 AAAA  2001:db8:1::10
lb-dr   60 A     198.51.100.10
lb-dr   60 AAAA  2001:db8:2::10
app     60 A     192.0.2.20
app     60 AAAA  2001:db8:1::20
v4      60 A     192.0.2.30
text    60 TXT   "nothing else"
"""
# The same after a switch.
SWITCHED = RECORDS.replace("CNAME lb-prod", "CNAME lb-dr").replace("192.0.2.20", "198.51.100.20").replace(
    "2001:db8:1::20", "2001:db8:2::20").replace("192.0.2.30", "198.51.100.30")


class Place(Lab):
    """The root and dr-lab.example on `parent`; shop.dr-lab.example on ns1 (Knot), ns2 (NSD) and ns3 (BIND), each with
    its own copy; the resolvers r1 (Unbound) and r2 (BIND), which start when a scenario first uses them.

    ns1 and ns2 are in 127.53.1.0/24, ns3 is 127.0.0.1."""

    def __init__(self):
        super().__init__()
        self.parent = self.knot("ns", "127.53.0.1")
        self.ns1 = self.knot("ns1", "127.53.1.1")
        self.ns2 = self.nsd("ns2", "127.53.1.2")
        self.ns3 = self.bind("ns3")
        self.names = (self.ns1, self.ns2, self.ns3)
        self._resolvers = {}
        # The server of the root is that of the zone below it, under one name.
        above = ("ns.%s." % PARENT,)
        child = delegation(ZONE, self.names)
        self.parent.serve(Zone("", delegation(PARENT, (self.parent,)), above))
        self.parent.serve(Zone(PARENT, child, (self.parent,)))
        for server in self.names:
            server.serve(Zone(ZONE, RECORDS, self.names, serial=2026010101))
        self._kept = tuple(self.servers)
        for server in self._kept:
            server.start(wait=False)
        for server in self._kept:
            server.wait_ready()
        self._zones = {server: dict(server.zones) for server in self._kept}

    def stubs(self):
        return {"": (self.parent,), PARENT: (self.parent,), ZONE: self.names}

    @property
    def r1(self):
        if "r1" not in self._resolvers:
            self._resolvers["r1"] = self.unbound("r1", self.stubs(), "127.53.3.1").start()
        return self._resolvers["r1"]

    @property
    def r2(self):
        if "r2" not in self._resolvers:
            self._resolvers["r2"] = self.bind_resolver("r2", {"": (self.parent,)}).start()
        return self._resolvers["r2"]

    def sign(self, ds=True, servers=None, **signing):
        """The zone is signed on these servers (all), and the parent has its DS. Zone.sign()."""
        for server in servers or self.names:
            server.serve(server.zones[ZONE].sign(**signing))
        if ds:
            line = self.ds(ZONE, signing.get("algorithm", "ECDSAP256SHA256"))
            self.parent.change(PARENT, records=delegation(ZONE, self.names, ds=line))

    def switch(self, *servers):
        """These servers (all) say that the other site serves."""
        for server in servers or self.names:
            server.change(ZONE, records=SWITCHED)

    def rebuild(self):
        """The last resort, so that one scenario's damage is not everyone's."""
        for server in self.servers:
            server.stop()
        self.restore()

    def restore(self):
        """Undoes whatever a scenario did. Resolvers forget: those of the next one are new."""
        self._resolvers.clear()
        for server in list(self.servers):
            if server not in self._kept:
                server.stop()
                self.servers.remove(server)
        for server in self._kept:
            server.thaw()
            server.followers.clear()
            changed = [zone for origin, zone in self._zones[server].items() if server.zones.get(origin) is not zone]
            extra = set(server.zones) - set(self._zones[server])
            if extra:
                server.stop()
            for origin in extra:
                server.remove(origin)
            for zone in changed:
                server.serve(zone)
            if not server.running():
                server.start()
