# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness and many files: the list streams through, whatever its length, and costs little more than to read
it. `make bench` does the same with a million."""
import os
import sys
import time

import pytest

import check

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(HERE, os.pardir, "bench")
# Held to limits is the build with modules: a sanitizer keeps a shadow of all memory, and one file has every library.
LIMITED = "DR_SANITIZERS" not in os.environ and "DR_PLUGINS_MODULE_DIR" in os.environ
FILES, FOLDERS = 100000, 2000
# Seconds of CPU that a run takes on its own, with the files that are looked into.
OWN = 0.02
NOW = 1700000000
DUMP = b"--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
MIB = 1024


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """One each minute, the newest of ten minutes ago; two of them are dumps, the others have one byte."""
    root = tmp_path_factory.mktemp("many")
    here = os.open(str(root), os.O_RDONLY)
    for i in range(FILES):
        moment = NOW - 600 - 60 * i
        name = time.strftime("pg-%Y%m%dT%H%M%S.dump", time.gmtime(moment))
        file = os.open(name, os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=here)
        os.write(file, DUMP if i < 2 else b"x")
        os.utime(file, (moment, moment))
        os.close(file)
    os.close(here)
    return root


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Runs the check; the result has .kib, the most memory that it had, and .cpu, its seconds."""
    used = tmp_path / "used"

    def run(*arguments):
        measure = "/usr/bin/python3 -I -S %s %s" % (os.path.join(BENCH, "measure.py"), used)
        with monkeypatch.context() as patch:
            patch.setenv("DR_WRAPPER", "%s %s" % (measure, os.environ.get("DR_WRAPPER", "")))
            result = check.run("check_backup_freshness", "--timeout", "60s", "--zone", "UTC", *arguments,
                               environment={"DR_PLUGINS_NOW": repr(float(NOW))})
        _, cpu, kib = used.read_text().split()
        result.cpu, result.kib = float(cpu), int(kib)
        print(result, "%d KiB, %.2f s of CPU" % (result.kib, result.cpu))
        return result
    return run


def cpu_of(what):
    """The least CPU seconds that Python needs for it, of three."""
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        what()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def cheapest(run, limit):
    """Of up to three runs, until one is as cheap as that."""
    for _ in range(3):
        result = run()
        if result.cpu <= limit:
            break
    return result


def check_result(result):
    assert result.state == "OK" and result.says("can be restored to 10m"), result
    assert result.perfdata["exposure"] == 600, result


def test_names_first(many, measured):
    """A name says its moment: nothing is asked of files that are not among the newest."""
    bare = cpu_of(lambda: sum(1 for _ in os.scandir(str(many))))
    result = cheapest(lambda: measured("-T", "file://%s/pg-*.dump" % many, "--name-format", "pg-%Y%m%dT%H%M%S.dump",
                                       "--window", "1h"), bare * 1.3 + OWN)
    check_result(result)
    assert not LIMITED or result.kib < 10 * MIB and result.cpu <= bare * 1.3 + OWN, (result.kib, result.cpu, bare)


def test_details(many, measured):
    bare = cpu_of(lambda: sum(entry.stat().st_mtime for entry in os.scandir(str(many))))
    result = cheapest(lambda: measured("-T", "file://%s/pg-*.dump" % many, "--window", "1h"), bare * 1.2 + OWN)
    check_result(result)
    assert not LIMITED or result.kib < 10 * MIB and result.cpu <= bare * 1.2 + OWN, (result.kib, result.cpu, bare)


def test_a_whole_window_of_points(many, measured):
    """What is kept of a series has an end: the newest of them."""
    result = measured("-T", "file://%s/pg-*.dump" % many, "--name-format", "pg-%Y%m%dT%H%M%S.dump", "--window", "30d")
    assert result.perfdata["exposure"] == 600, result
    assert not LIMITED or result.kib < 10 * MIB, result.kib


def test_many_series(tmp_path, measured):
    for i in range(FOLDERS):
        folder = tmp_path / "backups" / ("host%d" % i)
        folder.mkdir(parents=True)
        path = folder / "pg.dump"
        path.write_bytes(DUMP)
        os.utime(str(path), (NOW - 600, NOW - 600))
    result = measured("-T", "file://%s/backups/*/*.dump" % tmp_path)
    check_result(result)
    assert not LIMITED or result.kib < 32 * MIB, result.kib
    assert sys.getsizeof(result.output) < 16 * 1024
    (tmp_path / "backups" / "host77" / "pg.dump").write_bytes(b"")
    os.utime(str(tmp_path / "backups" / "host77" / "pg.dump"), (NOW - 6000, NOW - 6000))
    result = measured("-T", "file://%s/backups/*/*.dump" % tmp_path)
    assert result.state == "CRITICAL" and result.says("host77"), result


def test_out_of_time(many, measured):
    """What was not seen to its end is no evidence."""
    result = measured("-T", "file://%s/*.dump" % many, "--timeout", "1ms")
    assert result.state != "OK", result
