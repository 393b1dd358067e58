# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on JSON that tools have printed: every sample, at a fixed time, and what such a file can be else.

The samples were printed by the real tools (their versions are in the names)."""

import json
import os

import pytest

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "samples", "backup", "document")
NOW = 1795206600  # 2026-11-20T20:30:00Z, minutes after the samples were made
DAY = 86400

# sample: (state, words of it). The window reaches back over the newest points only.
SCENES = {
    "borg-1.2.4-list": ("OK", ["db1", "web1", "1 without a date in the name"]),
    "borg-1.2.4-list-with-checkpoint": ("OK", ["2 without a date in the name"]),
    "borg-1.2.4-list-consider-checkpoints": ("OK", ["3 without a date in the name"]),
    "borg-1.2.4-list-empty": ("CRITICAL", ["no backup is there"]),
    "borg-1.2.4-info-archive": ("OK", ["db1-2026-11-20", "2m54s"]),
    "borg-1.2.4-info-last": ("CRITICAL", ["dated in the future", "db1-future"]),
    "borg-1.2.4-info-repo": ("UNKNOWN", ["no list of archives"]),
    "restic-0.14-snapshots": ("WARNING", ["db1:/srv/rb/src/db", "dated in the future", "d8d24d02", "9d719a48"]),
    "restic-0.14-snapshots-group-by-host-paths": ("WARNING", ["db1:/srv/rb/src/db", "d8d24d02", "9d719a48"]),
    "restic-0.14-snapshots-latest-1-future-hides-real": ("CRITICAL", ["no usable backup", "d8d24d02"]),
    "restic-0.14-snapshots-empty": ("CRITICAL", ["no backup is there"]),
    "restic-0.14-backup-summary": ("UNKNOWN", ["not what restic snapshots --json prints"]),
    "barman-3.4-list-all-done": ("OK", ["demo", "20261120T202210", "6m8s"]),
    "barman-3.4-list-empty": ("CRITICAL", ["demo", "there is none"]),
    "barman-3.4-list-killed-still-started": ("OK", ["20261120T202210", "one is being made"]),
    "barman-3.4-list-newest-waiting-for-wals": ("OK", ["20261120T202208", "one is being made"]),
    "barman-3.4-show-done": ("OK", ["20261120T202210"]),
    "barman-3.4-show-waiting-for-wals": ("CRITICAL", ["no usable backup", "still being made"]),
    "pgbackrest-2.45-info-full-diff-incr": ("OK", ["20261120-201830F_20261120-201835I", "gaps are not seen"]),
    "pgbackrest-2.45-info-after-interrupted": ("OK", ["20261120-201912F"]),
    "pgbackrest-2.45-info-backup-running": ("OK", ["20261120-201830F_20261120-201835I"]),
    "pgbackrest-2.45-info-backup-dir-removed-still-ok": ("OK", ["listed"]),
    "pgbackrest-2.45-info-needed-wal-missing-still-ok": ("OK", ["gaps are not seen in info"]),
    "pgbackrest-2.45-info-no-backup": ("CRITICAL", ["demo", "there is none"]),
    "pgbackrest-2.45-info-no-stanza": ("CRITICAL", ["demo", "missing stanza path"]),
    "pgbackrest-2.45-info-unknown-stanza": ("CRITICAL", ["nope", "missing stanza path"]),
    "pgbackrest-2.45-info-set": ("UNKNOWN", ["leave --set out"]),
    "pgbackrest-2.45-info-two-repos": ("OK", ["demo/repo1", "demo/repo2"]),
    "pgbackrest-2.45-info-two-repos-one-empty": ("CRITICAL", ["demo/repo2", "there is none"]),
    "pgbackrest-2.45-info-two-repos-one-missing": ("CRITICAL", ["demo/repo2", "missing stanza path"]),
    "pgbackrest-2.45-info-wrong-cipher-invalid-utf8": ("UNKNOWN", ["demo/repo2", "could not be read", "FormatError"]),
}


def uri(sample):
    return "x=%s+json://%s/%s.json" % (sample.split("-")[0], SAMPLES, sample)


# Listed in the zone of another reader: test_borg_zone.
OTHER_ZONE = {"borg-1.2.4-list-tz-new-york"}


@pytest.fixture
def document(tmp_path, backup_freshness):
    """Runs with a document of that kind: text, bytes, or anything that json can dump."""
    def run(kind, content, *arguments, now=NOW, query="", **options):
        path = tmp_path / "document.json"
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return backup_freshness("-T", "x=%s://%s%s" % (kind, path, query), *arguments, now=now, **options)
    return run


def point(start, **more):
    return dict({"name": "db1-2026-11-%02d" % start, "start": "2026-11-%02dT02:00:00.000000" % start}, **more)


# ---- samples ----

def test_every_sample_is_a_scene():
    assert {name[:-len(".json")] for name in os.listdir(SAMPLES)} == set(SCENES) | OTHER_ZONE


@pytest.mark.parametrize("sample", sorted(SCENES))
def test_sample(backup_freshness, sample):
    state, words = SCENES[sample]
    result = backup_freshness("-T", uri(sample), "--rpo", "2d", "--window", "1h", now=NOW)
    assert result.state == state and result.says(*words), result


@pytest.mark.parametrize("sample", sorted(name for name in SCENES if SCENES[name][0] == "OK"))
def test_sample_a_month_later(backup_freshness, sample):
    """A document that nobody renews is old evidence: never OK."""
    result = backup_freshness("-T", uri(sample), "--rpo", "2d", now=NOW + 30 * DAY)
    assert result.state == "CRITICAL", result


@pytest.mark.parametrize("sample", sorted(SCENES))
def test_sample_that_is_cut(document, sample):
    """Whatever is missing at its end: what is there is not believed."""
    with open(os.path.join(SAMPLES, sample + ".json"), "rb") as file:
        whole = file.read().strip()
    for size in sorted({1, len(whole) // 3 or 1, len(whole) - 1}):
        result = document(sample.split("-")[0] + "+json", whole[:size])
        assert result.state == "UNKNOWN" and result.says("position"), result


# ---- borg ----

def test_borg_zone(backup_freshness):
    """The same archive, listed in New York: its times are those of --zone."""
    arguments = ("--rpo", "2d", "--window", "1h", "-T", uri("borg-1.2.4-list-tz-new-york"))
    assert backup_freshness(*arguments, "--zone", "America/New_York", now=NOW).says("2m54s")
    assert backup_freshness(*arguments, "--zone", "UTC", now=NOW).says("5h3m")


def test_borg_hour_that_comes_twice(document):
    """01:30 of the night in which clocks go back: the first of the two is meant, so that no loss is hidden."""
    archives = {"archives": [{"name": "db1-2026-11-01", "start": "2026-11-01T01:30:00.000000"}]}
    result = document("borg+json", archives, "--zone", "America/New_York", "--rpo", "2d", now=1793511000 + 3600)
    assert result.perfdata["exposure"] == 3600, result


@pytest.mark.parametrize("moment", ["2026-11-20T02:00:00.000000+00:00", "2026-11-20T03:00:00+01:00"])
def test_borg_two_has_zones(document, moment):
    result = document("borg+json", {"archives": [{"name": "db1-2026-11-20", "start": moment}]}, "--zone",
                      "Asia/Tokyo", now=1795140000 + 60)
    assert result.state == "OK" and result.perfdata["exposure"] == 60, result


def test_borg_one_series_stops(document):
    """db1 is made each night, web1 has stopped: the newest archive of all hides nothing."""
    archives = [point(19), point(20), dict(point(1), name="web1-2026-11-01")]
    result = document("borg+json", {"archives": archives}, "--rpo", "2d")
    assert result.state == "CRITICAL" and result.says("web1"), result


@pytest.mark.parametrize("ending", [".checkpoint", ".checkpoint.1", ".recreate"])
def test_borg_interrupted(document, ending):
    archives = [point(18), point(20, name="db1-2026-11-20" + ending)]
    result = document("borg+json", {"archives": archives}, "--rpo", "1d")
    assert result.state == "CRITICAL" and result.says("db1-2026-11-20" + ending), result


def test_borg_names_without_dates(document):
    """All of them are of one series then."""
    archives = [dict(point(20), name="monday"), dict(point(19), name="sunday")]
    result = document("borg+json", {"archives": archives})
    assert result.state == "OK" and result.says("monday"), result


def test_borg_no_time(document):
    result = document("borg+json", {"archives": [{"name": "db1-2026-11-20"}]})
    assert result.state != "OK" and result.says("cannot be read"), result


def test_borg_names_by_format(document):
    archives = [dict(point(20), name="2026-11-20.db1"), dict(point(1), name="2026-11-01.web1")]
    result = document("borg+json", {"archives": archives}, "--name-format", "%Y-%m-%d.{}")
    assert result.state == "CRITICAL" and result.says("web1"), result


def test_exclude_a_series(document):
    archives = [point(20), dict(point(1), name="web1-2026-11-01")]
    assert document("borg+json", {"archives": archives}, "--exclude", "web*").state == "OK"
    assert document("borg+json", {"archives": archives}, "--include", "web*").state == "CRITICAL"


# ---- restic ----

def snapshot(moment="2026-11-20T20:25:00Z", **more):
    return dict({"time": moment, "hostname": "db1", "paths": ["/srv"], "id": "ab" * 32, "short_id": "abababab"}, **more)


def test_restic_offset(document):
    """Linuxfabrik and check_restic are wrong by the offset here."""
    result = document("restic+json", [snapshot("2026-11-20T23:25:00+03:00")])
    assert result.state == "OK" and result.perfdata["exposure"] == 300, result


def test_restic_message_before_the_list(document):
    """A message on stderr, and an empty list: restic 0.14 ends with 0 where snapshots/ cannot be read."""
    result = document("restic+json", "Load(<snapshot/ab>) returned error: permission denied\n[]\n")
    assert result.state == "UNKNOWN" and result.says("it begins with: Load("), result


def test_restic_error_object(document):
    error = {"message_type": "exit_error", "code": 12, "message": "Fatal: wrong password or no key found"}
    result = document("restic+json", error)
    assert result.state == "UNKNOWN" and result.says("wrong password"), result


def test_restic_summary(document):
    """Since 0.17: when it ended, and how much it is."""
    summary = {"backup_start": "2026-11-20T20:25:00Z", "backup_end": "2026-11-20T20:28:00Z",
               "total_bytes_processed": 300000}
    result = document("restic+json", [snapshot(summary=summary)])
    assert result.state == "OK" and result.perfdata["age"] == 120, result


def test_restic_future_beside_real(document):
    result = document("restic+json", [snapshot(), snapshot("2027-01-01T00:00:00Z", short_id="ffffffff")], "--rpo", "1h")
    assert result.state == "WARNING" and result.says("future", "ffffffff") and result.perfdata["exposure"] == 300, result


@pytest.mark.parametrize("content", ["null", "{}", '"x"', "7", "[1]", "[{}]", "[[]]", '[{"group_key":1}]'])
def test_restic_something_else(document, content):
    assert document("restic+json", content).state == "UNKNOWN"


# ---- barman ----

def test_barman_killed(document):
    """STARTED for ever: barman check --nagios says OK. Each of the others took an hour."""
    done = [{"backup_id": "202611%02dT020000" % day, "status": "DONE", "size_bytes": 1,
             "end_time_timestamp": str(1795140000 + 3600 - (20 - day) * DAY)} for day in range(14, 21)]
    listed = {"demo": [{"backup_id": "20261120T140000", "status": "STARTED"}] + done}
    result = document("barman+json", listed, "--rpo", "2d", "-w", "running=4h")
    assert result.state == "WARNING" and result.says("6h30m"), result
    result = document("barman+json", listed, "--rpo", "2d", "-w", "running=4h", now=1795140000 + 13 * 3600)
    assert result.state == "OK", result


@pytest.mark.parametrize("status, state", [("DONE", "OK"), ("FAILED", "CRITICAL"), ("STARTED", "CRITICAL"),
                                           ("WAITING_FOR_WALS", "CRITICAL"), ("EMPTY", "CRITICAL"),
                                           ("SYNCING", "CRITICAL"), ("NEW", None), ("", None), ("done", None)])
def test_barman_status(document, status, state):
    backup = {"backup_id": "20261120T202210", "status": status, "end_time_timestamp": "1795206232", "size_bytes": 1}
    result = document("barman+json", {"demo": [backup]})
    assert result.state == state if state else result.state != "OK", result


def test_barman_later_names(document):
    """3.13: sizes have other names, and incremental backups a parent."""
    base = {"begin_time_timestamp": "1795206130", "end_time_timestamp": "1795206232", "backup_size_bytes": 4711}
    shown = {"backup_id": "20261120T202210", "status": "DONE", "base_backup_information": base,
             "catalog_information": {"parent_backup_id": "20261119T202210", "chain_size": 2}}
    result = document("barman+json", {"demo": shown})
    assert result.state == "CRITICAL" and result.says("20261119T202210"), result
    shown["catalog_information"]["parent_backup_id"] = None
    result = document("barman+json", {"demo": shown})
    assert result.state == "OK" and result.perfdata["size"] == 4711, result


def test_barman_error(document):
    result = document("barman+json", {"_ERROR": ["Unknown server 'nope'"]})
    assert result.state == "UNKNOWN" and result.says("Unknown server 'nope'"), result


# ---- pgBackRest ----

def pgbackrest(**changes):
    with open(os.path.join(SAMPLES, "pgbackrest-2.45-info-full-diff-incr.json")) as file:
        info = json.load(file)
    info[0]["backup"][-1].update(changes)
    return info


def test_pgbackrest_page_errors(document):
    result = document("pgbackrest+json", pgbackrest(error=True))
    assert result.state == "CRITICAL" and result.says("errors while it was made"), result
    assert document("pgbackrest+json", pgbackrest(error=None)).state == "OK"


def test_pgbackrest_broken_chain(document):
    """The incremental's parent is not listed."""
    result = document("pgbackrest+json", pgbackrest(prior="20261119-000000F"))
    assert result.says("20261119-000000F") and result.state != "OK", result


