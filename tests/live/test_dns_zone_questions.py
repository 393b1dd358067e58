# SPDX-License-Identifier: GPL-3.0-or-later
"""What check_dns_target asks of whom to find a zone and its servers, counted by name servers that lie on demand."""

import collections
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

from liar import Liar, Zone  # noqa: E402

ABOVE = "example"
ZONE = "drz.example"
APP = "app." + ZONE
SITE = ("-S", "prod=192.0.2.0/24,2001:db8:1::/48")
PARENT, FINDER, NOWHERE = "127.54.0.1", "127.54.0.2", "127.54.0.9"
SLOW = 0.3
RANDOM = re.compile(r"dr-check-[0-9a-f]{12}\.drz\.example$")
FAMILIES = ("A", "AAAA")


def soa(zone):
    return [(300, "ns1.%s admin.%s 7 900 300 604800 60" % (zone, zone))]


def address(number):
    return "127.54.1.%d" % number


def server_name(number):
    return "ns%d.%s" % (number, ZONE)


def delegated(count):
    """NS records and where they lead: in the zone above, and in the zone."""
    records = {(ZONE, "NS"): [(3600, server_name(number)) for number in range(1, count + 1)]}
    records.update({(server_name(number), "A"): [(3600, address(number))] for number in range(1, count + 1)})
    return records


def zone_records(count, more=None):
    records = {(ZONE, "SOA"): soa(ZONE), (APP, "A"): [(60, "192.0.2.1")], (APP, "AAAA"): [(60, "2001:db8:1::1")]}
    return {**records, **delegated(count), **(more or {})}


def parent_records(count):
    records = {(ABOVE, "SOA"): soa(ABOVE), (ABOVE, "NS"): [(3600, "ns." + ABOVE)], ("ns." + ABOVE, "A"): [(60, PARENT)]}
    return {**records, **delegated(count)}


def all_records(count):
    return {**parent_records(count), **zone_records(count)}


class Fixture:
    """`parent`, `finder` (a resolver that knows both zones) and `servers`, all on one port; `listening`: so many."""

    def __init__(self, dns_target, listening):
        self._run = dns_target
        self.parent = Liar(parent_records(listening), address=PARENT)
        self.port = self.parent.port
        self.finder = Liar(all_records(listening), address=FINDER, port=self.port, recursive=True)
        self.servers = [Liar(zone_records(listening), address=address(number), port=self.port)
                        for number in range(1, listening + 1)]

    def all(self):
        return [self.parent, self.finder] + self.servers

    def stop(self):
        for liar in self.all():
            liar.stop()

    def ask(self, *arguments, name=APP):
        return self._run("-n", name, *SITE, "-P", self.port, *arguments)

    def by_parent(self):
        return ("--parent", self.parent.endpoint, "--find-by", "%s:%d" % (NOWHERE, self.port))

    def by_finder(self):
        return ("--find-by", self.finder.endpoint)


@pytest.fixture
def world(dns_target, request):
    made = Fixture(dns_target, getattr(request, "param", 2))
    yield made
    made.stop()


eight = pytest.mark.parametrize("world", [8], indirect=True)


def counted(liar):
    """{"TYPE name": how often}; names that cannot exist are one."""
    return collections.Counter("%s %s" % (question.type, RANDOM.sub("RANDOM", question.name))
                               for question in liar.asked())


def of_each(*more):
    """What every server of the zone is asked, once."""
    return collections.Counter(["A " + APP, "AAAA " + APP, "SOA " + ZONE, "NS " + ZONE, "A RANDOM"] + list(more))


def of_one(count):
    """What one of them is asked in addition: the addresses of all of them."""
    return ["%s %s" % (kind, server_name(number)) for number in range(1, count + 1) for kind in FAMILIES]


# ---- how often, and how ----

