# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on dumps that are packed by real packers: whole, cut, damaged, cut before they were packed."""

import os
import shutil
import subprocess
import time

import pytest

import check

HOUR = 3600
LINES = "".join("INSERT INTO orders VALUES (%d, '%032x');\n" % (i, i * 2654435761 ** 3 % 2 ** 128) for i in range(2000))
HEAD = "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n"
DUMP = (HEAD + LINES + "\n--\n-- PostgreSQL database dump complete\n--\n\n").encode()
PACKERS = {  # ending: (command, its name)
    "gz": (["gzip", "-c"], "gzip"),
    "pigz.gz": (["pigz", "-c", "-p", "2", "-b", "32"], "gzip"),
    "zst": (["zstd", "-q", "-c"], "zstd"),
    "rsyncable.zst": (["zstd", "-q", "-c", "--rsyncable", "-T2"], "zstd"),
    "xz": (["xz", "-0", "-c"], "xz"),
    "bz2": (["bzip2", "-c"], "bzip2"),
    "lz4": (["lz4", "-q", "-c"], "lz4"),
}


def pack(content, ending):
    return subprocess.run(PACKERS[ending][0], input=content, stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture
def backup(tmp_path, backup_freshness):
    """backup(name, content, hours): a file that was written so long ago. backup.look(...): the check on all of them."""
    folder = tmp_path / "dumps"
    folder.mkdir()

    def add(name, content, hours=1):
        path = folder / name
        path.write_bytes(content)
        moment = time.time() - hours * HOUR
        os.utime(path, (moment, moment))

    add.look = lambda *arguments, **options: backup_freshness(
        "--target", "dumps=file://%s/" % folder, *arguments, **options)
    return add


@pytest.mark.parametrize("ending", sorted(PACKERS))
@pytest.mark.parametrize("proof", ["wellformed", "checksummed"])
def test_whole(backup, ending, proof):
    backup("orders.sql." + ending, pack(DUMP, ending))
    result = backup.look("--proof", proof)
    assert result.state == "OK", result
    assert result.says("%s of pg_dump plain" % PACKERS[ending][1], "checksums fit"), result


def test_unpacker_is_missing(backup, tmp_path):
    """What unpacks is a module of its own: without it nothing is known of the content, and that is said."""
    modules = os.environ.get("DR_PLUGINS_MODULE_DIR")
    if modules:  # else it is a part of the executable
        shutil.copy(os.path.join(modules, "backups-file.so"), str(tmp_path))
    backup("orders.sql.gz", pack(DUMP, "gz"))
    result = backup.look(environment={"DR_PLUGINS_MODULE_DIR": str(tmp_path)})
    assert result.state == ("UNKNOWN" if modules else "OK"), result
    assert not modules or result.says("backups-unpack.so is not installed", "zlib1g"), result


@pytest.mark.parametrize("ending", sorted(PACKERS))
def test_in_a_row(backup, ending):
    """Two streams, one behind the other, are one content."""
    backup("orders.sql." + ending, pack(DUMP[:30000], ending) + pack(DUMP[30000:], ending))
    result = backup.look()
    assert result.state == "OK" and result.says("%s of pg_dump plain" % PACKERS[ending][1]), result


@pytest.mark.parametrize("ending", sorted(PACKERS))
def test_cut(backup, ending):
    whole = pack(DUMP, ending)
    for size in (len(whole) - 1, len(whole) - 5, len(whole) // 2, 40):
        backup("orders.sql." + ending, whole[:size])
        result = backup.look()
        assert result.state == "CRITICAL", (size, result)
        assert "no usable backup" in result.first, (size, result)


def test_the_one_before_it_counts(backup):
    """A newest one that is cut is none: what can be restored is what was made before."""
    backup("orders-1.sql.zst", pack(DUMP, "zst"), hours=20)
    backup("orders-2.sql.zst", pack(DUMP, "zst")[:-9], hours=1)
    result = backup.look("--rpo", "24h", "--window", "1h")
    assert result.perfdata["exposure"] == pytest.approx(20 * HOUR, abs=60), result
    assert result.says("orders-2.sql.zst"), result


@pytest.mark.parametrize("ending", sorted(PACKERS))
def test_cut_before_it_was_packed(backup, ending):
    """The dump was killed, the packer behind it ended well."""
    backup("orders.sql." + ending, pack(DUMP[:-200], ending))
    result = backup.look()
    assert result.state == "CRITICAL" and "no usable backup" in result.first, result


@pytest.mark.parametrize("ending", sorted(PACKERS))
def test_nothing_in_it(backup, ending):
    """The dump failed at once, the packer packed nothing."""
    backup("orders.sql." + ending, pack(b"", ending))
    result = backup.look()
    assert result.state == "CRITICAL" and result.says("nothing is packed in it"), result


@pytest.mark.parametrize("ending", sorted(PACKERS))
def test_an_error_message_in_it(backup, ending):
    backup("orders.sql." + ending, pack(b'pg_dump: error: connection to "db1" failed: no route to host\n', ending))
    result = backup.look()
    assert result.state == "CRITICAL" and result.says("no route to host"), result


@pytest.mark.parametrize("ending", sorted(PACKERS))
def test_damaged(backup, ending):
    whole = bytearray(pack(DUMP, ending))
    whole[len(whole) // 2] ^= 0x10
    backup("orders.sql." + ending, bytes(whole))
    result = backup.look("--proof", "checksummed")
    assert result.state == "CRITICAL" and result.says("damaged"), result


@pytest.mark.parametrize("ending", sorted(PACKERS))
def test_something_behind_it(backup, ending):
    backup("orders.sql." + ending, pack(DUMP, ending) + b"Killed\n")
    result = backup.look()
    assert result.state == "CRITICAL" and "no usable backup" in result.first, result


def test_another_kind_than_its_name(backup):
    """A .gz that is none: what counts is what is in it."""
    backup("orders.sql.gz", DUMP)
    assert backup.look().state == "OK"
    backup("orders.sql.gz", b"pg_dump: error: out of memory\n")
    result = backup.look()
    assert result.state == "CRITICAL", result


def test_what_is_in_it_may_be_unknown(backup):
    """Well packed is evidence, whatever it is."""
    backup("orders.bin.gz", pack(bytes(range(256)) * 40, "gz"))
    result = backup.look()
    assert result.state == "OK" and result.says("gzip", "checksums fit"), result


@pytest.mark.parametrize("less", [0, 5000])
def test_longer_than_the_time_there_is(backup, less):
    """Its pace says soon that there will not be time for all of it: then its end is looked at by itself, and what was not
    seen is not said to be there."""
    member = pack(b"INSERT INTO t VALUES (0);\n" * 4000000, "gz")
    whole = pack(HEAD.encode(), "gz") + member * 400
    backup("orders.sql.gz", whole[:len(whole) - less])
    result = backup.look("--timeout", "3")
    if less:
        assert result.state == "UNKNOWN" and result.says("orders.sql.gz", "give --timeout", "not proven"), result
    else:
        assert result.state == "OK", result
        assert result.says("well-formed", "the end of what is in it was not (--timeout)"), result
    assert result.within(3), result


def test_zip(backup, tmp_path):
    (tmp_path / "orders.sql").write_bytes(DUMP)
    subprocess.run(["zip", "-qj", str(tmp_path / "orders.zip"), str(tmp_path / "orders.sql")], check=True)
    whole = (tmp_path / "orders.zip").read_bytes()
    backup("orders.zip", whole)
    result = backup.look()
    assert result.state == "OK" and result.says("zip"), result
    for size in (len(whole) - 1, len(whole) // 2):
        backup("orders.zip", whole[:size])
        assert backup.look().state == "CRITICAL", size


def has_modules():
    """Whether the executable loads what unpacks; else that is linked in."""
    with open(check.executable("check_backup_freshness"), "rb") as file:
        return b"libzstd.so" not in file.read()


@pytest.mark.parametrize("ending, package", [("gz", "zlib1g"), ("zst", "libzstd1")])
def test_without_the_module(backup, tmp_path, ending, package):
    """What cannot be unpacked here is not said to be whole, nor to be cut."""
    modules = tmp_path / "modules"
    modules.mkdir()
    there = os.environ["DR_PLUGINS_MODULE_DIR"] if has_modules() else str(modules)
    for name in os.listdir(there):
        if name.endswith(".so") and name != "backups-unpack.so":
            os.symlink(os.path.join(there, name), str(modules / name))
    backup("orders.sql." + ending, pack(DUMP, ending))
    result = backup.look(environment={"DR_PLUGINS_MODULE_DIR": str(modules)})
    if has_modules():
        assert result.state == "UNKNOWN", result
        assert result.says("%s cannot be unpacked here" % PACKERS[ending][1], package), result
    else:
        assert result.state == "OK", result
