# SPDX-License-Identifier: GPL-3.0-or-later
"""A real replica set on loopback, where there is a mongod: $MONGOD, or the one on PATH. None is packaged for Debian.

    with Set(3) as members:
        members.primary().port ...

mongod is started in a scratch folder, on free ports, with a key file and so with authentication on; the user `root` may do
everything, `nagios` has clusterMonitor, `nobody` has no role. All have the password PASSWORD. Nothing sleeps for a fixed
time; everything is gone at the end, and the kernel takes the servers down when the process is killed.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile

import mongodb_wire
from postgresql import LabError, free_port, wait_until

PASSWORD = "secret"
TESTS = "test_replication_mongodb_real.py"
NOT_RUN = "not run: the tests on a real MongoDB server (%s): no mongod in $MONGOD or on PATH" % TESTS
PR_SET_PDEATHSIG = 1


def executable():
    """The path of a mongod; None when there is none."""
    named = os.environ.get("MONGOD")
    return shutil.which(named) if named else shutil.which("mongod")


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One mongod."""

    def __init__(self, folder, name, port, keyfile):
        self.name = name
        self.port = port
        self.data = os.path.join(folder, name)
        self.logfile = self.data + ".log"
        self.keyfile = keyfile
        self.process = None
        os.mkdir(self.data)

    def start(self):
        with open(self.logfile, "ab") as log:
            self.process = subprocess.Popen(
                [executable(), "--dbpath", self.data, "--port", str(self.port), "--bind_ip", "127.0.0.1",
                 "--replSet", "rs0", "--keyFile", self.keyfile, "--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25",
                 "--unixSocketPrefix", self.data],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent, cwd=self.data)
        wait_until(self.answers, self.why)

    def why(self):
        with open(self.logfile, errors="replace") as file:
            return "%s answers\n%s" % (self.name, file.read()[-3000:])

    def answers(self):
        if self.process.poll() is not None:
            raise LabError(self.why())
        try:
            return self.run({"hello": 1}, user=None)
        except OSError:
            return None

    def run(self, command, user="root", database="admin"):
        """The reply to a command of `user` (None: nobody)."""
        client = mongodb_wire.Client(self.port, 30 if user else 2)  # a frozen one must not hold up who looks for the primary
        try:
            if user:
                client.log_in(user, PASSWORD)
            return client.command(command, database)
        finally:
            client.close()

    def is_primary(self):
        try:
            return self.run({"hello": 1}, user=None).get("isWritablePrimary", False)
        except OSError:
            return False

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.thaw()
            self.process.kill()
        if self.process is not None:
            self.process.wait()
        self.process = None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def uri(self, user="nagios"):
        return "%s=mongodb://%s127.0.0.1:%d/?replicaSet=rs0" % (self.name, user and user + "@", self.port)


class Set:
    """A replica set of `count` members db1, db2 ...; `special` are fields of their configuration: {"db3": {"votes": 0}}."""

    def __init__(self, count, special=None):
        self.folder = tempfile.mkdtemp(prefix="dr-mongodb-")
        self.special = special or {}
        keyfile = os.path.join(self.folder, "key")
        with open(keyfile, "w") as file:
            file.write("bm90IGEgc2VjcmV0\n")
        os.chmod(keyfile, 0o400)
        ports = set()
        self.servers = [Server(self.folder, "db%d" % (number + 1), free_port(ports), keyfile) for number in range(count)]

    def __enter__(self):
        try:
            for server in self.servers:
                server.start()
            self.initiate()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __getitem__(self, name):
        return next(server for server in self.servers if server.name == name)

    def member(self, number, server):
        fields = {"_id": number, "host": "127.0.0.1:%d" % server.port}
        fields.update(self.special.get(server.name, {}))
        return fields

    def initiate(self):
        """The localhost exception lets the first user be made without one."""
        first = self.servers[0]
        first.run({"replSetInitiate": {"_id": "rs0", "settings": {"electionTimeoutMillis": 3000}, "members": [
            self.member(number, server) for number, server in enumerate(self.servers)]}}, user=None)
        primary = self.primary()
        primary.run({"createUser": "root", "pwd": PASSWORD, "roles": ["root"]}, user=None)
        for user, roles in (("nagios", ["clusterMonitor"]), ("nobody", [])):
            primary.run({"createUser": user, "pwd": PASSWORD, "roles": roles, "writeConcern": {"w": "majority"}})
        self.wait_whole()

    def primary(self):
        return wait_until(lambda: next((server for server in self.servers if server.is_primary()), None), "a primary")

    def wait_whole(self):
        """Until the primary sees every member where it belongs, with all that is written now."""
        def whole():
            members = self.primary().run({"replSetGetStatus": 1})["members"]
            newest = max(member["optime"]["ts"] for member in members if "optime" in member)
            late = [self.special.get("db%d" % (member["_id"] + 1), {}).get("secondaryDelaySecs") for member in members]
            return all(member["state"] == 7 or member["state"] in (1, 2) and (delay or member["optime"]["ts"] == newest)
                       for member, delay in zip(members, late))
        wait_until(whole, "every member is whole", 60)

    def write(self):
        self.primary().run({"insert": "written", "documents": [{"text": "x" * 1000}]}, database="lab")

    def targets(self, *names, user="nagios"):
        chosen = [self[name] for name in names] or self.servers
        return [word for server in chosen for word in ("-T", server.uri(user))]
