# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness on real HAProxies: what each state of a server, a backend and a frontend is worth, by the page of
statistics, the Unix socket and the TCP port of the runtime API."""

import os
import socket as sockets
import sys
import threading

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "lab"))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import haproxy  # noqa: E402
import peers  # noqa: E402

WAYS = {
    "socket": lambda lb: "haproxy+unix://" + lb.user_socket,
    "port": lambda lb: "haproxy+tcp://127.0.0.1:%d" % lb.stats_port,
    "page": lambda lb: "haproxy+" + lb.page(lb.legends_port),
}
every_way = pytest.mark.parametrize("way", WAYS)
# Backends of which each test here wants one of its own.
BLIND = haproxy.CONFIG + """
backend blind
    server blind1 127.0.0.1:%(nameserver_port)d
backend spares
    server-template slot 1-3 one.test:%(app1)d check init-addr none resolvers nowhere resolve-prefer ipv4
"""


class OneAddress:
    """A name server: every name has one address, 127.0.0.1."""

    def __init__(self, port):
        self.socket = sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            if not query:
                return
            end = query.index(b"\0", 12) + 5
            found = query[end - 4:end - 2] == b"\0\1"  # A
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" if found else b""
            self.socket.sendto(query[:2] + b"\x81\x80\0\1\0" + bytes([found]) + b"\0\0\0\0" + query[12:end] + answer,
                               client)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


def socket(balancer):
    return "haproxy+unix://" + balancer.user_socket


def state_of(result, name):
    """The state of the line of a unit, by its whole name."""
    found = [state for state, text in result.findings if text.startswith(name + ":")]
    assert len(found) == 1, "%s is there %d times: %s" % (name, len(found), result)
    return found[0]


def words_of(result, name):
    state_of(result, name)
    return next(text for _, text in result.findings if text.startswith(name + ":"))


# ---- each state ----

@every_way
def test_all_well(liveness, balancer, way):
    result = liveness("-T", WAYS[way](balancer), "--pool", "app")
    assert result.state == "OK" and result.says("3 of 3 servers of app alive"), result
    assert result.perfdata["alive"] == 3 and result.perfdata["app_sessions"] == 0, result
    assert not result.says("web"), result
    assert "pxname" in liveness("-T", WAYS[way](balancer), "--pool", "app", "-vvv").output


@every_way
def test_one_down_one_out(liveness, balancers, balancer, way):
    """The balancer says that the backend is UP."""
    balancers.peers["app2"].stop()
    balancer.wait_status("app/app2", "DOWN")
    balancer.set_state("app/app3", "maint")
    assert balancer.rows()["app/BACKEND"]["status"] == "UP"
    result = liveness("-T", WAYS[way](balancer), "--pool", "app")
    assert result.state == "WARNING" and "app/app2" in result.first, result
    assert result.says("1 of 3 servers of app alive, 1 taken out on purpose"), result
    assert result.says("L4CON: Connection refused"), result
    assert state_of(result, "app/app3") == "OK" and "in maintenance" in words_of(result, "app/app3"), result
    result = liveness("-T", WAYS[way](balancer), "--pool", "app=2")
    assert result.state == "CRITICAL" and "2 wanted" in result.first, result


@every_way
def test_no_server_at_all(liveness, balancer, way):
    """A backend without servers is UP."""
    assert balancer.rows()["empty/BACKEND"]["status"] == "UP"
    for arguments in (("--pool", "empty"), ("--pool", "empty", "--pool", "app")):
        result = liveness("-T", WAYS[way](balancer), *arguments)
        assert result.state == "CRITICAL" and result.about("empty")[0][0] == "CRITICAL", result
        assert result.says("has no servers"), result
    assert liveness("-T", WAYS[way](balancer), "--pool", "empty=passive").state == "UNKNOWN"


@every_way
def test_passive(liveness, balancer, way):
    """A backend whose servers are all out on purpose is DOWN, as it should be."""
    assert balancer.rows()["dr/BACKEND"]["status"] == "DOWN"
    for arguments in (("--pool", "dr=passive"), ("--pool", "dr", "--expect", "passive")):
        result = liveness("-T", WAYS[way](balancer), *arguments)
        assert result.state == "OK" and result.says("dr is passive, as it should be: 2 servers"), result
    result = liveness("-T", WAYS[way](balancer), "--pool", "dr")
    assert result.state == "CRITICAL" and "2 taken out on purpose" in result.first, result


def test_active_where_passive_is_wanted(liveness, balancer):
    result = liveness("-T", socket(balancer), "--pool", "app=passive")
    assert result.state == "CRITICAL" and "app is active and should be passive" in result.first, result
    balancer.set_state("dr/dr2", "ready")
    balancer.wait_status("dr/dr2", "UP")
    result = liveness("-T", socket(balancer), "--pool", "dr=passive")
    assert result.state == "CRITICAL" and "dr/dr2" in result.first, result


def test_sessions_on_a_passive_backend(liveness, liveness_until, balancer):
    """Those of a server that was taken out go on; and after the last one it is in use for --idle."""
    balancer.set_state("dr/dr1", "ready")
    balancer.wait_status("dr/dr1", "UP")
    balancer.hold("dr", balancer.dr_port)
    balancer.set_state("dr/dr1", "maint")
    balancer.wait_status("dr/dr1", "MAINT")
    result = liveness("-T", socket(balancer), "--pool", "dr=passive")
    assert result.state == "CRITICAL" and result.says("in use: 1 session"), result
    balancer.release()
    result = liveness("-T", socket(balancer), "--pool", "dr=passive")
    assert result.state == "CRITICAL" and result.says("last session"), result
    result = liveness_until(lambda result: result.state == "OK", 10, "-T", socket(balancer), "--pool", "dr=passive",
                            "--idle", "1s")
    assert result.state == "OK" and result.says("not in use: last session"), result


@every_way
def test_a_name_that_matches_nothing(liveness, balancer, way):
    result = liveness("-T", WAYS[way](balancer), "--pool", "app", "--pool", "nosuch")
    assert result.state == "UNKNOWN" and result.says("nosuch: no pool goes by that name"), result
    assert liveness("-T", WAYS[way](balancer), "--pool", "nosuch=passive").state == "UNKNOWN"
    assert liveness("-T", WAYS[way](balancer), "--include", "^nosuch/").state == "UNKNOWN"


@every_way
def test_drained_and_out_of_rotation(liveness, balancer, way):
    """DRAIN, NOLB (a check that answers 404) and a backup."""
    result = liveness("-T", WAYS[way](balancer), "--pool", "mixed")
    assert "draining" in words_of(result, "mixed/drained") and "draining" in words_of(result, "mixed/nolb"), result
    assert "nobody checks it" in words_of(result, "mixed/nocheck"), result
    assert result.state == "WARNING" and "only its backup answers" in result.first, result


@every_way
def test_a_tracked_server(liveness, balancer, way):
    """MAINT (via app/app3) is maintenance on purpose."""
    result = liveness("-T", WAYS[way](balancer), "--pool", "follow")
    assert result.state == "OK" and "up" in words_of(result, "follow/tracker"), result
    balancer.set_state("app/app3", "maint")
    balancer.wait_status("follow/tracker", "MAINT (via app/app3)")
    result = liveness("-T", WAYS[way](balancer), "--pool", "follow=passive")
    assert result.state == "OK" and "MAINT (via app/app3)" in words_of(result, "follow/tracker"), result


@every_way
def test_a_name_without_an_address(liveness, balancer, way):
    """MAINT (resolution) is nobody's wish."""
    result = liveness("-T", WAYS[way](balancer), "--pool", "lost")
    assert result.state == "CRITICAL" and "its name has no address" in words_of(result, "lost/lost1"), result
    result = liveness("-T", WAYS[way](balancer), "--pool", "lost=passive")
    assert result.state == "UNKNOWN" and "lost/lost1" in result.first, result


