# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness against homes of a real Barman: whole, and broken in each way its own check calls OK."""

import os
import shutil
import time

import pytest

import barman

# Its scenes are edits of what Barman 3.4 keeps; others are seen by test_backups_versions.py.
pytestmark = pytest.mark.one_build


@pytest.fixture(scope="session")
def whole(lab):
    """A home with two finished backups of the server demo, and WAL behind them."""
    home = barman.Home(lab, "whole")
    server = home.add("demo")
    home.done = [home.backup("demo") for _ in range(2)]
    home.wal = [home.archive("demo") for _ in range(3)]
    server.stop()
    return home


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of it, which may be damaged."""
    return whole.copy(tmp_path / "home")


def target(path, parameters=""):
    return "barman+file://%s%s" % (path, parameters)


def segment(path, name, server="demo"):
    return os.path.join(path, server, "wals", name[:16], name)


def info(path, backup, server="demo"):
    return os.path.join(path, server, "base", backup, "backup.info")


def field(path, backup, key):
    with open(info(path, backup)) as file:
        return [line.split("=", 1)[1].strip() for line in file if line.startswith(key + "=")][0]


def change(path, backup, key, value):
    with open(info(path, backup)) as file:
        lines = [line for line in file if not line.startswith(key + "=")]
    with open(info(path, backup), "w") as file:
        file.write("".join(lines) + "%s=%s\n" % (key, value))


def test_good(backup_freshness, copy, whole):
    result = backup_freshness("-T", target(copy))
    assert result.code == 0 and result.says("demo", whole.done[1], "well-formed"), result
    assert result.perfdata["points"] == 2 and result.perfdata["wal_missing"] == 0, result
    result = backup_freshness("-T", target(copy, "?server=demo"))
    assert result.code == 0 and result.perfdata["points"] == 2, result


def test_stale(backup_freshness, copy):
    """Nothing was archived for three hours. Without the server nobody can tell whether there was something to archive."""
    late = time.time() + 3 * 3600
    result = backup_freshness("-T", target(copy), "-c", "1h", now=late)
    assert result.code == 2 and result.says("critical above 1h"), result
    result = backup_freshness("-T", target(copy), "--rpo", "1h", now=late)
    assert result.code in (2, 3) and result.says("critical above 1h"), result


def test_no_such_server(backup_freshness, copy):
    result = backup_freshness("-T", target(copy, "?server=dmeo"))
    assert result.code == 2 and result.says("not there", "dmeo"), result


def test_no_home(backup_freshness, tmp_path):
    (tmp_path / "something").mkdir()
    result = backup_freshness("-T", target(tmp_path))
    assert result.code == 2 and result.says("no server"), result


def test_no_backup_yet(backup_freshness, copy):
    shutil.rmtree(os.path.join(copy, "demo", "base"))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and result.says("demo"), result


def test_waiting_for_wals(backup_freshness, copy, whole):
    """Barman's check says OK; nobody can restore it."""
    change(copy, whole.done[1], "status", "WAITING_FOR_WALS")
    result = backup_freshness("-T", target(copy))
    assert result.code == 0 and result.perfdata["points"] == 1 and result.says(whole.done[0]), result
    change(copy, whole.done[0], "status", "WAITING_FOR_WALS")
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and result.perfdata["points"] == 0, result


def test_killed(backup_freshness, lab, tmp_path):
    """It stays STARTED for ever, and Barman's check OK."""
    home = barman.Home(lab, "killed")
    server = home.add("demo")
    home.backup("demo")
    home.killed("demo")
    assert home.listed("demo")[0]["status"] == "STARTED"
    path = home.copy(tmp_path / "home")
    server.remove()
    result = backup_freshness("-T", target(path))
    assert result.code == 0 and result.says("being made") and result.perfdata["points"] == 1, result
    result = backup_freshness("-T", target(path), "--rpo", "9d", now=time.time() + 4 * 86400)
    assert result.code == 1 and result.says("left over from a run that did not finish", "STARTED"), result


def test_failed(backup_freshness, copy, whole):
    change(copy, whole.done[1], "status", "FAILED")
    result = backup_freshness("-T", target(copy))
    assert result.perfdata["points"] == 1 and result.code != 3, result
    change(copy, whole.done[0], "status", "FAILED")
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and result.perfdata["points"] == 0, result


def test_unknown_status(backup_freshness, copy, whole):
    """Of a version to come: not restorable until somebody knows."""
    for backup in whole.done:
        change(copy, backup, "status", "SOMETHING")
    result = backup_freshness("-T", target(copy))
    assert result.code != 0 and result.perfdata["points"] == 0, result


