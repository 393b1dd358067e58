# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on Velero: each phase, what is hollow under "Completed", schedules, locations; the
cluster and the bucket."""

import json
import os
import time

import pytest

import mutations
import stub_kubernetes
import stub_velero as stub
from stub_kubernetes import Reply, status
from stub_velero import DAY, backup, location, nightly, schedule, volume

RUNNING = ("", "New", "Queued", "ReadyToStart", "InProgress", "WaitingForPluginOperations",
           "WaitingForPluginOperationsPartiallyFailed", "Finalizing", "FinalizingPartiallyFailed")


@pytest.fixture(scope="module")
def tls(certificates):
    return tuple(str(certificates / name) for name in ("ca.crt", "server.crt", "server.key"))


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(stub_kubernetes.TOKEN + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def cluster(tls):
    with stub.Velero(tls) as cluster:
        cluster.add(location(), schedule())
        yield cluster


@pytest.fixture
def ask(backup_freshness, tls, token_file):
    def run(cluster, query="", *arguments, namespace="velero", **options):
        parameters = "&".join(filter(None, ["cacert=" + tls[0], "token-file=%s" % token_file, query]))
        result = backup_freshness("-T", cluster.uri(parameters, namespace), *arguments, **options)
        assert stub_kubernetes.TOKEN not in result.output
        return result
    return run


# ---- healthy ----

def test_nightly(cluster, ask):
    cluster.add(nightly())
    result = ask(cluster)
    assert result.state == "OK" and result.says("nightly can be restored to 1h"), result
    assert result.perfdata["points"] == 8
    assert [len(cluster.asked(resource)) for resource in cluster.lists] == [1] * 5


def test_one_being_made_is_no_alarm(cluster, ask):
    for phase in RUNNING:
        cluster.objects["backups"] = []
        cluster.add(nightly(age=DAY + 300), backup("nightly-09", 300, phase))
        result = ask(cluster)
        assert result.state == "OK", (phase, result)
        assert result.says("nightly-08"), (phase, result)


def test_one_being_deleted_is_no_alarm(cluster, ask):
    cluster.add(nightly(), backup("nightly-00", 9 * DAY, "Deleting"))
    assert ask(cluster).state == "OK"
    cluster.objects["backups"] = []
    cluster.add(backup("nightly-01", 3600, "Deleting"))
    assert ask(cluster).state == "CRITICAL"


def test_by_hand_beside_a_schedule(cluster, ask):
    cluster.add(nightly(), backup("before-upgrade", 100 * DAY, of="", expires=None))
    result = ask(cluster)
    assert result.state == "OK" and result.says("1 made by hand, which are not judged"), result


def test_by_hand_alone(tls, ask):
    with stub.Velero(tls) as cluster:
        cluster.add(location(), backup("by-hand", 3600, of=""))
        result = ask(cluster)
        assert result.state == "OK" and result.says("by-hand"), result


def test_volumes_that_are_there(cluster, ask):
    cluster.add(nightly(), volume("nightly-08"), volume("nightly-08", kind="datauploads"))
    assert ask(cluster).state == "OK"


def test_velero_before_data_uploads(cluster, ask):
    cluster.add(nightly())
    cluster.fault["datauploads"] = status(404, "NotFound", "the server could not find the requested resource")
    assert ask(cluster).state == "OK"


# ---- stale, failed, none ----

def test_stale(cluster, ask):
    cluster.add(nightly(age=3 * DAY))
    result = ask(cluster)
    assert result.state == "CRITICAL" and result.says("the newest data that can be restored is 3d"), result


def test_none(cluster, ask):
    result = ask(cluster)
    assert result.state == "CRITICAL" and result.says("nightly has no usable backup: there is none"), result


def test_a_schedule_that_is_new(cluster, ask):
    cluster.add(nightly(), schedule("weekly", "0 3 * * 0", age=3600))
    assert ask(cluster).state == "OK"
    cluster.add(schedule("monthly", "0 3 1 * *", age=100 * DAY))
    result = ask(cluster)
    assert result.state == "CRITICAL" and result.says("monthly has no usable backup"), result


@pytest.mark.parametrize("phase, words", (("PartiallyFailed", "PartiallyFailed, 3 errors"), ("Failed", "Failed"),
                                          ("FailedValidation", "FailedValidation: no such namespace"),
                                          ("Sideways", "a phase that is not known here: Sideways")))
def test_the_latest_is_no_backup(cluster, ask, phase, words):
    failed = backup("nightly-09", 600, phase, errors=3 if phase == "PartiallyFailed" else 0,
                    validationErrors=["no such namespace"] if phase == "FailedValidation" else [])
    cluster.add(nightly(age=DAY + 600), failed)
    result = ask(cluster)
    wanted = "UNKNOWN" if phase == "Sideways" else "WARNING"
    assert result.state == wanted and result.says("the latest, nightly-09, is no backup: " + words), result
    cluster.objects["backups"] = []
    cluster.add(failed)
    result = ask(cluster)
    assert result.state == ("UNKNOWN" if phase == "Sideways" else "CRITICAL"), result
    assert result.says("nightly has no usable backup: nightly-09: " + words), result


@pytest.mark.parametrize("numbers, words", (
    ({"volumeSnapshotsAttempted": 3, "volumeSnapshotsCompleted": 2}, "2 of 3 snapshots of volumes were completed"),
    ({"csiVolumeSnapshotsAttempted": 2}, "0 of 2 CSI snapshots of volumes were completed"),
    ({"backupItemOperationsAttempted": 2, "backupItemOperationsCompleted": 1, "backupItemOperationsFailed": 1},
     "1 of 2 item operations were completed"),
    ({"backupItemOperationsFailed": 1}, "1 item operations failed"),
    ({"hookStatus": {"hooksAttempted": 2, "hooksFailed": 1}}, "1 hooks failed"),
    ({"errors": 2}, "2 errors"),
    ({"done": 239}, "239 of 240 items were completed"),
    ({"items": 0}, "it has no items")))
def test_hollow(cluster, ask, numbers, words):
    cluster.add(nightly(age=DAY + 600), backup("nightly-09", 600, **numbers))
    result = ask(cluster)
    assert result.state == "CRITICAL" and result.says("complete by name only: nightly-09: " + words), result


@pytest.mark.parametrize("kind", ("podvolumebackups", "datauploads"))
@pytest.mark.parametrize("options, words", (
    ({"phase": "Failed"}, "phase Failed"), ({"phase": "InProgress"}, "phase InProgress"),
    ({"phase": "Canceled"}, "phase Canceled"), ({"phase": ""}, "phase not said"), ({"total": 0}, "no bytes"),
    ({"done": 5}, "5 of 1073741824 bytes")))
def test_hollow_volumes(cluster, ask, kind, options, words):
    cluster.add(nightly(), volume("nightly-08", kind=kind), volume("nightly-08", kind=kind, name="b", **options))
    result = ask(cluster)
    assert result.state == "CRITICAL" and result.says("the data of 1 of 2 volumes is not in it", words), result


def test_expired(cluster, ask):
    cluster.add(backup("nightly-01", 3600, expires=1800))
    assert ask(cluster).state == "CRITICAL"


def test_future(cluster, ask):
    cluster.add(backup("nightly-01", -7200))
    assert ask(cluster).state == "CRITICAL"


def test_unattainable(cluster, ask):
    cluster.add(nightly(took=2 * 3600, age=3 * 3600))
    result = ask(cluster, "", "--rpo", "24h")
    assert result.state == "WARNING" and result.says("an RPO of 1d cannot be met by this schedule"), result


# ---- schedules and locations ----

def test_paused(tls, ask):
    with stub.Velero(tls) as cluster:
        cluster.add(location(), schedule(paused=True), nightly())
        result = ask(cluster)
        assert result.state == "WARNING" and result.says("the schedule is paused"), result


def test_a_schedule_that_is_refused(tls, ask):
    with stub.Velero(tls) as cluster:
        cluster.add(location(), schedule(phase="FailedValidation"), nightly())
        result = ask(cluster)
        assert result.state == "WARNING" and result.says("Velero refuses it"), result


def test_another_schedule_is_stale(cluster, ask):
    cluster.add(nightly(), schedule("db"), nightly(of="db", age=4 * DAY))
    result = ask(cluster)
    assert result.state == "CRITICAL" and result.says("db: the newest data"), result
    assert ask(cluster, "schedule=nightly").state == "OK"
    assert cluster.asked("backups")[-1]["labelSelector"] == "velero.io/schedule-name=nightly"
    assert ask(cluster, "", "--exclude", "db").state == "OK"
    result = ask(cluster, "schedule=dbs")
    assert result.state == "CRITICAL" and result.says("not there: Schedule dbs"), result


@pytest.mark.parametrize("options, state, words", (
    ({"phase": "Unavailable", "message": "no such bucket"}, "CRITICAL",
     "the place for backups is not available: BackupStorageLocation default: no such bucket"),
    ({"phase": ""}, "UNKNOWN", "whether BackupStorageLocation default is available"),
    ({"looked": 5 * 3600}, "UNKNOWN", "Velero has not looked at it for 5 h")))
def test_locations(tls, ask, options, state, words):
    with stub.Velero(tls) as cluster:
        cluster.add(location(**options), schedule(), nightly())
        result = ask(cluster)
        assert result.state == state and result.says(words), result


def test_no_location(tls, ask):
    with stub.Velero(tls) as cluster:
        cluster.add(schedule(), nightly())
        result = ask(cluster)
        assert result.state == "CRITICAL" and result.says("there is no BackupStorageLocation"), result


# ---- what cannot be seen ----

@pytest.mark.parametrize("resource", stub.Velero.lists)
def test_a_right_that_is_missing(cluster, ask, resource):
    cluster.add(nightly())
    cluster.rights.discard(("velero.io", resource))
    result = ask(cluster)
    assert result.state == "UNKNOWN", result
    assert result.says("list " + resource, "rbac-backups.yaml"), result


@pytest.mark.parametrize("resource", stub.Velero.lists)
def test_pages(cluster, ask, resource):
    cluster.add(nightly(), [backup("old-%d" % number, 9 * DAY + number, of="nightly") for number in range(600)],
                [volume("nightly-%02d" % (number % 8 + 1), name=str(number)) for number in range(501)])
    result = ask(cluster)
    assert result.state == "OK" and result.perfdata["points"] == 608, result
    assert len(cluster.asked("backups")) == 2 and len(cluster.asked("podvolumebackups")) == 2
    cluster.expired.add("backups")
    result = ask(cluster)
    assert result.state == "OK" and result.perfdata["points"] == 608, result
    assert cluster.asked("backups")[-1] == {"limit": "0"}


def test_wrong_token(cluster, backup_freshness, tls, tmp_path):
    path = tmp_path / "wrong"
    path.write_text("abc\n")
    path.chmod(0o600)
    result = backup_freshness("-T", cluster.uri("cacert=%s&token-file=%s" % (tls[0], path)))
    assert result.state == "UNKNOWN" and result.says("status 401"), result


@pytest.mark.parametrize("reply", (Reply("{}"), Reply("[]"), Reply(""), Reply("{", cut=1), Reply("x", 500)))
def test_no_list(cluster, ask, reply):
    cluster.add(nightly())
    cluster.fault["backups"] = reply
    assert ask(cluster).state in ("UNKNOWN", "CRITICAL")




def mutate(cluster, ask, resource):
    """The state of each mutation of the only page of a list."""
    original = {}

    def keep(document):
        original["document"] = document
        return document
    cluster.change[resource] = keep
    assert ask(cluster).state == "OK"
    outcomes = {}
    for name, broken in mutations.of_json(original["document"]):
        cluster.change[resource] = lambda _, broken=broken: broken
        outcomes[name] = ask(cluster).state == "OK"
    return outcomes


@pytest.mark.fuzzed
def test_every_field_of_a_backup(cluster, ask):
    cluster.add(backup("nightly-01", 3600))
    wrong, idle = mutations.unexplained(mutate(cluster, ask, "backups"), {
        r"metadata\.resourceVersion: emptied": "that it is there marks a list",
        r"items\[0\]\.(apiVersion|kind): .*": "of the list they are checked",
        r"items\[0\]\.metadata\.(namespace|uid|resourceVersion|creationTimestamp)(: .*)": "others say it",
        r"items\[0\]\.metadata\.labels\.velero.io/storage-location: .*": "the specification says it",
        r"items\[0\]\.spec(\..*)?: .*": "only the location's name, and one location is always looked at",
        r"items\[0\]\.status\.(version|formatVersion|expiration): .*": "may be missing",
    })
    assert not wrong and not idle, (wrong, idle)


@pytest.mark.fuzzed
def test_every_field_of_a_location(cluster, ask):
    cluster.add(nightly())
    wrong, idle = mutations.unexplained(mutate(cluster, ask, "backupstoragelocations"), {
        r"metadata\.resourceVersion: emptied": "that it is there marks a list",
        r"items\[0\]\.metadata\.(namespace|uid|resourceVersion|creationTimestamp)(: .*)": "not used",
        r"items\[0\]\.spec(\..*)?: .*": "the only one there is",
        r"items\[0\]\.status\.lastSyncedTime: .*": "not used",
    })
    assert not wrong and not idle, (wrong, idle)


@pytest.mark.fuzzed
def test_every_field_of_a_volume(cluster, ask):
    cluster.add(nightly(1), volume("nightly-01"))
    outcomes = mutate(cluster, ask, "podvolumebackups")
    wrong = [name for name, ok in outcomes.items() if ok and ".status" in name]
    assert not wrong, wrong


# ---- the bucket ----

class Bucket:
    """backups/ of a bucket, in a directory."""

    def __init__(self, path):
        self.path = path

    def add(self, name, age, contents=b"x" * 2000, described=True, **options):
        folder = self.path / "backups" / name
        folder.mkdir(parents=True)
        at = time.time() - age + 600
        if contents is not None:
            (folder / (name + ".tar.gz")).write_bytes(contents)
        (folder / (name + "-results.gz")).write_bytes(b"y")
        if described:
            (folder / "velero-backup.json").write_text(json.dumps(stub.backup_object(name, age, **options)))
        for file in folder.iterdir():
            os.utime(file, (at, at))
        return folder

    def uri(self, query=""):
        return "velero+file://%s%s" % (self.path, query)


@pytest.fixture
def bucket(tmp_path):
    return Bucket(tmp_path / "bucket")


def fill(bucket, age=3600):
    for number in range(8):
        bucket.add("nightly-%02d" % (8 - number), age + number * DAY)


def test_bucket(bucket, backup_freshness):
    fill(bucket)
    result = backup_freshness("-T", bucket.uri())
    assert result.state == "OK" and result.says("nightly can be restored to 1h", "nightly-08"), result
    assert result.perfdata["points"] == 8 and result.perfdata["size"] > 2000


def test_bucket_stale(bucket, backup_freshness):
    fill(bucket, 3 * DAY)
    assert backup_freshness("-T", bucket.uri()).state == "CRITICAL"


def test_bucket_empty(bucket, backup_freshness):
    (bucket.path / "backups").mkdir(parents=True)
    assert backup_freshness("-T", bucket.uri()).state == "CRITICAL"


@pytest.mark.parametrize("contents, words", ((None, "nightly-09/nightly-09.tar.gz"), (b"", "(0 bytes)")))
def test_bucket_without_contents(bucket, backup_freshness, contents, words):
    fill(bucket, DAY)
    bucket.add("nightly-09", 700, contents=contents)
    result = backup_freshness("-T", bucket.uri())
    assert result.state == "CRITICAL" and result.says("in the catalogue, and not in the store", words), result


def test_bucket_of_a_killed_upload(bucket, backup_freshness):
    fill(bucket)
    bucket.add("nightly-09", 3000, described=False)
    result = backup_freshness("-T", bucket.uri())
    assert result.state == "WARNING" and result.says("left over", "backups/nightly-09"), result


def test_bucket_of_an_upload_that_goes_on(bucket, backup_freshness):
    fill(bucket)
    bucket.add("nightly-09", 650, described=False)
    result = backup_freshness("-T", bucket.uri())
    assert result.state == "OK" and result.says("nightly-09 is being uploaded"), result


@pytest.mark.parametrize("text", ("", "{", "{}", "[]", '{"kind": "Backup", "apiVersion": "velero.io/v2"}', "\0"))
def test_bucket_with_a_bad_description(bucket, backup_freshness, text):
    fill(bucket, DAY)
    folder = bucket.add("nightly-09", 700)
    (folder / "velero-backup.json").write_text(text)
    result = backup_freshness("-T", bucket.uri())
    assert result.state == "UNKNOWN" and result.says("nightly-09/velero-backup.json"), result


def test_bucket_of_several_schedules(bucket, backup_freshness):
    fill(bucket)
    bucket.add("db-1", 5 * DAY, of="db")
    assert backup_freshness("-T", bucket.uri()).state == "CRITICAL"
    assert backup_freshness("-T", bucket.uri("?schedule=nightly")).state == "OK"
    result = backup_freshness("-T", bucket.uri("?schedule=dbs"))
    assert result.state == "CRITICAL" and result.says("schedule dbs"), result


def test_bucket_failed(bucket, backup_freshness):
    fill(bucket, DAY)
    bucket.add("nightly-09", 700, phase="PartiallyFailed", errors=3)
    result = backup_freshness("-T", bucket.uri())
    assert result.state == "WARNING" and result.says("PartiallyFailed, 3 errors"), result
