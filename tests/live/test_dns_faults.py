# SPDX-License-Identifier: GPL-3.0-or-later
"""check_dns_target where one stage of it goes wrong: a server of the zone over UDP and over TCP, the parent's, whoever
finds the zone, a resolver. Whatever it does: one clear first line, inside the deadline, and nothing left behind."""

import os
import shlex
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import check  # noqa: E402
from test_replies_dns import APP, NAME, World  # noqa: E402

PROD = "prod=192.0.2.0/24,2001:db8:1::/48"
DEADLINE = 3.0
EITHER = ("CRITICAL", "UNKNOWN")

# mode of the liar: (what its line says, as a server of the zone; as a resolver)
FAULTS = {
    "drop": ("no reply", "no reply"),
    "badid": ("no reply", "no reply"),
    "badq": ("no reply", "no reply"),
    "othersrc": ("no reply", "no reply"),
    "slow9": ("no reply", "no reply"),
    "short": ("a reply that cannot be read", "a reply that cannot be read"),
    "ptrloop": ("a reply that cannot be read", "a reply that cannot be read"),
    "countlie": ("a reply that cannot be read", "a reply that cannot be read"),
    "servfail": ("SERVFAIL", "SERVFAIL"),
    "refused": ("REFUSED", "REFUSED"),
    "tc-empty+tcp-reset": ("truncated, and TCP does not work", "truncated, and TCP does not work"),
    "tc-empty+tcp-half": ("truncated, and TCP does not work", "truncated, and TCP does not work"),
    "tc-empty+tcp-hang": ("truncated, and TCP does not work", "truncated, and TCP does not work"),
}
# What is odd, and no fault.
FINE = ("dup", "lower", "tc-empty", "tc-empty+tcp-dribble", "slow0.05")


@pytest.fixture(scope="module")
def whole():
    made = World()
    yield made
    made.stop()


@pytest.fixture
def world(whole):
    yield whole
    for liar in whole.roles().values():
        liar.mode = "ok"
    whole.other.mode = "ok"


@pytest.fixture
def ask(dns_target, world):
    def run(*more, resolver="dns", **options):
        return dns_target("-n", NAME, "-S", PROD, "-P", world.parent.port, "--parent", world.parent.endpoint,
                          "--find-by", world.finder.endpoint, "-r", "r1=%s://%s" % (resolver, world.resolver.endpoint),
                          "--wait", "0.2", "--tries", "2", "-t", "%gs" % DEADLINE, *more, **options)
    return run


def of_server(result, number=1):
    return [finding for finding in result.findings if finding[1].startswith("ns%d." % number)]


def test_healthy(ask):
    result = ask()
    assert result.state == "OK" and "leads to prod on all 2 name servers and 1 resolver" in result.first, result
    assert of_server(result)[0][0] == "OK", result


@pytest.mark.parametrize("role", ("server", "parent", "finder", "resolver"))
@pytest.mark.parametrize("mode", FINE)
def test_no_fault(ask, world, role, mode):
    world.roles()[role].mode = mode
    result = ask("--wait", "2")  # one byte after the other takes its time
    assert result.state == "OK" and "leads to prod on all 2 name servers and 1 resolver" in result.first, result


@pytest.mark.parametrize("mode", FAULTS)
def test_a_server(ask, world, mode):
    world.server.mode = mode
    result = ask()
    state, line = of_server(result)[0]
    assert state == result.state != "OK" and FAULTS[mode][0] in line, result
    assert "ns1." in result.first and of_server(result, 2)[0][0] == "OK", result
    assert result.within(DEADLINE), result


@pytest.mark.parametrize("mode", FAULTS)
def test_all_servers(ask, world, mode):
    world.server.mode = world.other.mode = mode
    result = ask()
    assert result.state in EITHER and "ns1." in result.first and FAULTS[mode][0] in result.first, result
    assert result.within(DEADLINE), result


@pytest.mark.parametrize("mode", FAULTS)
def test_a_resolver(ask, world, mode):
    world.resolver.mode = mode
    result = ask()
    assert result.state in EITHER and "1 of 1 resolvers do not tell: r1: " in result.first, result
    assert result.about("r1")[0][0] == result.state and FAULTS[mode][1] in result.about("r1")[0][1], result
    assert result.within(DEADLINE), result


