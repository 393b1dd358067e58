# SPDX-License-Identifier: GPL-3.0-or-later
"""Zone files for the lab's name servers, signed where they are to be.

    zone = Zone("shop.dr-lab.example", "www 60 A 192.0.2.10", servers=(ns1, ns2))
    zone.change(records="www 60 A 198.51.100.10").sign(expiry=time.time() + 3600)

Every zone has a TXT record `lab-version` (MARK), which is another one after each change: a server has a change when it
says so."""

import collections
import copy
import os
import subprocess
import time

from postgresql import LabError
from program import find_program

MARK = "lab-version"
NOBODY = "ns.nobody.invalid."

# Times are seconds since the epoch.
Signing = collections.namedtuple("Signing", "inception expiry algorithm nsec3 opt_out")


class Zone:
    """What a zone file says. Servers take copies of it: Server.change() changes that of one server.

    origin               without the last dot; "" is the root
    records              lines of a zone file, names relative to the origin
    servers              the servers of its NS records: Servers (with address records where their names lie in the zone:
                         NAME.ORIGIN), or names with a dot at the end, which have none; none: NOBODY
    serial, refresh, retry, expire, minimum, ttl     of the SOA record; ttl is that of all records without one
    signing              Signing; None. Lab.keys are its keys"""

    FIELDS = ("records", "servers", "serial", "refresh", "retry", "expire", "minimum", "ttl", "signing")

    def __init__(self, origin, records="", servers=(), serial=1, refresh=3600, retry=600, expire=604800, minimum=60,
                 ttl=300, signing=None):
        self.origin = origin
        self.records = records
        self.servers = tuple(servers)
        self.serial = serial
        self.refresh, self.retry, self.expire, self.minimum, self.ttl = refresh, retry, expire, minimum, ttl
        self.signing = signing

    def change(self, **fields):
        """Another Zone, with the next serial unless one is given."""
        changed = copy.copy(self)
        for name, value in dict({"serial": self.serial + 1}, **fields).items():
            if name not in self.FIELDS:
                raise LabError("a zone has no %s" % name)
            setattr(changed, name, value)
        return changed

    def sign(self, inception=None, expiry=None, algorithm="ECDSAP256SHA256", nsec3=False, opt_out=False):
        """Another Zone: the same, signed. Seconds since the epoch; default: from an hour ago, for 30 days. opt_out: of
        NSEC3, which it makes it (RFC 5155, 6)."""
        now = int(time.time())
        inception = now - 3600 if inception is None else int(inception)
        expiry = now + 30 * 86400 if expiry is None else int(expiry)
        return self.change(signing=Signing(inception, expiry, algorithm, nsec3, opt_out))

    def server_name(self, server):
        """As in its NS record, with the last dot."""
        return server if isinstance(server, str) else "%s.%s" % (server.name, self.origin and self.origin + ".")

    def text(self, mark):
        """The file, unsigned."""
        at = self.origin + "."
        names = [self.server_name(server) for server in self.servers] or [NOBODY]
        lines = ["$ORIGIN " + at, "$TTL %d" % self.ttl, "@ IN SOA %s hostmaster.%s %d %d %d %d %d" % (
            names[0], at if self.origin else "", self.serial, self.refresh, self.retry, self.expire, self.minimum)]
        lines += ["@ IN NS " + name for name in names]
        for server in self.servers:
            if not isinstance(server, str):
                lines += address_records(self.server_name(server), server)
        lines.append('%s 0 IN TXT "%s"' % (MARK, mark))
        return "\n".join(lines) + "\n" + self.records.strip("\n") + "\n"

    def write(self, lab, path, mark):
        """The file at this path, signed where it is to be."""
        with open(path, "w") as file:
            file.write(self.text(mark))
        if self.signing:
            keys = lab.keys(self.origin, self.signing.algorithm)
            run_tool("ldns-signzone", "-i", self.signing.inception, "-e", self.signing.expiry,
                     *(["-n", "-p"] if self.signing.opt_out else ["-n"] if self.signing.nsec3 else []), "-o", self.origin + ".", "-f", path + ".signed", path,
                     *keys, folder=lab.folder)
            os.replace(path + ".signed", path)
        # Later than any time at which a server may have read it, and later each time: they compare it.
        later = int(time.time()) + 86400 + lab.later()
        os.utime(path, (later, later))


def address_records(name, server, ttl=""):
    """Lines: the addresses of a server."""
    return ["%s %s IN %s %s" % (name, ttl, "AAAA" if ":" in address else "A", address) for address in server.addresses]


def delegation(origin, servers, ttl=300, glue=True, ds=""):
    """Lines for the zone above: NS, glue and DS of a zone. `servers` as those of a Zone; `ds`: Lab.ds()."""
    zone = Zone(origin)
    lines = []
    for server in servers:
        name = zone.server_name(server)
        lines.append("%s. %d IN NS %s" % (origin, ttl, name))
        if glue and not isinstance(server, str):
            lines += address_records(name, server, ttl)
    return "\n".join(lines + [ds]).strip() + "\n"


def run_tool(name, *words, folder):
    done = subprocess.run([find_program(name)] + [str(word) for word in words], cwd=folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False)
    if done.returncode != 0:
        raise LabError("%s %s: %s%s" % (name, " ".join(map(str, words)), done.stdout, done.stderr))
    return done.stdout