def test_a_name_without_an_address_taken_out(liveness, balancer):
    """HAProxy goes on saying MAINT (resolution): its bits tell that it was taken out, and it would not come up."""
    balancer.set_state("lost/lost1", "maint")
    assert balancer.rows()["lost/lost1"]["status"] == "MAINT (resolution)"
    result = liveness("-T", socket(balancer), "--pool", "lost=passive")
    assert result.state == "CRITICAL" and result.says("would not come up: its name has no address"), result


@every_way
def test_an_agent_that_says_no(liveness, balancer, way):
    result = liveness("-T", WAYS[way](balancer), "--pool", "agent")
    assert result.state == "CRITICAL" and "DOWN (agent)" in words_of(result, "agent/agent1"), result


@every_way
def test_a_comma_in_the_text_of_a_check(liveness_until, balancer, way):
    """It moves every column behind it for whoever cuts at commas. While the next check runs there is no text."""
    result = liveness_until(lambda result: "PONG" in result.output, 10, "-T", WAYS[way](balancer), "--pool", "quoted")
    assert result.state == "CRITICAL" and "expect PONG, got else" in words_of(result, "quoted/quoted1"), result


def test_health_checks_switched_off(liveness, balancer):
    """A server whose checks were disabled stays as it was for ever."""
    for name in ("app1", "app2", "app3"):
        balancer.command("disable health app/" + name)
    result = liveness("-T", socket(balancer), "--pool", "app")
    assert result.state == "UNKNOWN" and "nobody checks it" in words_of(result, "app/app1"), result