@eight
def test_each_question_is_asked_once(world):
    result = world.ask(*world.by_parent())
    assert result.state == "OK" and result.perfdata["servers"] == 8, result
    assert counted(world.parent) == collections.Counter(["SOA " + APP, "DS " + ZONE]), result
    tellers = [liar for liar in world.servers if counted(liar) != of_each()]
    assert len(tellers) == 1 and counted(tellers[0]) == of_each(*of_one(8)), list(map(counted, world.servers))
    assert not world.finder.asked(), result


def test_what_a_resolver_is_asked(world):
    result = world.ask(*world.by_finder())
    assert result.state == "OK" and result.perfdata["servers"] == 2, result
    wanted = ["SOA " + APP, "NS " + ZONE, "SOA " + ABOVE, "NS " + ABOVE, "A ns." + ABOVE, "AAAA ns." + ABOVE]
    assert counted(world.finder) == collections.Counter(wanted + of_one(2)), counted(world.finder)
    assert counted(world.parent) == collections.Counter(["NS " + ZONE, "DS " + ZONE]), counted(world.parent)


def test_a_server_given_is_asked_without_being_found_first(world):
    """One that is not known yet is learned from the reply; nothing is said twice."""
    given = world.servers[0]
    result = world.ask("-s", given.endpoint, "--search", "given")
    assert result.state == "OK", result
    assert counted(given) == of_each("SOA " + APP), counted(given)
    given.questions.clear()
    result = world.ask("-s", given.endpoint, "--search", "given", "--zone", ZONE)
    assert result.state == "OK" and counted(given) == of_each(), counted(given)


def test_the_apex_of_a_server_given(world):
    """SOA of the name is that of the zone."""
    given = world.servers[0]
    given.set_records(zone_records(2, {(ZONE, "A"): [(60, "192.0.2.1")]}))
    result = world.ask("-s", given.endpoint, "--search", "given", name=ZONE)
    assert result.state == "OK", result
    assert counted(given) == collections.Counter(["A " + ZONE, "AAAA " + ZONE, "SOA " + ZONE, "NS " + ZONE, "A RANDOM"])


def test_standby_names_and_one_family(world):
    for liar in world.servers:
        liar.set_records(zone_records(2, {("app-dr." + ZONE, "AAAA"): [(60, "2001:db8:1::2")]}))
    world.ask("--type", "aaaa", "--standby", "prod=app-dr." + ZONE, "-s", world.servers[0].endpoint, "--zone", ZONE,
              "--search", "given")
    asked = counted(world.servers[0])
    assert asked["A app-dr." + ZONE] == asked["AAAA app-dr." + ZONE] == 1, asked
    assert max(asked.values()) == 1, asked


def test_the_flags(world):
    """Servers: no recursion, signatures wanted. Resolvers: recursion, no signatures."""
    result = world.ask(*world.by_finder())
    assert result.state == "OK", result
    for liar in world.all():
        questions = liar.asked()
        assert questions and {question.transport for question in questions} == {"udp"}, questions
        assert {question.recurse for question in questions} == {liar is world.finder}, questions
        assert {question.dnssec for question in questions} == {liar is not world.finder}, questions
        assert {(question.edns, question.nsid, question.udp_size) for question in questions} == {(True, True, 1232)}
        assert "ANY" not in {question.type for question in questions}, questions


def test_without_edns(world):
    result = world.ask("--udp-size", "0", *world.by_finder())
    assert result.state == "OK", result
    assert not any(question.edns for liar in world.all() for question in liar.asked())


def test_over_tcp_alone(world):
    """Servers; resolvers are asked as ever."""
    result = world.ask("--tcp", *world.by_finder())
    assert result.state == "OK", result
    assert {question.transport for liar in world.servers + [world.parent] for question in liar.asked()} == {"tcp"}
    assert {question.transport for question in world.finder.asked()} == {"udp"}


# ---- what is waited for ----

