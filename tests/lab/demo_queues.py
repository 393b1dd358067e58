# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows check_queue_mirrors on a real RabbitMQ cluster: it says what would be lost, then the node dies, and the numbers
are compared.

Three nodes (rmq1, rmq2, rmq3) run on loopback in a scratch folder and are gone at the end, also after Ctrl-C."""

import os
import re
import tempfile

from demo_show import Stage, paint, show
from postgresql import LabError
from rabbitmq import PASSWORD, Cluster

NAME = "check_queue_mirrors"
JOBS = 155
ORDERS = 50
PAYMENTS = 30


class Demo(Stage):
    def __init__(self, cluster, folder, scratch):
        self.cluster = cluster
        self.state_dir = scratch
        self.shop = cluster.vhost("shop")
        cluster.user("nagios")
        self.shop.permit("nagios")
        secret = os.path.join(scratch, "secret")
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(PASSWORD + "\n")
        ports = ",".join("127.0.0.1:%d" % cluster[name].http_port for name in ("rmq1", "rmq2", "rmq3"))
        super().__init__(folder, NAME, ["-T", "rabbitmq://nagios@" + ports, "--password-file", secret])

    def fill(self):
        self.shop.policy("ha-all", "^ha\\.", {"ha-mode": "all", "ha-sync-mode": "automatic"})
        self.shop.policy("ha-nodes", "^jobs", {"ha-mode": "nodes", "ha-params": ["rmq1@localhost", "rmq2@localhost"]})
        self.shop.declare("ha.orders")
        self.shop.declare("jobs", node=self.cluster["rmq2"])
        self.shop.declare("payments", type="quorum")
        self.shop.publish("ha.orders", ORDERS)
        self.shop.publish("payments", PAYMENTS)
        self.shop.wait_messages("ha.orders", ORDERS)
        self.shop.wait_messages("payments", PAYMENTS)

    # ---- the scenes ----

    def healthy(self):
        self.scene("All is well",
                   "A queue that is mirrored, a quorum queue, and a queue on two of the three nodes. --must-replicate "
                   "asks for proof that they have two safe copies.")
        self.check("--must-replicate", "^(ha|payments|jobs)", "--state-dir", self.state_dir)

    def unsynchronised(self):
        self.scene("A mirror came back empty",
                   "rmq1 was restarted; %d jobs were published meanwhile. Its mirror of jobs is there again, and is not "
                   "synchronised. Everything runs, every health check of the broker but one is content." % JOBS)
        self.cluster["rmq1"].stop()
        self.shop.publish("jobs", JOBS, node=self.cluster["rmq2"])
        self.cluster["rmq1"].restart()
        self.cluster.wait_whole()
        self.shop.wait_messages("jobs", JOBS, node=self.cluster["rmq2"])
        self.shop.wait_queue("payments", lambda queue: len(queue.get("online", ())) == 3, "is whole",
                             node=self.cluster["rmq2"])
        output = self.check("--state-dir", self.state_dir)
        return int(re.search(r"\blost=(\d+)", output).group(1))

    def killed(self, predicted):
        self.scene("rmq2 dies",
                   "kill -9. The mirror takes over, empty: nobody in the broker knows afterwards that anything is "
                   "missing, but the state directory does.")
        survivor = self.cluster["rmq1"]
        self.cluster["rmq2"].kill()
        self.cluster.wait_gone(self.cluster["rmq2"])
        left = self.shop.wait_queue(
            "jobs", lambda queue: queue.get("state") == "running" and "messages" in queue, "runs again", node=survivor)
        lost = JOBS - left["messages"]
        show(paint("   jobs had %d messages and has %d: %d lost, %d predicted" % (JOBS, left["messages"], lost, predicted),
                   "1"))
        if lost != predicted:
            raise LabError("the prediction was wrong")
        self.shop.wait_queue("payments", lambda queue: queue.get("leader") and "messages" in queue, "has a leader",
                             node=survivor)
        self.check("--state-dir", self.state_dir)
        self.cluster["rmq2"].restart()
        self.cluster.wait_whole()

    def blind(self):
        self.scene("A user that sees nothing",
                   "Its permission is taken away. The broker then shows it an empty list, with status 200: other checks "
                   "say OK.")
        self.cluster.any().api("DELETE", "/api/permissions/shop/nagios")
        self.check()
        self.shop.permit("nagios")

    def frozen(self):
        self.scene("A node is frozen",
                   "rmq3 is stopped by a signal, as a paused virtual machine is. The statistics of the healthy nodes "
                   "hang with it.")
        self.cluster["rmq3"].freeze()
        self.check("-t", "6s")
        self.cluster["rmq3"].thaw()

    def run(self):
        self.fill()
        self.show_targets()
        self.healthy()
        self.killed(self.unsynchronised())
        self.blind()
        self.frozen()
        show()
        show("All of it ran on real servers; they are stopped and removed now.")


def demonstrate(folder):
    with tempfile.TemporaryDirectory(prefix="dr-demo-") as scratch:
        show(paint("Starting a RabbitMQ cluster of three nodes on loopback ...", "2"))
        with Cluster(3) as cluster:
            Demo(cluster, folder, scratch).run()