def test_a_server_that_nobody_checks(liveness, balancers):
    """It is up for the balancer, whatever there is at its address."""
    balancer = balancers.balancer("lb3", config=BLIND, wait=False)
    assert balancer.rows()["blind/blind1"]["status"] == "no check"
    assert balancer.rows()["blind/BACKEND"]["status"] == "UP"
    result = liveness("-T", socket(balancer), "--pool", "blind")
    assert result.state == "UNKNOWN" and "nobody checks it" in words_of(result, "blind/blind1"), result
    assert liveness("-T", socket(balancer), "--pool", "blind=passive").state == "CRITICAL"
    result = liveness("-T", socket(balancer), "--pool", "blind", "--direct", "http://blind.example/health")
    assert result.state == "CRITICAL" and "refused" in words_of(result, "blind/blind1"), result


def test_servers_for_addresses_that_are_not_there(liveness, balancers):
    """Three servers for the addresses of one name, which has one: the two without are no loss."""
    balancer = balancers.balancer("lb3", config=BLIND, wait=False)
    result = liveness("-T", socket(balancer), "--pool", "spares")
    assert result.state == "CRITICAL" and result.says("its name has no address"), result
    with OneAddress(balancer.nameserver_port):
        rows = balancer.wait(lambda rows: any(row["check_status"] == "L4OK" for name, row in rows.items()
                                              if name.startswith("spares/slot")), "a slot is checked")
        result = liveness("-T", socket(balancer), "--pool", "spares")
    lost = [name for name, row in rows.items() if name.startswith("spares/") and row["status"] == "MAINT (resolution)"]
    assert len(lost) == 2
    assert result.state == "OK" and not any(name in result.output for name in lost), result


# ---- frontends ----

@every_way
def test_a_frontend_that_takes_nothing(liveness, balancer, way):
    result = liveness("-T", WAYS[way](balancer), "--pool", "app", "--pool", "web")
    assert result.state == "OK" and "takes requests" in words_of(result, "frontend web"), result
    balancer.command("disable frontend web")
    result = liveness("-T", WAYS[way](balancer), "--pool", "app", "--pool", "web")
    assert result.state == "CRITICAL" and state_of(result, "frontend web") == "CRITICAL", result
    balancer.command("shutdown frontend web")
    result = liveness("-T", WAYS[way](balancer), "--pool", "app", "--pool", "web")
    if "web/FRONTEND" in balancer.rows():
        assert result.state == "CRITICAL" and "STOP" in words_of(result, "frontend web"), result
    else:  # HAProxy 2.2 drops it
        assert result.state == "UNKNOWN" and result.says("web: no pool goes by that name"), result


