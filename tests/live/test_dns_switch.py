# SPDX-License-Identifier: GPL-3.0-or-later
"""check_dns_target while a zone moves from one site to the other: real name servers that follow one by one, resolvers
whose caches really hold the old answer, and the memory between the runs."""

import os
import re

import pytest

from dns_servers import DR, PARENT, PROD, RECORDS, ZONE, delegation

APP = "app." + ZONE
SITES = ("-S", "prod=" + PROD, "-S", "dr=" + DR)
NOWHERE = "127.53.255.1"  # nobody listens there
NOBODY = 65534
TTL = 60  # seconds: that of the lab's records
WINDOW = 600  # seconds
BRIEF = 8  # seconds: a TTL that is waited for
PATIENCE = 30  # seconds, for what comes by itself


def place(server):
    return "%s:%d" % (server.address, server.port)


class Plan:
    """The file that names the site, and runs of the check that read it. `run` is dns_target."""

    def __init__(self, names, run, folder):
        self.names = names
        self.run = run
        self.path = folder / "active"
        self.state = folder / "state"
        self.state.mkdir()
        self.to("prod")

    def to(self, site):
        self.path.write_text(site + "\n")

    def arguments(self, *more, plan=True, parent=None, resolvers=("r1", "r2")):
        words = ["-n", APP, *SITES, "-P", self.names.port, "--state-dir", self.state, "--wait", "1s",
                 "--parent", parent or place(self.names.parent), "--find-by", "%s:%d" % (NOWHERE, self.names.port)]
        words += ["-e", "@%s" % self.path] if plan else []
        for name in resolvers:
            words += ["-r", "%s=%s" % (name, place(getattr(self.names, name)))]
        return [*words, *more]

    def look(self, *more, **options):
        return self.run(*self.arguments(*more, **options))

    def fill(self):
        """Both caches have what the servers say now, for the whole of its TTL."""
        for resolver in (self.names.r1, self.names.r2):
            resolver.forget()
            for kind in ("A", "AAAA"):
                assert resolver.ask(APP, kind).addresses

    def files(self):
        return [path for path in self.state.iterdir() if path.suffix == ".state"]

    def age(self, seconds):
        """The memory is so much older: of every row the one moment that it has."""
        file, = self.files()
        moments = {"wanted": 1, "switch": 2, "A%20": 2, "AAAA%20": 2, "server%20": 3}
        lines = file.read_text().splitlines()
        for index, line in enumerate(lines[1:-1], 1):
            words = line.split(" ")
            moment, = (place for key, place in moments.items() if words[0].startswith(key))
            words[1 + moment] = str(int(words[1 + moment]) - int(seconds * 1e6))
            lines[index] = " ".join(words)
        file.write_text("\n".join(lines) + "\n")


@pytest.fixture
def plan(names, dns_target, tmp_path):
    return Plan(names, dns_target, tmp_path)


def label(server):
    return "%s.%s/%s" % (server.name, ZONE, server.address)


def line_of(result, subject):
    """(state, text) of the one line of that subject."""
    found = [finding for finding in result.findings if finding[1].startswith(subject + ": ")]
    assert len(found) == 1, "%d lines of %s in\n%s" % (len(found), subject, result)
    return found[0]


def expect(result, state, first, **lines):
    """The state, a part of the first line, and of the lines of some: r1=("OK", "prod")."""
    assert result.state == state and first in result.first, result
    for name, (line_state, words) in lines.items():
        found = line_of(result, name)
        assert found[0] == line_state and words in found[1], result


MARK = ("--passive", "status=503", "--passive", "/role=passive")
WINDOWED = ("--switch-window", "%ds" % WINDOW)


# ---- the way of a switch ----

