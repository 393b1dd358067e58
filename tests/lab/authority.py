# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for the lab's servers and clients, by openssl, of any time.

    ca = Authority(folder)
    good = ca.certificate("web1", "IP:127.0.0.2,DNS:web1.example")
    ca.certificate("client", "DNS:client")
    ca.certificate("soon", "IP:127.0.0.2", days=5)
    ca.certificate("expired", "IP:127.0.0.2", start=-30, days=-1)
    ca.certificate("early", "IP:127.0.0.2", start=2)
    Authority(folder, "stranger").certificate("foreign", "IP:127.0.0.2")
    ca.subordinate("issuing").certificate("web2", "IP:127.0.0.3").chain

The keys are elliptic."""

import collections
import datetime
import os
import subprocess

CONFIG = """[ca]
default_ca = lab
[lab]
database = %(name)s.index
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
[policy]
commonName = supplied
[req]
distinguished_name = subject
[subject]
"""

# What strict clients (Python 3.13) insist on.
CA = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
SIGNED = "authorityKeyIdentifier=keyid\n"

# Paths. `chain` is the certificate followed by those of subordinate authorities, as a server has to show them;
# `pem` is the chain and the key in one file.
Certificate = collections.namedtuple("Certificate", "certificate key chain pem")


def moment(days):
    """So many days from now, as openssl ca writes it."""
    there = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return there.strftime("%Y%m%d%H%M%SZ")


class Authority:
    """NAME.crt and NAME.key in a folder, and what it signs; 20 ms each. Names are those of files: one each.

    file           the path of its own certificate: what a client trusts
    days, start    days from now, fractions too: until when it is valid, and since when"""

    def __init__(self, folder, name="ca", days=60, start=-1, above=None):
        self.folder = str(folder)
        self.name = name
        self.above = above
        self.file = self.path(name + ".crt")
        for ending, text in ((".index", ""), (".cnf", CONFIG % {"name": name})):
            with open(self.path(name + ending), "w") as file:
                file.write(text)
        self._request(name)
        signer = above or self
        signer._sign(name, CA + (SIGNED if above else ""), start, days, *([] if above else ["-selfsign"]))

    def path(self, name):
        return os.path.join(self.folder, name)

    def _openssl(self, *words):
        done = subprocess.run(("openssl",) + words, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise OSError("openssl %s: %s" % (words[0], done.stdout.decode(errors="replace")))

    def _request(self, name):
        self._openssl("req", "-new", "-config", self.name + ".cnf", "-newkey", "ec", "-pkeyopt",
                      "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", name + ".key", "-out", name + ".csr",
                      "-subj", "/CN=" + name)

    def _sign(self, name, extensions, start, days, *words):
        with open(self.path(name + ".ext"), "w") as file:
            file.write(extensions)
        self._openssl("ca", "-batch", "-notext", "-config", self.name + ".cnf", "-cert", self.name + ".crt",
                      "-keyfile", self.name + ".key", "-in", name + ".csr", "-out", name + ".crt",
                      "-startdate", moment(start), "-enddate", moment(days), "-extfile", name + ".ext", *words)

    def certificate(self, name, subject, days=30, start=-1):
        """Certificate for a subject, as "IP:127.0.0.1,DNS:localhost"."""
        self._request(name)
        self._sign(name, SIGNED + "subjectAltName=%s\n" % subject, start, days)
        parts = [name]
        authority = self
        while authority.above is not None:
            parts.append(authority.name)
            authority = authority.above
        made = Certificate(*(self.path(name + ending) for ending in (".crt", ".key", ".chain", ".pem")))
        chain = "".join(open(self.path(part + ".crt")).read() for part in parts)
        for path, text in ((made.chain, chain), (made.pem, chain + open(made.key).read())):
            with open(path, "w") as file:
                file.write(text)
        return made

    def subordinate(self, name, days=60):
        """An authority whose own certificate this one has signed."""
        return Authority(self.folder, name, days, above=self)
