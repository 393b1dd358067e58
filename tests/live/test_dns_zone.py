# SPDX-License-Identifier: GPL-3.0-or-later
"""check_dns_target finds the zone and all of its servers, whoever is dead: real servers, resolvers and a parent."""

import time

import pytest

from dns_servers import DR, PARENT, PROD, RECORDS, ZONE, Zone, delegation

WWW = "www." + ZONE
SITES = ("-S", "prod=" + PROD, "-S", "dr=" + DR, "-e", "prod")
NOWHERE = "127.53.255.1"  # nobody listens there
NEXT = "127.53.7.1"
WAIT = 0.5


def place(server):
    return "%s:%d" % (server.address, server.port)


@pytest.fixture
def ask(dns_target, names):
    """ask(*arguments): with the name, the sites, and the port of the lab."""
    def run(*arguments, name=WWW):
        return dns_target("-n", name, *SITES, "-P", names.port, "--wait", "%dms" % (WAIT * 1000), *arguments)
    return run


@pytest.fixture
def by_parent(names):
    """Nobody else is asked: no resolver is there."""
    return ("--parent", place(names.parent), "--find-by", "%s:%d" % (NOWHERE, names.port))


def label(name, address):
    return "%s.%s/%s" % (name, ZONE, address)


def one(result, *words):
    """The state of the one finding whose words these are."""
    found = [state for state, text in result.findings if all(word in text for word in words)]
    assert len(found) == 1, "%d findings with %r in\n%s" % (len(found), words, result)
    return found[0]


def servers_of(result):
    """What the lines of name servers begin with."""
    return sorted(text.split(": ", 1)[0] for _, text in result.findings if "/" in text.split(": ", 1)[0])


def all_three(names):
    return sorted(label(server.name, server.address) for server in names.names)


def redelegate(names, servers=None, **options):
    """The parent's records."""
    names.parent.change(PARENT, records=delegation(ZONE, servers or names.names, **options))


# ---- the ways to the zone ----

def test_the_parent_alone(ask, names, by_parent):
    result = ask(*by_parent)
    assert result.state == "OK" and servers_of(result) == all_three(names), result
    assert one(result, "zone: " + ZONE, "3 name servers in the parent zone") == "OK", result
    assert result.within(WAIT / 2), result


@pytest.mark.parametrize("resolver", ["r1", "r2"])
def test_a_resolver_alone(ask, names, resolver):
    result = ask("--find-by", place(getattr(names, resolver)))
    assert result.state == "OK" and servers_of(result) == all_three(names), result
    assert one(result, "zone: " + ZONE, "3 name servers in the parent zone") == "OK", result


def test_the_zone_is_given(ask, names):
    result = ask("--zone", ZONE, "--find-by", place(names.r1), "--search", "zone")
    assert result.state == "OK" and servers_of(result) == all_three(names), result
    assert one(result, "zone: " + ZONE) == "OK" and "parent" not in result.output, result


@pytest.mark.parametrize("zone", [(), ("--zone", ZONE)])
def test_servers_given_alone(ask, names, zone):
    result = ask("-s", "one=" + place(names.ns1), "-s", place(names.ns3), "--search", "given", *zone)
    assert result.state == "OK" and result.perfdata["servers"] == 2, result
    assert one(result, "one: prod") == "OK" and one(result, place(names.ns3) + ": prod") == "OK", result
    assert one(result, "zone: " + ZONE) == "OK", result


def test_a_server_given_is_no_second_one(ask, names, by_parent):
    """Its label stays, and the address that the zone names is the same."""
    result = ask("-s", "one=" + place(names.ns1), *by_parent)
    assert result.state == "OK" and result.perfdata["servers"] == 3, result
    assert one(result, "one: prod") == "OK", result
    assert servers_of(result) == [label("ns2", names.ns2.address), label("ns3", names.ns3.address)], result


def test_the_apex(ask, names):
    """The name is the zone."""
    for server in names.names:
        server.change(ZONE, records="@ 60 A 192.0.2.1")
    for how in (("--parent", place(names.parent)), ("-s", place(names.ns1), "--search", "given")):
        result = ask(*how, name=ZONE)
        assert result.state == "OK" and one(result, "zone: " + ZONE) == "OK", result


