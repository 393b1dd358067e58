#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command where the only name server stays silent, or says that no name exists.

    resolver.py silent|nxdomain SECONDS COMMAND...

The command runs in mount and network namespaces of its own: resolv.conf names 127.0.0.1, and on port 53 there this
program listens. Nothing of the machine's own configuration is touched, and nothing can leave loopback, which is all the
network there is. How long the command took is written to the file SECONDS. Needs root, or a kernel that lets users make
namespaces.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

INSIDE = "--inside"
FILES = {"resolv.conf": "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n", "nsswitch.conf": "hosts: files dns\n"}
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def answer_no(server):
    """NXDOMAIN to everything: the question with the bits of a reply, RFC 1035 section 4.1.1."""
    while True:
        question, client = server.recvfrom(4096)
        server.sendto(question[:2] + b"\x81\x83" + question[4:6] + bytes(6) + question[12:], client)


def configure(folder):
    for name, text in FILES.items():
        path, place = os.path.join(folder, name), os.path.realpath(os.path.join("/etc", name))
        with open(path, "w") as file:
            file.write(text)
        if os.path.exists(place):
            subprocess.run(["mount", "--bind", path, place], check=True)


def inside(mode, seconds, command):
    raise_loopback()
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    if mode == "nxdomain":
        threading.Thread(target=answer_no, args=(server,), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        configure(folder)
        started = time.monotonic()
        code = subprocess.run(command, check=False).returncode
        with open(seconds, "w") as file:
            file.write("%.3f" % (time.monotonic() - started))
    return code


def main():
    if sys.argv[1] == INSIDE:
        return inside(sys.argv[2], sys.argv[3], sys.argv[4:])
    users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    os.execvp("unshare", ["unshare"] + users + ["--mount", "--propagation", "private", "--net", sys.executable,
                                                os.path.abspath(__file__), INSIDE] + sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
