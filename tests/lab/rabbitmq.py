# SPDX-License-Identifier: GPL-3.0-or-later
"""A real RabbitMQ cluster on loopback: in a scratch folder, on free ports, gone at the end.

    with Cluster(3) as cluster:
        orders = cluster.vhost("shop")
        orders.declare("orders", type="quorum")
        orders.publish("orders", 100)
        cluster["rmq2"].kill()
        ...
        cluster.restore()

The rules are those of postgresql.py: nothing sleeps for a fixed time, everything waits for what it needs to see, and a
Cluster must be used by the main thread. The kernel takes the servers down when the process is killed outright.

Nothing is shared with another cluster of the same machine: each has an epmd of its own on a port of its own, which is why
the nodes of all of them can be called rmq1@localhost, rmq2@localhost ..., and a cookie of its own. A node's process is
the Erlang machine itself, so that signals reach it.

Measured with 3.10.8 on two processors, seconds: three nodes from nothing to whole 11 to 16, end 0.1; a node killed and
started again 5, stopped in good order 6; a frozen one is given up after 6; partition() 7 to 10, heal() after it 6 to 10;
drain and revive 0.5 each; an alarm 2; restore() of a cluster that nothing was done to 0.1; 20 000 confirmed messages of
1.5 kB to three mirrors 5; a queue's figures are right after 1 to 2. A node takes 130 to 200 MB.
"""

import atexit
import base64
import glob
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

import amqp_wire
from postgresql import DEADLINE, LabError, catch_signals, free_port, wait_until

POLL = 0.05  # the broker answers on the same processors
ADMIN = ("lab", "open sesame")
PASSWORD = "secret"  # of the users that tests make
LINKS = ("rabbitmq_shovel", "rabbitmq_shovel_management", "rabbitmq_federation", "rabbitmq_federation_management")
WITHOUT_MIRRORS = (4,)  # classic queues have no copies from that version on
MEMORY = "512MB"
DISK = "50MB"

# What takes five seconds otherwise: the ticks at which quorum queues and streams tell their figures, and the shortest
# interval in which the management API collects them.
ADVANCED = """[{rabbit, [{quorum_tick_interval, %(tick)d}, {stream_tick_interval, %(tick)d}]},
 {rabbitmq_management, [{sample_retention_policies,
                         [{global, [{605, 1}]}, {basic, [{605, 1}]}, {detailed, [{10, 1}]}]}]}].
"""


BUSY = 20  # seconds that a broker may be too busy to be changed
# What it stores first and acts upon then. It does nothing where the same is stored already (rabbit_runtime_parameters), so
# that a shovel that it had no time to start would never be.
DEFINITIONS = ("/api/parameters/", "/api/policies/", "/api/operator-policies/")


class ApiError(LabError):
    """The management API refused; .status"""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def find_programs():
    """The folder of the server's programs; None. Debian's wrappers on PATH change the user and the folder."""
    found = glob.glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")
    return os.path.dirname(sorted(found)[-1]) if found else None


def find_version():
    """(3, 10, 8), of the server that find_programs() finds; None."""
    programs = find_programs()
    return programs and tuple(map(int, re.search(r"rabbitmq_server-([0-9]+)\.([0-9]+)\.([0-9]+)", programs).groups()))


def find_epmd():
    found = glob.glob("/usr/lib/erlang/erts-*/bin/epmd")
    return shutil.which("epmd") or (found[-1] if found else None)


def quote(name):
    return urllib.parse.quote(name, safe="")