@pytest.mark.parametrize("record", ["lb.%s." % PARENT, "lb-prod.%s." % PARENT])
def test_an_alias_does_not_lead_to_its_targets_zone(ask, names, record):
    """The SOA beside a CNAME is that of where it leads, here the zone above."""
    for server in names.names:
        server.change(ZONE, records="www 60 CNAME " + record)
    names.parent.change(PARENT, records=delegation(ZONE, names.names) + "lb 60 A 192.0.2.9\nlb-prod 60 A 192.0.2.9")
    result = ask("--find-by", place(names.r2))
    assert servers_of(result) == all_three(names) and one(result, "zone: " + ZONE) == "OK", result
    assert result.state == "OK" and one(result, label("ns1", names.ns1.address) + ": prod") == "OK", result


def test_a_server_given_climbs_over_an_alias(ask, names):
    names.ns1.change(ZONE, records="www 60 CNAME lb.elsewhere.example.")
    result = ask("-s", "one=" + place(names.ns1), "--search", "given")
    assert one(result, "zone: " + ZONE) == "OK", result


def test_the_end_of_a_chain_that_leaves_the_zone(ask, names):
    """Found by a resolver, once, and never OK without one."""
    names.parent.serve(Zone("cdn-lab.example", "edge 60 A 192.0.2.77\nedge 60 AAAA 2001:db8:1::77", (names.parent,)))
    above = ("ns.%s." % PARENT,)
    names.parent.change("", records=delegation(PARENT, (names.parent,)) + delegation("cdn-lab.example", above))
    for server in names.names:
        server.change(ZONE, records="www 60 CNAME edge.cdn-lab.example.")
    result = ask("--find-by", place(names.r2), "-vv")
    assert result.state == "OK" and result.says("192.0.2.77"), result
    assert len([line for line in result.lines if "resolver" in line and " A edge.cdn-lab.example" in line]) == 1, result
    result = ask("--parent", place(names.parent), "--find-by", "%s:%d" % (NOWHERE, names.port))
    assert result.state != "OK", result


# ---- the dead ----

def test_dead_resolvers_alone(ask, names):
    first, second = "%s:%d" % (NOWHERE, names.port), "127.53.255.2:%d" % names.port
    result = ask("--find-by", first, "--find-by", second)
    assert result.state == "UNKNOWN" and result.says("cannot learn the name servers of " + WWW), result
    assert result.says(first + ": connection refused") and result.says(second + ": connection refused"), result


def test_one_of_two_resolvers_is_dead(ask, names):
    """Nobody waits for it."""
    names.r1.freeze()
    result = ask("--find-by", place(names.r1), "--find-by", place(names.r2))
    assert result.state == "OK" and servers_of(result) == all_three(names), result
    assert result.within(WAIT / 2), result


def test_a_silent_resolver_holds_no_given_server(ask, names):
    names.r1.freeze()
    result = ask("-s", "one=" + place(names.ns1), "--find-by", place(names.r1))
    assert one(result, "one: prod") == "OK", result
    assert one(result, "zone: ", "what the zone above says is not known", "no reply") == "WARNING", result
    # The zone's own NS records lead to the others.
    assert result.perfdata["servers"] == 3 and result.within(2 * WAIT + 0.2), result


def test_a_silent_server_costs_one_wait(ask, names, by_parent):
    """All of its questions are asked at once."""
    names.ns2.freeze()
    result = ask(*by_parent)
    assert result.state == "WARNING", result
    assert one(result, label("ns2", names.ns2.address) + ": no reply") == "WARNING", result
    assert one(result, label("ns1", names.ns1.address) + ": prod") == "OK", result
    assert result.seconds >= 2 * WAIT and result.within(2 * WAIT + 0.2), result


def test_a_dead_parent(ask, names):
    """What it says is not known; the servers that a resolver finds are asked nevertheless."""
    result = ask("--parent", "%s:%d" % (NOWHERE, names.port), "--find-by", place(names.r1))
    assert servers_of(result) == all_three(names), result
    assert one(result, "zone: ", "what the zone above says is not known", NOWHERE) == "WARNING", result


