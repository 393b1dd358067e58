# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows check_liveness on real servers: an instance dies behind a balancer that looks healthy, a worker wedges, both
sites become active.

HAProxy, nginx, Redis and Celery run on loopback in scratch folders and are gone at the end, also after Ctrl-C."""

import contextlib
import json

import haproxy
import redis
from demo_show import Stage, paint, show
from postgresql import LabError
from web import Web
from workers import Workers

NAME = "check_liveness"
# Its check of the servers is a connection, as in many an installation.
BALANCER = """
global
    stats socket %%(admin_socket)s mode 600 level admin
    stats socket %%(user_socket)s mode 600 level user
    stats timeout 30s
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    default-server inter 100ms fall 2 rise 1 check
frontend shop
    bind 127.0.0.1:%%(web_port)d
    default_backend app
backend app
    server web1 %s
    server web2 %s
    server web3 %s
backend standby
    server web9 127.0.0.9:9 disabled
"""


def health(instance, status=200, headers=None, **members):
    instance.answer("/health", status, json.dumps(members), type="application/json", headers=headers)


class Demo(Stage):
    """Each scene has targets of its own."""

    def __init__(self, folder, web, balancers, workers):
        super().__init__(folder, NAME, [])
        self.web = web
        self.workers = workers
        self.instances = [web.instance(name) for name in ("web1", "web2", "web3")]
        for instance in self.instances:
            health(instance, role="active", db="ok", version="4.2")
        self.standby = web.instance("standby")
        health(self.standby, 503, role="passive", version="4.2", replica="streaming")
        servers = tuple("%s:%d" % (instance.address, instance.port) for instance in self.instances)
        self.balancer = balancers.balancer("lb1", config=BALANCER % servers, wait=False)
        for name in ("web1", "web2", "web3"):
            self.balancer.wait_status("app/" + name, "UP")

    def look(self, wanted, *arguments):
        """Shows a run, and stops the demo where it says anything else than it should."""
        output = self.check(*arguments)
        for words in wanted:
            if words not in output:
                raise LabError("\"%s\" was expected" % words)

    # ---- the scenes ----

    def instance(self):
        self.scene("An instance dies behind a balancer that looks healthy",
                   "web2 has lost its database and answers 503 to everybody who is sent there. The balancer only tries to "
                   "connect: it says UP of all three, and so does its page.")
        health(self.instances[1], 503, db="down", version="4.2")
        rows = self.balancer.rows()
        show("   HAProxy: %s" % ", ".join("%s %s" % (name, rows[name]["status"]) for name in (
            "app/BACKEND", "app/web1", "app/web2", "app/web3")))
        show()
        self.look(["LIVENESS WARNING", "2 of 3 servers of app alive: app/web2", "standby is passive"],
                  "-T", "haproxy+unix://%s" % self.balancer.user_socket, "--pool", "app=2", "--pool", "standby=passive",
                  "--direct", "http://shop.example.com/health", "--json", "/db=ok")

    def one_more(self):
        self.scene("Another one, and too few are left",
                   "web3 is gone, too. --pool app=2 says how many are needed.")
        self.instances[2].stop()
        self.balancer.wait_status("app/web3", "DOWN")
        self.look(["LIVENESS CRITICAL", "1 of 3 servers of app alive, 2 wanted", "app/web3"],
                  "-T", "haproxy+unix://%s" % self.balancer.user_socket, "--pool", "app=2",
                  "--direct", "http://shop.example.com/health", "--json", "/db=ok")
        self.instances[2].start()
        health(self.instances[1], role="active", db="ok", version="4.2")

    def worker(self):
        broker = "celery+redis://127.0.0.1:%d/0" % self.workers.server.port
        self.scene("Two workers of Celery, all is well",
                   "A ping is sent through the broker, as celery does it, without Python.")
        self.look(["LIVENESS OK", "2 of 2 workers"], "-T", broker, "--expect-workers", "billing@*=2")
        self.scene("A worker wedges",
                   "billing@b is stopped by a signal. It stays connected, its process is there, and it keeps the tasks it "
                   "has: a check of the process or of the connection sees nothing.")
        self.workers["billing@b"].freeze()
        self.look(["LIVENESS CRITICAL", "billing@b", "wedged"],
                  "-T", broker, "--expect-workers", "billing@*=2", "-t", "4s")
        self.workers["billing@b"].thaw()
        self.scene("Its children hang",
                   "The main process answers every ping with pong, and no task gets done. Two looks tell.")
        for name in ("billing@a", "billing@b"):
            self.workers[name].freeze_children()
        for _ in range(20):
            self.workers.send("quick", queue="billing")
        self.look(["LIVENESS CRITICAL", "billing", "stuck"],
                  "-T", broker, "--watch", "2s", "--stuck-after", "2s")

    def sites(self):
        prod, dr = self.instances[0], self.standby
        targets = ["--site", "prod=" + prod.uri("/health"), "--site", "dr=" + dr.uri("/health"),
                   "--passive", "status=503", "--passive", "/role=passive", "--ready", "/replica=streaming",
                   "--same", "/version", "--expect", "prod"]
        self.scene("Two sites, one of them active",
                   "The standby answers 503 with a mark that no balancer sends by itself, and says that its replica "
                   "streams.")
        self.look(["LIVENESS OK", "prod is active, dr is passive and ready"], *targets)
        self.scene("The standby would not come up", "Its replica does not stream any more.")
        health(dr, 503, role="passive", version="4.2", replica="down")
        self.look(["LIVENESS CRITICAL", "/replica"], *targets)
        self.scene("Both sites are active", "Somebody has started the standby, and nobody has stopped prod.")
        health(dr, role="active", db="ok", version="4.2")
        self.look(["LIVENESS CRITICAL", "prod and dr are both active: split brain"], *targets)
        self.scene("Nobody is", "prod was stopped before the standby had taken over.")
        health(dr, 503, role="passive", version="4.2", replica="streaming")
        prod.stop()
        self.look(["LIVENESS CRITICAL", "no site is known to be active: prod does not answer, dr is passive"], *targets)

    def run(self):
        self.instance()
        self.one_more()
        self.worker()
        self.sites()
        show()
        show("All of it ran on real servers; they are stopped and removed now.")


def demonstrate(folder):
    show(paint("Starting HAProxy, nginx, Redis and two Celery workers on loopback ...", "2"))
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(Web())
        balancers = stack.enter_context(haproxy.Lab())
        broker = stack.enter_context(redis.Lab()).server("broker")
        workers = stack.enter_context(Workers(broker))
        for name in ("billing@a", "billing@b"):
            workers.celery(name, queues=("billing",), wait=False)
        demo = Demo(folder, web, balancers, workers)
        for name in ("billing@a", "billing@b"):
            workers[name].wait_ready()
        demo.run()
