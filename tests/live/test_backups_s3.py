# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups in S3: Swift verifies what is signed; a stand-in has what Swift does not."""

import calendar
import os
import re
import subprocess
import sys
import time
import urllib.parse

import check
import pytest
from stub_s3_pages import KEY, SECRET, TOKEN, Bucket, Credentials, Numbered, Refusal, iso
from swift_lab import OTHER_KEY, OTHER_SECRET, PAGE, SECRET as SWIFT_SECRET, Swift

NOW = float(calendar.timegm((2026, 11, 21, 12, 0, 0)))
DUMP = b"--\n-- PostgreSQL database dump\n--\n\n" + b"select 1;\n" * 2000 + \
    b"--\n-- PostgreSQL database dump complete\n--\n\n"
CUT = DUMP[:-3000]
ERROR = "<Error><Code>%s</Code></Error>"


@pytest.fixture(scope="session")
def swift():
    with Swift() as server:
        yield server


@pytest.fixture(scope="session")
def client(swift):
    return swift.client()


@pytest.fixture
def make_bucket(client):
    """make_bucket(name, {key: content}): a new one, whose name is returned."""
    def make(name, objects=None, **versioning):
        client.create_bucket(Bucket=name)
        if versioning:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": versioning["versioning"]})
        for key, content in (objects or {}).items():
            client.put_object(Bucket=name, Key=key, Body=content)
        return name
    return make


# ---- Swift: signatures

KEYS = ["plain.sql", "with blank.sql", "a+b.sql", "a=b.sql", "(paren).sql", "100%.sql", "%41.sql", "tilde~.sql",
        "amp&and.sql", "k\u00fcche.sql", "quote'.sql", "semi;colon.sql", "star!dollar$.sql", "comma,at:.sql"]


@pytest.mark.parametrize("key", KEYS)
def test_names_of_every_kind_are_signed(swift, make_bucket, backup_freshness, key):
    bucket = make_bucket("names-%d" % KEYS.index(key), {"pg/x y=+%/" + key: DUMP})
    result = backup_freshness("-T", swift.uri(bucket, urllib.parse.quote("pg/x y=+%/", safe="/") + "*.sql"),
                              environment=swift.environment)
    assert result.state == "OK", result
    # which would be a directory where the server does not find that name
    if "*" not in key:
        one = backup_freshness("-T", swift.uri(bucket, urllib.parse.quote("pg/x y=+%/" + key)),
                               environment=swift.environment)
        assert one.state == "OK", one


def test_wrong_secret(swift, make_bucket, backup_freshness):
    make_bucket("secret", {"a.sql": DUMP})
    result = backup_freshness("-T", swift.uri("secret", "*.sql"), "-vvv",
                              environment=dict(swift.environment, AWS_SECRET_ACCESS_KEY="something else"))
    assert result.state == "UNKNOWN" and "the signature does not fit" in result.first, result
    assert "StringToSign" not in result.output and "dr:backup" not in result.output, result
    assert SWIFT_SECRET not in result.output and "something else" not in result.output, result


def test_denied(swift, make_bucket, backup_freshness):
    make_bucket("others", {"a.sql": DUMP})
    result = backup_freshness("-T", swift.uri("others", "*.sql"), environment=dict(
        swift.environment, AWS_ACCESS_KEY_ID=OTHER_KEY, AWS_SECRET_ACCESS_KEY=OTHER_SECRET))
    assert result.state == "UNKNOWN" and "access denied: allow s3:ListBucket" in result.first, result


def test_wrong_region(swift, make_bucket, backup_freshness):
    make_bucket("region", {"a.sql": DUMP})
    result = backup_freshness("-T", swift.uri("region", "*.sql", region="eu-west-1"), environment=swift.environment)
    assert result.state == "UNKNOWN" and "the region is us-east-1: say region=us-east-1" in result.first, result


@pytest.mark.parametrize("ahead, words", [(3600, "ahead of the server's"), (-7200, "behind the server's")])
def test_skewed_clock(swift, make_bucket, backup_freshness, ahead, words):
    name = make_bucket("skew%d" % abs(ahead), {"a.sql": DUMP})
    result = backup_freshness("-T", swift.uri(name, "*.sql"), now=time.time() + ahead, environment=swift.environment)
    assert result.state == "UNKNOWN" and "our clock is " in result.first and words in result.first, result
    assert abs(int(re.search(r"our clock is (\d+) s", result.first).group(1)) - abs(ahead)) < 120, result