def test_one_of_two_parents_is_dead(ask, names, by_parent):
    result = ask("--parent", "%s:%d" % (NOWHERE, names.port), *by_parent)
    assert result.state == "OK" and servers_of(result) == all_three(names), result


# ---- parent and child differ ----

def test_the_parent_names_a_server_that_the_zone_does_not(ask, names, by_parent):
    old = names.knot("ns4", NEXT)
    old.serve(names.ns1.zones[ZONE]).start()
    redelegate(names, names.names + (old,))
    result = ask(*by_parent)
    assert result.state == "WARNING" and label("ns4", NEXT) in servers_of(result), result
    assert one(result, "does not name ns4." + ZONE) == "WARNING", result
    assert one(result, label("ns4", NEXT) + ": prod") == "OK", result


def test_the_zone_names_a_server_that_the_parent_does_not(ask, names, by_parent):
    """Found by its own records, which the zone is asked for; it still sends people to the other site."""
    new = names.knot("ns4", NEXT)
    for server in names.names:
        server.change(ZONE, servers=names.names + (new,))
    new.serve(names.ns1.zones[ZONE].change(records=RECORDS.replace("CNAME lb-prod", "CNAME lb-dr"))).start()
    result = ask(*by_parent)
    assert result.state == "CRITICAL" and one(result, label("ns4", NEXT), "leads to dr") == "CRITICAL", result
    assert one(result, "names ns4.%s, which the parent does not" % ZONE) == "WARNING", result


def test_a_server_that_only_one_other_names(ask, names, by_parent):
    new = names.knot("ns4", NEXT)
    names.ns2.change(ZONE, servers=names.names + (new,))
    new.serve(names.ns2.zones[ZONE]).start()
    result = ask(*by_parent)
    assert one(result, label("ns4", NEXT) + ": prod") == "OK", result
    assert one(result, "name other servers") == "WARNING", result


def test_glue_that_the_zone_denies(ask, names, by_parent):
    """Both addresses are asked: people come to the glue first."""
    text = delegation(ZONE, names.names).replace(names.ns1.address, NEXT)
    names.parent.change(PARENT, records=text)
    result = ask(*by_parent)
    assert result.state == "WARNING", result
    assert one(result, "the glue %s of ns1.%s is not what the zone says" % (NEXT, ZONE)) == "WARNING", result
    assert one(result, label("ns1", NEXT) + ": cannot be reached") == "WARNING", result
    assert one(result, label("ns1", names.ns1.address) + ": prod") == "OK", result


def test_glue_is_wrong_only_where_all_servers_say_so(ask, names, by_parent):
    """One that is behind knows nothing of the new server: what is said does not depend on who answers first."""
    new = names.knot("ns4", NEXT)
    for server in (names.ns2, names.ns3):
        server.change(ZONE, servers=names.names + (new,))
    new.serve(names.ns2.zones[ZONE]).start()
    redelegate(names, names.names + (new,))
    for _ in range(4):
        result = ask(*by_parent)
        assert "glue" not in result.output and "has no address" not in result.output, result
        assert one(result, label("ns4", NEXT) + ": prod") == "OK", result


def test_a_server_that_is_an_alias(ask, names, by_parent):
    """NSD loads that; BIND refuses to."""
    records = RECORDS + "alias CNAME ns2\n"
    names.ns2.change(ZONE, servers=(names.ns2, "alias.%s." % ZONE), records=records)
    redelegate(names, (names.ns2, "alias.%s." % ZONE))
    result = ask(*by_parent)
    assert one(result, "alias.%s is a CNAME" % ZONE) == "WARNING", result
    # It is the address of ns2, which is asked once, under the first of its names.
    assert result.perfdata["servers"] == 1 and servers_of(result) == [label("alias", names.ns2.address)], result


