# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's server (Debian's python3-moto, in the root of trixie: roots.py) on loopback: the APIs of Amazon Web Services, written
by others from its models. It verifies no signature.

    with Moto() as moto:
        moto.ask("ec2", Action="CreateVolume", Version="2016-11-15", Size=1, AvailabilityZone="eu-central-1a")"""

import http.client
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import roots
from postgresql import free_port

REGION = "eu-central-1"
ROOT = roots.root_path("trixie")
PORTS = set()
STARTS = 60  # seconds


def missing():
    """Why there is none on this machine; None."""
    if not (ROOT / "usr/bin/moto_server").exists():
        return "no moto in %s (tests/lab/roots.py ensure trixie)" % ROOT
    return None if os.geteuid() == 0 else "only root can enter %s" % ROOT


class Moto:
    def __enter__(self):
        self.port = free_port(PORTS)
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            roots.enter(ROOT, ["moto_server", "-H", "127.0.0.1", "-p", str(self.port)]), env=roots.environment(),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def wait(self):
        end = time.monotonic() + STARTS
        while True:
            try:
                urllib.request.urlopen("http://127.0.0.1:%d/moto-api/" % self.port, timeout=5).read()
                return
            except (OSError, http.client.HTTPException):
                self.log.seek(0)
                assert self.process.poll() is None and time.monotonic() < end, self.log.read().decode(errors="replace")
                time.sleep(0.1)

    def ask(self, service, **parameters):
        """The text of the reply."""
        request = urllib.request.Request(
            "http://127.0.0.1:%d/" % self.port, data=urllib.parse.urlencode(parameters).encode(),
            headers={"Authorization": "AWS4-HMAC-SHA256 Credential=lab/20260101/%s/%s/aws4_request, SignedHeaders=host, "
                                      "Signature=0" % (REGION, service)})
        try:
            return urllib.request.urlopen(request, timeout=30).read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode(errors="replace")) from error
