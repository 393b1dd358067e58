# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL 9.6 to 12 says of its archiving, and each good reply with one cell of it emptied: never OK, unless the
cell is listed here with the reason."""

import os
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import peers  # noqa: E402
import stub_postgresql as stub  # noqa: E402

VERSIONS = ("9.6.24", "10.23", "11.22", "12.22")

COUNTED = "the moments say it, the counters do not"
BEFORE = "failures before the last success are over"
AT_REST = "the log stands directly behind the last segment"

# Why a verdict of OK is right without a cell: {(scene, column): reason}, scene None for all.
NOT_NEEDED = {
    (None, "system"): "no archive is given that it could be compared with",
    (None, "timeout"): "shown only",
    (None, "archived_count"): COUNTED,
    (None, "failed_count"): COUNTED,
    (None, "last_failed_wal"): BEFORE,
    (None, "last_failed_time"): BEFORE,
    (None, "stats_reset"): COUNTED,
    (None, "cluster_name"): "a name for people",
    (None, "role_name"): "only named in advice",
    (None, "server_time"): "the check's own clock is the other one",
    ("rest", "redo"): AT_REST,
    ("rest", "checkpoint"): AT_REST,
    ("rest", "quiet"): AT_REST,
    ("rest", "may_list"): "a note says what is not seen; the log stands behind the last segment",
    ("rest", "waiting"): "the log stands behind the last segment",
    ("rest", "timeline"): "the name of the segment has it",
    ("rest", "last_archived_wal"): "nothing waits: all that is complete is archived",
    ("checkpoint", "checkpoint"): "no transaction has ended since",
    ("checkpoint", "may_list"): "a note says what is not seen; no transaction has ended since",
    ("checkpoint", "waiting"): "no transaction has ended since",
    ("checkpoint", "timeline"): "the name of the segment has it",
    ("checkpoint", "last_archived_wal"): "nothing waits: all that is complete is archived",
}

SCENES = {
    "rest": {},
    "checkpoint": {"position": 0x2E04000},  # hint bits behind a checkpoint
}


class Emptied(stub.Server):
    """One cell is NULL; `seen` gets all that there are."""

    def __init__(self, version, facts, which=None):
        super().__init__(version, facts)
        self.which = which
        self.seen = set()

    def result(self, kind, names, rows):
        for row in rows:
            self.seen |= {name for name, value in zip(names, row) if value is not None}
        rows = [[None if name == self.which else value for name, value in zip(names, row)] for row in rows]
        return super().result(kind, names, rows)


def run(backup_freshness, server):
    with peers.Honest(server.session) as peer:
        return backup_freshness("-T", "main=postgresql-archive://monitor@127.0.0.1:%d/postgres" % peer.port,
                                "--rpo", "1h", "--proof", "none")


@pytest.mark.parametrize("version", VERSIONS)
def test_versions(backup_freshness, version):
    """Each name in the statements is one of that version."""
    server = stub.Server(version, stub.archiver())
    result = run(backup_freshness, server)
    assert result.state == "OK" and result.perfdata["exposure"] == 0, result
    assert any("pg_ls_archive_statusdir" in statement for statement in server.statements) == (version == "12.22")
    assert result.says("PostgreSQL 12 and later") == (version != "12.22"), result


@pytest.mark.parametrize("version", VERSIONS)
def test_one_round_trip_less_without_the_right(backup_freshness, version):
    server = stub.Server(version, stub.archiver(may_list=False))
    result = run(backup_freshness, server)
    assert result.state == "OK", result
    assert len([each for each in server.statements if each.startswith("SELECT")]) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_standby(backup_freshness, version):
    facts = stub.archiver(in_recovery=True, mode="always")
    facts["node"]["in_recovery"] = True
    assert run(backup_freshness, stub.Server(version, facts)).state == "OK"


def test_log_behind_the_last_segment(backup_freshness):
    """A transaction has ended behind it: what was archived is old."""
    result = run(backup_freshness, stub.Server("12.22", stub.archiver(position=0x2E04000, quiet=False)))
    assert result.state == "CRITICAL" and result.perfdata["exposure"] > time.time() - 1700000100, result


@pytest.mark.parametrize("scene", sorted(SCENES))
def test_every_cell(backup_freshness, scene):
    whole = Emptied("12.22", stub.archiver(**SCENES[scene]))
    assert run(backup_freshness, whole).state == "OK"
    fine, unused = [], []
    for column in sorted(whole.seen):
        reason = NOT_NEEDED.get((scene, column), NOT_NEEDED.get((None, column)))
        result = run(backup_freshness, Emptied("12.22", stub.archiver(**SCENES[scene]), column))
        if result.state == "OK" and reason is None:
            fine.append(column)
        elif result.state != "OK" and reason is not None:
            unused.append((column, result.first))
    assert not fine, "OK without evidence: %s" % fine
    assert not unused, "needed after all: %s" % unused
