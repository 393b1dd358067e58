# SPDX-License-Identifier: GPL-3.0-or-later
"""check_dns_target is let in by exactly what SECURITY.md says of each name server and resolver, and says so where it is
not: its lines are put into the configuration of real ones, as they stand there."""

import os
import re

import pytest

from dns_servers import DR, PROD, ZONE, version

HERE = os.path.dirname(os.path.abspath(__file__))
APP = "app." + ZONE
MONITORING = "192.0.2.9"  # the monitoring host of SECURITY.md
NOWHERE = "127.53.255.1"  # nobody listens there: no resolver of this machine is asked
LISTED, FOREIGN = "127.0.0.1", "127.0.0.77"  # the lab itself asks from the first
# NSD before 4.5 lets everybody ask: it is not guarded, and not asked.
SERVERS = tuple(name for name in ("ns1", "ns2", "ns3") if name != "ns2" or version("nsd") >= (4, 5))
RESOLVERS = ("r1", "r2")
# What each says to whoever is not listed.
REFUSALS = {"ns1": "NOTAUTH", "ns2": "REFUSED", "ns3": "REFUSED", "r1": "REFUSED", "r2": "REFUSED"}


def said_of(product):
    """The lines of SECURITY.md for that product, with the address that is listed here."""
    with open(os.path.join(HERE, os.pardir, os.pardir, "SECURITY.md"), encoding="utf-8") as file:
        found = re.search(r"### DNS servers and resolvers\n(.*?)\n### ", file.read() + "\n### ", re.DOTALL)
    assert found, "SECURITY.md has no section about name servers"
    block = re.search(r"^%s:\n\n((?:    .*\n|\n)+)" % re.escape(product), found.group(1), re.MULTILINE)
    assert block and MONITORING in block.group(1), "SECURITY.md says nothing of " + product
    lines = [line[4:] for line in block.group(1).rstrip("\n").split("\n")]
    return "\n".join(lines).replace(MONITORING, LISTED)


def replaced(text, old, new):
    assert old in text, "%r is not in the configuration of the lab" % old
    return text.replace(old, new)


def indented(lines, blanks=4):
    return "".join(" " * blanks + line.strip() + "\n" for line in lines.split("\n") if line)


def knot(text):
    module, _, zone = said_of("Knot").partition("\nzone:\n")
    line = [line for line in zone.split("\n") if "module:" in line]
    return replaced(replaced(text, '.zone"\n', '.zone"\n' + indented(*line)), "\nzone:\n", "\n%s\nzone:\n" % module)


def nsd(text):
    line = [line for line in said_of("NSD").split("\n") if "allow-query:" in line]
    return replaced(text, '.zone"\n', '.zone"\n' + indented(*line))


def bind(text):
    return replaced(text, "    allow-query { any; };\n", indented(said_of("BIND")))


def unbound(text):
    """It lets every address of the loopback in by itself, which stands for nobody else here."""
    lines = [line for line in said_of("Unbound").split("\n") if "access-control:" in line]
    return replaced(text, "    access-control: 127.0.0.0/8 allow\n    access-control: ::1 allow\n",
                    "    access-control: 127.0.0.0/8 refuse\n" + indented("\n".join(lines)))


def bind_resolver(text):
    text = replaced(text, "    allow-query { any; };\n", "")
    return replaced(text, "    allow-recursion { any; };\n", indented(said_of("BIND as a resolver")))


GUARDS = {"ns1": knot, "ns2": nsd, "ns3": bind, "r1": unbound, "r2": bind_resolver}


@pytest.fixture
def guard(names):
    """guard("ns1", ...): they let in whom SECURITY.md lets in; as before when the test is over."""
    guarded = []

    def start(*which):
        for name in which:
            server = getattr(names, name)
            before = server.configuration
            guarded.append(server)
            server.configuration = lambda before=before, change=GUARDS[name]: change(before())
            server.restart()
    yield start
    for server in guarded:
        del server.configuration  # that of its class is there again
        server.restart()


def server_of(names, name):
    server = getattr(names, name)
    return "%s=%s:%d" % (name, server.address, server.port)


@pytest.fixture
def ask(dns_target, names):
    """ask(source, *arguments): from that address, of the servers that can be guarded."""
    def run(source, *arguments):
        return dns_target("-n", APP, "-P", names.port, "-S", "prod=" + PROD, "-S", "dr=" + DR, "-e", "prod",
                          "--source", source, "--search", "given", "--find-by", "%s:%d" % (NOWHERE, names.port),
                          *(word for name in SERVERS for word in ("-s", server_of(names, name))), *arguments)
    return run


def line_of(result, name):
    found = result.about(name)
    assert len(found) == 1, result
    return found[0]


def test_whoever_is_listed_sees_all(names, guard, ask):
    guard(*SERVERS + RESOLVERS)
    result = ask(LISTED, *(word for name in RESOLVERS for word in ("-r", server_of(names, name))))
    assert result.state == "OK", result
    assert result.first.startswith("DNS OK - %s leads to prod on all %d name servers and 2 resolvers" % (
        APP, len(SERVERS))), result
    assert result.perfdata["moved"] == result.perfdata["servers"] == len(SERVERS) + 2, result


@pytest.mark.parametrize("name", SERVERS)
def test_one_server_does_not_let_us_ask(guard, ask, name):
    guard(name)
    result = ask(FOREIGN)
    state, text = line_of(result, name)
    assert result.state == state == "WARNING" and REFUSALS[name] in text, result
    assert "1 of %d name servers do not serve %s: %s" % (len(SERVERS), APP, name) in result.first, result
    assert REFUSALS[name] in result.first, result
    assert "next: " in result.output and "let this host ask it" in result.output, result
    for other in set(SERVERS) - {name}:
        assert line_of(result, other)[0] == "OK", result


def test_no_server_lets_us_ask(guard, ask):
    """A zone that is gone from all of them looks the same."""
    guard(*SERVERS)
    result = ask(FOREIGN)
    assert result.state == "CRITICAL", result
    assert "0 of %d name servers serve %s, at least 1 must" % (len(SERVERS), APP) in result.first, result
    assert result.perfdata["moved"] == 0 and "next: " in result.output, result
    assert "let this host ask it" in result.output, result
    for name in SERVERS:
        assert REFUSALS[name] in line_of(result, name)[1], result


@pytest.mark.parametrize("name", RESOLVERS)
def test_a_resolver_does_not_let_us_ask(names, guard, ask, name):
    guard(name)
    result = ask(FOREIGN, "-r", server_of(names, name))
    assert result.state == "UNKNOWN", result
    assert "1 of 1 resolvers do not tell: %s: %s" % (name, REFUSALS[name]) in result.first, result
    assert [state for state, _ in result.about(name)] == ["UNKNOWN"], result
    assert "next: let this host ask it" in result.output, result
    for server in SERVERS:
        assert line_of(result, server)[0] == "OK", result
