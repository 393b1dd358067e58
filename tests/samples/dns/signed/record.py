#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records the replies of this folder: signs a small zone with the tools of ldns, serves it with Knot on loopback, asks.

    /usr/bin/python3 record.py [FOLDER]

Keys are new in each run, the times in the signatures are fixed (2026-01-01 to 2027-01-01), so that tests choose a `now`.
"""
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

ZONE = """$ORIGIN dr.example.
$TTL 300
@ 3600 SOA ns1 hostmaster 7 7200 3600 1209600 600
@ NS ns1
ns1 A 192.0.2.53
app 60 A 192.0.2.10
app 60 A 192.0.2.11
www CNAME app
nowhere CNAME gone
away CNAME app.cdn.example.
*.wild 60 A 192.0.2.20
*.alias CNAME app
a.ent A 192.0.2.30
old DNAME new
app.new 60 A 192.0.2.40
sub NS ns.sub
ns.sub A 192.0.2.54
"""
PARENT = """$ORIGIN example.
$TTL 300
@ 3600 SOA ns1.dr hostmaster.dr 7 7200 3600 1209600 600
@ NS ns1.dr
dr NS ns1.dr
ns1.dr A 192.0.2.53
"""
TYPES = {"A": 1, "SOA": 6, "AAAA": 28, "DS": 43, "DNSKEY": 48}

# Folder, algorithm (None: not signed), arguments of ldns-signzone, digests of the DS records.
VARIANTS = [
    ("nsec", "ECDSAP256SHA256", [], ["-2"]),
    ("nsec3", "RSASHA256", ["-n", "-t", "2", "-s", "c0ffee"], ["-4"]),
    ("optout", "ED25519", ["-n", "-p", "-t", "0"], ["-1", "-2"]),
    ("dear", "ECDSAP384SHA384", ["-n", "-t", "200"], ["-2"]),
    ("sha1", "ECDSAP256SHA256", [], ["-1"]),
    ("plain", None, [], []),
]
# File, name, type, DO.
QUESTIONS = [
    ("dnskey", "dr.example", "DNSKEY", True),
    ("ds", "dr.example", "DS", True),
    ("soa", "dr.example", "SOA", True),
    ("app", "app.dr.example", "A", True),
    ("app-bare", "app.dr.example", "A", False),
    ("app-nodata", "app.dr.example", "AAAA", True),
    ("www", "www.dr.example", "A", True),
    ("www-nodata", "www.dr.example", "AAAA", True),
    ("nowhere", "nowhere.dr.example", "A", True),
    ("away", "away.dr.example", "A", True),
    ("gone", "gone.dr.example", "A", True),
    ("gone-deep", "a.b.c.dr.example", "A", True),
    ("wild", "x.wild.dr.example", "A", True),
    ("wild-deep", "x.y.wild.dr.example", "A", True),
    ("wild-nodata", "x.wild.dr.example", "AAAA", True),
    ("wild-itself", "*.wild.dr.example", "A", True),
    ("alias", "x.alias.dr.example", "A", True),
    ("ent", "ent.dr.example", "A", True),
    ("dname", "app.old.dr.example", "A", True),
    ("sub", "x.sub.dr.example", "A", True),
]


def run(folder, *command):
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def make_zone(folder, algorithm, arguments, digests):
    """Writes dr.zone and parent.zone."""
    parent = PARENT
    write(folder, "dr.zone", ZONE)
    if algorithm:
        size = ["-b", "2048"] if algorithm.startswith("RSA") else []
        ksk = run(folder, "ldns-keygen", "-k", "-a", algorithm, *size, "dr.example").strip()
        zsk = run(folder, "ldns-keygen", "-a", algorithm, *size, "dr.example").strip()
        run(folder, "ldns-signzone", "-i", "20260101000000", "-e", "20270101000000", *arguments, "dr.zone", ksk, zsk)
        os.replace(os.path.join(folder, "dr.zone.signed"), os.path.join(folder, "dr.zone"))
        for digest in digests:
            parent += run(folder, "ldns-key2ds", "-n", digest, ksk + ".key")
    write(folder, "parent.zone", parent)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(folder, port):
    write(folder, "knot.conf", f"""server:
    listen: 127.0.0.1@{port}
    rundir: {folder}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {folder}
zone:
  - domain: dr.example
    file: {folder}/dr.zone
  - domain: example
    file: {folder}/parent.zone
""")
    return subprocess.Popen(["knotd", "-c", os.path.join(folder, "knot.conf")], stdout=subprocess.DEVNULL)


def query(name, kind, dnssec):
    wire = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    opt = b"\0" + struct.pack("!HHIH", 41, 4096, 0x8000 if dnssec else 0, 0)
    return struct.pack("!6H", 4711, 0, 1, 0, 0, 1) + wire + struct.pack("!2H", TYPES[kind], 1) + opt


def receive(link, size):
    data = b""
    while len(data) < size:
        more = link.recv(size - len(data))
        if not more:
            raise ConnectionResetError("half a reply")
        data += more
    return data


def ask(port, name, kind, dnssec):
    """Over TCP: some replies are too long for UDP."""
    question = query(name, kind, dnssec)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as link:
                link.sendall(struct.pack("!H", len(question)) + question)
                return receive(link, struct.unpack("!H", receive(link, 2))[0])
        except ConnectionError:
            time.sleep(0.01)  # it does not listen yet
    raise TimeoutError(f"no reply for {name} {kind}")


def main():
    target = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for variant, algorithm, arguments, digests in VARIANTS:
        os.makedirs(os.path.join(target, variant), exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            make_zone(folder, algorithm, arguments, digests)
            port = free_port()
            server = serve(folder, port)
            try:
                for name, owner, kind, dnssec in QUESTIONS:
                    with open(os.path.join(target, variant, name), "wb") as file:
                        file.write(ask(port, owner, kind, dnssec))
            finally:
                server.terminate()
                server.wait()
            if variant == "nsec":
                with open(os.path.join(folder, "dr.zone")) as zone:
                    write(os.path.join(target, variant), "anchor.key",
                          "; the key that the zone is entered by\n"
                          + "".join(line for line in zone if "\tDNSKEY\t257" in line))


if __name__ == "__main__":
    main()
