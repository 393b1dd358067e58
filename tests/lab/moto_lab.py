# SPDX-License-Identifier: GPL-3.0-or-later
"""moto_server of another Debian suite on loopback: S3 (and the rest of AWS) by another hand than Swift's.

    with Moto("trixie") as moto:
        client = moto.client("s3")                  # botocore's
        moto.uri("backups", "pg/*.dump")            # for --target
        moto.environment                            # credentials: any will do, it verifies none

Objects are dated by the real clock. The rules are those of program.py."""

import os
import shutil
import tempfile
import urllib.request

import roots
from postgresql import free_port
from program import Program
from swift_lab import REGION, place

PACKAGE = "python3-moto"


class Moto:
    def __init__(self, suite):
        self.root = str(roots.root_path(suite))
        self.folder = tempfile.mkdtemp(prefix="dr-moto-")
        self.port = free_port(set())
        self.program = Program("moto", os.path.join(self.folder, "moto"))
        self.endpoint = "http://127.0.0.1:%d" % self.port
        self.environment = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "secret",
                            "AWS_EC2_METADATA_DISABLED": "true"}

    def __enter__(self):
        try:
            self.program.run(["chroot", self.root, "/usr/bin/moto_server", "-H", "127.0.0.1", "-p", self.port],
                             TMPDIR="/tmp", HOME="/tmp")
            self.program.wait_for(self.answers, "moto answers")
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

    def client(self, service):
        import botocore.config
        import botocore.session
        return botocore.session.Session().create_client(
            service, region_name=REGION, endpoint_url=self.endpoint, aws_access_key_id="any",
            aws_secret_access_key="secret", config=botocore.config.Config(
                s3={"addressing_style": "path"}, proxies={}, retries={"max_attempts": 2}))

    def uri(self, bucket, path="", **parameters):
        return place(self.endpoint, bucket, path, **parameters)
