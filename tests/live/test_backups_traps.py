# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness where others cry wolf, or sleep: schedules and folders as sites have them, all healthy, and
what looks like a backup and is none."""
import calendar
import gzip
import io
import json
import os
import shlex
import subprocess
import tarfile
import time
import zipfile

import pytest

import check

NOW = 1700000000.0  # 2023-11-14T22:13:20Z, a Tuesday
HOUR = 3600.0
DAY = 24 * HOUR
DUMP = b"--\n-- PostgreSQL database dump\n--\n\nSELECT 1;\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
CUT = DUMP[:60]


def stamp(moment, form="%Y%m%dT%H%M"):
    return time.strftime(form, time.gmtime(moment))


class Folder:
    def __init__(self, run, root):
        self.run = run
        self.root = root

    def put(self, name, moment, content=DUMP):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(str(path), (moment, moment))
        return path

    def look(self, pattern="*", *arguments, now=NOW, zone="UTC"):
        return self.run("-T", "backup=file://%s/%s" % (self.root, pattern), "--zone", zone, *arguments, now=now)


@pytest.fixture
def folder(backup_freshness, tmp_path):
    root = tmp_path / "backups"
    root.mkdir()
    return Folder(backup_freshness, root)


def expect(result, state, *words):
    assert result.state == state and result.says(*words), result


def first_line(result):
    return result.output.split("\n")[0].split("|")[0]


# ---- healthy: no alarm ----

def test_hourly_and_nightly_in_one_folder(folder):
    for hour in range(7 * 24):
        folder.put("hourly-%03d.dump" % hour, NOW - hour * HOUR - 600)
    for day in range(30):
        folder.put("nightly-%02d.dump" % day, NOW - day * DAY - 5 * HOUR)
    result = folder.look("*.dump", "--rpo", "2h")
    expect(result, "OK", "can be restored to 10m ago (RPO 2h), worst 1h")
    assert result.perfdata["missed"] == 0
    for hour in range(3):
        (folder.root / ("hourly-%03d.dump" % hour)).unlink()
    expect(folder.look("*.dump", "--rpo", "2h"), "CRITICAL", "is 3h10m old")


@pytest.mark.parametrize("form,pack", [("app.sql.%d", bytes), ("app.sql.%d.gz", gzip.compress)])
def test_rotation_by_renaming(folder, form, pack):
    folder.put("app.sql", NOW - 3 * HOUR)
    for i in range(1, 8):
        folder.put(form % i, NOW - 3 * HOUR - i * DAY, pack(DUMP))
    result = folder.look("app.sql*")
    expect(result, "OK", "can be restored to 3h ago", "worst 1d in 7d")
    assert result.perfdata["points"] == 8
    expect(folder.look("app.sql*", now=NOW + DAY), "CRITICAL", "is 1d3h old")


@pytest.mark.parametrize("age", [1, 20, 23.9])
def test_one_file_that_each_night_overwrites(folder, age):
    folder.put("db.sql.gz", NOW - age * HOUR, gzip.compress(DUMP))
    expect(folder.look("db.sql.gz"), "OK", "can be restored to")


def test_one_file_that_is_overwritten_no_more(folder):
    folder.put("db.sql.gz", NOW - 27 * HOUR, gzip.compress(DUMP))
    expect(folder.look("db.sql.gz"), "CRITICAL", "is 1d3h old, critical above 1d2h", "see whether the job still runs")


def test_overwritten_each_night_and_remembered(folder, tmp_path):
    """With --state-dir the runs are known though only one file is there: a night that was missed shows."""
    state = tmp_path / "state"
    state.mkdir()
    for night in (0, 1, 2, 4):
        moment = NOW + night * DAY
        folder.put("db.sql.gz", moment - 2 * HOUR, gzip.compress(DUMP))
        result = folder.look("db.sql.gz", "--state-dir", str(state), now=moment)
        assert (result.state == "OK") == (night < 4), result
    expect(result, "WARNING", "the RPO was broken: up to 2d would have been lost", "1 run missed")


@pytest.mark.parametrize("after_friday,state", [(20, "OK"), (71, "OK"), (79, "WARNING"), (82, "CRITICAL")])
def test_nothing_at_weekends(folder, after_friday, state):
    friday = calendar.timegm((2023, 11, 10, 20, 0, 0))
    for day in range(19):
        moment = friday - day * DAY
        if time.gmtime(moment).tm_wday < 5:
            folder.put("app-%d.dump" % day, moment)
    assert folder.look("*.dump", "--rpo", "80h", "--window", "14d", now=friday + after_friday * HOUR).state == state


def test_weekly(folder):
    for week in range(8):
        folder.put("w-%d.dump" % week, NOW - 2 * DAY - week * 7 * DAY)
    expect(folder.look("*.dump", "--rpo", "8d"), "OK", "can be restored to 2d ago (RPO 8d)")
    expect(folder.look("*.dump", "--rpo", "24h"), "WARNING",
           "an RPO of 1d cannot be met by this schedule, which gives 7d at best")
    expect(folder.look("*.dump", "--rpo", "8d", now=NOW + 7 * DAY), "CRITICAL", "is 9d old, critical above 8d")


def test_grandfather_father_son(folder):
    for day in list(range(7)) + [14, 21, 28] + [30 * month for month in range(2, 12)] + [365, 730]:
        folder.put("g-%03d.dump" % day, NOW - 4 * HOUR - day * DAY)
    result = folder.look("*.dump", "--window", "30d")
    expect(result, "OK", "can be restored to 4h ago")
    assert result.perfdata["missed"] == 0 and result.perfdata["retention"] == pytest.approx(730 * DAY + 4 * HOUR)


@pytest.mark.parametrize("days", [1, 2, 3])
def test_first_days(folder, days):
    for day in range(days):
        folder.put("app-%d.dump" % day, NOW - 23 * HOUR - day * DAY)
    expect(folder.look("*.dump"), "OK", "can be restored to 23h ago")


def test_over_midnight(folder):
    """Named by the day on which it began at 23:00, finished at 01:00; the one of tonight is still being made."""
    midnight = NOW - NOW % DAY
    for day in range(1, 8):
        folder.put("app-%s.dump" % stamp(midnight - day * DAY - HOUR, "%Y-%m-%d"), midnight - day * DAY + HOUR)
    folder.put("app-%s.dump" % stamp(midnight - HOUR, "%Y-%m-%d"), midnight + 600, CUT)
    result = folder.look("*.dump", "--name-format", "app-%Y-%m-%d.dump", now=midnight + 620)
    expect(result, "OK", "can be restored to 1d ago")
    assert result.perfdata["points"] == 7


ZONES = [("Europe/Berlin", 2023, 10, 29), ("America/New_York", 2023, 11, 5), ("Europe/Berlin", 2024, 3, 31),
         ("America/New_York", 2024, 3, 10)]


@pytest.fixture
def local(monkeypatch):
    """local(zone): the zone of time.mktime and time.localtime."""
    def use(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
    yield use
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", ["app-%Y%m%dT%H%M.dump", "app-%Y-%m-%d.dump"])
@pytest.mark.parametrize("zone,year,month,day", ZONES)
def test_nights_on_which_the_clock_changes(folder, local, zone, year, month, day, name):
    local(zone)
    for before in range(9):
        moment = time.mktime((year, month, day - before, 2, 30, 0, 0, 0, -1))
        folder.put(time.strftime(name, time.localtime(moment)), moment + 300)
    noon = time.mktime((year, month, day, 12, 0, 0, 0, 0, -1))
    result = folder.look("*.dump", "--name-format", name, "--rpo", "26h", now=noon, zone=zone)
    expect(result, "OK", "can be restored to")
    assert result.perfdata["missed"] == 0 and 24 * HOUR <= result.perfdata["worst_exposure"] <= 25 * HOUR + 300


@pytest.mark.parametrize("zone,year,month,day", ZONES)
def test_hours_when_the_clock_changes(folder, local, zone, year, month, day):
    """Each hour; names say the zone, so that the hour that comes twice has two names."""
    local(zone)
    noon = calendar.timegm((year, month, day, 12, 0, 0))
    for hour in range(72):
        moment = noon - hour * HOUR - 1800
        folder.put(time.strftime("app-%Y%m%dT%H%M%z.dump", time.localtime(moment)), moment + 60)
    result = folder.look("*.dump", "--name-format", "app-%Y%m%dT%H%M%z.dump", "--rpo", "90m", "--window", "2d",
                         now=noon, zone=zone)
    expect(result, "OK", "can be restored to 30m ago", "worst 1h1m")
    assert result.perfdata["points"] == 72


def test_sidecars_and_latest(folder):
    for day in range(5):
        folder.put("app-%d.dump" % day, NOW - 2 * HOUR - day * DAY)
        for ending in ("sha256", "md5"):
            folder.put("app-%d.dump.%s" % (day, ending), NOW - 2 * HOUR - day * DAY + 1, b"0" * 64 + b"  app.dump\n")
    (folder.root / "latest.dump").symlink_to("app-0.dump")
    os.link(str(folder.root / "app-0.dump"), str(folder.root / "current.dump"))
    result = folder.look()
    expect(result, "OK", "can be restored to 2h ago")
    assert result.perfdata["points"] == 5
    expect(folder.look("latest.dump"), "OK", "can be restored to 2h ago")


def test_small_ones_that_grow(folder):
    """Ten rows more are no trouble, and neither is a copy that is as large as all others."""
    for day in range(8):
        folder.put("app-%d.dump" % day, NOW - 2 * HOUR - day * DAY, DUMP.replace(b"1;", b"1;" + b"\n" * 60 * (8 - day)))
    expect(folder.look(), "OK", "can be restored to 2h ago")


# ---- what is none ----

def test_only_checksums_are_there(folder):
    for day in range(5):
        folder.put("app-%d.dump.sha256" % day, NOW - 2 * HOUR - day * DAY, b"0" * 64 + b"  app.dump\n")
    for proof in ("wellformed", "none"):
        expect(folder.look("*", "--proof", proof), "CRITICAL", "backup: no backup is there")


def archive_of_nothing(kind):
    content = io.BytesIO()
    if kind == "zip":
        zipfile.ZipFile(content, "w").close()
    else:
        tarfile.open(fileobj=content, mode="w").close()
    return gzip.compress(content.getvalue()) if kind in ("tar.gz", "tgz") else content.getvalue()


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tgz", "zip"])
def test_archive_of_nothing(folder, kind):
    """What tar leaves behind where its source is not there."""
    folder.put("app-1." + kind, NOW - 2 * HOUR, archive_of_nothing(kind))
    expect(folder.look(), "CRITICAL", "has no usable backup: app-1.%s: nothing is in it" % kind)


def test_tar_of_what_is_not_there(folder):
    """The same by tar itself."""
    made = subprocess.run(["tar", "czf", str(folder.root / "app.tar.gz"), str(folder.root / "gone")],
                          stderr=subprocess.DEVNULL)
    assert made.returncode == 2
    os.utime(str(folder.root / "app.tar.gz"), (NOW - HOUR, NOW - HOUR))
    expect(folder.look(), "CRITICAL", "app.tar.gz: nothing is in it")


# ---- many series ----

FORMAT = ("--name-format", "{}-%Y%m%dT%H%M.dump")


def test_decommissioned(folder):
    """What has not been backed up for months is an alarm, which says how to end it."""
    for day in range(6):
        for name, age in (("orders", 2 * HOUR), ("legacy", 200 * DAY)):
            moment = NOW - age - day * DAY
            folder.put("%s-%s.dump" % (name, stamp(moment)), moment)
    result = folder.look("*.dump", *FORMAT)
    expect(result, "CRITICAL", "legacy: the newest data that can be restored is 200d old", "by --exclude")
    expect(folder.look("*.dump", *FORMAT, "--exclude", "legacy*"), "OK", "orders can be restored to 2h ago")
    expect(folder.look("*.dump", *FORMAT, "--exclude", "legacy*", "--expect", "users"), "CRITICAL",
           "users: no backup of it is there")


def test_five_hundred_series(folder):
    """The worst comes first, and what is said of the rest stays within what Nagios reads."""
    for i in range(500):
        for day in range(2):
            moment = NOW - 2 * HOUR - day * DAY - {250: 9 * DAY, 7: 5 * DAY}.get(i, 0)
            folder.put("db%03d-%s.dump" % (i, stamp(moment)), moment)
    result = folder.look("*.dump", *FORMAT)
    assert result.state == "CRITICAL"
    assert "db250: the newest data that can be restored is 9d2h old" in first_line(result), result
    assert "2 of 500 are CRITICAL" in first_line(result), result
    assert len(result.output.encode()) <= 8192
    lines = result.output.split("\n")
    assert "[CRITICAL] db250:" in lines[1] and "[CRITICAL] db007:" in lines[2], result


def test_five_hundred_series_for_machines(folder):
    for i in range(500):
        folder.put("db%03d-%s.dump" % (i, stamp(NOW - HOUR)), NOW - HOUR)
    target = ("-T", "backup=file://%s/*.dump" % folder.root, "--zone", "UTC") + FORMAT
    results = {}
    for form in ("json", "openmetrics"):
        done = subprocess.run(shlex.split(os.environ.get("DR_WRAPPER", "")) +
                              [check.executable("check_backup_freshness"), "--format", form] + list(target),
                              env=dict(os.environ, DR_PLUGINS_NOW=repr(NOW)), stdout=subprocess.PIPE, check=False)
        assert done.returncode == 0
        results[form] = done.stdout.decode()
    assert len(json.loads(results["json"])["findings"]) == 500
    assert results["openmetrics"].count("\ndr_backup_exposure_seconds{") == 500
    assert results["openmetrics"].endswith("# EOF\n")


# ---- the command line ----

@pytest.mark.parametrize("arguments,words", [
    (("--zone", "Mars/Phobos"), '--zone: "Mars/Phobos" is not in /usr/share/zoneinfo/'),
    (("--proof", "total"), "is not one of none, sized, wellformed, checksummed, restored"),
    (("--rpo", "-3h"), "'--rpo': bad duration"),
    (("--name-format", "{}-%Y.dump"), "it says no day"),
    (("--min-size", "10 apples"), "a unit must stand here"),
    (("--min-count", "-1"), "'--min-count': '-1' is not a whole number"),
    (("--expect", "@/nonexistent"), "--expect: /nonexistent: No such file or directory"),
    (("--require", "luck"), '"luck" is neither versioning nor lock'),
    (("--state-dir", "/nonexistent"), "the state directory /nonexistent cannot be used: No such file or directory"),
    (("-T", "ftp://x/y"), 'unknown scheme "ftp"'),
    (("-T", "file:/srv"), "a URI begins with scheme://"),
    (("--compare", "restic+file:///srv"), "only file, s3, azure-blob and azure-files can be compared"),
])
def test_what_cannot_be_meant(folder, arguments, words):
    folder.put("app.dump", NOW - HOUR)
    result = folder.look("*", *arguments) if "--zone" not in arguments else folder.look("*", zone=arguments[1])
    assert result.state == "UNKNOWN" and words in first_line(result), result


@pytest.mark.one_build
def test_a_module_that_is_not_there(backup_freshness):
    result = backup_freshness("-T", "rds://eu-central-1?anonymous=1&endpoint=http://127.0.0.1:1", environment={"DR_PLUGINS_MODULE_DIR": "/nonexistent"})
    assert result.state == "UNKNOWN" and "backups-aws.so is not installed" in first_line(result), result


@pytest.mark.parametrize("drill,state,words", [
    ({"time": NOW + 5 * DAY, "result": "ok"}, "UNKNOWN", "dated in the future"),
    ({"time": NOW - 5 * DAY}, "UNKNOWN", "does not say how it ended"),
    ({"time": NOW - 5 * DAY, "result": "failed"}, "CRITICAL", "the last restore test, 5d ago, failed"),
    ({"time": NOW - 200 * DAY, "result": "ok"}, "WARNING", "the last restore test was 200d ago"),
    ({"time": NOW - DAY, "result": "ok", "artifact_time": NOW - 300 * DAY}, "WARNING",
     "took a backup that was 299d old"),
    ({"time": NOW - 5 * DAY, "result": "ok", "artifact_time": NOW - 5 * DAY}, "OK", "succeeded 5d ago"),
    (None, "UNKNOWN", "no result of a restore test: No such file or directory"),
])
def test_restore_test(folder, tmp_path, drill, state, words):
    """Silence, of the file or in it, is no success."""
    folder.put("app.dump", NOW - HOUR)
    path = tmp_path / "drill.json"
    if drill is not None:
        path.write_text(json.dumps(drill))
    expect(folder.look("*", "--proof", "restored", "--drill", str(path)), state, words)
    expect(folder.look("*", "--proof", "restored"), "UNKNOWN", "--proof restored needs --drill FILE")


@pytest.mark.parametrize("arguments,words", [
    (("--retention", "30d"), "goes back 5d1h, critical below 30d"),
    (("--min-count", "10"), "usable restore points: 6, critical below 10"),
    (("--min-size", "1MiB"), "the size of the newest: 90 B, critical below"),
])
def test_what_the_plan_wants(folder, arguments, words):
    """The first line says which limit, the advice what to look at."""
    for day in range(6):
        folder.put("app-%d.dump" % day, NOW - HOUR - day * DAY)
    expect(folder.look(), "OK", "can be restored to 1h ago")
    result = folder.look("*", *arguments)
    assert result.state == "CRITICAL" and words in first_line(result) and "\nnext: " in result.output, result


def test_smaller_than_usual(folder):
    for day in range(6):
        more = b"\n" * (400 if day else 0)
        folder.put("app-%d.dump" % day, NOW - HOUR - day * DAY, DUMP.replace(b"1;", b"1;" + more))
    expect(folder.look(), "WARNING", "the size of the newest changed by -81.63 %, warning below -50 %",
           "compare it with its source")


def test_a_folder_for_each_day(folder):
    """Taken for series until somebody says what they are: the advice does."""
    for day in range(6):
        for name in ("orders", "users"):
            folder.put("%s/%s.dump" % (stamp(NOW - HOUR - day * DAY, "%Y-%m-%d"), name), NOW - HOUR - day * DAY)
    expect(folder.look("**/*.dump"), "CRITICAL", "--name-format", "'%Y-%m-%d/{}.dump'")
    result = folder.look("**/*.dump", "--name-format", "%Y-%m-%d/{}.dump")
    expect(result, "OK", "all 2 can be restored to 1h ago", "[OK] orders:", "[OK] users:")
    (folder.root / stamp(NOW - HOUR, "%Y-%m-%d") / "users.dump").unlink()
    (folder.root / stamp(NOW - HOUR - DAY, "%Y-%m-%d") / "users.dump").unlink()
    expect(folder.look("**/*.dump", "--name-format", "%Y-%m-%d/{}.dump"), "CRITICAL",
           "users: the newest data that can be restored is 2d1h old")


def test_a_limit_of_what_is_not_known(folder):
    folder.put("app.dump", NOW - HOUR)
    expect(folder.look("*", "-w", "size_change=-30:"), "UNKNOWN", "backup: size_change is not known, and has a limit")