# ---- the servers themselves ----

def test_direct(liveness, balancers, balancer):
    """The balancer still says that they are up."""
    arguments = ("--pool", "app", "--direct", "http://app.example.com/health")
    result = liveness("-T", socket(balancer), *arguments)
    assert result.state == "OK" and "status 200" in words_of(result, "app/app1"), result
    for name in ("app1", "app2", "app3"):
        balancer.command("disable health app/" + name)
    balancers.peers["app2"].stop()
    balancers.peers["app3"].status = 500
    result = liveness("-T", socket(balancer), *arguments)
    assert result.state == "WARNING" and result.says("1 of 3 servers of app alive"), result
    assert "refused" in words_of(result, "app/app2") and "status 500" in words_of(result, "app/app3"), result
    result = liveness("-T", socket(balancer), *arguments, "--min-alive", "2")
    assert result.state == "CRITICAL", result


def test_direct_leaves_out_what_is_taken_out(liveness, balancer):
    """That it answers makes it neither alive nor active: nobody is sent there."""
    direct = ("--direct", "http://dr.example.com/health")
    assert liveness("-T", socket(balancer), "--pool", "dr=passive", *direct).state == "OK"
    result = liveness("-T", socket(balancer), "--pool", "dr", *direct)
    assert result.state == "CRITICAL" and "0 of 2 servers of dr alive" in result.first, result


def test_direct_without_addresses(liveness, balancer):
    """A page does not tell them unless it is told to; the runtime API does, at level user."""
    arguments = ("--pool", "app", "--direct", "http://app.example.com/health")
    result = liveness("-T", "haproxy+" + balancer.page(), *arguments)
    assert result.state == "UNKNOWN" and result.says("stats show-legends"), result
    assert liveness("-T", "haproxy+" + balancer.page(), "--pool", "app").state == "OK"
    for way in WAYS.values():
        assert liveness("-T", way(balancer), *arguments).state == "OK"


def test_direct_url(liveness, balancer):
    for url in ("ftp://x/", "http://user@x/", "x", "http://"):
        result = liveness("-T", socket(balancer), "--direct", url)
        assert result.state == "UNKNOWN" and "--direct" in result.first, result


def test_survive_host(liveness, balancer):
    """All three live on one host; a page that does not tell addresses does not tell that."""
    for way in WAYS.values():
        result = liveness("-T", way(balancer), "--pool", "app", "--survive-host")
        assert result.state == "WARNING" and result.perfdata["spare"] == 0, result
    result = liveness("-T", "haproxy+" + balancer.page(), "--pool", "app", "--survive-host")
    assert result.state == "UNKNOWN" and result.says("on which hosts they live is not known"), result


# ---- several balancers ----

def test_two_balancers(liveness, balancers):
    both = [word for lb in balancers.balancers[:2] for word in ("-T", "%s=%s" % (lb.name, socket(lb)))]
    result = liveness(*both, "--pool", "app")
    assert result.state == "OK" and result.perfdata["lb1_app_alive"] == 3, result
    balancers.balancers[1].set_state("app/app2", "maint")
    result = liveness(*both, "--pool", "app")
    assert result.state == "WARNING" and result.says("lb2 has taken it out, lb1 has not"), result


def test_two_sites(liveness, balancers):
    """The servers of a site are out in the other one."""
    prod, other = balancers.balancers[:2]
    sites = ("--site", "prod=" + socket(prod), "--site", "dr=" + socket(other), "--include", "^app(/|$)")
    assert liveness(*sites).state == "CRITICAL"
    for name in ("app1", "app2", "app3"):
        other.set_state("app/" + name, "maint")
    result = liveness(*sites)
    assert result.state == "OK" and result.says("prod"), result
    assert liveness(*sites, "--expect", "dr").state != "OK"