def test_a_server_without_address(ask, names, by_parent):
    """NSD and Knot load that; BIND refuses to."""
    names.ns3.stop()
    for server in (names.ns1, names.ns2):
        server.change(ZONE, servers=(names.ns1, names.ns2, "gone.%s." % ZONE))
    redelegate(names, (names.ns1, names.ns2, "gone.%s." % ZONE))
    result = ask(*by_parent)
    assert result.state == "WARNING" and one(result, "gone.%s has no address" % ZONE) == "WARNING", result


def test_a_server_whose_address_nobody_can_tell(ask, names, by_parent):
    """Its name lies in another zone, and no resolver is there: it is not lost, it is not known."""
    redelegate(names, names.names + ("ns.elsewhere.example.",))
    result = ask(*by_parent)
    assert result.state == "WARNING" and "has no address" not in result.output, result
    assert one(result, "addresses of ns.elsewhere.example") == "WARNING", result


def test_a_parent_that_serves_the_zone_itself(ask, names, by_parent):
    """It refers nobody: whoever comes is answered, which is no fault. Nothing is said of glue."""
    names.parent.serve(Zone(ZONE, RECORDS, names.names, serial=2026010101))
    result = ask(*by_parent)
    assert result.state == "OK" and servers_of(result) == all_three(names), result


def test_a_zone_that_is_not_delegated(ask, names, by_parent):
    names.parent.change(PARENT, records="")
    result = ask("--zone", ZONE, "-s", place(names.ns1), *by_parent)
    assert one(result, "says that %s is not delegated" % ZONE) == "WARNING", result


# ---- servers that do not serve it ----

def test_a_lame_server(ask, names, by_parent):
    """It refers to others: it has the zone above alone."""
    names.ns3.serve(Zone(PARENT, delegation(ZONE, names.names), (names.ns3,)))
    names.ns3.remove(ZONE)
    result = ask(*by_parent)
    assert result.state == "WARNING", result
    assert one(result, label("ns3", names.ns3.address), "lame") == "WARNING", result


def test_an_upward_referral(ask, names, by_parent):
    names.ns3.serve(Zone("", delegation(PARENT, (names.parent,)), (names.ns3,)))
    names.ns3.remove(ZONE)
    result = ask(*by_parent)
    assert one(result, label("ns3", names.ns3.address), "upward referral") == "WARNING", result


def test_one_name_two_addresses_two_versions(ask, names, by_parent):
    """One of them is behind; each is looked at."""
    other = names.knot("other", NEXT)
    both = ("ns1 A %s\n" % NEXT) + RECORDS
    for server in names.names:
        server.change(ZONE, records=both)
    other.serve(names.ns1.zones[ZONE].change(records=both.replace("CNAME lb-prod", "CNAME lb-dr"))).start()
    names.parent.change(PARENT, records=delegation(ZONE, names.names) + "ns1.%s. A %s" % (ZONE, NEXT))
    result = ask(*by_parent)
    assert result.state == "CRITICAL" and one(result, label("ns1", NEXT), "leads to dr") == "CRITICAL", result
    assert one(result, label("ns1", names.ns1.address) + ": prod") == "OK", result


# ---- IPv6 ----

def test_a_server_on_ipv6(ask, names, by_parent):
    """Both of its addresses are asked; one family alone where that is wanted."""
    six = names.knot("ns4", NEXT, "::1")
    for server in names.names:
        server.change(ZONE, servers=names.names + (six,))
    six.serve(names.ns1.zones[ZONE]).start()
    redelegate(names, names.names + (six,))
    both = [label("ns4", NEXT), label("ns4", "::1")]
    result = ask(*by_parent)
    assert result.state == "OK" and servers_of(result) == sorted(all_three(names) + both), result
    result = ask("-4", *by_parent)
    assert result.state == "OK" and servers_of(result) == sorted(all_three(names) + both[:1]), result
    result = ask("-6", *by_parent)
    assert servers_of(result) == both[1:], result


# ---- signed ----

def test_a_signed_zone(ask, names, by_parent):
    names.sign()
    result = ask(*by_parent)
    assert result.state == "OK" and result.perfdata["rrsig_min"] > 86400, result