def test_no_bucket(swift, backup_freshness):
    result = backup_freshness("-T", swift.uri("not-there", "*.sql"), environment=swift.environment)
    assert result.state == "CRITICAL" and "there is no such bucket" in result.first, result


# ---- Swift: what is in it

def test_good_truncated_empty(swift, client, make_bucket, backup_freshness):
    make_bucket("content", {"pg/good.sql": DUMP, "other/none.txt": b"x"})
    good = backup_freshness("-T", swift.uri("content", "pg/*.sql"), environment=swift.environment)
    assert good.state == "OK", good
    client.put_object(Bucket="content", Key="pg/good.sql", Body=CUT)
    cut = backup_freshness("-T", swift.uri("content", "pg/*.sql"), "--settle", "0s", environment=swift.environment)
    assert cut.state == "CRITICAL" and "no usable backup" in cut.first, cut
    empty = backup_freshness("-T", swift.uri("content", "nothing/*.sql"), environment=swift.environment)
    assert empty.state == "CRITICAL", empty


def test_paging_of_a_real_server(swift, make_bucket, backup_freshness):
    """What counts is on the last of three pages."""
    make_bucket("pages", {"pg/%04d.sql" % number: DUMP if number == 2 * PAGE + 1 else CUT
                          for number in range(2 * PAGE + 2)})
    arguments = ("-T", swift.uri("pages", "pg/*.sql"), "--exclude", "00*.sql", "--settle", "0s")
    result = backup_freshness(*arguments, environment=swift.environment)
    assert result.state == "OK", result
    result = backup_freshness(*arguments, "--max-pages", "2", environment=swift.environment)
    assert result.state != "OK", result
    assert "the listing is incomplete: S3 bucket pages: only 2 pages were read" in result.output, result


def test_a_level_and_what_is_below(swift, make_bucket, backup_freshness):
    """With a delimiter only what matches is seen; a folder that a console makes is no backup."""
    make_bucket("levels", {"pg/": b"", "pg/a.sql": DUMP, "pg/old/": b"", "pg/old/b.sql": CUT})
    result = backup_freshness("-T", swift.uri("levels", "pg/*.sql"), "--settle", "0s", environment=swift.environment)
    assert result.state == "OK" and "b.sql" not in result.output, result
    result = backup_freshness("-T", swift.uri("levels", "pg/**"), "--settle", "0s", "-v", environment=swift.environment)
    assert "b.sql" in result.output, result


@pytest.mark.parametrize("status, state, words", [(None, "CRITICAL", "versioning is off"),
                                                  ("Suspended", "CRITICAL", "versioning is off"),
                                                  ("Enabled", "OK", "")])
def test_versioning(swift, make_bucket, backup_freshness, status, state, words):
    name = "versioning-" + str(status).lower()
    make_bucket(name, **({} if status is None else {"versioning": status}))
    swift.client().put_object(Bucket=name, Key="a.sql", Body=DUMP)
    result = backup_freshness("-T", swift.uri(name, "*.sql"), "--require", "versioning", environment=swift.environment)
    assert result.state == state and words in result.output, result


def test_unfinished_upload(swift, client, make_bucket, backup_freshness):
    """A young one is a run that goes on; its time cannot be set back here: the stand-in has an old one."""
    make_bucket("uploads", {"pg/a.sql": DUMP})
    client.create_multipart_upload(Bucket="uploads", Key="pg/b.sql")
    result = backup_freshness("-T", swift.uri("uploads", "pg/*.sql"), environment=swift.environment)
    assert result.state == "OK" and "unfinished upload" not in result.output, result


DUMPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "samples", "backup", "dumps")