def test_progress(plan, names):
    """Servers one by one, then the caches: each is counted when it has arrived, and waited for until then."""
    plan.fill()
    expect(plan.look(*WINDOWED), "OK", "%s leads to prod on all 3 name servers and 2 resolvers" % APP)
    plan.to("dr")
    result = plan.look(*WINDOWED)
    expect(result, "WARNING", "0 of 5 lead to dr, the last in ", switch=("WARNING", "0 of 5 are there"),
           r1=("WARNING", "leads to prod, not dr"))
    # The last server in ten minutes, and what a cache fetches just before.
    assert WINDOW < result.perfdata["eta"] <= WINDOW + TTL and result.perfdata["moved"] == 0, result
    for moved, server in enumerate(names.names, 1):
        names.switch(server)
        result = plan.look(*WINDOWED)
        expect(result, "WARNING", "%d of 5 lead to dr, the last in " % moved, **{
            label(server): ("OK", "dr, A 198.51.100.20, AAAA 2001:db8:2::20"),
            "r1": ("WARNING", "leads to prod, not dr: 192.0.2.20, 2001:db8:1::20; keeps that for "),
            "r2": ("WARNING", "leads to prod, not dr"),
            "switch": ("WARNING", "to dr since ")})
        assert result.perfdata["moved"] == moved and result.perfdata["servers"] == 5, result
    # Only caches are left: what they keep is the end.
    kept = max(result.perfdata["r1_ttl"], result.perfdata["r2_ttl"])
    assert result.perfdata["eta"] == kept <= TTL, result
    names.r1.forget()
    expect(plan.look(*WINDOWED), "WARNING", "4 of 5 lead to dr, the last in ", r1=("OK", "dr"), r2=("WARNING", "prod"))
    names.r2.forget()
    result = plan.look(*WINDOWED)
    expect(result, "OK", "%s leads to dr on all 3 name servers and 2 resolvers" % APP)
    assert not result.about("switch") and result.perfdata["moved"] == 5 and result.perfdata["eta"] == 0, result


def brief(names):
    for server in names.names:
        server.change(ZONE, records=RECORDS.replace(" 60 ", " %d " % BRIEF))


def test_caches_run_out(plan, names, dns_target_until):
    """Nobody does anything: the TTLs bring them over."""
    brief(names)
    plan.fill()
    assert plan.look(*WINDOWED).state == "OK"
    plan.fill()
    plan.to("dr")
    names.switch()
    result = plan.look(*WINDOWED)
    expect(result, "WARNING", "3 of 5 lead to dr, the last in ")
    assert result.perfdata["eta"] <= BRIEF, result
    result = dns_target_until(lambda result: result.state != "WARNING", PATIENCE, *plan.arguments(*WINDOWED))
    expect(result, "OK", "leads to dr on all 3 name servers and 2 resolvers")


def test_the_deadline(plan, names):
    """Servers have the window, resolvers the old TTL on top; it is the clock that ends it."""
    plan.fill()
    assert plan.look(*WINDOWED).state == "OK"
    plan.to("dr")
    names.switch(names.ns1, names.ns2)
    expect(plan.look(*WINDOWED), "WARNING", "2 of 5 lead to dr")
    plan.age(WINDOW - 20)
    expect(plan.look(*WINDOWED), "WARNING", "2 of 5 lead to dr", **{label(names.ns3): ("WARNING", "leads to prod")})
    plan.age(40)
    expect(plan.look(*WINDOWED), "CRITICAL", "2 of 5 lead to dr 10m", **{
        label(names.ns3): ("CRITICAL", "leads to prod, not dr"), "r1": ("WARNING", "leads to prod, not dr")})
    names.switch(names.ns3)
    expect(plan.look(*WINDOWED), "WARNING", "3 of 5 lead to dr", r1=("WARNING", "leads to prod, not dr"))
    plan.age(TTL)
    expect(plan.look(*WINDOWED), "CRITICAL", "past its deadline: r1 still leads to prod",
           r1=("CRITICAL", "leads to prod, not dr"), switch=("CRITICAL", "has passed"))


def test_a_stuck_resolver(plan, names, dns_target_until):
    """It keeps everything for an hour: by the clock alone it is found out, and named."""
    names.r1.clamp(3600)
    for server in names.names:
        server.change(ZONE, records=RECORDS.replace(" 60 ", " 1 "))
    assert names.r1.ask(APP).addresses and names.r1.ask(APP, "AAAA").addresses
    short = ("--switch-window", "%ds" % 1)
    assert plan.look(*short).state == "OK"
    plan.to("dr")
    names.switch()
    assert plan.look(*short).state in ("WARNING", "CRITICAL")
    result = dns_target_until(lambda result: result.state == "CRITICAL", PATIENCE, *plan.arguments(*short))
    expect(result, "CRITICAL", "past its deadline: r1 still leads to prod", r1=("CRITICAL", "keeps that for "),
           r2=("OK", "dr"))
    assert result.says("flush %s from the cache of r1" % APP), result
    names.r1.forget()
    assert plan.look(*short).state == "OK"


