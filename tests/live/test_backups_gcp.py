# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness against Google Cloud's API (a stand-in): snapshots of disks in each state, disks without
any, pages, rights, tokens from a file, a service account's key and the machine, and every field of a good reply taken
out."""

import os
import subprocess
import time

import pytest

import mutations
from conftest import no_secret
from stub_gcp import NEXT, TOKEN, Google, error, iso, make_key, snapshot

HOUR, DAY = 3600, 86400


def nightly(disk="data1", age=5 * HOUR, count=6, **changes):
    return [snapshot(disk, time.time() - age - n * DAY, **changes) for n in range(count)]


@pytest.fixture
def ask(backup_freshness):
    def run(cloud, *arguments, disk="", parameters=None, environment=None):
        words = ("-T", cloud.uri(disk, **(parameters or {})), "--rpo", "26h") + arguments
        environment = cloud.environment if environment is None else environment
        result = backup_freshness(*words, environment=environment)
        print(result)
        return result
    return run


def test_fresh(ask):
    with Google(nightly()) as cloud:
        result = ask(cloud)
    assert result.state == "OK", result
    assert "europe-west3-a/data1 can be restored to 5h ago (RPO 1d2h)" in result.first, result
    assert result.perfdata["points"] == 6 and result.perfdata["size"] == 5368709120, result
    assert [cloud.asked(name) for name in ("metadata", "snapshots", "disks")] == [1, 1, 1]


def test_stale(ask):
    with Google(nightly(age=60 * HOUR)) as cloud:
        result = ask(cloud)
    assert result.state == "CRITICAL", result
    assert "the newest data that can be restored is 2d12h old, critical above 1d2h" in result.first, result


@pytest.mark.parametrize("hours", [-12, -3, 1, 14])
def test_zone_of_the_time(ask, hours):
    """What the moment is does not depend on whose clock it is written in."""
    moment = time.time() - 5 * HOUR
    with Google([snapshot("data1", moment, creationTimestamp=iso(moment, hours))]) as cloud:
        result = ask(cloud)
    assert result.state == "OK" and "5h ago" in result.first, result


@pytest.mark.parametrize("status", ["CREATING", "UPLOADING"])
def test_one_is_being_made(ask, status):
    """It is no fault, and it is no backup."""
    young = snapshot("data1", time.time() - 600, name="young", status=status, storageBytes="0",
                     storageBytesStatus="UPDATING")
    with Google([young] + nightly()) as cloud:
        result = ask(cloud)
        assert result.state == "OK" and "5h ago" in result.first, result
        cloud.reply("snapshots", body=cloud.snapshot_list([young] + nightly(age=60 * HOUR)))
        result = ask(cloud)
    assert result.state == "CRITICAL" and "2d12h old" in result.first, result


@pytest.mark.parametrize("status", ["FAILED", "DELETING", "SHREDDED"])
def test_not_usable(ask, status):
    """Also one with a status that nobody knows yet."""
    with Google([snapshot("data1", time.time() - 600, name="bad", status=status)]) as cloud:
        result = ask(cloud)
        assert result.state != "OK" and result.says(status), result
        cloud.reply("snapshots", body=cloud.snapshot_list([snapshot("data1", time.time() - 600, status=status)] +
                                                          nightly(age=60 * HOUR)))
        result = ask(cloud)
    assert result.state == "CRITICAL" and result.says(status, "2d12h old"), result


def test_an_old_one_is_being_deleted(ask):
    """What a schedule does each day."""
    with Google(nightly() + [snapshot("data1", time.time() - 6.5 * DAY, status="DELETING")]) as cloud:
        result = ask(cloud)
    assert result.state == "OK" and "5h ago" in result.first, result


def test_size_still_being_counted(ask):
    """0 bytes until then: no drop of the size."""
    snapshots = nightly()
    snapshots[0].update(storageBytes="0", storageBytesStatus="UPDATING")
    with Google(snapshots) as cloud:
        assert ask(cloud).state == "OK"
        snapshots[0].update(storageBytesStatus="UP_TO_DATE", storageBytes="1048576")
        cloud.reply("snapshots", body=cloud.snapshot_list(snapshots))
        result = ask(cloud)
    assert result.state == "WARNING" and "the size of the newest changed by -" in result.first, result


def test_same_name_in_two_zones(ask):
    """They are two disks, and one of them has no backup of today; a regional one is a third."""
    snapshots = nightly() + nightly(zone="us-east1-b", age=60 * HOUR) + nightly(zone="us-east1")
    with Google(snapshots, disks=["data1", ("data1", "us-east1-b"), ("data1", "us-east1")]) as cloud:
        result = ask(cloud)
        assert result.state == "CRITICAL" and "us-east1-b/data1: the newest data" in result.first, result
        assert result.says("europe-west3-a/data1") and result.says("us-east1/data1"), result
        assert ask(cloud, disk="data1").state == "CRITICAL"
        assert ask(cloud, disk="europe-west3-a/data1").state == "OK"
        assert ask(cloud, "--exclude", "us-east1-b/*").state == "OK"


def test_disk_glob(ask):
    with Google(nightly() + nightly("scratch", age=60 * HOUR), disks=["data1", "scratch"]) as cloud:
        assert ask(cloud).state == "CRITICAL"
        for disk in ("data*", "europe-west3-a/data*", "*/data1"):
            result = ask(cloud, disk=disk)
            assert result.state == "OK" and not result.says("scratch"), result
        result = ask(cloud, disk="dta*")
    assert result.state == "CRITICAL" and "no backup" in result.first, result


def test_disks_without_a_snapshot(ask):
    with Google(nightly(), disks=["data1", "bare", ("bare", "us-east1-b")]) as cloud:
        result = ask(cloud)
        assert result.state == "OK", result
        assert result.says("2 without any backup: us-east1-b/bare, europe-west3-a/bare"), result
        result = ask(cloud, "--expect", "*/*")
        assert result.state == "CRITICAL" and result.says("europe-west3-a/bare: it has no backup at all"), result
        assert ask(cloud, "--expect", "*/*", "--exclude", "*/bare").state == "OK"
        result = ask(cloud, disk="bare")
    assert result.state == "CRITICAL" and "no backup" in result.first, result


def test_disk_that_is_gone(ask):
    """Its snapshots are kept, as a schedule does by default, and grow old: no fault of anybody's. Somebody who asks for
    it by its name, or for a disk that is there no more and has to be, hears of it."""
    snapshots = nightly("old", age=3 * DAY) + nightly() + nightly("older", zone="us-east1-b", age=90 * DAY)
    with Google(snapshots, disks=["data1", "bare"]) as cloud:
        result = ask(cloud)
        assert result.state == "OK" and "5h ago" in result.first and result.says("1 without any backup"), result
        assert result.says("2 whose disk is not there any more, not judged: europe-west3-a/old, "
                           "us-east1-b/older"), result
        assert ask(cloud, "--expect", "europe-west3-a/old").state == "CRITICAL"
        result = ask(cloud, disk="old")
        assert result.state == "CRITICAL" and result.says("its disk is not there any more", "old"), result
        cloud.reply("snapshots", body=cloud.snapshot_list(nightly("old", age=HOUR)))
        result = ask(cloud)
        assert result.state == "CRITICAL" and "no backup is there" in result.first, result


def test_zone_that_was_not_listed(ask):
    """Nobody knows which disks are there: nothing is set aside."""
    with Google(nightly() + nightly("old", age=3 * DAY, zone="us-east1-b"), disks=["data1"]) as cloud:
        assert ask(cloud).state == "OK"
        body = cloud.document("disks")
        body["items"]["zones/us-east1-b"]["warning"]["code"] = "UNREACHABLE"
        cloud.reply("disks", body=body)
        result = ask(cloud)
        assert result.state == "CRITICAL" and "us-east1-b/old: the newest data" in result.first, result
        assert result.says("the disks of zones/us-east1-b are not all seen: UNREACHABLE"), result
        for left in ({}, {"zones/us-east1-b": {}}, {"zones/us-east1-b": {"disks": None}}, {"zones/us-east1-b": None}):
            body["items"].pop("zones/us-east1-b", None)
            body["items"].update(left)
            cloud.reply("disks", body=body)
            assert ask(cloud).state == "CRITICAL", left
        cloud.reply("disks", status=403, body=error(403, "Required 'compute.disks.list' permission"))
        assert ask(cloud).state == "CRITICAL"


def test_nothing(ask):
    """Google leaves "items" out where there are none."""
    with Google(disks=[]) as cloud:
        body = cloud.snapshot_list([])
        del body["items"]
        cloud.reply("snapshots", body=body)
        result = ask(cloud)
    assert result.state == "CRITICAL" and "no backup is there" in result.first, result


# ---- pages ----

def test_pages(ask):
    """The newest is on the last page, and so is the disk without any."""
    with Google(nightly(age=60 * HOUR)) as cloud:
        cloud.reply("snapshots", body=cloud.snapshot_list(nightly(age=60 * HOUR), nextPageToken=NEXT))
        cloud.reply("snapshots2", body=cloud.snapshot_list(nightly(age=2 * HOUR, count=2)))
        cloud.reply("disks", body=cloud.disk_list(["data1"], nextPageToken=NEXT))
        cloud.reply("disks2", body=cloud.disk_list(["bare"]))
        result = ask(cloud, "-w", "worst_exposure=10d")
    assert result.state == "OK" and "2h ago" in result.first, result
    assert result.says("1 without any backup: europe-west3-a/bare"), result
    assert result.perfdata["points"] == 8, result


@pytest.mark.parametrize("question", ["snapshots", "disks"])
def test_pages_without_an_end(ask, question):
    with Google(nightly()) as cloud:
        body = dict(cloud.document(question), nextPageToken=NEXT)
        cloud.reply(question, body=body)
        cloud.reply(question + "2", body=body)
        result = ask(cloud)
    assert result.state == "UNKNOWN" and "the list does not end" in result.first, result


@pytest.mark.parametrize("token", ["x" * 5000, 7], ids=["long", "number"])
@pytest.mark.parametrize("question", ["snapshots", "disks"])
def test_token_of_a_page_that_cannot_be_read(ask, question, token):
    with Google(nightly()) as cloud:
        cloud.reply(question, body=dict(cloud.document(question), nextPageToken=token))
        result = ask(cloud)
    assert result.state == "UNKNOWN" and "the token of the next page cannot be read" in result.first, result


def test_page_that_fails(ask):
    """What comes behind it is not known."""
    with Google(nightly()) as cloud:
        cloud.reply("snapshots", body=cloud.snapshot_list(nightly(), nextPageToken=NEXT))
        cloud.reply("snapshots2", status=503, body=error(503, "Backend Error", "backendError"))
        result = ask(cloud)
    assert result.state == "CRITICAL" and "status 503, not 200" in result.first, result


@pytest.mark.parametrize("cut", [1, 300, -2])
def test_cut(ask, cut):
    with Google(nightly()) as cloud:
        cloud.reply("snapshots", body=cloud.document("snapshots"), cut=cut)
        assert ask(cloud).state != "OK"


# ---- rights ----

@pytest.mark.parametrize("status, reason, state, words", [
    (401, "authError", "UNKNOWN", "the token is not accepted: Request"),
    (403, "forbidden", "UNKNOWN",
     "not allowed to list the snapshots (grant: compute.snapshots.list, in Compute Viewer): Request"),
    (403, "rateLimitExceeded", "UNKNOWN", "too many requests: Request"),
    (403, "quotaExceeded", "UNKNOWN", "too many requests: Request"),
    (429, "rateLimitExceeded", "UNKNOWN", "too many requests: Request"),
    (404, "notFound", "UNKNOWN", "there is no such project: Request"),
    (500, "backendError", "CRITICAL", "status 500, not 200"),
])
def test_refused(ask, status, reason, state, words):
    with Google(nightly()) as cloud:
        cloud.reply("snapshots", status=status, body=error(status, "Request X is refused", reason))
        result = ask(cloud)
    assert result.state == state and words in result.first, result


def test_disks_may_not_be_listed(ask):
    with Google(nightly()) as cloud:
        cloud.reply("disks", status=403, body=error(403, "Required 'compute.disks.list' permission"))
        result = ask(cloud)
        assert result.state == "OK" and "5h ago" in result.first, result
        assert result.says("which disks have no snapshot is not seen: not allowed to list the disks "
                           "(grant: compute.disks.list"), result
        cloud.reply("disks", status=403, body=error(403, "Quota exceeded", "rateLimitExceeded"))
        result = ask(cloud)
    assert result.state == "UNKNOWN" and "too many requests" in result.first, result


def test_misspelt(ask, backup_freshness):
    with Google(nightly()) as cloud:
        result = backup_freshness("-T", cloud.uri(project="shop-prd-1"), "--rpo", "26h", environment=cloud.environment)
        assert result.state == "UNKNOWN" and "there is no such project: The resource" in result.first, result
        assert cloud.complaints == ["/compute/v1/projects/shop-prd-1/global/snapshots?maxResults=500"]
        del cloud.complaints[:]
        result = backup_freshness("-T", cloud.uri(project="Shop_Prod"), "--rpo", "26h", environment=cloud.environment)
        assert result.state == "UNKNOWN" and "which project? gcp-disk://PROJECT[/DISK]" in result.first, result
        result = ask(cloud, parameters={"zone": "europe-west3-a"})
    assert result.state == "UNKNOWN" and "zone" in result.first, result


def test_down(ask, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    os.chmod(str(path), 0o600)
    with Google(nightly()) as cloud:
        cloud.stop()
        result = ask(cloud, parameters={"token-file": path})
    assert result.state == "CRITICAL" and str(cloud.port) in result.first, result


# ---- tokens ----

def test_token_file(ask, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    os.chmod(str(path), 0o600)
    with Google(nightly()) as cloud:
        result = ask(cloud, "-vvv", parameters={"token-file": path}, environment={})
        assert result.state == "OK" and "/aggregated/disks" in result.output, result
        no_secret(result, TOKEN)
        assert cloud.asked("metadata") == 0
        path.write_text("ya29.another\n")
        result = ask(cloud, parameters={"token-file": path})
        assert result.state == "UNKNOWN" and "the token is not accepted: Request had invalid" in result.first, result
        path.write_text("two words\n")
        result = ask(cloud, parameters={"token-file": path})
        assert result.state == "UNKNOWN" and "token-file" in result.first, result
        os.chmod(str(path), 0o644)
        result = ask(cloud, parameters={"token-file": path})
        assert result.state == "UNKNOWN" and "token-file: " in result.first and "chmod 0600" in result.first, result
        result = ask(cloud, parameters={"token-file": tmp_path / "none"})
    assert result.state == "UNKNOWN" and "token-file: " in result.first and "No such file" in result.first, result


def test_key_file(ask, tmp_path):
    """The stand-in verifies the signature and each claim."""
    with Google(nightly()) as cloud:
        path = cloud.key_file(tmp_path)
        result = ask(cloud, "-vvv", parameters={"key-file": path}, environment={})
        assert result.state == "OK" and "/token" in result.output, result
        no_secret(result, TOKEN, "PRIVATE KEY", "assertion=")
        assert ask(cloud, environment={"GOOGLE_APPLICATION_CREDENTIALS": path}).state == "OK"
        assert cloud.tokens == 2 and cloud.asked("metadata") == 0
        cloud.refused = (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        result = ask(cloud, parameters={"key-file": path}, environment={})
        assert result.state == "UNKNOWN", result
        assert "the service account gives no token: status 400: Invalid JWT Signature." in result.first, result
        for refused in ((503, "busy"), (200, {}), (200, {"access_token": ""}), (200, {"access_token": 7}),
                        (200, {"access_token": "a\r\nX: b"})):
            cloud.refused = refused
            result = ask(cloud, parameters={"key-file": path}, environment={})
            assert result.state == "UNKNOWN" and "gives no token: status %d" % refused[0] in result.first, result


@pytest.mark.parametrize("changes, words", [
    ({"client_email": None}, "is no key of a service account (client_email, private_key, token_uri)"),
    ({"private_key": None}, "is no key of a service account"),
    ({"token_uri": ""}, "is no key of a service account"),
    ({"type": "authorized_user", "private_key": None, "client_email": None}, "is no key of a service account"),
    ({"client_email": 'a"b@c'}, "odd characters"),
    ({"client_email": "a\nb@c"}, "odd characters"),
    ({"private_key": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"}, "private_key cannot be read"),
    ({"token_uri": "ftp://127.0.0.1/token"}, "ftp"),
])
def test_odd_key_files(ask, tmp_path, changes, words):
    with Google(nightly()) as cloud:
        path = cloud.key_file(tmp_path, **changes)
        result = ask(cloud, parameters={"key-file": path}, environment={})
        assert cloud.tokens == 0
    assert result.state == "UNKNOWN" and words in result.first, result


@pytest.mark.parametrize("kind, words", [
    (("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"), "private_key is no RSA key"),
    (("-algorithm", "ED25519"), "private_key is no RSA key"),
    (("-algorithm", "RSA", "-aes256", "-pass", "pass:secret"), "private_key cannot be read"),
])
def test_keys_of_other_kinds(ask, tmp_path, kind, words):
    """One with a pass phrase is not asked for."""
    with Google(nightly()) as cloud:
        (tmp_path / "other").mkdir()
        if "-aes256" in kind:
            subprocess.run(("openssl", "genpkey", "-out", str(tmp_path / "locked.pem")) + kind, check=True,
                           stderr=subprocess.DEVNULL)
            private = (tmp_path / "locked.pem").read_text()
        else:
            private = make_key(tmp_path / "other", kind)[0]
        path = cloud.key_file(tmp_path, private_key=private)
        result = ask(cloud, parameters={"key-file": path}, environment={})
    assert result.state == "UNKNOWN" and words in result.first, result


@pytest.mark.parametrize("content", [b"", b"{", b"not json", b'{"a": "\x00"}', b"x" * 100000, None])
def test_unreadable_key_files(ask, tmp_path, content):
    path = tmp_path / "key.json"
    if content is not None:
        path.write_bytes(content)
    with Google(nightly()) as cloud:
        result = ask(cloud, parameters={"key-file": path}, environment={})
    assert result.state == "UNKNOWN" and "key file" in result.first, result


def test_machine(ask):
    with Google(nightly()) as cloud:
        no_secret(ask(cloud, "-vvv"), TOKEN)
        cloud.reply("metadata", status=404, body="<html>not found</html>")
        result = ask(cloud)
        assert result.state == "UNKNOWN" and "the metadata service gives no token: status 404" in result.first, result
        result = ask(cloud, environment={"GCE_METADATA_HOST": "127.0.0.1:1"})
    assert result.state == "UNKNOWN", result
    assert "no credentials: neither token-file=, nor key-file=, nor GOOGLE_APPLICATION" in result.first, result


# ---- what is missing ----

NOT_NEEDED = {
    "snapshots": {
        r"items\[\d\]\.(kind|id|sourceDiskId|diskSizeGb|storageLocations|storageLocations\[0\]|autoCreated): .*":
            "nothing is judged by it",
        r"items\[\d\]\.storageBytes(Status)?: .*": "a size that is not known is not judged",
        r"(id|selfLink): .*": "nothing is judged by it",
        r"items\[1\]: removed": "the newest is there",
    },
    "disks": {
        r"items\.zones/.*\.(kind|name|status|sizeGb): .*": "nothing is judged by it",
        r"items\.zones/us-east1-b.*": "a zone without disks",
        r"items(\.zones/europe-west3-a(\.disks(\[0\])?)?)?: (removed|emptied|null)": "a zone without disks",
        r"(id|selfLink): .*": "nothing is judged by it",
    },
}


@pytest.mark.parametrize("question", ["snapshots", "disks"])
def test_fields(ask, question):
    """Each field of a good reply taken out, and emptied."""
    with Google(nightly(count=2)) as cloud:
        outcomes = {}
        for name, body in mutations.of_json(cloud.document(question)):
            cloud.reply(question, body=body)
            outcomes[name] = ask(cloud).state == "OK"
    assert mutations.unexplained(outcomes, NOT_NEEDED[question]) == ([], [])