def test_a_dump_is_proven_by_its_parts(swift, client, make_bucket, backup_freshness):
    """pg_dump -Fc: beginning and end by ranges of their own, of the same object."""
    with open(os.path.join(DUMPS, "custom.dump"), "rb") as file:
        whole = file.read()
    make_bucket("custom", {"pg/orders.dump": whole})
    arguments = ("--rpo", "36500d", "--settle", "0s", "-v")
    good = backup_freshness("-T", swift.uri("custom", "pg/*.dump"), *arguments, environment=swift.environment)
    assert good.state == "OK" and "pg_dump custom" in good.output, good
    client.put_object(Bucket="custom", Key="pg/orders.dump", Body=whole[:-40])
    cut = backup_freshness("-T", swift.uri("custom", "pg/*.dump"), *arguments, environment=swift.environment)
    assert cut.state == "CRITICAL" and "no usable backup" in cut.first, cut


# ---- the stand-in: lists

def check_bucket(backup_freshness, bucket, path="pg/*.sql", *arguments, **parameters):
    return backup_freshness("-T", bucket.uri(path, **parameters), *arguments, now=NOW, environment=bucket.environment)


def test_a_list_of_one(backup_freshness):
    with Bucket({"pg/a.sql": DUMP}, now=NOW) as bucket:
        result = check_bucket(backup_freshness, bucket)
        assert result.state == "OK", result
        assert bucket.lists == 1


def lie_repeat(query, text):
    return text if "continuation-token" not in query else re.sub(
        "<NextContinuationToken>[^<]*", "<NextContinuationToken>" + query["continuation-token"], text)