def test_pgbackrest_nothing_at_all(document):
    assert document("pgbackrest+json", "[]").state == "CRITICAL"


def test_pgbackrest_other_failure(document):
    info = pgbackrest()
    info[0]["repo"][0]["status"] = {"code": 99, "message": "other"}
    info[0]["backup"] = []
    result = document("pgbackrest+json", info)
    assert result.state == "UNKNOWN" and result.says("other"), result


def test_pgbackrest_without_repositories(document):
    """Before 2.32 there was one, without a key."""
    info = pgbackrest()
    del info[0]["repo"]
    for each in info[0]["backup"]:
        del each["database"]["repo-key"]
    result = document("pgbackrest+json", info)
    assert result.state == "OK" and result.perfdata["points"] == 3, result


# ---- WAL-G ----

def walg(name="base_000000010000000000000002", **more):
    return dict({"backup_name": name, "time": "2026-11-20T20:29:00Z", "wal_file_name": name[5:29]}, **more)


def test_walg(document):
    detailed = walg(start_time="2026-11-20T20:20:00.5Z", finish_time="2026-11-20T20:25:00Z", compressed_size=4711,
                    uncompressed_size=9422)
    result = document("wal-g+json", [detailed])
    assert result.state == "OK" and result.perfdata["exposure"] == 300 and result.perfdata["size"] == 4711, result


