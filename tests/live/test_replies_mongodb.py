# SPDX-License-Identifier: GPL-3.0-or-later
"""Each good reply of MongoDB with one field of it taken out: never OK, unless the field is listed here with the reason.

A field of a member counts once for the node itself ("self.state") and once for each kind of the others ("standby.state",
"primary.state")."""

import copy
import re

import pytest

import stub_mongodb as stub

SCENES = {"primary": ["db1"], "standby": ["db2"], "both": ["db1", "db2", "db3"]}
ARGUMENTS = ("--rpo", "1m", "-t", "3s")

ALONE = "it is not compared with anybody's"
PEOPLE = "for people; nothing is concluded from it"
UNUSED = "not looked at: it says in another way what is read elsewhere, or nothing about replication"
COUNTED = "counted from the configuration"
OTHERWISE = "the position is there twice: in the member's entry and in optimes"
TWO_SIDED = "the standbys were asked themselves: what they say of themselves is the evidence"
CAUGHT_UP = "nothing is missing, so that nothing needs an age"
STRICTER = "taken as none: the stricter reading"
NO_LIMIT = "no limit was given for it"

# Why a verdict of OK is right without a field: (command, pattern, scenes or None for all, reason).
NOT_NEEDED = (
    ("replSetGetStatus", r"term", None, "tells two primaries apart, and there is one"),
    ("replSetGetStatus", r"syncSourceHost|syncSourceId|heartbeatIntervalMillis|lastStableRecoveryTimestamp|ok", None, UNUSED),
    ("replSetGetStatus", r"majorityVoteCount|writeMajorityCount|votingMembersCount|writableVotingMembersCount", None, COUNTED),
    ("replSetGetStatus", r"optimes(\.(applied|written)OpTime(\.ts)?)?", None, OTHERWISE),
    ("replSetGetStatus", r"optimes\.lastCommittedOpTime(\.ts)?", None, "the positions of the members are judged"),
    ("replSetGetStatus", r"optimes\.(durable|readConcernMajority).*|optimes\..*WallTime|.*\.t", None, UNUSED),
    ("replSetGetStatus", r"self\.(health|optime(\.ts)?)", None, OTHERWISE),
    ("replSetGetStatus", r".*\.(_id|ip|uptime|pingMs|syncSourceId|electionTime|electionDate|configVersion|configTerm)", None,
     UNUSED),
    ("replSetGetStatus", r".*\.(stateStr|infoMessage|lastHeartbeatMessage)", None, PEOPLE),
    ("replSetGetStatus", r".*\.optime(Durable|Written)(\.ts)?|.*\.optime\w*Date|.*\.last(Applied|Durable|Written)WallTime", None,
     UNUSED),
    ("replSetGetStatus", r".*\.lastHeartbeat", None, "it keeps advancing for a dead member: nothing may rest on it"),
    ("replSetGetStatus", r"(primary|standby)\.syncSourceHost", None, "each says itself whether it receives"),
    ("replSetGetStatus", r"self\.syncSourceHost", ("primary", "both"), "a primary receives from nobody"),
    ("replSetGetStatus", r"standby\.lastHeartbeatRecv", None, CAUGHT_UP),
    ("replSetGetStatus", r"standby\.optime(\.ts)?", ("both",), TWO_SIDED),
    ("replSetGetStatus", r"standby\.optime(\.ts)?", ("standby",), "another one's: db2 is asked about itself"),
    ("replSetGetConfig", r"config\.(_id|version|term|protocolVersion|writeConcernMajorityJournalDefault)|ok", None, UNUSED),
    ("replSetGetConfig", r"member\.(_id|buildIndexes|tags)|config\.settings\.(?!electionTimeoutMillis|replicaSetId).*", None,
     UNUSED),
    ("replSetGetConfig", r"member\.hidden", None, PEOPLE),
    ("replSetGetConfig", r"member\.secondaryDelaySecs", None, STRICTER),
    ("replSetGetConfig", r"config\.settings\.electionTimeoutMillis", None, "its default is assumed"),
    ("replSetGetConfig", r"config\.settings(\.replicaSetId)?", ("primary", "standby"), ALONE),
    ("serverStatus", r"host|pid", None, "tells whether two targets are one server"),
    ("serverStatus", r"version", ("primary", "standby"), ALONE),
    ("serverStatus", r"process|uptime|ok", None, UNUSED),
    ("serverStatus", r"flowControl(\..*)?", None, "a sign of lag beside the lag itself"),
    ("serverStatus", r"oplog(\..*)?", None, NO_LIMIT),
)


def reason_of(scene, command, field):
    return next((reason for which, pattern, scenes, reason in NOT_NEEDED
                 if which == command and (scenes is None or scene in scenes) and re.fullmatch(pattern, field)), None)


def kind_of(member):
    return "self" if member.get("self") else "primary" if member["state"] == 1 else "standby"


def fields(command, document):
    """[(what it is called, how to take it out)] of every field."""
    found = {}

    def walk(value, called, path):
        for key, item in value.items():
            if key == "members":
                found.setdefault(called + key, []).append(path + [key])
                for place, member in enumerate(item):
                    who = kind_of(member) if command == "replSetGetStatus" else "member"
                    walk(member, who + ".", path + [key, place])
            elif isinstance(item, dict):
                found.setdefault(called + key, []).append(path + [key])
                walk(item, called + key + ".", path + [key])
            else:
                found.setdefault(called + key, []).append(path + [key])

    walk(document, "", [])
    return found


def without(document, paths):
    document = copy.deepcopy(document)
    for path in paths:
        at = document
        for step in path[:-1]:
            at = at[step]
        at.pop(path[-1], None)
    return document


def run(lag, scene, command=None, field=None):
    """The scene with that field taken out of the replies of its first server."""
    members = stub.Set(stub.sample("healthy_8.0"))

    def change(name, document):
        return without(document, fields(name, document)[field]) if name == command else document

    if command:
        members.members[SCENES[scene][0]].change = change
    with members.serve(SCENES[scene]) as targets:
        return lag(*targets, *ARGUMENTS)


def every_field(scene):
    member = stub.Set(stub.sample("healthy_8.0")).members[SCENES[scene][0]]
    return [(command, field) for command in stub.CLUSTER_MONITOR for field in fields(command, member.documents[command])]


@pytest.mark.fuzzed
@pytest.mark.parametrize("scene", SCENES)
def test_every_field(lag, scene):
    whole = run(lag, scene)
    assert whole.state == "OK", whole
    fine, unused = [], []
    for command, field in every_field(scene):
        reason = reason_of(scene, command, field)
        result = run(lag, scene, command, field)
        if result.state == "OK" and reason is None:
            fine.append((scene, command, field))
        elif result.state != "OK" and reason is not None:
            unused.append((scene, command, field))
    assert not fine, "OK without evidence: %s" % fine
    assert not unused, "needed after all: %s" % unused