@eight
def test_a_slow_server_costs_only_itself(world):
    """What a run costs without it, and its one wait."""
    quick = min(world.ask(*world.by_parent()).seconds for _ in range(3))
    world.servers[4].mode = "slow%g" % SLOW
    results = [world.ask(*world.by_parent()) for _ in range(3)]
    for result in results:
        assert result.state == "OK" and result.perfdata["servers"] == 8 and result.seconds >= SLOW, result
    assert min(result.seconds for result in results) < SLOW + quick + 0.1, results


@pytest.mark.parametrize("mode", ["drop", "slow5"])
def test_a_resolver_that_hangs_is_not_waited_for(world, mode):
    """The parent's glue has led to everyone."""
    world.finder.mode = mode
    result = world.ask("--parent", world.parent.endpoint, "--find-by", world.finder.endpoint)
    assert result.state == "OK" and result.perfdata["servers"] == 2 and result.within(1), result


def test_a_parent_that_hangs_beside_one_that_answers(world):
    with Liar({}, mode="drop", address=NOWHERE, port=world.port) as silent:
        result = world.ask("--parent", silent.endpoint, "--parent", world.parent.endpoint, *world.by_finder())
        assert result.state == "OK" and result.within(1), result
        assert silent.asked(), result


# ---- referrals ----

def test_a_referral_that_is_truncated(world):
    world.parent.mode = "tc-empty"
    result = world.ask(*world.by_parent())
    assert result.state == "OK" and result.perfdata["servers"] == 2, result
    assert [question.transport for question in world.parent.asked(APP, "SOA")] == ["udp", "tcp"], result


@pytest.mark.parametrize("mode, words", [("refused", "REFUSED"), ("servfail", "SERVFAIL"), ("short", "3 bytes"),
                                         ("noaa+empty", "without an answer")])
def test_a_parent_that_says_nothing(world, mode, words):
    """The zone's servers are given, and asked; what the parent says is not known, and said to be."""
    world.parent.mode = mode
    result = world.ask("--zone", ZONE, "-s", world.servers[0].endpoint, "--wait", "200ms", *world.by_parent())
    assert result.state == "WARNING" and result.says("what the zone above says is not known"), result
    assert result.perfdata["servers"] == 2, result


def test_a_parent_that_does_not_say_the_ds(world):
    fill = world.parent.zone.fill

    def refuse(reply, refers):
        fill(reply, refers)
        if reply.question.type == "DS":
            reply.fail(5)
    world.parent.zone.fill = refuse
    result = world.ask(*world.by_parent())
    assert result.state == "WARNING", result
    assert result.says("whether the zone above has a DS is not known") and result.says("REFUSED"), result


def test_the_child_does_not_deny_the_ds(world):
    """A parent given by mistake that is the zone's own server: its denial of a DS is not the parent's."""
    result = world.ask("--parent", world.servers[0].endpoint, "--find-by", "%s:%d" % (NOWHERE, world.port))
    assert result.state == "WARNING" and result.says("DS is not known"), result


# ---- resolvers that leave things out, or are behind ----

def test_a_resolver_without_authority_sections(world):
    """It is asked for the names above until one has a SOA."""
    class Short(Zone):
        def fill(self, reply, refers):
            super().fill(reply, refers)
            reply.authority = []
    world.finder.zone = Short(all_records(2))
    result = world.ask(*world.by_finder())
    assert result.state == "OK" and result.perfdata["servers"] == 2, result
    assert [question.name for question in world.finder.asked(kind="SOA")][:2] == [APP, ZONE], result


@pytest.mark.parametrize("order", [1, -1])
def test_a_resolver_that_loses_answers_beside_one_that_does_not(world, order):
    """Its empty replies, which come first, are no denial, and lead to no other zone."""
    world.finder.mode = "slow0.05"
    with Liar(all_records(2), mode="empty", address=NOWHERE, port=world.port, recursive=True) as empty:
        finders = [("--find-by", liar.endpoint) for liar in (world.finder, empty)][::order]
        result = world.ask(*finders[0], *finders[1])
    assert result.state == "OK" and result.perfdata["servers"] == 2 and result.says("zone: " + ZONE), result