def test_walg_delta(document):
    full = walg(finish_time="2026-11-20T20:20:00Z")
    delta = walg("base_000000010000000000000004_D_000000010000000000000002", finish_time="2026-11-20T20:25:00Z")
    result = document("wal-g+json", [full, delta])
    assert result.state == "OK" and result.perfdata["chain"] == 2, result
    result = document("wal-g+json", [delta])
    assert result.state == "CRITICAL" and result.says("base_000000010000000000000002"), result


@pytest.mark.parametrize("names", [("backup_name", "stop_local_time"), ("BackupName", "FinishLocalTime")])
def test_walg_other_products(document, names):
    result = document("wal-g+json", [{names[0]: "stream_20261120", names[1]: "2026-11-20T20:25:00Z"}])
    assert result.state == "OK" and result.perfdata["exposure"] == 300, result


def test_walg_empty(document):
    assert document("wal-g+json", "[]").state == "CRITICAL"
    assert document("wal-g+json", "[{}]").state == "UNKNOWN"


# ---- any tool ----

QUERY = "?items=/jobs&time=/end&status=/result&good=SUCCESS&name=/id&size=/bytes"


def jobs(**more):
    return {"jobs": [dict({"id": "j1", "end": "2026-11-20T20:25:00Z", "result": "SUCCESS", "bytes": 4711}, **more)]}