def test_no_window_no_patience(plan, names):
    """What differs from the plan without a switch is wrong at once."""
    assert plan.look(*WINDOWED).state == "OK"
    names.switch(names.ns2)
    result = plan.look(*WINDOWED)
    expect(result, "CRITICAL", "1 of 5 send %s to dr, not prod: %s" % (APP, label(names.ns2)),
           **{label(names.ns2): ("CRITICAL", "leads to dr, not prod")})
    assert not result.about("switch"), result


def test_switch_back(plan, names):
    """It begins anew, with a deadline of its own."""
    assert plan.look(*WINDOWED).state == "OK"
    plan.to("dr")
    names.switch()
    for resolver in (names.r1, names.r2):
        resolver.forget()
    assert plan.look(*WINDOWED).state == "OK"
    plan.age(WINDOW + TTL + 10)
    plan.to("prod")
    expect(plan.look(*WINDOWED), "WARNING", "0 of 5 lead to prod, the last in ", switch=("WARNING", "to prod since "))
    for server in names.names:
        server.change(ZONE, records=RECORDS)
    expect(plan.look(*WINDOWED), "WARNING", "3 of 5 lead to prod", r1=("WARNING", "leads to dr, not prod"))
    for resolver in (names.r1, names.r2):
        resolver.forget()
    expect(plan.look(*WINDOWED), "OK", "leads to prod on all 3 name servers and 2 resolvers")


def test_the_dns_is_before_the_plan(plan, names):
    """Whoever changes the zone first is warned of by the plan: people are sent to a site that is not to serve."""
    assert plan.look(*WINDOWED).state == "OK"
    names.switch()
    assert plan.look(*WINDOWED).state == "CRITICAL"
    plan.to("dr")
    expect(plan.look(*WINDOWED), "WARNING", "3 of 5 lead to dr", r2=("WARNING", "leads to prod, not dr"))


def test_a_cache_behind_the_same_address(plan, names):
    """One address may be many caches. All that were asked had arrived; another one answers, and it is old yet."""
    plan.fill()
    assert plan.look(*WINDOWED).state == "OK"
    plan.to("dr")
    names.switch()
    for resolver in (names.r1, names.r2):
        resolver.forget()
    assert plan.look(*WINDOWED).state == "OK"
    for server in names.names:
        server.change(ZONE, records=RECORDS)
    names.r1.forget()
    assert names.r1.ask(APP).addresses and names.r1.ask(APP, "AAAA").addresses
    names.switch()
    expect(plan.look(*WINDOWED), "WARNING", "4 of 5 lead to dr", r1=("WARNING", "leads to prod, not dr"))
    plan.age(WINDOW + TTL + 10)
    expect(plan.look(*WINDOWED), "CRITICAL", "r1", r1=("CRITICAL", "leads to prod, not dr"))


def test_nobody_answers_when_it_begins(plan, names):
    """It is the disaster, after all. The deadline is that of the plan's change."""
    plan.fill()
    assert plan.look(*WINDOWED).state == "OK"
    plan.to("dr")
    everyone = names.names + (names.r1, names.r2)
    for server in everyone:
        server.freeze()
    expect(plan.look(*WINDOWED), "CRITICAL", "no reply")
    for server in everyone:
        server.thaw()
    expect(plan.look(*WINDOWED), "WARNING", "0 of 5 lead to dr", r1=("WARNING", "leads to prod, not dr"))


def test_resolvers_alone(plan, names):
    """No server says the TTL: what the caches said they would keep does."""
    plan.fill()
    alone = ("--search", "none", "--switch-window", "1ms")
    arguments = ["-n", APP, *SITES, "-e", "@%s" % plan.path, "--state-dir", plan.state, "-r", place(names.r1), *alone]
    assert plan.run(*arguments).state == "OK"
    plan.to("dr")
    names.switch()
    expect(plan.run(*arguments), "WARNING", "0 of 1 lead to dr")
    plan.age(TTL + 1)
    expect(plan.run(*arguments), "CRITICAL", "past its deadline")


# ---- without a plan ----

def test_a_switch_that_is_seen(plan, names):
    """Nobody says which site: a changed answer is one that began, and the majority says where to."""
    plan.fill()
    assert plan.look(plan=False).state == "OK"
    names.switch(names.ns1)
    expect(plan.look(*WINDOWED, plan=False), "WARNING", "4 of 5 lead to prod",
           **{label(names.ns1): ("WARNING", "leads to dr, not prod")})
    names.switch()
    expect(plan.look(*WINDOWED, plan=False), "WARNING", "3 of 5 lead to dr", r1=("WARNING", "leads to prod, not dr"))
    for resolver in (names.r1, names.r2):
        resolver.forget()
    expect(plan.look(*WINDOWED, plan=False), "OK", "leads to dr on all 3 name servers and 2 resolvers")


