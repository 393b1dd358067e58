#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command where names have the addresses of a file (as /etc/hosts), and nobody else is asked.

    names.py here|alone HOSTS COMMAND...

The command runs in a mount namespace of its own: nothing of the machine's own configuration is touched. "alone": in a
network namespace as well, where there is nothing but loopback, and nobody listens. Needs root, or a kernel that lets
users make namespaces."""

import os
import subprocess
import sys
import tempfile

from resolver import raise_loopback

INSIDE = "--inside"


def inside(mode, hosts, command):
    if mode == "alone":
        raise_loopback()
    with tempfile.NamedTemporaryFile("w") as switch:
        switch.write("hosts: files\n")
        switch.flush()
        os.chmod(switch.name, 0o644)
        for source, place in ((hosts, "/etc/hosts"), (switch.name, "/etc/nsswitch.conf")):
            subprocess.run(["mount", "--bind", source, os.path.realpath(place)], check=True)
        return subprocess.run(command, check=False).returncode


def main():
    if sys.argv[1] == INSIDE:
        return inside(sys.argv[2], sys.argv[3], sys.argv[4:])
    users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    network = ["--net"] if sys.argv[1] == "alone" else []
    os.execvp("unshare", ["unshare"] + users + network + ["--mount", "--propagation", "private", sys.executable,
                                                          os.path.abspath(__file__), INSIDE] + sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
