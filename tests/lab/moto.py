# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's server (Debian's python3-moto) of another suite (roots.py) on loopback: the APIs of Amazon Web Services, written by
others from its models. It verifies no signature, and dates what is made by the real clock.

    with Moto("trixie") as moto:
        moto.ask("ec2", Action="CreateVolume", Version="2016-11-15", Size=1, AvailabilityZone="eu-central-1a")
        client = moto.client("s3")                  # botocore's
        moto.uri("backups", "pg/*.dump")            # of S3, for --target
        moto.environment                            # credentials: any will do

The rules are those of program.py."""

import os
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import roots
from postgresql import free_port
from program import Program
from swift_lab import REGION as S3_REGION, place

PACKAGE = "python3-moto"
SUITES = ("trixie",)
REGION = "eu-central-1"
STARTS = 60  # seconds


class Moto:
    def __init__(self, suite):
        self.root = str(roots.root_path(suite))
        self.folder = tempfile.mkdtemp(prefix="dr-moto-")
        self.port = free_port(set())
        self.program = Program("moto", os.path.join(self.folder, "moto"))
        self.endpoint = "http://127.0.0.1:%d" % self.port
        self.environment = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab",
                            "AWS_EC2_METADATA_DISABLED": "true"}

    def __enter__(self):
        try:
            self.program.run(["chroot", self.root, "/usr/bin/moto_server", "-H", "127.0.0.1", "-p", self.port],
                             TMPDIR="/tmp", HOME="/tmp")
            self.program.wait_for(self.answers, "moto answers", STARTS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.program.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self):
        try:
            with urllib.request.urlopen(self.endpoint + "/moto-api/data.json", timeout=5) as reply:
                return reply.status == 200
        except OSError:
            return False

    def ask(self, service, **parameters):
        """The text of the reply."""
        request = urllib.request.Request(
            self.endpoint + "/", data=urllib.parse.urlencode(parameters).encode(),
            headers={"Authorization": "AWS4-HMAC-SHA256 Credential=lab/20260101/%s/%s/aws4_request, SignedHeaders=host, "
                                      "Signature=0" % (REGION, service)})
        try:
            return urllib.request.urlopen(request, timeout=30).read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode(errors="replace")) from error

    def client(self, service):
        import botocore.config
        import botocore.session
        return botocore.session.Session().create_client(
            service, region_name=S3_REGION, endpoint_url=self.endpoint, aws_access_key_id="lab",
            aws_secret_access_key="lab", config=botocore.config.Config(
                s3={"addressing_style": "path"}, proxies={}, retries={"max_attempts": 2}))

    def uri(self, bucket, path="", **parameters):
        return place(self.endpoint, bucket, path, **parameters)