def test_disagreement(plan, names):
    """At the first look, nobody knows of a change."""
    names.switch(names.ns3)
    result = plan.look(*WINDOWED, plan=False, resolvers=())
    expect(result, "CRITICAL", "servers disagree about %s: 2 of 3 lead to prod, %s to dr" % (APP, label(names.ns3)),
           **{label(names.ns3): ("CRITICAL", "leads to dr, not prod"), label(names.ns1): ("OK", "prod")})
    assert plan.look(*WINDOWED, plan=False, resolvers=()).state == "CRITICAL"


# ---- the plan's file ----

@pytest.mark.parametrize("text, words", (
    (None, "No such file"),
    ("", "names no site"),
    ("elsewhere\n", '"elsewhere" is none of the sites'),
))
def test_a_plan_that_says_nothing(plan, text, words):
    if text is None:
        plan.path.unlink()
    else:
        plan.path.write_text(text)
    result = plan.look(*WINDOWED)
    assert result.state == "UNKNOWN" and str(plan.path) in result.first and words in result.first, result


def test_a_plan_that_is_old(plan):
    assert plan.look("--expect-max-age", "15m").state == "OK"
    then = plan.path.stat().st_mtime - 3600
    os.utime(str(plan.path), (then, then))
    result = plan.look("--expect-max-age", "15m")
    assert result.state == "UNKNOWN" and result.says("says prod, but was written 1h", "--expect-max-age 15m"), result


def test_the_plan_by_check_liveness(plan, names, web, liveness):
    """Both executables, end to end: who is active says where people are to go."""
    sites = {name: web.instance(name) for name in ("prod", "dr")}

    def active(site):
        words = [*MARK, "--active-file", plan.path]
        for name, instance in sites.items():
            instance.answer("/health", *((200, "{}") if name == site else (503, '{"role": "passive"}')))
            words += ["--site", "%s=%s" % (name, instance.uri("/health"))]
        result = liveness(*words)
        assert result.state == "OK", result

    active("prod")
    expect(plan.look(*WINDOWED), "OK", "leads to prod on all")
    active("dr")
    expect(plan.look(*WINDOWED), "WARNING", "0 of 5 lead to dr")
    names.switch()
    for resolver in (names.r1, names.r2):
        resolver.forget()
    expect(plan.look(*WINDOWED), "OK", "leads to dr on all")
    for instance in sites.values():
        instance.stop()
    # Nobody is seen to be active: the last that was is still where people go.
    assert liveness("--site", "prod=" + sites["prod"].uri("/health"), "--site", "dr=" + sites["dr"].uri("/health"),
                    *MARK, "--active-file", plan.path).state == "CRITICAL"
    expect(plan.look(*WINDOWED), "OK", "leads to dr on all")


# ---- caches whose servers are gone ----

def stale(plan, names):
    """r1 and r2 have an answer that has run out, and nobody to ask."""
    for server in names.names:
        server.change(ZONE, records=RECORDS.replace(" 60 ", " 1 "))
    for resolver in (names.r1, names.r2):
        resolver.serve_stale()
        assert resolver.ask(APP).addresses and resolver.ask(APP, "AAAA").addresses
    for server in names.names:
        server.stop()


@pytest.mark.parametrize("name", (pytest.param("r1", marks=pytest.mark.extended_errors("unbound")),
                                  pytest.param("r2", marks=pytest.mark.extended_errors("named"))))
def test_an_old_answer_is_called_one(plan, names, name, dns_target_until):
    """All name servers of the zone are dead. That the resolver says so depends on its version."""
    stale(plan, names)
    resolver = getattr(names, name)
    wanted = lambda result: "a stale answer" in result.output  # noqa: E731
    result = dns_target_until(wanted, PATIENCE, "-n", APP, *SITES, "-e", "prod", "--search", "none", "--wait", "3s",
                              "-r", "%s=%s" % (name, place(resolver)))
    expect(result, "WARNING", "a stale answer", **{name: ("WARNING", "it cannot ask the zone's servers")})