def test_needed_wal(backup_freshness, copy, whole):
    name = field(copy, whole.done[1], "end_wal")
    os.unlink(segment(copy, name))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and result.says("WAL is missing", name) and result.perfdata["points"] == 1, result


def test_wal_behind_the_newest(backup_freshness, copy, whole):
    os.unlink(segment(copy, whole.wal[1]))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and result.says("WAL is missing", whole.wal[1]), result
    assert result.perfdata["wal_missing"] == 1, result


def test_data_is_gone(backup_freshness, copy, whole):
    shutil.rmtree(os.path.join(copy, "demo", "base", whole.done[1], "data"))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and result.says("in the catalogue, and not in the store", whole.done[1]), result
    assert result.perfdata["points"] == 1, result


def test_snapshots_of_volumes(backup_freshness, copy, whole):
    """There is no data beside such a backup.info."""
    for backup in whole.done:
        shutil.rmtree(os.path.join(copy, "demo", "base", backup, "data"))
        change(copy, backup, "snapshots_info", "{'provider': 'gcp'}")
    result = backup_freshness("-T", target(copy), "--proof", "none")
    assert result.code == 0 and result.perfdata["points"] == 2, result


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage"])
def test_catalogue(backup_freshness, copy, whole, damage):
    path = info(copy, whole.done[1])
    if damage == "garbage":
        with open(path, "w") as file:
            file.write("<html>not what you wanted</html>\n")
    else:
        os.truncate(path, 0 if damage == "empty" else 20)
    result = backup_freshness("-T", target(copy))
    assert result.code == 3 and result.says("could not be read", whole.done[1]), result


def test_metadata_apart(backup_freshness, copy, whole):
    """From 3.13.2 on backup.info lies in meta/."""
    os.mkdir(os.path.join(copy, "demo", "meta"))
    for backup in whole.done:
        os.rename(info(copy, backup), os.path.join(copy, "demo", "meta", backup + "-backup.info"))
    result = backup_freshness("-T", target(copy))
    assert result.code == 0 and result.perfdata["points"] == 2, result
    shutil.rmtree(os.path.join(copy, "demo", "base", whole.done[1]))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and result.says("in the catalogue, and not in the store", whole.done[1]), result


def test_incremental(backup_freshness, copy, whole):
    change(copy, whole.done[1], "parent_backup_id", whole.done[0])
    result = backup_freshness("-T", target(copy))
    assert result.code == 0 and result.perfdata["chain"] == 2, result
    shutil.rmtree(os.path.join(copy, "demo", "base", whole.done[0]))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and result.says("%s needs %s" % (whole.done[1], whole.done[0])), result


def test_cloud_layout(backup_freshness, copy, whole):
    """barman-cloud-backup: archives instead of a directory, and WAL that is packed."""
    for backup in whole.done:
        shutil.rmtree(os.path.join(copy, "demo", "base", backup, "data"))
        with open(os.path.join(copy, "demo", "base", backup, "data.tar.gz"), "wb") as file:
            file.write(b"\x1f\x8b something")
    folder = os.path.join(copy, "demo", "wals", whole.wal[0][:16])
    for name in os.listdir(folder):
        if len(name) == 24:
            os.rename(os.path.join(folder, name), os.path.join(folder, name + ".gz"))
    result = backup_freshness("-T", target(copy))
    assert result.code == 0 and result.perfdata["points"] == 2 and result.perfdata["wal_missing"] == 0, result


@pytest.mark.parametrize("size", [1, 64])
def test_segment_sizes(backup_freshness, lab, tmp_path, size):
    home = barman.Home(lab, "size%d" % size)
    server = home.add("demo", segment=size)
    home.backup("demo")
    last = [home.archive("demo") for _ in range(3)]
    server.remove()
    path = home.copy(tmp_path / "home")
    result = backup_freshness("-T", target(path))
    assert result.code == 0 and result.perfdata["wal_missing"] == 0, result
    os.unlink(segment(path, last[1]))
    result = backup_freshness("-T", target(path))
    assert result.code == 2 and result.says(last[1]), result


def test_future_wal(backup_freshness, copy, whole):
    """Segments that are dated wrong do not make the data younger."""
    for name in whole.wal:
        os.utime(segment(copy, name), (time.time() + 86400,) * 2)
    result = backup_freshness("-T", target(copy), "-c", "1h", now=time.time() + 3 * 3600)
    assert result.code == 2 and result.says("dated in the future", "critical above 1h"), result


def test_one_of_two(backup_freshness, copy):
    """A second server that has no backup: the first one's do not stand for it."""
    os.makedirs(os.path.join(copy, "second", "base"))
    os.makedirs(os.path.join(copy, "second", "wals"))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and result.says("second"), result
    result = backup_freshness("-T", target(copy), "--exclude", "second")
    assert result.code == 0, result
