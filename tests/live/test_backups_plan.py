# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness and the rest of the plan: restore tests, expected restore time, what must have a backup, several
targets as one service, limits, zones, what is remembered. The backups are small real dumps (plain), dated by their names."""

import json
import os
import subprocess
import time

import pytest

HOUR, DAY = 3600, 86400
NOW = 1763985600  # 2025-11-24 12:00 UTC
DUMP = b"--\n-- PostgreSQL database dump\n--\n\nSELECT 1;\n\n--\n-- PostgreSQL database dump complete\n--\n\n"


@pytest.fixture
def nights(tmp_path):
    """nights("app", ages, size): plain dumps, begun so many seconds before NOW and made within an hour."""
    def make(name, ages, size=2000, took=HOUR):
        folder = tmp_path / "dumps"
        folder.mkdir(exist_ok=True)
        for age in ages:
            path = folder / time.strftime(name + "-%Y%m%dT%H%M.sql", time.gmtime(NOW - age))
            path.write_bytes(DUMP.replace(b"SELECT 1;\n", b"SELECT 1;\n" * (size // 10)))
            os.utime(str(path), (NOW - age + took, NOW - age + took))
        return folder
    return make


@pytest.fixture
def ask(backup_freshness):
    def run(folder, *arguments, now=NOW):
        return backup_freshness("-T", "dumps=file://%s" % folder, "--name-format", "{}-%Y%m%dT%H%M.sql", "--zone", "UTC",
                                "--rpo", "26h", *arguments, now=now)
    return run


WEEK = [5 * HOUR + n * DAY for n in range(8)]


def drill(tmp_path, **members):
    path = tmp_path / "drill.json"
    path.write_text(json.dumps(dict({"time": NOW - 20 * DAY, "result": "success"}, **members)))
    return str(path)


# ---- restore tests ----

@pytest.mark.parametrize("members, state, words", [
    ({}, "OK", "app can be restored to 5h ago"),
    ({"time": "2025-11-04T12:00:00Z", "result": "ok", "artifact": "app-20251104.sql", "bytes": 1000, "seconds": 2}, "OK", "5h ago"),
    ({"result": "failed"}, "CRITICAL", "the last restore test, 20d ago, failed"),
    ({"result": "failure", "checks": [{"name": "rows", "result": "ok"}]}, "CRITICAL", "the last restore test, 20d ago, failed"),
    ({"checks": [{"name": "row count", "result": "failed"}]}, "CRITICAL", "the last restore test, 20d ago, failed: row count"),
    ({"time": NOW - 120 * DAY}, "WARNING", "the last restore test was 120d ago, warning above 100d"),
    ({"time": NOW + 2 * DAY}, "UNKNOWN", "no result of a restore test: it is dated in the future"),
    ({"time": None}, "UNKNOWN", "it does not say when"),
    ({"result": None}, "UNKNOWN", "it does not say how it ended"),
    ({"artifact_time": NOW - 60 * DAY}, "WARNING", "the last restore test took a backup that was 40d old"),
    ({"artifact_time": NOW - 20 * DAY - HOUR}, "OK", "5h ago"),
])
def test_drill(ask, nights, tmp_path, members, state, words):
    result = ask(nights("app", WEEK), "--drill", drill(tmp_path, **members))
    assert result.state == state and words in result.first, result
    assert any(text.startswith("restore test:") for _, text in result.findings), result


@pytest.mark.parametrize("content, words", [
    (None, "No such file"), (b"", "it is empty"), (b"[]", "no JSON object"), (b'{"time": 1, "result"', "it is no JSON"),
    (b"\0", "it is no text"), (b" " * 70000, "it is too long"),
])
def test_drill_of_no_use(ask, nights, tmp_path, content, words):
    path = tmp_path / "drill.json"
    if content is not None:
        path.write_bytes(content)
    result = ask(nights("app", WEEK), "--drill", str(path))
    assert result.state == "UNKNOWN" and "no result of a restore test: " in result.first and words in result.first, result


def test_proof_restored(ask, nights, tmp_path):
    folder = nights("app", WEEK)
    result = ask(folder, "--proof", "restored")
    assert result.state == "UNKNOWN" and "--proof restored needs --drill FILE" in result.first, result
    result = ask(folder, "--proof", "restored", "--drill", drill(tmp_path))
    assert result.state == "OK" and result.perfdata["drill_age"] == 20 * DAY, result


# ---- restore time ----

def test_rto(ask, nights, tmp_path):
    folder = nights("app", WEEK, size=3000)
    size = (folder / os.listdir(str(folder))[0]).stat().st_size
    fast = drill(tmp_path, bytes=size, seconds=60)
    result = ask(folder, "--rto", "10m", "--drill", fast)
    assert result.state == "OK" and result.perfdata["restore_time"] == pytest.approx(60, abs=1), result
    result = ask(folder, "--rto", "50s", "--drill", fast)
    assert result.state == "CRITICAL" and "app: a restore is expected to take 1m, critical above 50 s" in result.first, result
    result = ask(folder, "--rto", "30m")
    assert result.state == "CRITICAL" and "a restore is expected to take 1h, critical above 30m" in result.first, result
    result = ask(nights("one", [HOUR]), "--rto", "30m", "--include", "one-*")
    assert result.state == "UNKNOWN" and "how long a restore takes is not known (--drill)" in result.first, result


# ---- what must have a backup ----

def test_expect(ask, nights, tmp_path):
    folder = nights("app", WEEK)
    nights("users", WEEK)
    result = ask(folder, "--expect", "app", "--expect", "dumps/users")
    assert result.state == "OK" and result.perfdata["uncovered"] == 0, result
    result = ask(folder, "--expect", "app", "--expect", "orders")
    assert result.state == "CRITICAL" and "orders: no backup of it is there" in result.first, result
    assert result.perfdata["uncovered"] == 1, result
    names = tmp_path / "names"
    names.write_text("# the plan\napp\n\n  users  # of the shop\norders\n")
    result = ask(folder, "--expect", "@%s" % names)
    assert result.state == "CRITICAL" and "orders: no backup of it is there" in result.first, result
    assert any(str(names) in text for _, text in result.findings), result


@pytest.mark.parametrize("content, words", [
    (None, "No such file"), ("", "it is empty"), ("# nobody\n", "no name is in it"), ("x" * 500 + "\n", "line 1: too long"),
])
def test_expect_file_of_no_use(ask, nights, tmp_path, content, words):
    names = tmp_path / "names"
    if content is not None:
        names.write_text(content)
    result = ask(nights("app", WEEK), "--expect", "@%s" % names)
    assert result.state == "UNKNOWN" and "--expect" in result.first and words in result.first, result


# ---- limits ----

@pytest.mark.parametrize("arguments, state, words", [
    (["--min-count", "8"], "OK", ""),
    (["--min-count", "9"], "CRITICAL", "usable restore points: 8, critical below 9"),
    (["--retention", "7d"], "OK", ""),
    (["--retention", "30d"], "CRITICAL", "goes back 7d5h, critical below 30d"),
    (["--min-size", "1kB"], "OK", ""),
    (["--min-size", "1MB"], "CRITICAL", "the size of the newest:"),
    (["--full-within", "8d"], "OK", ""),
    (["--full-within", "1h"], "CRITICAL", "the age of the newest full backup: 5h, critical above 1h"),
    (["-c", "age=3h"], "CRITICAL", "the newest was made 4h, critical above 3h"),
    (["-c", "missed=0"], "OK", ""),
    (["-w", "exposure=4h"], "WARNING", "is 5h old, warning above 4h"),
    (["--require", "versioning"], "UNKNOWN", "whether versioning is on cannot be seen"),
])
def test_limits(ask, nights, arguments, state, words):
    result = ask(nights("app", WEEK), *arguments)
    assert result.state == state and words in result.first, result


def test_size_drop(ask, nights):
    folder = nights("app", WEEK[1:], size=20000)
    nights("app", WEEK[:1], size=2000)
    result = ask(folder)
    assert result.state == "WARNING" and "app: the size of the newest changed by -8" in result.first, result


# ---- the window ----

def test_missed_run(ask, nights):
    result = ask(nights("app", WEEK[:2] + WEEK[3:]))
    assert result.state == "WARNING", result
    assert "app: the RPO was broken: up to 2d1h would have been lost before 2025-11-23 08:00 UTC, 1 run missed" in result.first
    assert result.perfdata["missed"] == 1 and result.perfdata["worst_exposure"] == 49 * HOUR, result


def test_remembered(ask, nights, tmp_path):
    """Retention deletes a point within the window: with --state-dir it was there."""
    folder = nights("app", WEEK)
    state = tmp_path / "state"
    state.mkdir()
    assert ask(folder, "--state-dir", str(state)).state == "OK"
    gone = sorted(os.listdir(str(folder)))[4]
    os.unlink(str(folder / gone))
    assert ask(folder).state == "WARNING"
    result = ask(folder, "--state-dir", str(state))
    assert result.state == "OK" and result.perfdata["missed"] == 0, result


def test_content_is_paid_once(ask, nights, tmp_path):
    folder = nights("app", WEEK[:1])
    path = str(folder / os.listdir(str(folder))[0])
    subprocess.run(["gzip", "-n", path], check=True)
    os.utime(path + ".gz", (NOW - 4 * HOUR, NOW - 4 * HOUR))
    state = tmp_path / "state"
    state.mkdir()
    arguments = ["--name-format", "{}-%Y%m%dT%H%M.sql.gz", "--proof", "checksummed", "--state-dir", str(state)]
    result = ask(folder, *arguments)
    assert result.state == "OK" and "checksums fit" in result.output, result
    rows = "".join(open(str(state / name)).read() for name in os.listdir(str(state)) if name.endswith(".state"))
    assert "\npaid " in rows, rows
    again = ask(folder, *arguments)
    assert again.state == "OK" and "checksums fit" in again.output, again


@pytest.mark.parametrize("damage", ["", "nonsense", "dr-plugins state 1 backups 1\npoint x 1 2\nend 9\n"])
def test_damaged_state(ask, nights, tmp_path, damage):
    folder = nights("app", WEEK)
    state = tmp_path / "state"
    state.mkdir()
    ask(folder, "--state-dir", str(state))
    for name in os.listdir(str(state)):
        if name.endswith(".state"):
            (state / name).write_text(damage)
    assert ask(folder, "--state-dir", str(state)).state == "OK"


def test_state_directory_of_no_use(ask, nights, tmp_path):
    result = ask(nights("app", WEEK), "--state-dir", str(tmp_path / "nope"))
    assert result.state == "UNKNOWN" and "nope" in result.first, result


# ---- zones ----

def test_zone(backup_freshness, nights):
    """A name that says 03:00 in Berlin is 02:00 UTC."""
    folder = nights("app", [])
    path = folder / "app-20251124T1130.sql"
    path.write_bytes(DUMP)
    os.utime(str(path), (NOW, NOW))
    for zone, exposure in (("UTC", 1800), ("Europe/Berlin", 5400)):
        result = backup_freshness("-T", "file://%s" % folder, "--name-format", "app-%Y%m%dT%H%M.sql", "--zone", zone, now=NOW)
        assert result.perfdata["exposure"] == exposure, result
    result = backup_freshness("-T", "file://%s" % folder, "--zone", "Europe/Berlim", now=NOW)
    assert result.state == "UNKNOWN" and '--zone: "Europe/Berlim" is not in' in result.first, result


# ---- a service ----

def test_service(backup_freshness, nights):
    nights("app", WEEK)
    folder = nights("files", [age - 3 * HOUR for age in WEEK])
    arguments = ["-T", "db=file://%s/app-*" % folder, "-T", "files=file://%s/files-*" % folder,
                 "--name-format", "*-%Y%m%dT%H%M.sql", "--zone", "UTC", "--rpo", "26h"]
    result = backup_freshness(*arguments, now=NOW)
    assert result.state == "OK", result
    assert "all 2 can be restored to 5h ago (RPO 1d2h), worst 1d1h in 7d; oldest: db" in result.first, result
    assert result.perfdata["skew"] == 3 * HOUR and result.perfdata["exposure"] == 5 * HOUR, result
    result = backup_freshness(*arguments, "-c", "skew=1h", now=NOW)
    assert result.state == "CRITICAL" and "too far apart" in result.first, result


# ---- step by step ----

def test_verbose(ask, nights):
    """-v what was done, -vv what each file is, -vvv what is odd about it."""
    folder = nights("app", WEEK[:2])
    path = folder / sorted(os.listdir(str(folder)))[-1]
    path.write_bytes(DUMP[:60])
    os.utime(str(path), (NOW - 4 * HOUR, NOW - 4 * HOUR))
    shown = [ask(folder, *["-v"] * level) for level in range(4)]
    assert not shown[0].says("names listed") and shown[1].says("2 names listed"), shown[1]
    assert not shown[1].says(path.name + ": pg_dump plain, cut"), shown[1]
    assert shown[2].says(path.name + ": pg_dump plain, cut"), shown[2]
    assert shown[3].output.count(path.name) > shown[2].output.count(path.name), shown[3]