def test_all_name_servers_are_dead(plan, names, dns_target_until):
    """That caches still answer helps for a while alone."""
    stale(plan, names)
    result = dns_target_until(lambda result: "a stale answer" in result.output or not names.r1.says_stale(), PATIENCE,
                              *plan.arguments("--wait", "3s"))
    expect(result, "CRITICAL", "0 of 3 name servers serve %s, at least 1 must" % APP, **{
        "servers": ("CRITICAL", "0 of 3 serve"), label(names.ns2): ("WARNING", "cannot be reached")})
    assert line_of(result, "r1")[0] in ("OK", "WARNING") and "prod, A 192.0.2.20" in line_of(result, "r1")[1], result


@pytest.mark.extended_errors("unbound")
def test_a_stale_answer_has_no_end(plan, names, dns_target_until):
    """During a switch: its 30 s begin anew with each question, which is no time of arrival."""
    stale(plan, names)
    look = ["-n", APP, *SITES, "-e", "@%s" % plan.path, "--search", "none", "--wait", "3s", "--state-dir", plan.state,
            "-r", "r1=" + place(names.r1), *WINDOWED]
    result = dns_target_until(lambda result: "a stale answer" in result.output, PATIENCE, *look)
    assert "a stale answer" in result.output, result
    plan.to("dr")
    result = plan.run(*look)
    expect(result, "WARNING", "0 of 1 lead to dr", r1=("WARNING", "a stale answer"))
    assert "eta" not in result.perfdata and "no end in sight (deadline in 10m" in result.first, result


# ---- what is remembered ----

