# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness against storages of WAL-G, which are written by hand after its layout, and against archives of
WAL that a real PostgreSQL has filled by archive_command."""

import datetime
import json
import os
import shutil
import time

import pytest

NOW = 1795300000.0
SEGMENT = 16 * 1024 * 1024
SYSTEM = 7710350667085145155


def iso(moment):
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def write(path, text, moment):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(str(path), (moment, moment))


class Storage:
    """One full backup, a delta on it each hour, a WAL segment each minute."""

    def __init__(self, root):
        self.root = root
        self.backups = root / "basebackups_005"
        self.log = root / "wal_005"
        self.names = []
        for number in range(3):
            self.add(4 + 60 * number, NOW - 7200 + 3600 * number - 600)
        for number in range(4, 130):
            write(self.segment(number), "packed", NOW - 7800 + 60 * number)

    def segment(self, number):
        return self.log / ("00000001%08X%08X.lz4" % (0, number))

    def sentinel(self, name):
        return self.backups / (name + "_backup_stop_sentinel.json")

    def add(self, number, moment):
        name = "base_00000001%016X" % number
        said = {"LSN": number * SEGMENT + 40, "FinishLSN": (number + 1) * SEGMENT, "PgVersion": 150004,
                "SystemIdentifier": SYSTEM, "UncompressedSize": 30000000, "CompressedSize": 4000000}
        if self.names:
            name += "_D_" + self.names[0][5:]
            said.update(DeltaFrom=self.names[-1], DeltaFullName=self.names[0], DeltaCount=len(self.names))
        write(self.backups / name / "tar_partitions" / "part_1.tar.lz4", "data", moment)
        write(self.backups / name / "metadata.json",
              json.dumps({"start_time": iso(moment - 60), "finish_time": iso(moment)}), moment)
        write(self.sentinel(name), json.dumps(said), moment)
        self.names.append(name)


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "storage")


@pytest.fixture
def check(backup_freshness, storage):
    def run(*options, now=NOW):
        return backup_freshness("-T", "wal-g+file://%s" % storage.root, *options, now=now)
    return run


def test_good(check, storage):
    result = check()
    assert result.code == 0 and result.says(storage.names[2]), result
    assert result.perfdata["points"] == 3 and result.perfdata["chain"] == 3, result
    assert result.perfdata["wal_missing"] == 0 and result.perfdata["exposure"] == 60, result


def test_times_of_a_copy(check, storage):
    """A copy renews the times of the objects: those of the backups are inside."""
    for path in storage.backups.rglob("*"):
        os.utime(str(path), (NOW, NOW))
    result = check()
    assert result.perfdata["age"] == 600, result


def test_stale(check):
    result = check("-c", "1h", now=NOW + 3 * 3600)
    assert result.code == 2 and result.says("critical above 1h"), result


def test_gap(check, storage):
    storage.segment(126).unlink()
    result = check()
    assert result.code == 2 and result.says("WAL is missing", storage.segment(126).name[:24]), result
    assert result.perfdata["wal_missing"] == 1, result


def test_gap_before_the_earliest(check, storage):
    """What is older than the first backup helps nobody: holes there were false alarms elsewhere."""
    write(storage.segment(1), "packed", NOW - 8000)
    assert check().code == 0


def test_needed(check, storage):
    storage.segment(124).unlink()
    result = check()
    assert result.code == 2 and result.perfdata["points"] == 2, result


def test_no_sentinel(check, storage):
    """Killed, or still running: the directory alone is no backup."""
    storage.sentinel(storage.names[2]).unlink()
    result = check()
    assert result.code == 0 and result.perfdata["points"] == 2, result
    assert result.says("being made"), result
    result = check("--rpo", "9d", now=NOW + 2 * 86400)
    assert result.code == 1 and result.says("left over", storage.names[2]), result


def test_full_is_gone(check, storage):
    storage.sentinel(storage.names[0]).unlink()
    result = check()
    assert result.code == 2 and result.perfdata["points"] == 0, result
    assert result.says("the chain is broken"), result


def test_data_is_gone(check, storage):
    shutil.rmtree(str(storage.backups / storage.names[2]))
    result = check()
    assert result.code == 2 and result.says("in the catalogue, and not in the store"), result


def test_sentinel_is_cut(check, storage):
    path = storage.sentinel(storage.names[2])
    os.truncate(str(path), 20)
    result = check()
    assert result.code == 3 and result.perfdata["points"] == 2, result
    assert "is no backup: its sentinel cannot be read" in result.first, result


def test_empty(backup_freshness, tmp_path):
    result = backup_freshness("-T", "wal-g+file://%s" % tmp_path, now=NOW)
    assert result.code == 2 and result.says("basebackups_005"), result


# ---- a plain archive ----


@pytest.fixture(scope="session")
def archived(lab):
    """(folder, names): what two servers, "one" with segments of 1 MiB and "two" of 16 MiB, have archived."""
    found = {}
    for name, size in (("one", 1), ("two", 16)):
        folder = os.path.join(lab.folder, "archive-" + name)
        os.mkdir(folder)
        lab.give(folder)
        server = lab.primaries(["wal-" + name], segment=size, archive_mode="on", wal_keep_size="0",
                               archive_command="cp %%p %s/%%f" % folder)[0]
        names = []
        for _ in range(5):
            server.write()
            names.append(server.value("select pg_walfile_name(pg_current_wal_lsn())"))
            server.sql("select pg_switch_wal()")
        server.wait_for("select last_archived_wal >= '%s' from pg_stat_archiver" % names[-1])
        server.remove()
        found[name] = (folder, names)
    return found


@pytest.fixture
def archive(archived, tmp_path):
    """archive("one"): (a copy of its folder, the names)."""
    def make(name):
        folder = str(tmp_path / name)
        shutil.copytree(archived[name][0], folder)
        return folder, archived[name][1]
    return make


@pytest.mark.parametrize("name", ["one", "two"])
def test_archive(backup_freshness, archive, name):
    folder, names = archive(name)
    result = backup_freshness("-T", "wal+file://" + folder)
    assert result.code == 0 and result.perfdata["wal_missing"] == 0, result
    os.unlink(os.path.join(folder, names[2]))
    result = backup_freshness("-T", "wal+file://" + folder)
    assert result.code == 2 and result.says("WAL is missing", names[2]), result
    assert result.perfdata["wal_missing"] == 1, result


def test_archive_of_two_clusters(backup_freshness, archive):
    folder, names = archive("two")
    other, more = archive("one")
    os.unlink(os.path.join(folder, names[-1]))
    shutil.copy2(os.path.join(other, more[-1]), os.path.join(folder, names[-1]))
    result = backup_freshness("-T", "wal+file://" + folder)
    assert result.code == 2 and result.says("WAL of another cluster"), result


def test_archive_is_stale(backup_freshness, archive):
    folder, _ = archive("two")
    result = backup_freshness("-T", "wal+file://" + folder, "-c", "1h", now=time.time() + 3 * 3600)
    assert result.code == 2 and result.says("critical above 1h"), result


def test_archive_is_empty(backup_freshness, tmp_path):
    """Nothing, or nothing that is a segment."""
    result = backup_freshness("-T", "wal+file://%s" % tmp_path)
    assert result.code == 2, result
    (tmp_path / "00000002.history").write_text("1\t0/7000158\tx\n")
    result = backup_freshness("-T", "wal+file://%s" % tmp_path)
    assert result.code == 2, result
