# SPDX-License-Identifier: GPL-3.0-or-later
"""Each good reply of Azure SQL and of an availability group with one cell of it emptied, or one column left out: never OK,
unless the cell is listed here with the reason."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import peers  # noqa: E402
import stub_mssql as stub  # noqa: E402
from stub_mssql import link, replica  # noqa: E402


def geo_primary(**spoiled):
    return stub.Server([link("db-west", committed=5)], name="db-east", **spoiled)


def geo_secondary(**spoiled):
    return stub.Server([link("db-east", role=1, committed=5)], name="db-west", updateability="READ_ONLY", **spoiled)


def group_primary(**spoiled):
    return stub.Server([replica("SQL1", local=True, primary=True, state="SYNCHRONIZED"), replica("SQL2")],
                       edition=stub.SQL_SERVER, name="SQL1", **spoiled)


def group_secondary(**spoiled):
    return stub.Server([replica("SQL2", local=True, sender="SQL1")], edition=stub.SQL_SERVER, name="SQL2",
                       updateability="READ_ONLY", **spoiled)


# scene: its servers, and how the partner is called
SCENES = {
    "geo": ({"db1": geo_primary}, "db-west"),
    "geo both": ({"db1": geo_primary, "db2": geo_secondary}, "db-west"),
    "group": ({"db1": group_primary}, "SQL2"),
    "group both": ({"db1": group_primary, "db2": group_secondary}, "SQL2"),
}

TWO_SIDED = "the secondary was asked itself, and has what the primary committed last"
CAUGHT_UP = "nothing is missing, so that nothing needs an age"
BY_POSITION = "the log blocks prove that nothing is missing"

# Why a verdict of OK is right when the cell is NULL: (server, column): {scene: reason}, scene None for all.
NOT_NEEDED = {
    ("db1", "last_replication"): {"geo both": TWO_SIDED},
    ("db1", "replication_lag_sec"): {"geo both": TWO_SIDED},
    ("db1", "last_commit"): {None: "what was acknowledged a moment ago bounds the loss"},
    ("db2", "last_commit"): {None: "the primary's view states the loss"},
    ("db1", "committed"): {"group both": "the primary's view states the loss"},
    ("db1", "secondary_lag_seconds"): {None: BY_POSITION},
    ("db1", "hardened"): {None: "the product's own figure states the loss"},
    ("db1", "commit_age"): {None: CAUGHT_UP},
    ("db2", "commit_age"): {None: CAUGHT_UP},
    ("db2", "hardened"): {None: "what is redone was hardened"},
    ("db2", "secondary_lag_seconds"): {None: TWO_SIDED},
    ("db2", "primary_replica"): {None: "no --expect-upstream was given"},
}


def run(lag, scene, server=None, how=None):
    """The scene with that server's replies spoiled; the result, and the columns of each server that are not NULL."""
    makers, partner = SCENES[scene]
    seen = {name: set() for name in makers}
    listening, arguments = [], []

    def look(name):
        def spoil(column, value):
            if value is not None:
                seen[name].add(column)
            return None if name == server and how == ("NULL", column) else value
        return spoil

    try:
        for name, make in makers.items():
            drop = [how[1]] if name == server and how[0] == "dropped" else ()
            peer = peers.Honest(make(spoil=look(name), drop=drop).session)
            listening.append(peer)
            peer.__enter__()
            arguments += ["-T", "%s=mssql://monitor@127.0.0.1:%d/appdb?encrypt=no" % (name, peer.port)]
        result = lag(*arguments, "--partner", partner, "--rpo", "1m", "-t", "3s",
                     environment={"SQLCMDPASSWORD": stub.PASSWORD})
        return result, seen
    finally:
        for peer in reversed(listening):
            peer.__exit__(None, None, None)


@pytest.mark.parametrize("kind", ("NULL", "dropped"))
@pytest.mark.parametrize("scene", SCENES)
def test_every_cell(lag, scene, kind):
    whole, seen = run(lag, scene)
    assert whole.state == "OK", whole
    fine, unused = [], []
    for server, columns in seen.items():
        assert len(columns) >= 11, columns
        for column in sorted(columns):
            reasons = NOT_NEEDED.get((server, column), {}) if kind == "NULL" else {}
            reason = reasons.get(scene, reasons.get(None))
            result, _ = run(lag, scene, server, (kind, column))
            if result.state == "OK" and reason is None:
                fine.append((scene, server, column))
            elif result.state != "OK" and reason is not None:
                unused.append((scene, server, column))
    assert not fine, "OK without evidence: %s" % fine
    assert not unused, "needed after all: %s" % unused