def test_damaged_state(plan):
    assert plan.look(*WINDOWED).state == "OK"
    file, = plan.files()
    whole = file.read_bytes()
    for text in (b"", whole[:len(whole) // 2], b"\xff" * 200, whole.replace(b"1", b"9"),
                 re.sub(rb"(?m) -?\d+$", b" 9223372036854775807", whole),
                 re.sub(rb"(?m) -?\d+$", b" -9223372036854775808", whole)):
        file.write_bytes(text)
        expect(plan.look(*WINDOWED), "OK", "leads to prod on all 3 name servers and 2 resolvers")
    assert plan.files() == [file]


def test_damaged_state_is_no_excuse(plan, names):
    """A switch that is forgotten is none: whoever is behind is behind the plan."""
    assert plan.look(*WINDOWED).state == "OK"
    plan.to("dr")
    assert plan.look(*WINDOWED).state == "WARNING"
    file, = plan.files()
    file.write_bytes(file.read_bytes()[:-5])
    expect(plan.look(*WINDOWED), "CRITICAL", "5 of 5 send %s to prod, not dr" % APP)


def test_no_folder(plan):
    plan.state = plan.state / "missing"
    result = plan.look(*WINDOWED)
    assert result.state == "UNKNOWN" and str(plan.state) in result.first, result


def test_a_wrong_answer_is_worse_than_no_folder(plan, names):
    names.switch()
    plan.state = plan.state / "missing"
    result = plan.look(*WINDOWED)
    expect(result, "CRITICAL", "send %s to dr, not prod" % APP)
    assert line_of(result, "state")[0] == "UNKNOWN" and str(plan.state) in line_of(result, "state")[1], result


def test_full_disk(plan, names, monkeypatch):
    """The old memory stays whole, and a wrong answer is said nevertheless."""
    assert plan.look(*WINDOWED).state == "OK"
    file, = plan.files()
    before = file.read_bytes()
    # Behind what may be in front already: valgrind writes, too.
    monkeypatch.setenv("DR_WRAPPER", os.environ.get("DR_WRAPPER", "") + " /usr/bin/prlimit --fsize=0")
    result = plan.look(*WINDOWED)
    expect(result, "UNKNOWN", "state: ")
    assert str(plan.state) in line_of(result, "state")[1], result
    assert file.read_bytes() == before and plan.files() == [file], result
    names.switch()
    expect(plan.look(*WINDOWED), "CRITICAL", "to dr, not prod")


def test_folder_that_cannot_be_written_to(plan, monkeypatch):
    """Nothing is remembered, and that is said. Root is held to the rights of files here."""
    if os.geteuid() == 0:
        os.chown(str(plan.state), NOBODY, NOBODY)
        monkeypatch.setenv("DR_WRAPPER", "/usr/bin/setpriv --bounding-set=-dac_override,-dac_read_search "
                           + os.environ.get("DR_WRAPPER", ""))
    else:
        plan.state.chmod(0o500)
    result = plan.look(*WINDOWED)
    expect(result, "UNKNOWN", "state: ")
    state, text = line_of(result, "state")
    assert state == "UNKNOWN" and str(plan.state) in text and "Permission denied" in text, result


def test_folder_of_another_user(plan):
    """A run of root's by hand shuts the owner of the folder out of nothing. Who is not root owns both."""
    if os.geteuid() == 0:
        os.chown(str(plan.state), NOBODY, NOBODY)
    assert plan.look(*WINDOWED).state == "OK"
    assert {path.stat().st_uid for path in plan.state.iterdir()} == {plan.state.stat().st_uid}


# ---- servers that an earlier run has found ----

def test_remembered_servers(plan, names):
    """Parent and resolvers are dead; the zone is asked as ever, and still moves."""
    dead = {"parent": "%s:%d" % (NOWHERE, names.port), "resolvers": ()}
    assert plan.look(resolvers=()).state == "OK"
    result = plan.look(*WINDOWED, **dead)
    unknown = "what the zone above says is not known"
    expect(result, "WARNING", unknown, zone=("WARNING", unknown), **{
        label(server): ("OK", "prod") for server in names.names})
    names.switch(names.ns2)
    expect(plan.look(**dead), "CRITICAL", "1 of 3 send %s to dr, not prod: %s" % (APP, label(names.ns2)))


def test_remembered_servers_expire(plan, names):
    """After two weeks nobody is believed to be a name server still."""
    dead = {"parent": "%s:%d" % (NOWHERE, names.port), "resolvers": ()}
    assert plan.look(resolvers=()).state == "OK"
    plan.age(13.9 * 86400)
    assert plan.look("--wait", "100ms", **dead).perfdata["servers"] == 3
    plan.age(14.1 * 86400)
    result = plan.look("--wait", "100ms", **dead)
    assert result.state == "UNKNOWN" and result.says("cannot learn the name servers of " + APP), result


def test_a_remembered_server_that_is_gone(plan, names):
    """It was taken out of the zone properly: nobody looks for it."""
    extra = names.knot("ns4", "127.53.7.1")
    extra.serve(names.ns1.zones[ZONE]).start()
    more = names.names + (extra,)
    names.parent.change(PARENT, records=delegation(ZONE, more))
    for server in more:
        server.change(ZONE, servers=more)
    assert plan.look(resolvers=()).perfdata["servers"] == 4
    names.parent.change(PARENT, records=delegation(ZONE, names.names))
    for server in names.names:
        server.change(ZONE, servers=names.names)
    extra.stop()
    result = plan.look(resolvers=())
    expect(result, "OK", "leads to prod on all 3 name servers")
    assert "ns4" not in result.output, result
    # The next run does not wait for it.
    text, = (path.read_text() for path in plan.files())
    assert "server%20ns4" not in text and "server%20ns1" in text, result


def test_a_server_that_has_moved(plan, names):
    """Nobody is sent to its old address any more."""
    moved = names.knot("ns4", "127.53.7.2")
    moved.serve(names.ns1.zones[ZONE]).start()
    for address in ("127.53.7.1", "127.53.7.2"):
        moved.addresses = (address,)
        more = names.names + (moved,)
        names.parent.change(PARENT, records=delegation(ZONE, more))
        for server in more:
            server.change(ZONE, servers=more)
        result = plan.look(resolvers=())
        assert result.perfdata["servers"] == 4 and result.about(label(names.ns1))[0][0] == "OK", result
    expect(result, "OK", "leads to prod on all 4 name servers")


def test_a_server_that_was_taken_out_and_serves_yet(plan, names):
    """It still names itself, at the site of before. Nobody is sent there."""
    extra = names.knot("ns4", "127.53.7.1")
    more = names.names + (extra,)
    extra.serve(names.ns1.zones[ZONE].change(servers=more)).start()
    names.parent.change(PARENT, records=delegation(ZONE, more))
    for server in names.names:
        server.change(ZONE, servers=more)
    assert plan.look(resolvers=()).perfdata["servers"] == 4
    names.parent.change(PARENT, records=delegation(ZONE, names.names))
    for server in names.names:
        server.change(ZONE, servers=names.names, records=RECORDS.replace("192.0.2.20", "192.0.2.21"))
    extra.change(ZONE, records=RECORDS.replace("192.0.2.20", "203.0.113.1"))
    for _ in range(2):
        result = plan.look(resolvers=())
        expect(result, "OK", "leads to prod on all 3 name servers")
        assert "ns4" not in result.output, result
