# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows check_dns_target on real servers: a zone moves from prod to dr on two name servers and two caching resolvers,
with its progress and its end in sight; a resolver gets stuck; and would the DNS survive?

Knot, NSD, BIND and Unbound run on loopback in scratch folders and are gone at the end, also after Ctrl-C."""

import json
import time

from demo_show import Stage, paint, show
from dns_servers import DR, PROD, Lab, Zone, delegation
from postgresql import LabError, wait_until

NAME = "check_dns_target"
PARENT = "example"
ZONE = "shop.example"
APP = "app." + ZONE
TTL = 12  # seconds: nobody wants to wait for the rest of a demo
RECORDS = """
app     %d A    192.0.2.10
app     %d AAAA 2001:db8:1::10
app-dr  %d A    198.51.100.10
app-dr  %d AAAA 2001:db8:2::10
""" % ((TTL,) * 4)
SWITCHED = RECORDS.replace("192.0.2.10", "198.51.100.10").replace("2001:db8:1::10", "2001:db8:2::10")


class Demo(Stage):
    def __init__(self, folder, lab):
        super().__init__(folder, NAME, [])
        self.lab = lab
        self.parent = lab.knot("ns", "127.53.0.1")
        self.ns1, self.ns2 = lab.knot("ns1", "127.53.1.1"), lab.nsd("ns2", "127.53.2.1")
        servers = (self.ns1, self.ns2)
        self.parent.serve(Zone("", delegation(PARENT, (self.parent,)), ("ns.%s." % PARENT,)))
        self.parent.serve(Zone(PARENT, delegation(ZONE, servers), (self.parent,)))
        for server in servers:
            server.serve(Zone(ZONE, RECORDS, servers, serial=2026010101))
        for server in (self.parent,) + servers:
            server.start()
        stubs = {"": (self.parent,), PARENT: (self.parent,), ZONE: servers}
        self.r1 = lab.unbound("r1", stubs, "127.53.3.1").start()
        # It keeps what it has for longer than the zone says, as resolvers of some providers do.
        self.r2 = lab.unbound("r2", stubs, "127.53.3.2", cache_min_ttl=3600).start()
        self.plan = lab.folder + "/active"
        self.say("prod")
        self.targets = ["-n", APP, "-P", str(lab.port), "--site", "prod=" + PROD, "--site", "dr=" + DR,
                        "--resolver", "r1=127.53.3.1:%d" % lab.port, "--resolver", "r2=127.53.3.2:%d" % lab.port,
                        "--expect", "@" + self.plan, "--state-dir", lab.folder, "--switch-window", "5s"]

    def say(self, site):
        with open(self.plan, "w", encoding="ascii") as file:
            file.write(site + "\n")

    def look(self, wanted, *arguments):
        """Shows a run, and stops the demo where it says anything else than it should."""
        output = self.check(*arguments)
        for words in wanted:
            if words not in output:
                raise LabError("\"%s\" was expected" % words)

    def wait(self, state):
        """Until it says so, in silence; how long it took, in seconds."""
        started = time.monotonic()
        wait_until(lambda: json.loads(self.check("--format", "json", quiet=True))["state"] == state,
                   "the state %s" % state)
        return time.monotonic() - started

    # ---- the scenes ----

    def right(self):
        self.show_targets()
        self.scene("Two name servers and two resolvers send people to prod",
                   "The name servers were found by way of the parent zone. Each has its line: where it leads to, and how "
                   "long that may be kept.")
        self.look(["DNS OK", "leads to prod on all 2 name servers and 2 resolvers", "ns2.shop.example", "RTO kept"],
                  "--rto", "2h")

    def switch(self):
        self.scene("The plan changes: people are to go to dr",
                   "Whoever is on call writes dr into the file that says who is active (or check_liveness does, by "
                   "--active-file), and publishes the change on the first of the two name servers.")
        self.say("dr")
        self.ns1.change(ZONE, records=SWITCHED)
        self.look(["DNS WARNING", "1 of 4 lead to dr", "the last in", "deadline in"])
        self.scene("The second name server has it, too",
                   "The resolvers keep the old answer as long as its TTL says: that is the end in sight.")
        self.ns2.change(ZONE, records=SWITCHED)
        self.look(["2 of 4 lead to dr", "r1: leads to prod, not dr"])
        seconds = self.wait("CRITICAL")
        self.scene("A resolver is stuck",
                   "%.0f s later all TTLs have run out. r1 has moved, r2 still sends its people to the site that was given "
                   "up: it keeps answers for an hour at least. The deadline has passed, so this is no warning any more."
                   % seconds)
        self.look(["DNS CRITICAL", "3 of 4 lead to dr", "past its deadline", "r2 still leads to prod", "r1: dr"])

    def flushed(self):
        self.scene("The stuck cache is flushed", "Nothing is left of the switch.")
        self.r2.forget()
        self.look(["DNS OK", "leads to dr on all 2 name servers and 2 resolvers"])

    def disaster(self):
        self.scene("Would the DNS survive the disaster?",
                   "Both name servers answer today. Only one of them stands outside the site that may be lost; and the name "
                   "to switch to must be there already.")
        self.look(["DNS WARNING", "only ns2.shop.example", "app-dr.shop.example: is there"],
                  "--lost", "127.53.1.0/24", "--outage", "3d", "--standby", "dr=app-dr." + ZONE)


    def run(self):
        self.right()
        self.switch()
        self.flushed()
        self.disaster()
        show()
        show("All of it ran on real servers; they are stopped and removed now.")


def demonstrate(folder):
    show(paint("Starting Knot, NSD and Unbound on loopback ...", "2"))
    with Lab() as lab:
        Demo(folder, lab).run()
