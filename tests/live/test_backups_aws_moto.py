# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness against moto, whose replies nobody here has written (its signatures are not verified: those are
test_backups_aws.py's)."""

import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lab"))

import moto as lab  # noqa: E402

RDS, EC2 = "2014-10-31", "2016-11-15"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="module")
def moto():
    if lab.missing():
        pytest.skip(lab.missing())
    with lab.Moto() as server:
        yield server


@pytest.fixture
def ask(moto, backup_freshness):
    def run(scheme, *arguments, more=""):
        return backup_freshness("-T", "%s://%s?endpoint=http://127.0.0.1:%d%s" % (scheme, lab.REGION, moto.port, more),
                                "--rpo", "26h", *arguments, environment=ENVIRONMENT)
    return run


def make_instance(moto, name, retention):
    moto.ask("rds", Action="CreateDBInstance", Version=RDS, DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro",
             Engine="postgres", AllocatedStorage=20, MasterUsername="lab", MasterUserPassword="lab-lab-lab",
             BackupRetentionPeriod=retention)


def test_disks(moto, ask):
    """A volume, its snapshot, and a copy, which is dated by when it was copied."""
    assert ask("ebs").state == "CRITICAL"
    volumes = [re.search("<volumeId>(.*?)<", moto.ask("ec2", Action="CreateVolume", Version=EC2, Size=1,
                                                      AvailabilityZone="eu-central-1a")).group(1) for _ in range(2)]
    result = ask("ebs")
    assert result.state == "CRITICAL" and "no backup" in result.first, result
    made = moto.ask("ec2", Action="CreateSnapshot", Version=EC2, VolumeId=volumes[0], Description="nightly",
                    **{"TagSpecification.1.ResourceType": "snapshot", "TagSpecification.1.Tag.1.Key": "Name",
                       "TagSpecification.1.Tag.1.Value": "orders"})
    name = re.search("<snapshotId>(.*?)<", made).group(1)
    result = ask("ebs")
    assert result.state == "OK" and volumes[0] in result.first and name in result.output, result
    assert "1 without any backup: %s" % volumes[1] in result.output and result.perfdata["points"] == 1, result
    result = ask("ebs", more="&tag=Name")
    assert result.state == "OK" and "orders" in result.first, result
    assert ask("ebs", more="&tag=Name%3Dother").state == "CRITICAL"


def test_databases(moto, ask):
    make_instance(moto, "orders", 7)
    result = ask("rds")
    assert result.state == "OK" and "orders can be restored to" in result.first, result
    moto.ask("rds", Action="CreateDBSnapshot", Version=RDS, DBInstanceIdentifier="orders", DBSnapshotIdentifier="by-hand")
    result = ask("rds")
    assert result.state == "OK" and result.perfdata["points"] >= 1, result
    result = ask("rds", "--expect", "invoices")
    assert result.state == "CRITICAL" and "invoices: no backup of it is there" in result.first, result


def test_deleted_database(moto, ask):
    make_instance(moto, "legacy", 7)
    moto.ask("rds", Action="DeleteDBInstance", Version=RDS, DBInstanceIdentifier="legacy", FinalDBSnapshotIdentifier="last",
             SkipFinalSnapshot="false")
    make_instance(moto, "live", 7)
    result = ask("rds")
    assert result.state == "OK" and "of what was deleted since" in result.output, result
