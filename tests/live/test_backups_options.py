# SPDX-License-Identifier: GPL-3.0-or-later
"""What check_backup_freshness refuses before it looks at anything: options and targets that are wrong."""

import pytest

TARGET = ("-T", "x=file:///nonexistent/backup")


def assert_refused(result, *words):
    lines = result.output.splitlines()
    assert result.state == "UNKNOWN" and lines[1].startswith("Usage: check_backup_freshness"), result
    for word in words:
        assert word in result.first, result


@pytest.mark.parametrize("option, words", (
    ("--zone=Mars/Phobos", "Mars/Phobos"),
    ("--zone=../../../etc/passwd", "../../../etc/passwd"),
    ("--zone=/etc/localtime", "/etc/localtime"),
    ("--zone=Europe", "Europe"),  # a folder: the C library would take it for UTC
    ("--name-format=%Y%m%d%Q", "position 7"),
    ("--name-format=%H%M", "it says no day"),
    ("--require=immutability", "immutability"),
    ("--expect=@/nonexistent", "/nonexistent: No such file"),
    ("--expect=@", "which file"),
    ("--min-size=-1", "not negative"),
    ("--min-count=-1", "whole number"),
    ("--stuck=0", "at least 1"),
    ("--max-pages=0", "at least 1"),
    ("--compare=restic+file:///x", "can be compared"),
    ("--state-dir=/nonexistent", "/nonexistent"),
))
def test_bad_option(backup_freshness, option, words):
    result = backup_freshness(*TARGET, option)
    if option.startswith("--state-dir"):  # no fault of the command line
        assert result.state == "UNKNOWN" and words in result.first, result
    else:
        assert_refused(result, option.split("=")[0], words)


def test_copies_and_targets(backup_freshness):
    """Which is the copy of which?"""
    result = backup_freshness("-T", "a=file:///nonexistent/a", "-T", "b=file:///nonexistent/b",
                              "--compare", "c=file:///nonexistent/c")
    assert_refused(result, "--compare", "1 copies for 2 targets")


@pytest.mark.parametrize("zone", ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"))
def test_zone(backup_freshness, zone):
    result = backup_freshness(*TARGET, "--zone", zone)
    assert result.state == "CRITICAL" and "no such directory" in result.first, result


@pytest.mark.parametrize("uri, words", (
    ("s3://", "s3://BUCKET/PATH"),
    ("s3://user:Zebra.9@bucket/x", "s3://BUCKET/PATH"),
    ("azure-blob://acct", "name of a container"),
    ("azure-files://acct", "name of a share"),
    ("json:///x.json", "time="),
    ("json://", "which document"),
    ("gcp-disk://", "which project"),
    ("do-database://orders", "UUID"),
    ("azure-sql://sub-1", "SUBSCRIPTION/RESOURCEGROUP/SERVER"),
    ("volume-snapshot://127.0.0.1:9", "which namespace"),
    ("elasticsearch://127.0.0.1:9", "which repository"),
    ("elasticsearch://127.0.0.1:9/_all", "one repository"),
    ("file://backup/pg", "three slashes"),
    ("file:///backup#pg", "%23"),
    ("file:///backup%00pg", "control character"),
    ("s3://bucket/%zz", "hexadecimal"),
))
def test_bad_target(backup_freshness, uri, words):
    result = backup_freshness("-T", uri)
    assert result.state == "UNKNOWN" and words in result.first, result
    assert "Zebra" not in result.output, result