@pytest.mark.parametrize("name", ["old." + ZONE, "old." + ABOVE])
def test_a_server_that_only_an_old_answer_names(world, name):
    """The resolver still has the NS records from before a change; parent and zone have the new ones."""
    old = all_records(2)
    old[ZONE, "NS"] = old[ZONE, "NS"] + [(3600, name)]
    old[name, "A"] = [(3600, NOWHERE)]
    world.finder.set_records(old)
    result = world.ask(*world.by_finder())
    assert result.state == "OK" and result.perfdata["servers"] == 2 and "old." not in result.output, result


@pytest.mark.parametrize("mode", ["nxdomain", "servfail", "refused", "empty", "badid", "badq", "short", "lame"])
def test_a_resolver_that_lies_is_no_evidence(world, mode):
    """Nobody else knows the zone."""
    world.finder.mode = mode
    result = world.ask("--wait", "200ms", *world.by_finder())
    assert result.state in ("UNKNOWN", "CRITICAL") and result.perfdata.get("moved", 0) == 0, result
    assert result.says(world.finder.endpoint) or mode == "nxdomain", result


def test_servers_that_say_different_zones(world):
    """One was given that knows only the zone above: that is said."""
    other = Liar({(ABOVE, "SOA"): soa(ABOVE), (APP, "A"): [(60, "192.0.2.1")]}, mode="slow0.1", address=NOWHERE,
                 port=world.port)
    with other:
        result = world.ask("-s", world.servers[0].endpoint, "-s", other.endpoint, "--search", "given")
    assert result.state != "OK", result
    assert result.says("%s says that the zone is %s, not %s" % (other.endpoint, ABOVE, ZONE)), result


def test_no_server_tells_the_zone(world):
    """They are looked at nevertheless: one refuses, one is dead."""
    world.servers[0].mode = "refused"
    result = world.ask("-s", world.servers[0].endpoint, "-s", "%s:%d" % (NOWHERE, world.port), "--search", "given")
    assert result.state in ("CRITICAL", "UNKNOWN") and result.says("REFUSED", "connection refused"), result
    assert result.says("the zone is not known"), result


# ---- bounds, and what is remembered ----

@pytest.mark.parametrize("names, addresses, asked", [(1, 20, 16 + 2), (5, 16, 64)])
def test_more_servers_than_are_asked(world, names, addresses, asked):
    """That is said. The servers that answer are one that is given, and the other that it names."""
    many = parent_records(names)
    for number in range(1, names + 1):
        many[server_name(number), "A"] = [(60, "127.54.%d.%d" % (1 + number, host)) for host in range(3, 3 + addresses)]
    world.parent.set_records(many)
    result = world.ask("-s", world.servers[0].endpoint, *world.by_parent())
    assert result.state != "OK" and result.perfdata["servers"] == asked, result
    assert result.says("more servers, or addresses of them, than are asked") or asked > 50, result  # lines are cut


def test_remembered_servers_when_nobody_can_be_asked(world, tmp_path):
    """They were found by an earlier run; found again they are the same ones."""
    for _ in range(2):
        result = world.ask("--state-dir", tmp_path, *world.by_parent())
        assert result.state == "OK" and result.perfdata["servers"] == 2, result
    nobody = "%s:%d" % (NOWHERE, world.port)
    for liar in world.servers:
        liar.set_records({key: value for key, value in zone_records(2).items() if key[1] != "NS"})
    result = world.ask("--state-dir", tmp_path, "--parent", nobody, "--find-by", nobody)
    assert result.perfdata["servers"] == 2 and result.state == "WARNING", result
    assert result.says("those of an earlier run"), result