@pytest.mark.parametrize("end", ["2026-11-20T20:25:00Z", "2026-11-20 21:25:00+0100", 1795206300, 1795206300.0,
                                 1795206300000, "1795206300"])
def test_other_times(document, end):
    result = document("json", jobs(end=end), query=QUERY)
    assert result.state == "OK" and result.perfdata["exposure"] == 300, result
    assert result.perfdata["size"] == 4711 and result.says("j1"), result


@pytest.mark.parametrize("end", ["yesterday", None, "", [], -5, 0, True, "1e9", "1795206300x"])
def test_other_times_that_are_none(document, end):
    result = document("json", jobs(end=end), query=QUERY)
    assert result.state in ("UNKNOWN", "CRITICAL") and result.says("no moment at /end"), result


@pytest.mark.parametrize("status", ["FAILED", "success", "SUCCESSFUL", 1, None, {}])
def test_other_status(document, status):
    result = document("json", jobs(result=status), query=QUERY)
    assert result.state in ("UNKNOWN", "CRITICAL") and result.says("status"), result


@pytest.mark.parametrize("good, status", [("true", True), ("0", 0), ("T", "T")])
def test_other_status_that_is_no_text(document, good, status):
    result = document("json", jobs(result=status), query=QUERY.replace("SUCCESS", good))
    assert result.state == "OK", result


