# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness against repositories of a real pgBackRest: whole, and broken in each way it is silent about."""

import glob
import os
import shutil
import time

import pytest

import pgbackrest


@pytest.fixture(scope="session")
def whole(lab):
    """A repository with a full, a differential and an incremental backup of stanza main, and WAL behind them."""
    repository = pgbackrest.Repository(lab, "whole")
    server = repository.add("main")
    repository.labels = []
    for kind in ("full", "diff", "incr"):
        repository.labels.append(repository.backup("main", kind))
        repository.archived("main")  # there is WAL between any two of them
    repository.wal = [repository.archived("main", 1) for _ in range(4)]
    server.stop()
    return repository


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of it, which may be damaged."""
    return whole.copy(tmp_path / "repo")


def target(path, parameters=""):
    return "pgbackrest+file://%s%s" % (path, parameters)


def figures(result, **wanted):
    """Whether these labels of the perfdata have these values."""
    return all(label in result.perfdata and result.perfdata[label] == value for label, value in wanted.items())


def segment(path, name, stanza="main"):
    found = glob.glob(os.path.join(path, "archive", stanza, "*", name[:16], name + "-*"))
    assert len(found) == 1, found
    return found[0]


def backup(path, label, *names):
    return os.path.join(path, "backup", "main", label, *names)


def info(path):
    return os.path.join(path, "backup", "main", "backup.info")


def needed(path, label, what):
    """The WAL segment at which a backup starts or stops, as the catalogue has it."""
    with open(info(path)) as file:
        line = [line for line in file if line.startswith(label + "=")][0]
    return line.split('"backup-archive-%s":"' % what)[1][:24]


def test_good(backup_freshness, copy, whole):
    result = backup_freshness("-T", target(copy), "-T", "again=" + target(copy, "?stanza=main"))
    assert result.code == 0, result
    result = backup_freshness("-T", target(copy, "?stanza=main"))
    assert result.code == 0 and result.says("main"), result
    assert figures(result, chain=3, points=3, wal_missing=0), result
    assert result.says(whole.labels[2], "well-formed"), result


def test_stale(backup_freshness, copy):
    """Nothing was archived for three hours. Without the server nobody can tell whether there was something to archive."""
    late = time.time() + 3 * 3600
    result = backup_freshness("-T", target(copy), "-c", "1h", now=late)
    assert result.code == 2 and result.says("critical above 1h"), result
    result = backup_freshness("-T", target(copy), "--rpo", "1h", now=late)
    assert result.code in (2, 3) and result.says("critical above 1h"), result


def test_wal_behind_the_newest_backup(backup_freshness, copy, whole):
    """info says ok, and nothing behind the gap can be restored."""
    os.unlink(segment(copy, whole.wal[1]))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2, result
    assert result.says("WAL is missing", whole.wal[1]) and figures(result, wal_missing=1), result


def test_needed_wal(backup_freshness, copy, whole):
    """info says ok: the newest backup cannot become consistent."""
    os.unlink(segment(copy, needed(copy, whole.labels[2], "stop")))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2, result
    assert result.says("WAL is missing", "which %s needs" % whole.labels[2]) and figures(result, points=2), result


def test_wal_between_old_backups(backup_freshness, copy, whole):
    """As repo1-retention-archive leaves it: each older backup keeps what it needs itself, no more."""
    first, second = (needed(copy, label, what) for label, what in
                     ((whole.labels[0], "stop"), (whole.labels[1], "start")))
    between = [path for path in glob.glob(os.path.join(copy, "archive", "main", "*", first[:16], "*-*"))
               if first < os.path.basename(path)[:24] < second]
    assert between
    for path in between:
        os.unlink(path)
    result = backup_freshness("-T", target(copy))
    assert result.code == 0, result


def test_no_wal_at_all(backup_freshness, copy, whole):
    shutil.rmtree(os.path.join(copy, "archive"))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2, result
    assert result.says("WAL is missing") and figures(result, points=0), result


def test_directory_is_gone(backup_freshness, copy, whole):
    shutil.rmtree(backup(copy, whole.labels[2]))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2, result
    assert result.says("in the catalogue, and not in the store", whole.labels[2]) and figures(result, points=2), result


def test_full_is_gone(backup_freshness, copy, whole):
    """Both that hang on it are lost with it."""
    shutil.rmtree(backup(copy, whole.labels[0]))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2, result
    assert result.says("%s needs %s" % (whole.labels[1], whole.labels[0])) and figures(result, points=0), result


@pytest.mark.parametrize("damage", ["gone", "cut", "empty"])
def test_manifest(backup_freshness, copy, whole, damage):
    manifest = backup(copy, whole.labels[2], "backup.manifest")
    if damage == "gone":
        os.unlink(manifest)
    else:
        os.truncate(manifest, 0 if damage == "empty" else os.path.getsize(manifest) - 30)
    result = backup_freshness("-T", target(copy))
    assert figures(result, points=2), result
    assert result.code == (2 if damage == "gone" else 1), result
    assert damage == "gone" or "is no backup: its backup.manifest is cut off" in result.first, result


def test_data_is_gone(backup_freshness, copy, whole):
    shutil.rmtree(backup(copy, whole.labels[2], "pg_data"))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and figures(result, points=2), result


@pytest.mark.parametrize("both", [False, True])
def test_catalogue_is_cut(backup_freshness, copy, both):
    """pgBackRest reads the copy where the catalogue is damaged."""
    for path in [info(copy)] + ([info(copy) + ".copy"] if both else []):
        os.truncate(path, os.path.getsize(path) - 60)
    result = backup_freshness("-T", target(copy))
    assert result.code == (3 if both else 0), result
    assert result.says("cut off"), result


def test_catalogue_is_gone(backup_freshness, copy):
    os.unlink(info(copy))
    os.unlink(info(copy) + ".copy")
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and result.says("not there", "stanza main"), result


def test_no_such_stanza(backup_freshness, copy):
    """info leaves with 0."""
    result = backup_freshness("-T", target(copy, "?stanza=mian"))
    assert result.code == 2, result
    assert result.says("mian"), result


def test_no_repository(backup_freshness, tmp_path):
    result = backup_freshness("-T", target(tmp_path))
    assert result.code == 2 and result.says("no stanza below backup/"), result


def test_killed_and_running(backup_freshness, lab, tmp_path):
    repository = pgbackrest.Repository(lab, "killed")
    server = repository.add("main")
    process, label = repository.stopped("main", "full")
    try:
        only = repository.copy(tmp_path / "only")
        result = backup_freshness("-T", target(only))
        assert result.code == 2 and figures(result, points=0), result
    finally:
        pgbackrest.kill(process)
    good = repository.backup("main", "full")
    process, label = repository.stopped("main", "full")
    pgbackrest.kill(process)
    path = repository.copy(tmp_path / "repo")
    result = backup_freshness("-T", target(path))
    assert result.code == 0 and result.says(good, "one is being made") and figures(result, points=1), result
    result = backup_freshness("-T", target(path), "--rpo", "9d", now=time.time() + 2 * 86400)
    assert result.code == 1 and result.says("left over", label), result
    server.remove()


def test_encrypted(backup_freshness, lab, tmp_path):
    repository = pgbackrest.Repository(lab, "sealed", repo1_cipher_type="aes-256-cbc", repo1_cipher_pass="a secret")
    server = repository.add("main")
    label = repository.backup("main", "full")
    last = [repository.archived("main") for _ in range(3)]
    server.remove()
    path = repository.copy(tmp_path / "repo")
    result = backup_freshness("-T", target(path), "--proof", "sized")
    assert result.code == 0 and result.says(label, "encrypted") and figures(result, points=1), result
    os.unlink(segment(path, last[1]))
    result = backup_freshness("-T", target(path), "--proof", "sized")
    assert result.code == 2 and result.says("WAL is missing"), result
    os.unlink(os.path.join(path, "backup", "main", label, "backup.manifest"))
    result = backup_freshness("-T", target(path), "--proof", "sized")
    assert result.code == 2 and figures(result, points=0), result


@pytest.mark.parametrize("size", [1, 64])
def test_segment_sizes_and_stanzas(backup_freshness, lab, tmp_path, size):
    """The size of a segment is in no file of the repository: names and positions say it. Logs end at other names."""
    repository = pgbackrest.Repository(lab, "size%d" % size)
    servers = [repository.add("odd", segment=size), repository.add("plain")]
    for stanza in ("odd", "plain"):
        repository.backup(stanza, "full")
    last = [repository.archived("odd", 1) for _ in range(3)]
    repository.archived("plain")
    for server in servers:
        server.remove()
    path = repository.copy(tmp_path / "repo")
    result = backup_freshness("-T", target(path))
    assert result.code == 0 and result.says("odd", "plain"), result
    result = backup_freshness("-T", target(path, "?stanza=plain"))
    assert result.code == 0 and not result.says("odd"), result
    os.unlink(segment(path, last[1], "odd"))
    result = backup_freshness("-T", target(path))
    assert result.code == 2 and result.says(last[1], "odd"), result


def test_promoted(backup_freshness, lab, tmp_path):
    """The log goes on on timeline 2; what the old primary still archives does not matter."""
    repository = pgbackrest.Repository(lab, "promoted")
    old = repository.add("main")
    repository.backup("main", "full")
    new = lab.standby("pgbackrest-new", old, archive_mode="on", archive_command=old.settings["archive_command"])
    new.promote()
    old.stop()
    repository.adopt("main", new)
    names = [repository.archived("main", 1) for _ in range(3)]
    assert names[0].startswith("00000002")
    path = repository.copy(tmp_path / "repo")
    result = backup_freshness("-T", target(path))
    assert result.code == 0 and figures(result, wal_missing=0), result
    os.unlink(segment(path, names[0]))
    result = backup_freshness("-T", target(path))
    assert result.code == 2 and result.says(names[0]), result
    new.remove()
    old.remove()


def test_unreadable(backup_freshness, copy, tmp_path):
    """One stanza of two that may not be read: unknown, and the other one is judged."""
    shutil.copytree(os.path.join(copy, "backup", "main"), os.path.join(copy, "backup", "other"))
    shutil.copytree(os.path.join(copy, "archive", "main"), os.path.join(copy, "archive", "other"))
    for name in ("backup.info", "backup.info.copy"):
        path = os.path.join(copy, "backup", "other", name)
        os.unlink(path)
        os.mkdir(path)
    result = backup_freshness("-T", target(copy))
    assert result.code == 3 and result.says("other", "main"), result


def test_errors_in_the_newest(backup_freshness, copy):
    """Page checksums that did not fit: info shows it, and leaves with 0."""
    with open(info(copy)) as file:
        lines = file.read().split("\n")
    last = [number for number, line in enumerate(lines) if '"backup-archive-stop"' in line][-1]
    without = lines[last].replace('"backup-error":false,', "")  # 2.33 does not have it yet
    lines[last] = without.replace("{", '{"backup-error":true,', 1)
    with open(info(copy), "w") as file:
        file.write("\n".join(lines))
    result = backup_freshness("-T", target(copy))
    assert result.code == 2 and result.says("errors while it was made"), result