# ---- who may ask ----

def test_a_user_for_the_page(liveness, balancer, tmp_path):
    page = balancer.page(balancer.user_port)
    secret = tmp_path / "password"
    secret.write_text(haproxy.USER[1] + "\n")
    secret.chmod(0o600)
    wrong = tmp_path / "wrong"
    wrong.write_text("Zebra\n")
    wrong.chmod(0o600)
    named = "haproxy+" + page.replace("://", "://%s@" % haproxy.USER[0])
    result = liveness("-T", named, "--password-file", str(secret), "--pool", "app", "-vvv")
    assert result.state == "OK" and haproxy.USER[1] not in result.output, result
    result = liveness("-T", named, "--password-file", str(wrong), "--pool", "app", "-vvv")
    assert result.state == "UNKNOWN" and "401" in result.first and "Zebra" not in result.output, result
    result = liveness("-T", "haproxy+" + page, "--pool", "app")
    assert result.state == "UNKNOWN" and "401" in result.first and "stats auth" in result.first, result
    result = liveness("-T", named, "--pool", "app")
    assert result.state == "UNKNOWN" and "--password-file" in result.first, result


def test_a_page_over_tls(liveness, balancers, authority):
    balancer = balancers.balancer("tls", tls=authority.certificate("haproxy", "IP:127.0.0.1"))
    uri = "haproxy+" + balancer.page()
    assert liveness("-T", uri, "--pool", "app", "--cacert", authority.file).state == "OK"
    result = liveness("-T", uri, "--pool", "app")
    assert result.state == "UNKNOWN" and result.says("certificate"), result
    assert liveness("-T", uri, "--pool", "app", "--insecure").state == "OK"


def test_csv_is_asked_for(liveness, balancer):
    """Also where it is not said."""
    assert liveness("-T", "haproxy+" + balancer.page(path="/stats"), "--pool", "app").state == "OK"
    assert liveness("-T", "haproxy+" + balancer.page(path="/stats;csv;norefresh"), "--pool", "app").state == "OK"


def test_another_path(liveness, balancer):
    """The frontend has no backend for it."""
    result = liveness("-T", "haproxy+" + balancer.page(path="/elsewhere"), "--pool", "app")
    assert result.state == "CRITICAL" and "503" in result.first, result


@pytest.mark.parametrize("uri", ["haproxy+unix:///x?level=user", "haproxy+unix://host/x", "haproxy+unix://",
                                 "haproxy+tcp://127.0.0.1:1/x", "haproxy+tcp:///", "haproxy+tcp://mon@127.0.0.1:1"])
def test_a_uri_that_is_none(liveness, uri):
    result = liveness("-T", uri)
    assert result.state == "UNKNOWN" and len(result.findings) <= 1, result


# ---- balancers that do not answer ----

def test_gone(liveness, balancers):
    balancer = balancers.balancers[1]
    balancer.stop()
    for way in WAYS.values():
        for arguments in ((), ("--expect", "active")):
            assert liveness("-T", way(balancer), "--pool", "app", *arguments).state == "CRITICAL"
        result = liveness("-T", way(balancer), "--expect", "passive")
        assert result.state == "UNKNOWN", result


@every_way
def test_frozen(liveness, balancer, way):
    balancer.freeze()
    try:
        result = liveness("-T", WAYS[way](balancer), "--pool", "app", "-t", "1s")
        assert result.state == "CRITICAL" and result.within(1), result
    finally:
        balancer.thaw()


def test_no_socket(liveness, tmp_path):
    result = liveness("-T", "haproxy+unix://%s/none.sock" % tmp_path)
    assert result.state == "CRITICAL" and "none.sock" in result.first, result


def test_nobody_asked_over_tcp(liveness):
    with peers.Refuse() as peer:
        assert liveness("-T", "haproxy+tcp://127.0.0.1:%d" % peer.port).state == "CRITICAL"
