# SPDX-License-Identifier: GPL-3.0-or-later
"""Swift with its S3 API on loopback, which verifies every signature: Debian's own programs, one of each.

    with Swift() as swift:
        client = swift.client()                     # botocore's, which signs by itself
        client.create_bucket(Bucket="backups")
        swift.uri("backups", "pg/*.dump")            # for --target
        swift.environment                            # the credentials

Objects are dated by the real clock. The rules are those of program.py."""

import os
import shutil
import tempfile
import urllib.parse
import urllib.request

from postgresql import DEADLINE, LabError, free_port, wait_until
from program import Program, find_program

KEY = "dr:backup"
SECRET = "swift-lab-secret"
REGION = "us-east-1"
# who may log in, and see nothing
OTHER_KEY = "other:nobody"
OTHER_SECRET = "other-lab-secret"
# keys in a page, whatever is asked for: so that few objects are many pages
PAGE = 50

COMMON = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = %(port)d
workers = 0
user = root
swift_dir = %(folder)s
devices = %(folder)s/devices
mount_check = false
log_name = %(name)s
log_address = %(folder)s/no-log
fallocate_reserve = 0
disable_fallocate = true

"""
STORE = COMMON + """[pipeline:main]
pipeline = %(name)s-server

[app:%(name)s-server]
use = egg:swift#%(name)s
"""
PROXY = COMMON + """[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo
           versioned_writes symlink proxy-server

[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true

[filter:tempauth]
use = egg:swift#tempauth
user_dr_backup = %(secret)s .admin
user_other_nobody = %(other)s

[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
max_bucket_listing = %(page)d

[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true

[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:%(nowhere)d

""" + "\n".join("[filter:%s]\nuse = egg:swift#%s\n" % (name, name) for name in (
    "catch_errors", "gatekeeper", "healthcheck", "listing_formats", "bulk", "copy", "slo", "dlo", "symlink"))


class Swift:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="dr-swift-")
        self.ports = {}
        self.programs = []
        self.environment = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
                            "AWS_EC2_METADATA_DISABLED": "true"}

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        taken = set()
        for name in ("account", "container", "object", "proxy", "nowhere"):
            self.ports[name] = free_port(taken)
        os.makedirs(os.path.join(self.folder, "devices", "d1"))
        self.make_rings()
        for name in ("account", "container", "object", "proxy"):
            self.run(name)
        wait_until(self.answers, "Swift answers", DEADLINE)

    def make_rings(self):
        """By Swift's own classes, as swift-ring-builder does."""
        from swift.common.ring import RingBuilder
        for name in ("account", "container", "object"):
            builder = RingBuilder(4, 1, 1)
            builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": self.ports[name], "device": "d1",
                             "weight": 1})
            builder.rebalance()
            builder.get_ring().save(os.path.join(self.folder, name + ".ring.gz"))

    def run(self, name):
        path = os.path.join(self.folder, name + "-server.conf")
        text = PROXY if name == "proxy" else STORE
        with open(path, "w") as file:
            file.write(text % {"port": self.ports[name], "folder": self.folder, "name": name, "secret": SECRET,
                               "other": OTHER_SECRET, "page": PAGE, "nowhere": self.ports["nowhere"]})
        program = Program("swift-" + name, os.path.join(self.folder, name))
        self.programs.append(program)
        # what the hash of a path is made with is in the package's own /etc/swift/swift.conf
        program.run([find_program("swift-%s-server" % name), path])

    def answers(self):
        for program in self.programs:
            if not program.running():
                raise LabError("%s has ended: %s" % (program.name, program.log_tail()))
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/healthcheck" % self.ports["proxy"], timeout=5) as reply:
                return reply.read() == b"OK"
        except OSError:
            return False

    @property
    def endpoint(self):
        return "http://127.0.0.1:%d" % self.ports["proxy"]

    def client(self):
        """botocore's client, an implementation of its own of the signature."""
        import botocore.config
        import botocore.session
        return botocore.session.Session().create_client(
            "s3", region_name=REGION, endpoint_url=self.endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
            config=botocore.config.Config(s3={"addressing_style": "path"}, signature_version="s3v4", proxies={},
                                          retries={"max_attempts": 2}))

    def uri(self, bucket, path="", **parameters):
        return place(self.endpoint, bucket, path, **parameters)


def place(endpoint, bucket, path="", **parameters):
    """The --target of a path in a bucket."""
    query = dict({"endpoint": endpoint, "region": REGION},
                 **{key.replace("_", "-"): value for key, value in parameters.items()})
    return "s3://%s/%s?%s" % (bucket, path, urllib.parse.urlencode(query, safe="/:"))
