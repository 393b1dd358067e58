#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azurite, Microsoft's own stand-in for Azure Storage: fetched by npm, in one fixed version, and kept.

    azurite.py ensure        make it ready and print its folder

It is kept in $XDG_CACHE_HOME/dr-plugins/azurite-VERSION (~/.cache/dr-plugins/...). The first time takes npm about 15
seconds and 190 MB; node 18 or later runs it."""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

VERSION = "3.35.0"
ACCOUNT = "devstoreaccount1"
# Azurite's own, in its manual: no secret.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
SERVICES = ("blob", "queue", "table")
INSTALL_LIMIT = 300
START_LIMIT = 60


class NotAvailable(Exception):
    """It cannot be had on this machine now; the text says why."""


def folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "dr-plugins" / ("azurite-" + VERSION)


def program(where):
    """The script that node runs, once the folder is complete."""
    package = where / "node_modules" / "azurite"
    try:
        found = json.loads((package / "package.json").read_text())
    except (OSError, ValueError):
        return None
    script = package / found["bin"]["azurite"] if found.get("version") == VERSION else None
    return script if script is not None and script.exists() else None


def ensure():
    """Its script. NotAvailable with the reason otherwise."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise NotAvailable("there is no %s here" % tool)
    where = folder()
    where.parent.mkdir(parents=True, exist_ok=True)
    with open(str(where) + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program(where) is None:
            partial = pathlib.Path(str(where) + ".partial")
            shutil.rmtree(str(partial), ignore_errors=True)
            partial.mkdir()
            try:
                done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix",
                                       str(partial), "azurite@" + VERSION], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=INSTALL_LIMIT, check=False)
            except subprocess.TimeoutExpired:
                raise NotAvailable("npm install took longer than %d s" % INSTALL_LIMIT) from None
            if done.returncode != 0 or program(partial) is None:
                raise NotAvailable("npm install failed: " + done.stdout.decode(errors="replace")[-300:])
            shutil.rmtree(str(where), ignore_errors=True)
            partial.rename(where)
    return program(where)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


@contextlib.contextmanager
def running():
    """{service: port} of an Azurite that is gone afterwards."""
    script = ensure()
    ports = dict(zip(SERVICES, free_ports(len(SERVICES))))
    with tempfile.TemporaryDirectory() as data:
        command = ["node", str(script), "--silent", "--skipApiVersionCheck", "--disableTelemetry",
                   "-l", data]
        for service, port in ports.items():
            command += ["--%sHost" % service, "127.0.0.1", "--%sPort" % service, str(port)]
        with open(os.path.join(data, "output"), "w+") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=data)
            try:
                wait_for(process, ports, output)
                yield ports
            finally:
                process.terminate()
                process.wait()


def wait_for(process, ports, output):
    """Until all three listen: they say so, one line each."""
    end = time.monotonic() + START_LIMIT
    while True:
        output.flush()
        with open(output.name) as said:
            text = said.read()
        if text.count("is successfully listening") == len(ports):
            return
        if process.poll() is not None or time.monotonic() > end:
            raise NotAvailable("Azurite does not start: " + text[-300:])
        time.sleep(0.05)


def main():
    if sys.argv[1:] != ["ensure"]:
        sys.exit(__doc__.strip())
    try:
        print(ensure())
    except NotAvailable as reason:
        sys.exit("Azurite: not available: %s" % reason)


if __name__ == "__main__":
    main()
