# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups in S3 as another server than Swift says it: moto_server, which has versions, locks, classes of storage and
unfinished uploads, in the words of AWS. It verifies no signature: that is what Swift is for."""

import datetime
import time

import pytest

import moto_lab

DUMP = b"--\n-- PostgreSQL database dump\n--\n\n" + b"select 1;\n" * 2000 + \
    b"--\n-- PostgreSQL database dump complete\n--\n\n"
CUT = DUMP[:-3000]

pytestmark = [pytest.mark.one_build, pytest.mark.made_in_suite(moto_lab.PACKAGE)]


@pytest.fixture(scope="module", params=["trixie"])
def suite(request):
    return request.param


@pytest.fixture(scope="module")
def moto(suite):
    with moto_lab.Moto(suite) as server:
        yield server


@pytest.fixture(scope="module")
def client(moto):
    return moto.client("s3")


@pytest.fixture
def make_bucket(client):
    """make_bucket(name, {key: content}, settings of its making): a new one."""
    def make(name, objects=None, **settings):
        client.create_bucket(Bucket=name, **settings)
        for key, content in (objects or {}).items():
            client.put_object(Bucket=name, Key=key, Body=content)
    return make


@pytest.fixture
def look(moto, backup_freshness):
    def run(bucket, path, *arguments, **options):
        return backup_freshness("-T", moto.uri(bucket, path), *arguments, environment=moto.environment, **options)
    return run


def test_good_stale_cut_empty(client, make_bucket, look):
    make_bucket("content", {"pg/a b+%41.sql": DUMP})
    assert look("content", "pg/*.sql", "--rpo", "1d").state == "OK"
    result = look("content", "pg/*.sql", "--rpo", "1d", now=time.time() + 2 * 86400)
    assert result.state == "CRITICAL" and result.says("critical above 1d"), result
    client.put_object(Bucket="content", Key="pg/a b+%41.sql", Body=CUT)
    result = look("content", "pg/*.sql", "--settle", "0s")
    assert result.state == "CRITICAL" and "no usable backup" in result.first, result
    assert look("content", "nothing/*.sql").state == "CRITICAL"
    result = look("not-there", "*.sql")
    assert result.state == "CRITICAL" and "there is no such bucket" in result.first, result


def test_pages(make_bucket, look):
    """1,000 keys on a page, as in AWS: the only whole one is on the last."""
    make_bucket("pages", {"pg/%04d.sql" % number: DUMP if number == 1002 else CUT for number in range(1003)})
    result = look("pages", "pg/*.sql", "--settle", "0s", "--exclude", "0*.sql")
    assert result.state == "OK", result
    result = look("pages", "pg/*.sql", "--settle", "0s", "--exclude", "0*.sql", "--max-pages", "1")
    assert result.state != "OK" and "the listing is incomplete" in result.output, result


def test_deleted(client, make_bucket, look):
    """Behind a delete marker there is a version, and no backup that anybody sees."""
    make_bucket("deleted")
    client.put_bucket_versioning(Bucket="deleted", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="deleted", Key="pg/a.sql", Body=DUMP)
    assert look("deleted", "pg/*.sql", "--require", "versioning").state == "OK"
    client.delete_object(Bucket="deleted", Key="pg/a.sql")
    assert look("deleted", "pg/*.sql").state == "CRITICAL"


@pytest.mark.parametrize("status, state", [(None, "CRITICAL"), ("Suspended", "CRITICAL"), ("Enabled", "OK")])
def test_versioning(client, make_bucket, look, status, state):
    name = "versioning-" + str(status).lower()
    make_bucket(name, {"a.sql": DUMP})
    if status:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})
    result = look(name, "*.sql", "--require", "versioning")
    assert result.state == state and (state == "OK" or result.says("versioning is off")), result


def test_lock(client, make_bucket, look):
    make_bucket("unlocked", {"a.sql": DUMP})
    result = look("unlocked", "*.sql", "--require", "lock")
    assert result.state == "CRITICAL" and result.says("object lock is off"), result
    make_bucket("ruled", ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(Bucket="ruled", ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}})
    client.put_object(Bucket="ruled", Key="a.sql", Body=DUMP)
    result = look("ruled", "*.sql", "--require", "lock")
    assert result.state == "OK" and result.says("object lock is on"), result
    # Without a rule it depends on each object.
    make_bucket("locked", ObjectLockEnabledForBucket=True)
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
    client.put_object(Bucket="locked", Key="a.sql", Body=DUMP, ObjectLockMode="COMPLIANCE",
                      ObjectLockRetainUntilDate=until)
    result = look("locked", "*.sql", "--require", "lock")
    assert result.state == "UNKNOWN" and result.says("object lock"), result


def test_cold(client, make_bucket, look):
    """What has to be fetched out of an archive first is said."""
    make_bucket("cold")
    client.put_object(Bucket="cold", Key="a.sql", Body=DUMP, StorageClass="DEEP_ARCHIVE")
    result = look("cold", "*.sql", "--proof", "wellformed")
    assert result.state == "UNKNOWN" and result.says("it is archived"), result
    result = look("cold", "*.sql", "--proof", "sized")
    assert result.state == "OK" and result.says("DEEP_ARCHIVE"), result
    result = look("cold", "*.sql", "--proof", "sized", "--rto", "1h")
    assert result.state == "UNKNOWN" and result.says("how long a restore takes is not known"), result


def test_unfinished_upload(client, make_bucket, look):
    """moto dates all of them 2010."""
    make_bucket("uploads", {"pg/a.sql": DUMP})
    assert look("uploads", "pg/*.sql").state == "OK"
    client.create_multipart_upload(Bucket="uploads", Key="pg/b.sql")
    result = look("uploads", "pg/*.sql")
    assert result.state == "WARNING" and result.says("1 unfinished upload", "b.sql"), result
