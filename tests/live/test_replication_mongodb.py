# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on replica sets as they were captured (tests/samples/mongodb), replayed by stub_mongodb.py.

No name of a member resolves from here: what `hello` lists never matters."""

import copy

import pytest

import stub_mongodb as stub
from stub_mongodb import Date, Long, Timestamp, sample

HEALTHY = ("healthy_arbiter_chained_4.2", "healthy_4.4", "healthy_5.0", "healthy_8.0")


def ask(lag, documents, *arguments, names=None, **options):
    """The check on the members called so; by default all that live."""
    with stub.Set(documents, **options).serve(names) as targets:
        return lag(*targets, *arguments)


def entry(documents, name):
    return next(member for member in documents["replSetGetStatus"]["members"] if member["name"].startswith(name))


def seat(documents, name):
    return next(member for member in documents["replSetGetConfig"]["config"]["members"]
                if member["host"].startswith(name))


def behind(documents, name, seconds):
    """Puts a member so far behind, in every place that says so."""
    member = entry(documents, name)
    for key in ("optime", "optimeDurable", "optimeWritten"):
        if key in member:
            member[key]["ts"] = Timestamp((member[key]["ts"][0] - seconds, 1))
    for key in list(member):
        if key.startswith(("optime", "last")) and key.endswith(("Date", "WallTime")):
            member[key] = Date(member[key] - seconds * 1000)
    return documents


# ---- healthy ----

@pytest.mark.parametrize("name", HEALTHY)
def test_healthy(lag, name):
    result = ask(lag, sample(name))
    assert result.state == "OK" and result.perfdata["loss"] == 0, result
    assert result.says("db1", "primary", "MongoDB " + sample(name)["serverStatus"]["version"]), result
    assert result.perfdata["standbys"] == 2, result


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_primary_alone(lag, name):
    result = ask(lag, sample(name), names=["db1"])
    assert result.state == "OK" and result.perfdata["loss"] == 0 and result.perfdata["standbys"] == 2, result


def test_healthy_secondary_alone(lag):
    result = ask(lag, sample("healthy_8.0"), names=["db2"])
    assert result.state == "OK", result
    assert result.perfdata["loss"] == 0 and result.says("db1:27017", "as db2 sees it"), result


def test_healthy_expected(lag):
    result = ask(lag, sample("healthy_8.0"), "--expect-standby", "db2", "--expect-standby", "db3",
                 "--expect-primary", "db1", "--expect-count", "2")
    assert result.state == "OK", result


def test_few_round_trips(lag):
    documents = stub.Set(sample("healthy_8.0"))
    with documents.serve() as targets:
        result = lag(*targets)
    assert result.state == "OK", result
    asked = documents.members["db2"].asked
    assert asked[1:4] == ["replSetGetStatus", "replSetGetConfig", "serverStatus"] and len(asked) <= 5, asked


def test_idle(lag):
    """The last write is 9 s old, and everybody has it: nothing is behind."""
    documents = sample("healthy_8.0")
    for name in ("db1", "db2", "db3"):
        behind(documents, name, 9)
    result = ask(lag, documents, "--rpo", "2s")
    assert result.state == "OK" and result.perfdata["loss"] == 0, result


def test_busy_after_idle(lag):
    """A write comes after 10 s of silence: what the primary knows of db2 is old until it reports, a moment later."""
    documents = stub.seen_by(sample("healthy_8.0"), "db1:27017")
    late = behind(copy.deepcopy(documents), "db2", 9)
    looks = []

    def change(command, document):
        if command == "replSetGetStatus":
            looks.append(command)
            if len(looks) == 1:
                return stub.moved(late[command], 1e-9 + (document["date"] - late[command]["date"]) / 1000)
        return document

    member = stub.Member("db1:27017", documents, change=change)
    with stub.peers.Honest(member.session) as peer:
        result = lag("-T", stub.uri(peer), "--rpo", "5s")
    assert result.state == "OK" and len(looks) > 1, result


# ---- captures ----

# name: (state, {who: words}, words of the first line)
CAPTURES = {
    "lagging_4.2": ("CRITICAL", {"db3": ("1m41s behind",)}, ("db3",)),
    "ahead_of_primary_4.2": ("OK", {"db2": ("0 s behind",)}, ()),
    "down_member_4.2": ("CRITICAL", {"db1:27017": ("Connection refused",)}, ("db1:27017", "cannot be reached")),
    "no_primary_4.2": ("CRITICAL", {"rs0": ("1 of 3 votes",)}, ("rs0", "no primary")),
    "recovering_no_source_4.2": ("CRITICAL", {"db2": ("recovering", "could not find member to sync from", "too stale")},
                                 ("no primary",)),
    "recovering_behind_a_day_4.2": ("CRITICAL", {"db2": ("recovering", "23h40m")}, ("db2",)),
    "rollback_4.4": ("CRITICAL", {"db2": ("undoing", "rollback 3 fixup")}, ("db2",)),
    "delayed_8.0": ("OK", {"db4": ("delayed by 1h on purpose", "hidden")}, ("db3",)),
    "delayed_4.2": ("OK", {"db4": ("delayed by 1h on purpose", "hidden")}, ("db3",)),
    "initial_sync_5.0": ("WARNING", {"db2": ("full copy", "25 % copied", "1m30s")}, ("db2",)),
    "single_member_5.0": ("CRITICAL", {"db1": ("primary",)}, ("no standby",)),
}


@pytest.mark.parametrize("name", CAPTURES)
def test_capture(lag, name):
    state, said, first = CAPTURES[name]
    result = ask(lag, sample(name))
    assert result.state == state, result
    for who, words in said.items():
        about = " ".join(text for _, text in result.about(who))
        assert all(word in about for word in words), (words, result)
    assert all(word in result.first for word in first), result


@pytest.mark.parametrize("name", [name for name in CAPTURES if name not in (
    "ahead_of_primary_4.2", "no_primary_4.2", "recovering_no_source_4.2", "down_member_4.2")])
def test_capture_from_the_primary_alone(lag, name):
    """What it sees of the others is enough for the same verdict."""
    state, _, _ = CAPTURES[name]
    result = ask(lag, sample(name), names=["db1"])
    assert result.state == state, result


@pytest.mark.parametrize("name, state", (
    ("lagging_4.2", "CRITICAL"), ("rollback_4.4", "CRITICAL"), ("delayed_8.0", "OK"), ("starting_4.4", "WARNING"),
    ("recovering_behind_a_day_4.2", "WARNING"), ("initial_sync_5.0", "WARNING")))
def test_capture_from_a_secondary_alone(lag, name, state):
    result = ask(lag, sample(name), names=["db3"])
    assert result.state == state and result.says("as db3 sees it"), result


@pytest.mark.parametrize("name, words", (
    ("recovering_disk_full_4.2", ("db2", "recovering", "out of disk space")),
    ("starting_4.4", ("db2", "STARTUP"))))
def test_not_usable(lag, name, words):
    """A member without a position: never counted as a standby that is fine."""
    for names in (None, ["db1"]):
        result = ask(lag, sample(name), names=names)
        assert result.state not in ("OK",) and result.says(*words), result


def test_two_primaries_in_different_terms(lag):
    old = stub.Member("db1:27017", sample("healthy_5.0"))
    later = sample("healthy_5.0")
    entry(later, "db2").update(state=1, stateStr="PRIMARY", electionTime=Timestamp((1601384200, 1)))
    entry(later, "db1").update(state=2, stateStr="SECONDARY")
    later["replSetGetStatus"]["term"] = Long(25)
    new = stub.Member("db2:27017", stub.seen_by(later, "db2:27017"))
    with stub.peers.Honest(old.session) as one, stub.peers.Honest(new.session) as two, \
            stub.Set(later).serve(["db3"]) as third:
        result = lag("-T", stub.uri(one, "db1"), "-T", stub.uri(two, "db2"), *third)
    assert result.state == "CRITICAL" and result.says("db1", "db2", "24", "25"), result


# ---- far behind ----

def test_25_hours_behind(lag):
    """A day is not forgotten (timedelta.seconds)."""
    for names in (None, ["db1"]):
        result = ask(lag, behind(sample("healthy_4.4"), "db2", 90000), names=names)
        assert result.state == "CRITICAL" and any("1d" in text for _, text in result.about("db2")), result
        assert 90000 <= result.perfdata["db2_loss" if names is None else "db2_27017_loss"] < 90060, result


def test_behind_and_beyond_the_window(lag):
    """25 h behind with an oplog of 24 h: it can never go on."""
    result = ask(lag, behind(sample("healthy_4.4"), "db2", 90000))
    assert result.says("full copy"), result


def test_all_behind(lag):
    documents = behind(behind(sample("healthy_8.0"), "db2", 100), "db3", 100)
    result = ask(lag, documents)
    assert result.state == "CRITICAL" and 100 <= result.perfdata["loss"] < 105, result


def test_dead_heartbeat(lag):
    """db2 is counted as alive, and was last heard of 40 s ago: its position is as old."""
    documents = sample("healthy_5.0")
    entry(documents, "db2")["lastHeartbeatRecv"] = Date(documents["replSetGetStatus"]["date"] - 40000)
    result = ask(lag, documents, names=["db1"])
    assert result.state != "OK" and result.says("40 s"), result


def test_delayed_beyond_its_delay(lag):
    for names in (None, ["db1"]):
        result = ask(lag, behind(sample("delayed_8.0"), "db4", 300), names=names)
        assert result.state == "CRITICAL" and result.findings[0][0] == "CRITICAL" and result.says("db4"), result


def test_delay_is_gone(lag):
    documents = sample("delayed_8.0")
    seat(documents, "db4")["secondaryDelaySecs"] = Long(0)
    behind(documents, "db4", -3600)
    result = ask(lag, documents, "--expect-delay", "db4=1h")
    assert result.state == "CRITICAL" and result.says("db4", "expected 1h"), result


def test_nobody_else_could_be_chosen(lag):
    documents = sample("healthy_8.0")
    for name in ("db2", "db3"):
        seat(documents, name)["priority"] = 0.0
    result = ask(lag, documents)
    assert result.state != "OK" and result.says("priority 0"), result


def test_flow_control(lag):
    documents = sample("healthy_8.0")
    documents["serverStatus"]["flowControl"]["isLagged"] = True
    result = ask(lag, documents)
    assert result.state == "WARNING" and result.says("db1"), result


# ---- which set ----

def test_expected_set(lag):
    with stub.Set(sample("healthy_8.0")).serve(query="?replicaSet=rs0") as targets:
        result = lag(*targets)
    assert result.state == "OK", result


def test_wrong_set(lag):
    with stub.Set(sample("healthy_8.0")).serve(["db1"], query="?replicaSet=rs7") as targets:
        result = lag(*targets)
    assert result.state == "CRITICAL" and "is a member of rs0, expected rs7" in result.output, result


def test_another_set_of_the_same_name(lag):
    other = sample("healthy_8.0")
    other["replSetGetConfig"]["config"]["settings"]["replicaSetId"] = stub.ObjectId(b"anotherone12")
    one, two = stub.Set(sample("healthy_8.0")), stub.Set(other)
    with one.serve(["db1"]) as a, two.serve(["db2"]) as b:
        result = lag(*a, *b)
    assert result.state == "CRITICAL" and result.says("db2"), result


@pytest.mark.parametrize("name, state, words", (
    ("not_initialised", "CRITICAL", ("rs.initiate",)),
    ("standalone", "CRITICAL", ("standalone",)),
    ("removed", "CRITICAL", ("configuration",)),
    ("unauthorised", "UNKNOWN", ("password",))))
def test_refused(lag, name, state, words):
    member = stub.Member("db1:27017", sample(name))
    with stub.peers.Honest(member.session) as peer:
        result = lag("-T", stub.uri(peer))
    assert result.state == state and result.says("db1", *words), result


def test_mongos(lag):
    documents = {"replSetGetStatus": stub.failure(76, "NoReplicationEnabled",
                                                  "replSetGetStatus is not supported through mongos")}
    member = stub.Member("db1:27017", documents)
    with stub.peers.Honest(member.session) as peer:
        result = lag("-T", stub.uri(peer))
    assert result.state == "UNKNOWN" and result.says("mongos", "shard"), result


# ---- heartbeat ----

def test_heartbeat(lag):
    members = stub.Set(sample("healthy_8.0"))
    with members.serve() as targets:
        result = lag(*targets, "--heartbeat")
    assert result.state == "OK", result
    assert [members.members[name].noted for name in ("db1", "db2", "db3")] == [1, 0, 0], result


def test_without_heartbeat_nothing_is_written(lag):
    members = stub.Set(sample("healthy_8.0"))
    with members.serve() as targets:
        lag(*targets)
    for member in members.members.values():
        assert set(member.asked) <= {"isMaster", "hello", "replSetGetStatus", "replSetGetConfig", "serverStatus",
                                     "endSessions", "ping"}, member.asked


# ---- memory ----

def test_primary_changed(lag, tmp_path):
    """Without --expect-primary a switchover is fine, and with a memory it is told."""
    assert ask(lag, sample("healthy_8.0"), "--state-dir", tmp_path).state == "OK"
    later = sample("healthy_8.0")
    entry(later, "db2").update(state=1, stateStr="PRIMARY")
    entry(later, "db1").update(state=2, stateStr="SECONDARY", syncSourceHost="db2:27017")
    later["replSetGetStatus"]["term"] = Long(25)
    result = ask(lag, stub.seen_by(later, "db2:27017"), "--state-dir", tmp_path)
    assert result.state in ("OK", "WARNING") and result.about("db2")[0][1].startswith("db2: primary"), result


def test_primary_is_gone(lag, tmp_path):
    """M: what an earlier run saw of the primary is compared with who is left."""
    assert ask(lag, sample("healthy_8.0"), "--state-dir", tmp_path).state == "OK"
    left = stub.seen_by(sample("healthy_8.0"), "db2:27017")
    left["replSetGetStatus"]["myState"] = 2
    entry(left, "db1").update(health=0.0, state=8, stateStr="(not reachable/healthy)")
    with stub.peers.Refuse() as gone, stub.Set(left).serve(["db2", "db3"]) as targets:
        result = lag("-T", stub.uri(gone, "db1"), *targets, "--state-dir", tmp_path)
    assert result.state == "CRITICAL" and result.says("no primary"), result
    assert "loss" in result.perfdata or result.says("lost"), result