@pytest.mark.parametrize("mode", ("drop", "tcp-hang", "tcp-reset", "tcp-half", "short", "ptrloop", "badq"))
def test_a_resolver_over_tcp(ask, world, mode):
    world.resolver.mode = mode
    result = ask(resolver="dns+tcp")
    assert result.state in EITHER and "1 of 1 resolvers do not tell: r1: " in result.first, result
    assert result.within(DEADLINE), result


@pytest.mark.parametrize("mode", FAULTS)
def test_the_parent(ask, world, mode):
    """What the zone above says is not known; the servers were found by the other way."""
    world.parent.mode = mode
    result = ask()
    assert result.state == "WARNING" and "what the zone above says is not known" in result.first, result
    assert {state for state, _ in of_server(result) + of_server(result, 2)} == {"OK"}, result
    assert result.within(DEADLINE), result


@pytest.mark.parametrize("mode", FAULTS)
def test_the_finder(ask, world, mode):
    """The parent says all that is needed."""
    world.finder.mode = mode
    result = ask()
    assert result.state == "OK" and "all 2 name servers" in result.first, result
    assert result.within(DEADLINE), result


@pytest.mark.parametrize("mode", FAULTS)
def test_nobody_finds_the_zone(ask, world, mode):
    world.finder.mode = world.parent.mode = mode
    result = ask()
    assert result.state in EITHER and "the zone is not known" in result.output, result
    assert result.about("r1")[0][0] == "OK" and result.within(DEADLINE), result


@pytest.mark.parametrize("timeout,state", (("1s", "CRITICAL"), ("1s:unknown", "UNKNOWN")))
def test_deadline(dns_target, world, timeout, state):
    """It ends what is waited for, and is no evidence of anything."""
    for liar in world.roles().values():
        liar.mode = "drop"
    result = dns_target("-n", NAME, "-S", PROD, "--search", "none", "-r", "r1=" + world.resolver.endpoint,
                        "--wait", "5s", "-t", timeout)
    assert result.state == state and "r1" in result.first, result
    assert result.within(1), result


def test_nobody_listens(dns_target, world):
    """A name server that is gone: the host says so, and nobody waits."""
    with_port = "127.55.0.8:%d" % world.parent.port
    result = dns_target("-n", NAME, "-S", PROD, "--search", "given", "-s", "ns8=" + with_port, "--zone", "drm.example",
                        "--find-by", with_port, "--wait", "3s", "-t", "10s")
    assert result.state == "CRITICAL" and "ns8: cannot be reached" in result.first, result
    assert result.within(1), result


# ---- the process ----

def start(world, *before):
    command = list(before) + shlex.split(os.environ.get("DR_WRAPPER", "")) + [
        check.executable("check_dns_target"), "-n", APP, "-S", PROD, "-P", str(world.parent.port), "--parent",
        world.parent.endpoint, "--find-by", world.finder.endpoint, "-r", world.resolver.endpoint]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          check=False)


@pytest.mark.parametrize("closed", ("<&-", "<&- >&- 2>&-", ">&-"))
def test_descriptors_that_are_closed(world, closed):
    """No report and no question goes where it does not belong."""
    before = len(world.server.questions)
    done = start(world, "sh", "-c", 'exec "$0" "$@" ' + closed)
    assert done.stderr == b"" and done.returncode in ((0,) if closed == "<&-" else (0, 3)), done
    assert b"DNS OK" in done.stdout or ">&-" in closed
    assert len(world.server.questions) > before and not world.server.failures


@pytest.mark.parametrize("most", (16, 64))
def test_few_files(world, most):
    """As many questions at once as there is room for; none is lost."""
    run = start(world, "sh", "-c", 'ulimit -n %d; exec "$0" "$@"' % most)
    assert run.returncode == 0 and b"all 2 name servers and 1 resolver" in run.stdout, run


def test_unusual_environment(ask):
    """What the resolver of the C library would take from it changes nothing here."""
    result = ask(environment={"RES_OPTIONS": "ndots:15 use-vc", "LOCALDOMAIN": "elsewhere.example", "HOSTALIASES":
                              "/dev/null", "http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1",
                              "ALL_PROXY": "http://127.0.0.1:1", "HOME": "", "TZ": "Nowhere/Here"})
    assert result.state == "OK" and "all 2 name servers and 1 resolver" in result.first, result