class Node:
    """One server."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.nodename = name + "@localhost"
        self.port = free_port(cluster.ports)
        self.http_port = free_port(cluster.ports)
        self.dist_port = free_port(cluster.ports)
        self.tls_port = free_port(cluster.ports) if cluster.tls else None
        self.https_port = free_port(cluster.ports) if cluster.tls else None
        self.folder = os.path.join(cluster.folder, name)
        self.logfile = os.path.join(self.folder, "server.log")
        self.process = None
        self.frozen = None  # since when
        self.drained = False
        self.alarmed = False
        self.doubtful = False  # see out_of_touch()
        os.mkdir(self.folder)

    # ---- configuration ----

    def _settings(self):
        """rabbitmq.conf"""
        settings = {
            "listeners.tcp.1": "127.0.0.1:%d" % self.port,
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": self.http_port,
            "loopback_users": "none",
            "default_user": ADMIN[0],
            "default_pass": ADMIN[1],
            "collect_statistics_interval": 1000,
            "disk_free_limit.absolute": DISK,
            "vm_memory_high_watermark.absolute": MEMORY,
            "log.console": "false",
            "log.file": self.logfile,
        }
        if self.cluster.tls:
            for prefix in ("ssl_options", "management.ssl"):
                settings.update(zip(("%s.%s" % (prefix, name) for name in ("cacertfile", "certfile", "keyfile")),
                                    self.cluster.tls))
            settings["listeners.ssl.1"] = "127.0.0.1:%d" % self.tls_port
            settings["management.ssl.ip"] = "127.0.0.1"
            settings["management.ssl.port"] = self.https_port
        # Each finds the others by itself, and boots once. One that boots alone and is made to join has to boot again.
        settings["cluster_formation.peer_discovery_backend"] = "classic_config"
        settings["cluster_formation.discovery_retry_interval"] = 100
        for bound in ("min", "max") if find_version() < (4,) else ():  # no such delay since then
            settings["cluster_formation.randomized_startup_delay_range." + bound] = 0
        for number in range(self.cluster.size):
            settings["cluster_formation.classic_config.nodes.%d" % (number + 1)] = "rmq%d@localhost" % (number + 1)
        return dict(settings, **self.cluster.settings)

    def _configure(self):
        for name, text in (
                ("rabbitmq.conf", "".join("%s = %s\n" % item for item in sorted(self._settings().items()))),
                ("advanced.config", ADVANCED % {"tick": self.cluster.tick}),
                ("enabled_plugins", "[%s].\n" % ",".join(self.cluster.plugins))):
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(text)

    def _environment(self):
        inside = self.folder
        return dict(
            self.cluster.environment,
            RABBITMQ_NODENAME=self.nodename,
            RABBITMQ_DIST_PORT=str(self.dist_port),
            RABBITMQ_MNESIA_BASE=os.path.join(inside, "data"),
            RABBITMQ_LOG_BASE=inside,
            RABBITMQ_PID_FILE=os.path.join(inside, "pid"),
            RABBITMQ_CONFIG_FILE=os.path.join(inside, "rabbitmq.conf"),
            RABBITMQ_ADVANCED_CONFIG_FILE=os.path.join(inside, "advanced.config"),
            RABBITMQ_GENERATED_CONFIG_DIR=os.path.join(inside, "generated"),
            RABBITMQ_ENABLED_PLUGINS_FILE=os.path.join(inside, "enabled_plugins"),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=(
                "-kernel inet_dist_use_interface {127,0,0,1} -kernel net_ticktime %d"
                " +S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none" % self.cluster.net_ticktime),
            RUNNING_UNDER_SYSTEMD="1")  # no shell stays between us and the server

    # ---- start and stop ----

    def start(self, wait=True):
        self._configure()
        with open(self.logfile + ".out", "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", self.cluster.program("rabbitmq-server")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=self._environment(),
                start_new_session=True)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=60):
        """Until it takes connections, which it does last, and its management API answers."""
        def ready():
            if self.process.poll() is not None:
                raise LabError("%s does not start\n%s" % (self.name, self.log_tail()))
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    pass
                return self.http("GET", "/api/whoami", seconds=2)[0] == 200
            except (OSError, http.client.HTTPException):
                return False
        wait_until(ready, lambda: "%s takes connections\n%s" % (self.name, self.log_tail()), seconds, POLL)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def usable(self):
        return self.running() and self.frozen is None and not self.drained

    def stop(self):
        """In good order."""
        self.thaw()
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
                raise LabError("%s does not stop\n%s" % (self.name, self.log_tail())) from None
        self._is_gone()

    def kill(self):
        """At once, and without a last word."""
        if self.running():
            self.process.kill()
            self.process.wait()
        self._is_gone()

    def _is_gone(self):
        self.process = None
        self.frozen = None
        self.drained = self.alarmed = self.doubtful = False

    def restart(self):
        self.kill()
        return self.start()

    def freeze(self):
        """Up, connected, and silent."""
        self.process.send_signal(signal.SIGSTOP)
        self.frozen = time.monotonic()

        def stopped():
            with open("/proc/%d/stat" % self.process.pid) as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "T"
        wait_until(stopped, "%s is stopped" % self.name)

    def thaw(self):
        if self.frozen is not None and self.running():
            self.doubtful = self.out_of_touch()
            self.process.send_signal(signal.SIGCONT)
        self.frozen = None

    def out_of_touch(self):
        """Whether it is, or was, silent for so long that the others may have given it up."""
        return self.doubtful or (
            self.frozen is not None and time.monotonic() - self.frozen > self.cluster.net_ticktime / 2)

    def partition(self):
        """Cuts it off: silent until the others have given it up, then back. With servers that still know of partitions
        (before 4.3) one of them names one when this returns: not always this node, and not always all of them."""
        self.freeze()
        self.cluster.wait_gone(self)
        self.thaw()
        if self.cluster.version() < (4, 3):
            self.cluster.any().wait_view(
                lambda view: any(node.get("partitions") for node in view.values()), "a partition")

    def drain(self):
        """Maintenance: its listeners are closed, the leaders have moved."""
        self.cluster.run("rabbitmq-upgrade", self, "drain")
        self.drained = True

    def revive(self):
        self.cluster.run("rabbitmq-upgrade", self, "revive")
        self.drained = False
        self.wait_ready()

    # ---- talking to it ----

    def ctl(self, *arguments):
        """The output of rabbitmqctl."""
        return self.cluster.run("rabbitmqctl", self, *arguments)

    def http(self, method, path, body=None, user=ADMIN, seconds=DEADLINE):
        """(status, answer): JSON where it is, text otherwise; None when empty."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=seconds)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {
                "Authorization": "Basic " + base64.b64encode(":".join(user).encode()).decode(),
                "Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read().decode(errors="replace")
        finally:
            connection.close()
        try:
            return reply.status, json.loads(text) if text else None
        except ValueError:
            return reply.status, text

    def api(self, method, path, body=None, **options):
        """The answer of the management API; ApiError. A busy broker answers 500 to what it has no time for; what may be
        said twice is said again."""
        status, answer = self.http(method, path, body, **options)
        if status == 500 and method in ("PUT", "DELETE"):
            status, answer = self._say_again(method, path, body, **options)
        if status >= 400:
            raise ApiError(status, "%s: %s %s: %d %s" % (self.name, method, path, status, answer))
        return answer

    def _say_again(self, method, path, body, **options):
        """Nobody knows how much of it was done."""
        until = time.monotonic() + BUSY
        status, answer = 500, None
        while status == 500 and time.monotonic() < until:
            time.sleep(POLL)
            if method == "PUT" and path.startswith(DEFINITIONS):
                self.http("DELETE", path, **options)
            status, answer = self.http(method, path, body, **options)
        return (204, None) if method == "DELETE" and status == 404 else (status, answer)

    def uri(self, vhost="/", user=ADMIN):
        return "amqp://%s:%s@127.0.0.1:%d/%s" % (quote(user[0]), quote(user[1]), self.port, quote(vhost))

    def view(self):
        """{node name: what this one says of it}"""
        return {node["name"]: node for node in self.api("GET", "/api/nodes", seconds=10 * self.cluster.net_ticktime)}

    def wait_view(self, condition, what, seconds=90):
        """Until condition(view); returns the view."""
        seen = {}

        def test():
            seen.clear()
            try:
                seen.update(self.view())
            except (LabError, OSError, http.client.HTTPException):  # it may be busy with giving up another
                return False
            return condition(seen)
        wait_until(test, lambda: "%s: %s: %s" % (self.name, what, {
            name: (node["running"], node.get("partitions")) for name, node in seen.items()}), seconds, POLL)
        return seen

    def set_memory_alarm(self, on=True):
        self._set_alarm("mem_alarm", on, "set_vm_memory_high_watermark", "absolute", "1MB" if on else MEMORY)

    def set_disk_alarm(self, on=True):
        self._set_alarm("disk_free_alarm", on, "set_disk_free_limit", "9999GB" if on else DISK)

    def _set_alarm(self, figure, on, *command):
        """The figure says so when this returns."""
        self.alarmed = self.alarmed or on
        self.ctl(*command)
        self.wait_view(lambda view: view[self.nodename][figure] == on, "%s is %s" % (figure, on))

    def log_tail(self):
        lines = []
        for path in (self.logfile + ".out", self.logfile):
            try:
                with open(path, errors="replace") as file:
                    lines += file.read().split("\n")[-15:]
            except OSError:
                pass
        return "\n".join(lines)