LIES = {
    "the same token": (lie_repeat, "a page leads to itself"),
    "no token": (lambda query, text: re.sub("<NextContinuationToken>.*</NextContinuationToken>", "", text),
                 "it does not say how to get it"),
    "nothing about more": (lambda query, text: re.sub("<IsTruncated>.*</IsTruncated>", "", text),
                           "it does not say whether there is more"),
    "other keys": (lambda query, text: text.replace("<Key>pg/", "<Key>xx/"), "keys that were not asked for"),
    "backwards": (lambda query, text: text if "continuation-token" not in query else re.sub(
        "<Key>pg/[^<]*", "<Key>pg/00000/000000.sql", text), "do not go on"),
    "cut": (lambda query, text: text[:len(text) // 2], "it ends too early"),
    "an error": (lambda query, text: ERROR % "InternalError", "it is &lt;Error&gt;".replace("&lt;", "<").replace(
        "&gt;", ">")),
    "endless and empty": (lambda query, text: "<ListBucketResult><IsTruncated>true</IsTruncated>"
                          "<NextContinuationToken>%s</NextContinuationToken></ListBucketResult>" % time.monotonic(),
                          "its pages are empty"),
}


@pytest.mark.parametrize("name", sorted(LIES))
def test_pages_that_lie(backup_freshness, name):
    """Never a list that is shorter than it should be."""
    change, words = LIES[name]
    with Bucket(keys=Numbered(1, 3500), now=NOW) as bucket:
        bucket.change = lambda query, text: change(query, text) if "list-type" in query else text
        result = check_bucket(backup_freshness, bucket, "pg/**")
        assert result.state == "UNKNOWN" and words in result.first, result


def test_max_pages(backup_freshness):
    with Bucket(keys=Numbered(3, 1000), now=NOW) as bucket:
        result = check_bucket(backup_freshness, bucket, "pg/**", "--max-pages", "2", "--proof", "none")
        assert result.state in ("UNKNOWN", "CRITICAL") and "the listing is incomplete" in result.output, result
        assert bucket.lists == 2


def test_keys_that_xml_cannot_hold(backup_freshness):
    """Asked for again as in URLs; each is counted once."""
    with Bucket({"pg/a.sql": DUMP, "pg/b\x01+ %41.sql": DUMP, "pg/c.sql": DUMP}, now=NOW) as bucket:
        result = check_bucket(backup_freshness, bucket)
        assert result.state == "OK", result
        lists = [query for _, _, query, _ in bucket.requests if "list-type" in query]
        assert [query.get("encoding-type") for query in lists] == [None, "url"]


WATCHED = "import resource, subprocess, sys\nsubprocess.run(sys.argv[1:])\n" \
    "print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"


def count_points(bucket):
    """(points of each series, KiB) of one run."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, check.executable("check_backup_freshness"), "-T", bucket.uri("pg/**"),
         "--proof", "none", "--timeout", "300s"], stdout=subprocess.PIPE, check=True,
        env=dict(os.environ, DR_PLUGINS_NOW=repr(NOW), **bucket.environment))
    text = done.stdout.decode()
    points = [int(number) for number in re.findall(r"\b\d+_points=(\d+)", text)]
    return points, int(re.search(r"peak (\d+)", text).group(1))


@pytest.mark.one_build
def test_a_million_objects():
    """A thousand pages and hardly more, several at once, in the memory of a few."""
    with Bucket(keys=Numbered(20, 1000), now=NOW) as bucket:
        few, small = count_points(bucket)
    with Bucket(keys=Numbered(20, 50000), now=NOW) as bucket:
        many, large = count_points(bucket)
        assert 1000 <= bucket.lists <= 1025, bucket.lists
        assert 2 <= bucket.most <= 8
    assert few == [1000] * 20 and many == [50000] * 20
    assert large < small + 4096, (small, large)


def test_small_directories_are_not_asked_one_by_one(backup_freshness):
    with Bucket(keys=Numbered(500, 10), now=NOW) as bucket:
        check_bucket(backup_freshness, bucket, "pg/**", "--proof", "none")
        assert bucket.lists == 5


def test_a_copy_is_compared_by_whole_lists_only(backup_freshness):
    with Bucket(keys=Numbered(1, 1500), now=NOW) as bucket, Bucket(keys=Numbered(1, 1500), now=NOW) as copy:
        arguments = ("--compare", "dr=" + copy.uri("pg/**"), "--proof", "none")
        result = check_bucket(backup_freshness, bucket, "pg/**", *arguments)
        assert result.state == "OK", result
        copy.keys = Numbered(1, 1400)
        result = check_bucket(backup_freshness, bucket, "pg/**", *arguments)
        assert result.perfdata["backups_copy_missing"] == 100, result
        copy.keys = Numbered(1, 1500)
        result = check_bucket(backup_freshness, bucket, "pg/**", *arguments, "--max-pages", "1")
        assert result.state == "UNKNOWN" and "the listing is incomplete" in result.output, result


# ---- the stand-in: objects

def test_lock_tier_expiry(backup_freshness):
    with Bucket({"pg/a.sql": DUMP}, now=NOW) as bucket:
        bucket.documents["object-lock"] = (
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
            "<Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>")
        result = check_bucket(backup_freshness, bucket, "pg/*.sql", "--require", "lock")
        assert result.state == "OK" and "object lock is on" in result.output, result
        del bucket.documents["object-lock"]
        result = check_bucket(backup_freshness, bucket, "pg/*.sql", "--require", "lock")
        assert result.state == "CRITICAL" and "object lock is off" in result.output, result
        bucket.refuse["object-lock"] = Refusal(403, "AccessDenied")
        result = check_bucket(backup_freshness, bucket, "pg/*.sql", "--require", "lock")
        assert result.state == "UNKNOWN" and "s3:GetBucketObjectLockConfiguration" in result.output, result


def test_versioning_that_is_refused_or_answered_with_a_list(backup_freshness):
    with Bucket({"pg/a.sql": DUMP}, now=NOW) as bucket:
        bucket.refuse["versioning"] = Refusal(403, "AccessDenied")
        assert check_bucket(backup_freshness, bucket).state == "OK"
        result = check_bucket(backup_freshness, bucket, "pg/*.sql", "--require", "versioning")
        assert result.state == "UNKNOWN" and "s3:GetBucketVersioning" in result.output, result
        del bucket.refuse["versioning"]
        bucket.documents["versioning"] = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        result = check_bucket(backup_freshness, bucket, "pg/*.sql", "--require", "versioning")
        assert result.state == "UNKNOWN" and "whether versioning is on cannot be seen" in result.output, result


def uploads(begun, key="pg/b.sql"):
    return ("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated><Upload><Key>%s</Key><UploadId>1</UploadId>"
            "<Initiated>%s</Initiated></Upload></ListMultipartUploadsResult>") % (key, iso(begun))


def test_an_old_unfinished_upload(backup_freshness):
    with Bucket({"pg/a.sql": DUMP}, now=NOW) as bucket:
        bucket.documents["uploads"] = uploads(NOW - 50 * 3600)
        result = check_bucket(backup_freshness, bucket)
        assert result.state == "WARNING" and "1 unfinished upload, the oldest 50 h old: b.sql" in result.output, result
        bucket.documents["uploads"] = uploads(NOW - 3600)
        assert check_bucket(backup_freshness, bucket).state == "OK"
        bucket.refuse["uploads"] = Refusal(403, "AccessDenied")
        assert check_bucket(backup_freshness, bucket).state == "OK"


def test_ranges(backup_freshness):
    with Bucket({"pg/a.sql": DUMP}, now=NOW) as bucket:
        bucket.ranges = "none"
        assert check_bucket(backup_freshness, bucket).state == "OK"
        bucket.objects["pg/a.sql"] = CUT
        result = check_bucket(backup_freshness, bucket)
        assert result.state == "CRITICAL", result


def test_another_part_than_asked_for(backup_freshness):
    """The beginning for the end: never a verdict on the wrong bytes."""
    with Bucket({"pg/a.sql": DUMP * 20}, now=NOW) as bucket:
        bucket.ranges = "wrong"
        result = check_bucket(backup_freshness, bucket)
        assert result.state != "OK" and "another part came" in result.output, result


def test_listing_is_denied(backup_freshness):
    with Bucket({"pg/a.sql": DUMP}, now=NOW) as bucket:
        bucket.refuse["list-type"] = Refusal(403, "AccessDenied")
        result = check_bucket(backup_freshness, bucket)
        assert result.state == "UNKNOWN", result
        assert "list S3 bucket backups: access denied: allow s3:ListBucket" in result.first, result


def test_a_path_is_an_object_or_what_is_below(backup_freshness):
    """Found out by a list: who may not read is told so, not that there is no backup."""
    with Bucket({"pg/a.sql": DUMP, "pg/a.sql.old/b.sql": DUMP}, now=NOW) as bucket:
        result = check_bucket(backup_freshness, bucket, "pg/a.sql")
        assert result.state == "OK" and "b.sql" not in result.output, result
        result = check_bucket(backup_freshness, bucket, "pg/a.sql.old", "-v")
        assert result.state == "OK" and "b.sql" in result.output, result
        bucket.refuse["get"] = Refusal(403, "AccessDenied")
        result = check_bucket(backup_freshness, bucket, "pg/a.sql")
        assert result.state == "UNKNOWN" and "s3:GetObject" in result.output, result


def test_reading_is_denied(backup_freshness):
    with Bucket({"pg/a.sql": DUMP}, now=NOW) as bucket:
        bucket.refuse["get"] = Refusal(403, "AccessDenied")
        result = check_bucket(backup_freshness, bucket)
        assert result.state == "UNKNOWN" and "s3:GetObject" in result.output, result


# ---- the stand-in: credentials

def without(environment, **other):
    return dict({"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}, **other)


def test_no_credentials(backup_freshness):
    with Bucket({"pg/a.sql": DUMP}, now=NOW) as bucket:
        result = backup_freshness("-T", bucket.uri("pg/*.sql"), now=NOW, environment=without(bucket.environment))
        assert result.state == "UNKNOWN", result
        assert "no credentials for AWS: AWS_ACCESS_KEY_ID is not set; /nonexistent/.aws/credentials cannot be read" in \
            result.first, result


def test_credentials_of_a_file(backup_freshness, tmp_path):
    path = tmp_path / "credentials"
    path.write_text("[default]\naws_access_key_id = wrong\n[backup]\naws_access_key_id=%s\naws_secret_access_key = %s\n"
                    "[role]\nrole_arn = x\n" % (KEY, SECRET))
    with Bucket({"pg/a.sql": DUMP}, now=NOW) as bucket:
        def run(**parameters):
            return backup_freshness("-T", bucket.uri("pg/*.sql", **parameters), now=NOW,
                                    environment=without(bucket.environment, AWS_SHARED_CREDENTIALS_FILE=str(path)))
        path.chmod(0o644)
        assert "may be read by others: chmod 0600 it" in run(profile="backup").first
        path.chmod(0o600)
        assert run(profile="backup").state == "OK", run(profile="backup")
        assert run(profile="backup", credentials_file=str(path)).state == "OK"
        for parameters, words in (({}, "profile \"default\" has no aws_access_key_id and aws_secret_access_key"),
                                  ({"profile": "other"}, "profile \"other\" is not there"),
                                  ({"profile": "role"}, "roles, processes and single sign-on are not followed")):
            result = run(**parameters)
            assert result.state == "UNKNOWN" and words in result.first, result


def test_credentials_of_the_machine(backup_freshness):
    with Bucket({"pg/a.sql": DUMP}, now=NOW, token=TOKEN) as bucket, Credentials() as service:
        environment = without(bucket.environment, AWS_EC2_METADATA_DISABLED="false",
                              AWS_EC2_METADATA_SERVICE_ENDPOINT=service.base)
        result = backup_freshness("-T", bucket.uri("pg/*.sql"), "-vvv", now=NOW, environment=environment)
        assert result.state == "OK", result
        assert [method for method, _ in service.asked] == ["PUT", "GET", "GET"]
        for secret in (SECRET, TOKEN, service.session):
            assert secret not in result.output, result


def test_credentials_of_a_container(backup_freshness):
    with Bucket({"pg/a.sql": DUMP}, now=NOW, token=TOKEN) as bucket, Credentials(authorization="pod token") as service:
        environment = without(bucket.environment, AWS_CONTAINER_CREDENTIALS_FULL_URI=service.base + "/container",
                              AWS_CONTAINER_AUTHORIZATION_TOKEN="pod token")
        result = backup_freshness("-T", bucket.uri("pg/*.sql"), now=NOW, environment=environment)
        assert result.state == "OK", result
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "another"
        result = backup_freshness("-T", bucket.uri("pg/*.sql"), now=NOW, environment=environment)
        assert result.state == "UNKNOWN" and "the container's credentials: HTTP 401" in result.first, result
        environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://192.0.2.1/container"
        result = backup_freshness("-T", bucket.uri("pg/*.sql"), now=NOW, environment=environment)
        assert result.state == "UNKNOWN" and "neither https:// nor an address" in result.first, result


# ---- the way there

def test_tls(backup_freshness, authority):
    certificate = authority.certificate("s3", "IP:127.0.0.1")
    with Bucket({"pg/a.sql": DUMP}, now=NOW, tls=tuple(map(str, certificate[:2]))) as bucket:
        def run(**parameters):
            return check_bucket(backup_freshness, bucket, **parameters)
        assert run(cacert=str(authority.path("ca.crt"))).state == "OK", run(cacert=str(authority.path("ca.crt")))
        assert run(insecure="1").state == "OK"
        untrusted = run()
        assert untrusted.state == "UNKNOWN" and "certificate" in untrusted.first, untrusted


def test_nobody_there(backup_freshness):
    with Bucket({}, now=NOW) as bucket:
        gone = bucket.uri("pg/*.sql")
        environment = bucket.environment
    result = backup_freshness("-T", gone, now=NOW, environment=environment)
    assert result.state == "CRITICAL" and "connect to 127.0.0.1" in result.first, result


@pytest.mark.parametrize("uri, words", [
    ("s3:///pg/*.sql?anonymous=1", "say s3://BUCKET/PATH"),
    ("s3://backups:443/pg?anonymous=1", "say s3://BUCKET/PATH"),
    ("s3://backups/pg?anonymous=1&endpoint=ftp://x", "endpoint= is https://HOST[:PORT]"),
    ("s3://backups/pg?anonymous=1&endpoint=http://x/y", "endpoint= is https://HOST[:PORT]"),
    ("s3://backups/pg?anonymous=1&region=a%20b", "region= is no name of a region"),
    ("s3://backups/pg?anonymous=maybe", "anonymous"),
    ("s3://backups/pg?regoin=x", "regoin"),
])
def test_uris_that_are_none(backup_freshness, uri, words):
    result = backup_freshness("-T", uri, environment={"AWS_EC2_METADATA_DISABLED": "true"})
    assert result.state == "UNKNOWN" and words in result.first, result
