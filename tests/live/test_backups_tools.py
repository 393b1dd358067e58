# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on repositories of the real restic (read without their password) and on lists of the real restic
and borg: good, interrupted, locked, unreadable, damaged, dated in the future, stale."""

import os
import shutil
import signal
import time

import pytest

from postgresql import wait_until
from tools_backup import Borg, Restic

DAY = 86400


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A repository with two snapshots, made once."""
    restic = Restic(tmp_path_factory.mktemp("restic"))
    restic.backup()
    restic.write("second")
    restic.backup()
    return restic


@pytest.fixture
def restic(made, tmp_path):
    """A copy of it, that a test can damage."""
    copy = object.__new__(Restic)
    copy.__dict__.update(made.__dict__, repository=str(tmp_path / "repository"))
    shutil.copytree(made.repository, copy.repository)
    return copy


@pytest.fixture
def borg(tmp_path):
    return Borg(tmp_path)


def look(run, restic, *arguments, **options):
    return run("-T", "r=restic+file://" + restic.repository, "--rpo", "1d", *arguments, **options)


def newest(restic):
    folder = os.path.join(restic.repository, "snapshots")
    return max((os.path.join(folder, name) for name in os.listdir(folder)), key=os.path.getmtime)


def empty(restic, folder):
    path = os.path.join(restic.repository, folder)
    shutil.rmtree(path)
    os.mkdir(path)


# ---- a repository of restic ----

def test_good(restic, backup_freshness):
    result = look(backup_freshness, restic)
    assert result.state == "OK" and result.perfdata["points"] == 2, result
    assert result.says("encrypted", os.path.basename(newest(restic))[:8]), result


def test_stale(restic, backup_freshness):
    result = look(backup_freshness, restic, now=time.time() + 3 * DAY)
    assert result.state == "CRITICAL" and result.says("3d"), result


def test_no_snapshot(restic, backup_freshness):
    empty(restic, "snapshots")
    result = look(backup_freshness, restic)
    assert result.state == "CRITICAL" and result.says("no usable backup"), result


def test_no_repository(backup_freshness, tmp_path):
    result = backup_freshness("-T", "restic+file://%s" % tmp_path)
    assert result.state == "CRITICAL" and result.says('it has a file "config"'), result


@pytest.mark.parametrize("folder, words", [("index", "no index"), ("data", "no data"), ("keys", "no key")])
def test_hollow(restic, backup_freshness, folder, words):
    """Snapshots that look well, and nothing to restore them from."""
    empty(restic, folder)
    result = look(backup_freshness, restic)
    assert result.state == "CRITICAL" and result.says("by name only", words), result


@pytest.mark.parametrize("damage", ["cut", "one bit", "empty"])
def test_damaged_newest(restic, backup_freshness, damage):
    """Its name is what its content must be: found without the key. The one before it counts."""
    path = newest(restic)
    with open(path, "rb") as file:
        content = bytearray(file.read())
    content[7] ^= 1 if damage == "one bit" else 0
    content = {"cut": content[:-1], "one bit": content, "empty": b""}[damage]
    then = os.path.getmtime(path)
    os.chmod(path, 0o600)
    with open(path, "wb") as file:
        file.write(content)
    os.utime(path, (then, then))
    result = look(backup_freshness, restic)
    assert result.state == "WARNING" and result.says(os.path.basename(path)[:8]), result
    assert result.perfdata["points"] == 1, result
    assert result.says("size 0" if damage == "empty" else "SHA-256"), result


def test_damaged_both(restic, backup_freshness):
    for name in restic.names("snapshots"):
        path = os.path.join(restic.repository, "snapshots", name)
        os.chmod(path, 0o600)
        with open(path, "ab") as file:
            file.write(b"x")
    result = look(backup_freshness, restic)
    assert result.state == "CRITICAL" and result.says("SHA-256"), result


def test_future(restic, backup_freshness):
    """It is named, and hides nothing."""
    path = newest(restic)
    then = time.time() + 30 * DAY
    os.utime(path, (then, then))
    result = look(backup_freshness, restic)
    assert result.state == "WARNING" and result.says("future", os.path.basename(path)[:8]), result
    result = look(backup_freshness, restic, now=time.time() + 3 * DAY)
    assert result.state == "CRITICAL", result


