# SPDX-License-Identifier: GPL-3.0-or-later
"""Each good reply of PostgreSQL with one cell of it emptied: never OK, unless the cell is listed here with the reason.

That a column is missing altogether is in test_faults.py; what each fact means to the judge in test_judge_missing.c. This
is the way in between: what a server or something between us and it can do to a reply, seen through the executable."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import peers  # noqa: E402
import stub_postgresql as stub  # noqa: E402

SYNCHRONOUS = {"synchronous_names": "ANY 1 (db2)"}


def primary():
    return stub.primary([stub.stream("db2", sync_state="quorum", slot_name="db2", slot_type="physical")],
                        [stub.slot("db2")], **SYNCHRONOUS)


def standby():
    return stub.standby(cluster_name="db2", application_name="db2", receiver_slot="db2", apply_delay=0)


SCENES = {
    "primary": {"db1": primary},
    "standby": {"db2": standby},
    "both": {"db1": primary, "db2": standby},
}
ARGUMENTS = ("--rpo", "5m", "--rto", "5m", "-t", "3s")

ALONE = "its own side is not compared with anybody's"
TWO_SIDED = "the standby was asked itself: what it says of itself is the evidence"
CAUGHT_UP = "nothing is missing, so that nothing needs an age"
NAMED = "it is a name for people; the row is still a standby's"
IS_PRIMARY = "a setting of standbys, on the primary"
IS_STANDBY = "a setting of primaries, on the standby"
FALLBACK = "without it the longest silence that is normal is assumed"

# Why a verdict of OK is right without a cell: (server, result set, column): {scene: reason}, scene None for all.
NOT_NEEDED = {
    ("db1", "node", "apply_delay"): {None: IS_PRIMARY},
    ("db1", "node", "checkpoint_timeline"): {None: "the name of its current segment tells the timeline"},
    ("db1", "node", "cluster_name"): {None: NAMED},
    ("db1", "node", "complete"): {None: "a constant: that the column is there is what tells a whole row"},
    ("db1", "node", "max_connections"): {"primary": ALONE},
    ("db1", "node", "max_locks_per_transaction"): {"primary": ALONE},
    ("db1", "node", "max_prepared_transactions"): {"primary": ALONE},
    ("db1", "node", "max_wal_senders"): {"primary": ALONE},
    ("db1", "node", "max_worker_processes"): {"primary": ALONE},
    ("db1", "node", "privileged"): {None: "what a privilege hides is empty, and judged as that"},
    ("db1", "node", "receiver_running"): {None: IS_PRIMARY},
    ("db1", "node", "receiver_timeout"): {None: IS_PRIMARY},
    ("db1", "node", "role_name"): {None: "only named in advice"},
    ("db1", "node", "sender_timeout"): {None: FALLBACK},
    ("db1", "node", "server_time"): {None: "no limit for the skew of clocks was given"},
    ("db1", "node", "synchronous_commit"): {None: "taken as one that waits: the stricter reading"},
    ("db1", "node", "system"): {"primary": ALONE},
    ("db1", "node", "timeline"): {None: "the control file tells the timeline"},
    ("db1", "slots", "restart"): {None: "no limit for what a slot keeps was given; its status is judged"},
    ("db1", "slots", "temporary"): {None: "taken as one that stays: the stricter reading"},
    ("db1", "streams", "application_name"): {None: "its slot names it as well"},
    ("db1", "streams", "client_addr"): {None: NAMED},
    ("db1", "streams", "connected"): {None: CAUGHT_UP},
    ("db1", "streams", "flushed"): {"both": TWO_SIDED},
    ("db1", "streams", "replayed"): {"both": TWO_SIDED},
    ("db1", "streams", "pid"): {None: "for people who read -vvv"},
    ("db1", "streams", "reply_age"): {None: "the primary's view has everything; no limit for the link was given"},
    ("db1", "streams", "reported"): {None: "a position says that it has reported"},
    ("db1", "streams", "slot_name"): {None: "its name tells it from others as well"},
    ("db1", "streams", "slot_type"): {None: "a row without a type has no logical slot: a standby"},
    ("db2", "node", "announced"): {"both": "the primary itself was asked"},
    ("db2", "node", "application_name"): {None: NAMED},
    ("db2", "node", "apply_delay"): {None: "everything is replayed: whatever the delay, it is over"},
    ("db2", "node", "checkpoint_timeline"): {None: "the link tells its timeline"},
    ("db2", "node", "cluster_name"): {None: NAMED},
    ("db2", "node", "complete"): {None: "a constant: that the column is there is what tells a whole row"},
    ("db2", "node", "max_connections"): {"standby": ALONE},
    ("db2", "node", "max_locks_per_transaction"): {"standby": ALONE},
    ("db2", "node", "max_prepared_transactions"): {"standby": ALONE},
    ("db2", "node", "max_wal_senders"): {"standby": ALONE},
    ("db2", "node", "max_worker_processes"): {"standby": ALONE},
    ("db2", "node", "message_age"): {"both": "it was seen to have what the primary has in this very run"},
    ("db2", "node", "privileged"): {None: "what a privilege hides is empty, and judged as that"},
    ("db2", "node", "received"): {None: "what is replayed was received"},
    ("db2", "node", "receiver_running"): {"both": "the primary sees its connection"},
    ("db2", "node", "receiver_slot"): {None: NAMED},
    ("db2", "node", "receiver_status"): {None: "its process and the age of its last message are judged"},
    ("db2", "node", "receiver_timeline"): {None: "the control file tells its timeline"},
    ("db2", "node", "receiver_timeout"): {None: FALLBACK},
    ("db2", "node", "replay_age"): {None: CAUGHT_UP},
    ("db2", "node", "role_name"): {None: "only named in advice"},
    ("db2", "node", "sender_host"): {None: "no --expect-upstream was given"},
    ("db2", "node", "sender_port"): {None: "no --expect-upstream was given"},
    ("db2", "node", "sender_timeout"): {None: IS_STANDBY},
    ("db2", "node", "server_time"): {None: "no limit for the skew of clocks was given"},
    ("db2", "node", "synchronous_commit"): {None: IS_STANDBY},
    ("db2", "node", "synchronous_names"): {None: IS_STANDBY},
    ("db2", "node", "system"): {"standby": ALONE},
}


def reason_of(scene, server, kind, column):
    reasons = NOT_NEEDED.get((server, kind, column), {})
    return reasons.get(scene, reasons.get(None))


class Emptied(stub.Server):
    """One cell of one result set is NULL; `seen` gets all that there are."""

    def __init__(self, facts, which=None):
        super().__init__("12.22", facts)
        self.which = which
        self.seen = set()

    def result(self, kind, names, rows):
        for row in rows:
            self.seen |= {(kind, name) for name, value in zip(names, row) if value is not None}
        rows = [[None if (kind, name) == self.which else value for name, value in zip(names, row)] for row in rows]
        return super().result(kind, names, rows)


def run(lag, scene, server=None, which=None):
    """The scene with that cell of that server emptied; the result and the servers."""
    servers = {name: Emptied(facts(), which if name == server else None) for name, facts in SCENES[scene].items()}
    arguments = []
    listening = []
    try:
        for name, each in servers.items():
            peer = peers.Honest(each.session)
            listening.append(peer)
            peer.__enter__()
            arguments += ["-T", "%s=postgresql://monitor@127.0.0.1:%d/postgres" % (name, peer.port)]
        if "db1" in servers:
            arguments += ["--expect-standby", "db2", "--expect-slot", "db2"]
        return lag(*arguments, *ARGUMENTS), servers
    finally:
        for peer in reversed(listening):
            peer.__exit__(None, None, None)


@pytest.mark.parametrize("scene", SCENES)
def test_every_cell(lag, scene):
    whole, servers = run(lag, scene)
    assert whole.state == "OK", whole
    fine, unused = [], []
    for name, server in servers.items():
        for kind, column in sorted(server.seen):
            reason = reason_of(scene, name, kind, column)
            result, _ = run(lag, scene, name, (kind, column))
            if result.state == "OK" and reason is None:
                fine.append((scene, name, kind, column))
            elif result.state != "OK" and reason is not None:
                unused.append((scene, name, kind, column))
    assert not fine, "OK without evidence: %s" % fine
    assert not unused, "needed after all: %s" % unused