class Vhost:
    """A virtual host and what is in it. `node`: the Node that is asked, and on which a queue's leader will be."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name

    def api(self, method, what, *names, body=None, node=None, query=""):
        """Of one kind of thing in here: api("GET", "queues", "orders")."""
        path = "/api/%s/%s%s" % (what, "/".join(map(quote, (self.name,) + names)), query)
        return (node or self.cluster.any()).api(method, path, body)

    def declare(self, name, type="classic", node=None, durable=True, auto_delete=False, **arguments):
        """A queue; arguments with "_" for "-": x_quorum_initial_group_size=1."""
        node = node or self.cluster.any()
        given = {key.replace("_", "-"): value for key, value in arguments.items()}
        if type != "classic":
            given["x-queue-type"] = type
        self.api("PUT", "queues", name, node=node, body={
            "durable": durable, "auto_delete": auto_delete, "arguments": given, "node": node.nodename})

    def delete_queue(self, name):
        self.api("DELETE", "queues", name)

    def exchange(self, name, type="direct", **options):
        self.api("PUT", "exchanges", name, body=dict({"type": type, "durable": True}, **options))

    def bind(self, exchange, queue, key=""):
        self.api("POST", "bindings", "e", exchange, "q", queue, body={"routing_key": key})

    def policy(self, name, pattern, definition, apply_to="queues", priority=0, operator=False):
        self.api("PUT", "operator-policies" if operator else "policies", name, body={
            "pattern": pattern, "definition": definition, "apply-to": apply_to, "priority": priority})

    def parameter(self, component, name, value):
        """A runtime parameter: ("shovel", NAME, {"src-uri": ..., ...}), ("federation-upstream", NAME, {"uri": ...})."""
        self.api("PUT", "parameters/" + component, name, body={"value": value})

    def delete_parameter(self, component, name):
        self.api("DELETE", "parameters/" + component, name)

    def permit(self, user, configure="", write="", read=""):
        """Rights here, as patterns; "" is none, and enough to see what is in here."""
        self.cluster.any().api("PUT", "/api/permissions/%s/%s" % (quote(self.name), quote(user)), {
            "configure": configure, "write": write, "read": read})

    def queue(self, name, node=None):
        """What the server says of a queue; {} when it says that there is none."""
        try:
            return self.api("GET", "queues", name, node=node)
        except ApiError as error:
            if error.status != 404:
                raise
            return {}

    def queues(self, node=None, query=""):
        """{name: what the server says of it}"""
        return {queue["name"]: queue for queue in self.api("GET", "queues", node=node, query=query)}

    def wait_queue(self, name, condition, what, node=None, seconds=DEADLINE):
        """Until condition(queue); returns the queue."""
        seen = {}

        def test():
            seen.clear()
            seen.update(self.queue(name, node))
            return condition(seen)
        wait_until(test, lambda: "%s: %s: %s" % (name, what, seen), seconds, POLL)
        return seen

    def wait_messages(self, name, count, node=None, **figures):
        """Until a queue is said to have so many messages; figures: messages_unacknowledged=3."""
        figures["messages"] = count
        return self.wait_queue(name, lambda queue: all(queue.get(key) == value for key, value in figures.items()),
                               figures, node)

    def connect(self, node=None, user=ADMIN):
        """An amqp_wire.Client; the cluster closes it after the test."""
        client = amqp_wire.Client((node or self.cluster.any()).port, self.name, user)
        self.cluster.clients.append(client)
        return client

    def publish(self, queue, count=1, body=b"x", persistent=True, timestamp=None, exchange="", node=None, seconds=120):
        """The broker has confirmed all of them when this returns. With an exchange `queue` is the routing key."""
        client = self.connect(node)
        try:
            client.publish(exchange, queue, count, body, persistent, timestamp, seconds)
        except (OSError, amqp_wire.AmqpError) as error:
            raise LabError("publish to %r %r: %s" % (exchange, queue, error)) from None
        finally:
            client.close()
            self.cluster.clients.remove(client)

    def hold(self, queue, count, node=None):
        """Somebody who has taken so many messages and does not acknowledge them (amqp_wire.Client)."""
        client = self.connect(node)
        client.consume(queue, count)
        return client


class Cluster:
    """A scratch folder, the nodes in it, and the promise that all of it goes away.

    nodes          rmq1, rmq2 ...; more than one are joined
    plugins        besides rabbitmq_management
    tls            (CA, certificate, key): there is amqps and https as well
    net_ticktime   seconds; a silent node is given up after that, or a quarter more
    tick           milliseconds between two looks of a quorum queue or a stream at itself
    settings       lines of rabbitmq.conf: {"cluster_partition_handling": "pause_minority"}"""

    def __init__(self, nodes=3, plugins=(), tls=None, net_ticktime=5, tick=1000, settings=None):
        if threading.current_thread() is not threading.main_thread():
            raise LabError("a Cluster belongs to the main thread")
        self.programs = find_programs()
        if self.programs is None or find_epmd() is None:
            raise LabError("no RabbitMQ server on this machine")
        self.plugins = ("rabbitmq_management",) + tuple(plugins)
        self.tls = tls
        self.net_ticktime = net_ticktime
        self.tick = tick
        self.settings = settings or {}
        self.size = nodes
        self.ports = set()
        self.nodes = []
        self.clients = []
        self.epmd = None
        catch_signals()
        atexit.register(self.close)
        self.folder = None
        self._begin()

    def _begin(self):
        try:
            self.folder = tempfile.mkdtemp(prefix="dr-lab-")
            self._start_epmd()
            self.nodes = [Node(self, "rmq%d" % (number + 1)) for number in range(self.size)]
            if find_version() < (3, 9):  # no lock yet: three that boot together become three clusters
                for node in self.nodes:
                    node.start()
            else:
                self._start(self.nodes)
            self.wait_whole()
        except BaseException:
            self.close()
            raise

    def _start_epmd(self):
        port = free_port(self.ports)
        for name, text, mode in (
                (".erlang.cookie", secrets.token_hex(16), 0o400),
                ("none.conf", "", 0o600),
                ("inetrc", '{lookup, [file]}.\n{host, {127,0,0,1}, ["localhost"]}.\n', 0o600)):
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(text)
            os.chmod(file.name, mode)
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": self.folder,
            "ERL_EPMD_PORT": str(port), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_INETRC": os.path.join(self.folder, "inetrc"),
            "ERL_CRASH_DUMP_SECONDS": "0",
            "ERL_FLAGS": "-start_epmd false",  # one that they start themselves would outlive them
            "RABBITMQ_CONF_ENV_FILE": os.path.join(self.folder, "none.conf"),
            # Else it is the node's port plus 10000, which may be that of another server.
            "RABBITMQ_CTL_DIST_PORT_MIN": "61000", "RABBITMQ_CTL_DIST_PORT_MAX": "61999"}
        with open(os.path.join(self.folder, "epmd.log"), "ab") as log:
            self.epmd = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", find_epmd(), "-port", str(port), "-relaxed_command_check"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=self.environment, start_new_session=True)

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        wait_until(listens, "epmd listens")

    def _start(self, nodes):
        for node in nodes:
            node.start(wait=False)
        for node in nodes:
            try:
                node.wait_ready()
            except LabError:
                if node.running():
                    raise
                node.start()  # those that boot at the same time may trip over each other's feature flags (3.10)

    # ---- its end ----

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops everything and removes the folder; may be called again."""
        atexit.unregister(self.close)
        self._end()

    def _end(self):
        for client in self.clients:
            client.close()
        self.clients = []
        for node in self.nodes:
            node.kill()
        self.nodes = []
        if self.epmd is not None:
            self.epmd.kill()
            self.epmd.wait()
            self.epmd = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def rebuild(self):
        """Everything anew: the last resort."""
        self._end()
        atexit.register(self.close)
        self._begin()

    # ---- programs ----

    def program(self, name):
        return os.path.join(self.programs, name)

    def run(self, program, node, *arguments):
        """The output of one of the server's programs, run for a node."""
        return self.run_all(program, [node], *arguments)[0]

    def run_all(self, program, nodes, *arguments, seconds=90):
        """The same for several nodes, at the same time."""
        jobs = [subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", self.program(program), "-q", "-n", node.nodename, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder,
            env=self.environment, start_new_session=True) for node in nodes]
        outputs = []
        try:
            for node, job in zip(nodes, jobs):
                outputs.append(job.communicate(timeout=seconds)[0].decode(errors="replace"))
                if job.returncode != 0:
                    raise LabError("%s %s of %s: %s" % (program, " ".join(arguments), node.name, outputs[-1]))
        except subprocess.TimeoutExpired:
            raise LabError("%s %s: not done within %g s" % (program, " ".join(arguments), seconds)) from None
        finally:
            for job in jobs:
                job.kill()
                job.wait()
        return outputs

    # ---- the whole ----

    def __getitem__(self, name):
        return next(node for node in self.nodes if node.name == name)

    def any(self):
        """A node that can be asked."""
        found = next((node for node in self.nodes if node.usable()), None)
        if found is None:
            raise LabError("no node that could be asked")
        return found

    def version(self):
        """(3, 10)"""
        return tuple(map(int, self.any().api("GET", "/api/overview")["rabbitmq_version"].split(".")[:2]))

    def wait_whole(self, seconds=90):
        """Until each node sees all of them at work."""
        def whole(view):
            return len(view) == self.size and all(
                node["running"] and "os_pid" in node and not node.get("partitions") for node in view.values())
        for node in self.nodes:
            node.wait_view(whole, "is whole", seconds)

    def wait_gone(self, *gone):
        """Until the others no longer count on these nodes."""
        for node in self.nodes:
            if node.usable():
                node.wait_view(lambda view: not any(view[other.nodename]["running"] for other in gone),
                               "sees who is gone")

    def heal(self):
        """Every node back at work, whatever was done to it."""
        for client in self.clients:
            client.close()
        self.clients = []
        sick = [node for node in self.nodes if not node.running() or node.out_of_touch()]
        for node in self.nodes:
            if node not in sick:
                node.thaw()  # now: it must not get out of touch while others start
        self._replace(sick)
        for node in self.nodes:
            if node.drained:
                node.revive()
            if node.alarmed:
                node.set_memory_alarm(False)
                node.set_disk_alarm(False)
                node.alarmed = False
        try:
            self.wait_whole(20)
        except LabError:  # those that were in touch have parted as well
            self._replace(self.nodes[1:])
            self.wait_whole()

    def _replace(self, nodes):
        for node in nodes:
            node.kill()
        self._start(nodes)

    def restore(self):
        """heal(), and nothing is left of what tests have made in virtual hosts and of users."""
        self.heal()
        node = self.nodes[0]
        for vhost in node.api("GET", "/api/vhosts"):
            if vhost["name"] != "/":
                node.api("DELETE", "/api/vhosts/" + quote(vhost["name"]))
        for user in node.api("GET", "/api/users"):
            if user["name"] != ADMIN[0]:
                node.api("DELETE", "/api/users/" + quote(user["name"]))

    def vhost(self, name):
        """A new one; the administrator may do everything in it."""
        vhost = Vhost(self, name)
        self.any().api("PUT", "/api/vhosts/" + quote(name), {})
        vhost.permit(ADMIN[0], ".*", ".*", ".*")
        return vhost

    def user(self, name, tags="monitoring", password=PASSWORD):
        """A new user, without rights in any virtual host; (name, password)."""
        self.any().api("PUT", "/api/users/" + quote(name), {"password": password, "tags": tags})
        return name, password