def test_a_ds_that_nobody_matches(ask, names, by_parent):
    names.sign(ds=False)
    redelegate(names, ds=names.ds(ZONE, "RSASHA256"))
    result = ask(*by_parent)
    assert result.state == "CRITICAL" and result.says("matches the parent's DS"), result


# ---- names to switch to ----

def test_a_standby_name_in_the_zone_and_one_outside(ask, names):
    """The one is asked of every server, the other of a resolver, once."""
    names.parent.change(PARENT, records=delegation(ZONE, names.names) + "lb 60 A 198.51.100.9")
    result = ask("--find-by", place(names.r2), "--standby", "dr=lb-dr." + ZONE, "--standby", "dr=lb." + PARENT, "-vv")
    assert result.state == "OK", result
    assert one(result, "lb-dr.%s: is there and leads to dr on 3 servers" % ZONE) == "OK", result
    assert one(result, "lb.%s: is there and leads to dr" % PARENT) == "OK", result
    asked = [line for line in result.lines if " A lb.%s " % PARENT in line]
    assert len(asked) == 1 and "resolver" in asked[0], result


def expect(result, state, *words):
    assert result.state == state and result.says(*words), result


@pytest.mark.parametrize("nsec3", [False, True])
def test_validation_from_the_parents_ds(ask, names, by_parent, nsec3):
    """Answers, and the denial of a name that cannot exist."""
    names.sign(nsec3=nsec3)
    expect(ask("--dnssec", *by_parent), "OK")
    expect(ask("--dnssec", name="text." + ZONE, *by_parent), "CRITICAL", "no address")


def test_a_signature_that_has_expired_on_one_server(ask, names, by_parent):
    names.sign()
    old = names.ns2.zones[ZONE].sign(inception=time.time() - 20 * 86400, expiry=time.time() - 86400)
    names.ns2.serve(old)
    result = ask("--dnssec", *by_parent)
    assert result.state == "CRITICAL" and result.says("expired"), result
    assert [state for state, text in result.findings if names.ns2.address in text and "expired" in text], result
    assert one(result, label("ns1", names.ns1.address) + ": prod") == "OK", result


def test_as_of_a_later_time(ask, names, by_parent):
    names.sign(expiry=time.time() + 5 * 86400)
    expect(ask("--dnssec", *by_parent), "OK")
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 6 * 86400))
    expect(ask("--dnssec", "--at", later, *by_parent), "CRITICAL", "expired")


def test_one_server_is_not_signed(ask, names, by_parent):
    """A copy from before the zone was signed: whoever validates takes nothing from it."""
    names.sign(servers=(names.ns1, names.ns2))
    result = ask("--dnssec", *by_parent)
    assert result.state == "CRITICAL", result
    assert [state for state, text in result.findings if text.startswith(label("ns3", names.ns3.address))
            and state == "CRITICAL"], result


def test_a_zone_without_ds_promises_nothing(ask, names, by_parent):
    names.sign(ds=False)
    result = ask("--dnssec", *by_parent)
    assert "expired" not in result.output and servers_of(result) == all_three(names), result
    assert result.state != "CRITICAL", result


def test_a_trust_anchor(ask, names, tmp_path):
    """In place of the parent's DS: nobody has to be asked for one."""
    names.sign(ds=False)
    anchor = tmp_path / "anchor"
    anchor.write_text(names.ds(ZONE))
    given = ("-s", place(names.ns1), "--search", "given", "--dnssec", "--trust-anchor", anchor)
    expect(ask(*given), "OK")
    anchor.write_text(names.ds(ZONE, "RSASHA256"))
    result = ask(*given)
    assert result.state == "CRITICAL", result
    anchor.write_text("nothing of the kind\n")
    result = ask(*given)
    assert result.state == "UNKNOWN" and result.says(str(anchor)), result


def test_validation_where_the_ds_is_not_known(ask, names):
    """It is not taken for secure, nor for bogus."""
    names.sign()
    result = ask("--dnssec", "-s", place(names.ns1), "--search", "given")
    assert result.state in ("WARNING", "UNKNOWN") and result.says("DS is not known"), result