@pytest.mark.parametrize("folder", ["snapshots", "locks", "index"])
def test_unreadable(restic, backup_freshness, folder, monkeypatch):
    """What another user may not read is not empty."""
    os.chmod(restic.folder, 0o755)
    os.chmod(os.path.join(restic.repository, folder), 0o700)
    top = restic.repository
    while top != "/":
        os.chmod(top, os.stat(top).st_mode | 0o055) if top.startswith("/tmp/") and top != "/tmp" else None
        top = os.path.dirname(top)
    monkeypatch.setenv("DR_WRAPPER", "setpriv --reuid=65534 --regid=65534 --clear-groups")
    result = look(backup_freshness, restic)
    assert result.state == "UNKNOWN" and result.says("Permission denied", folder), result


def test_running_and_killed(restic, backup_freshness):
    """A lock is a run of something; one that nobody renews is left behind."""
    process = restic.backup_from_pipe()
    try:
        wait_until(lambda: restic.names("locks"), "restic takes its lock")
        result = look(backup_freshness, restic)
        assert result.state == "OK" and result.says("holds a lock"), result
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    assert restic.names("locks")
    result = look(backup_freshness, restic, now=time.time() + 3600)
    assert result.state == "WARNING" and result.says("an old lock"), result
    assert result.perfdata["points"] == 2, result


def test_changes_nothing(restic, backup_freshness):
    def state():
        return sorted((path, os.stat(os.path.join(path, name)).st_mtime, name)
                      for path, _, names in os.walk(restic.repository) for name in names)
    before = state()
    assert look(backup_freshness, restic, "-vvv").state == "OK"
    assert state() == before


# ---- lists of restic ----

@pytest.fixture
def listed(backup_freshness, tmp_path):
    def run(kind, content, *arguments, **options):
        path = tmp_path / "list.json"
        path.write_bytes(content)
        return backup_freshness("-T", "x=%s+json://%s" % (kind, path), "--rpo", "1d", *arguments, **options)
    return run


def test_restic_list(made, listed):
    assert listed("restic", made.list()).state == "OK"
    assert listed("restic", made.list("--group-by", "host,paths")).state == "OK"
    assert listed("restic", made.list(), now=time.time() + 2 * DAY).state == "CRITICAL"


def test_restic_list_with_a_future_one(restic, listed):
    restic.backup("--time", time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 30 * DAY)))
    result = listed("restic", restic.list())
    assert result.state == "WARNING" and result.says("future"), result
    assert result.perfdata["exposure"] < 600, result


def test_restic_list_of_an_interrupted_backup(restic, listed):
    """Nothing of it is listed: only its lock is left."""
    process = restic.backup_from_pipe()
    wait_until(lambda: restic.names("locks"), "restic takes its lock")
    process.kill()
    process.communicate()
    result = listed("restic", restic.list())
    assert result.state == "OK" and result.perfdata["points"] == 2, result


# ---- lists of borg ----

def test_borg_list(borg, listed):
    borg.create("db1-{now:%Y-%m-%dT%H:%M:%S}")
    assert listed("borg", borg.list()).state == "OK"
    info = borg.run("info", "--json", "--last", "5", borg.repository).stdout
    result = listed("borg", info)
    assert result.state == "OK" and result.perfdata["size"] > 0, result
    assert listed("borg", borg.list(), now=time.time() + 2 * DAY).state == "CRITICAL"


def test_borg_list_empty(borg, listed):
    result = listed("borg", borg.list())
    assert result.state == "CRITICAL" and result.says("no backup"), result


@pytest.mark.one_build  # borg 1.1 always lists them: test_backups_versions.py
def test_borg_list_with_a_checkpoint(borg, listed):
    """What an interrupted create has left is no backup, shown or not."""
    borg.create("db1-{now:%Y-%m-%dT%H:%M:%S}.checkpoint")
    result = listed("borg", borg.list("--consider-checkpoints"))
    assert result.state == "CRITICAL" and result.says("interrupted"), result
    result = listed("borg", borg.list())
    assert result.state == "CRITICAL" and result.says("no backup"), result


def test_borg_list_with_a_future_one(borg, listed):
    borg.create("db1-{now:%Y-%m-%d}")
    borg.create("db1-2090-01-01", "--timestamp", "2090-01-01T00:00:00")
    result = listed("borg", borg.list())
    assert result.state == "WARNING" and result.says("future", "db1-2090-01-01"), result


def test_borg_list_while_create_runs(borg, listed):
    """The lock does not keep the list from being made with --bypass-lock."""
    borg.create("db1-{now:%Y-%m-%dT%H:%M:%S}")
    process = borg.start("create", borg.repository + "::db1-2026-01-01", "-")
    try:
        wait_until(lambda: os.path.exists(os.path.join(borg.repository, "lock.exclusive")), "borg takes its lock")
        assert listed("borg", borg.list()).state == "OK"
    finally:
        process.kill()
        process.communicate()