def test_other_one_object(document):
    result = document("json", {"last": {"ok/when": [1, 1795206300]}}, query="?time=/last/ok~1when/1")
    assert result.state == "OK" and result.perfdata["exposure"] == 300, result


@pytest.mark.parametrize("query, word", [
    ("", "time=/POINTER"), ("?time=end", "begins with"), ("?time=/end&status=/s", "good=WORD"), ("?time=/end&x=1", "x"),
])
def test_other_bad_query(document, query, word):
    result = document("json", jobs(), query=query)
    assert result.state == "UNKNOWN" and result.says(word), result


def test_other_nothing_there(document):
    result = document("json", jobs(), query=QUERY.replace("/jobs", "/job"))
    assert result.state == "UNKNOWN" and result.says("nothing at items=/job"), result
    assert document("json", {"jobs": []}, query=QUERY).state == "CRITICAL"
    assert document("json", {"jobs": 7}, query=QUERY).state == "UNKNOWN"


# ---- the file ----

def test_file_is_not_there(backup_freshness, tmp_path):
    result = backup_freshness("-T", "restic+json://%s/none.json" % tmp_path)
    assert result.state == "UNKNOWN" and result.says("No such file"), result


def test_file_is_a_directory(backup_freshness, tmp_path):
    assert backup_freshness("-T", "restic+json://%s" % tmp_path).says("is a directory")


@pytest.mark.parametrize("content", ["", " \n", "\0", "\x7fELF\0"])
def test_file_is_no_json(document, content):
    assert document("restic+json", content).state == "UNKNOWN"


def test_host_in_the_uri(backup_freshness):
    result = backup_freshness("-T", "restic+json://host/list.json")
    assert result.state == "UNKNOWN" and result.says("on this host"), result


def test_no_path(backup_freshness):
    assert backup_freshness("-T", "restic+json://").says("which document?")


def test_unknown_parameter(document):
    assert document("restic+json", [snapshot()], query="?time=/t").state == "UNKNOWN"


@pytest.mark.one_build
def test_long_list(document):
    """100,000 snapshots: only the newest are kept, all are counted."""
    many = [snapshot("20%02d-%02d-%02dT%02d:00:00Z" % (year, month, day, hour)) for year in range(20, 26)
            for month in range(1, 13) for day in range(1, 29) for hour in range(0, 24)]
    result = document("restic+json", many + [snapshot()], "--window", "1h", "--rpo", "400d")
    assert result.state == "OK" and result.perfdata["exposure"] == 300, result
    assert result.perfdata["retention"] > 6 * 365 * DAY, result


def test_pipe(backup_freshness, tmp_path):
    """Standard input is such a file: it is of now, and ends where its writer ends."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    both = os.open(path, os.O_RDWR)  # so that neither side waits for the other
    try:
        os.write(both, json.dumps([snapshot()]).encode())
        result = backup_freshness("-T", "restic+json://%s" % path, "-t", "1s", now=NOW)
        assert result.state == "CRITICAL" and result.says("does not end"), result
        result.within(3)
    finally:
        os.close(both)


def test_standard_input(backup_freshness, tmp_path, monkeypatch):
    path = tmp_path / "list.json"
    path.write_text(json.dumps([snapshot()]))
    monkeypatch.setenv("DR_WRAPPER", "/bin/sh -c 'exec \"$@\" <%s' sh" % path)
    result = backup_freshness("-T", "restic+json:///dev/stdin", now=NOW)
    assert result.state == "OK" and result.perfdata["exposure"] == 300, result
