# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness --compare: is everything of a source in its copy? Directories here, name by name."""

import os
import shutil
import subprocess
import time

import pytest

DAY = 86400
COUNT = 1000


class Sites:
    """A source and its copy, with times that a copy job has kept."""

    def __init__(self, folder):
        self.prod = folder / "prod"
        self.dr = folder / "dr"
        self.now = time.time()
        self.prod.mkdir()

    def write(self, site, name, content, days):
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        moment = self.now - days * DAY
        os.utime(path, (moment, moment))

    def fill(self, count=COUNT):
        for i in range(count):
            self.write(self.prod, "%02d/f-%04d.bin" % (i % 10, i), b"x" * (600 + i % 9 * 10), 3)
        self.write(self.prod, "newest.bin", b"y" * 50, 0.1)

    def copy(self):
        subprocess.run(["cp", "-a", str(self.prod), str(self.dr)], check=True)


@pytest.fixture
def sites(tmp_path):
    return Sites(tmp_path)


@pytest.fixture
def lock(monkeypatch):
    """Makes a directory one that may not be read: for root, too."""
    if os.geteuid() == 0:
        monkeypatch.setenv("DR_WRAPPER", "/usr/bin/setpriv --bounding-set=-dac_override,-dac_read_search "
                           "--inh-caps=-dac_override,-dac_read_search " + os.environ.get("DR_WRAPPER", ""))
        return lambda path: os.chown(str(path), 1, 1) or path.chmod(0)
    return lambda path: path.chmod(0)


@pytest.fixture
def compare(sites, backup_freshness):
    """What is compared counts here, not what is in the files."""
    def run(*arguments, prod="", dr="", **options):
        return backup_freshness("--target", "prod=file://%s/%s" % (sites.prod, prod), "--compare",
                                "dr=file://%s/%s" % (sites.dr, dr), "--proof", "none", "--rpo", "4d", "--window", "1h",
                                *arguments, **options)
    return run


def about_copy(result):
    found = [pair for pair in result.findings if pair[1].startswith("prod to ")]
    assert len(found) == 1, result
    return found[0]


def test_all_is_there(sites, compare):
    sites.fill()
    sites.copy()
    result = compare()
    state, text = about_copy(result)
    assert result.state == "OK" and state == "OK", result
    assert "1001 of 1001 objects and 100 % of the bytes are in dr" in text, result
    assert "only there" not in text, result
    assert result.perfdata["prod_copy_missing"] == 0, result
    assert result.perfdata["prod_copy_lag"] == 0, result


def test_missing_and_different(sites, compare):
    """Three are missing, two are different; the oldest of them says how far behind the copy is."""
    sites.fill()
    sites.copy()
    for name in ("00/f-0000.bin", "05/f-0555.bin", "09/f-0999.bin"):
        os.remove(sites.dr / name)
    sites.write(sites.dr, "01/f-0001.bin", b"short", 3)
    sites.write(sites.prod, "02/f-0002.bin", (sites.prod / "02/f-0002.bin").read_bytes(), 2)  # written again, as long
    sites.write(sites.prod, "05/f-0555.bin", (sites.prod / "05/f-0555.bin").read_bytes(), 5)
    result = compare()
    state, text = about_copy(result)
    assert result.state == "CRITICAL" and state == "CRITICAL", result
    assert "5 objects" in text and "05/f-0555.bin, for 5d" in text, result
    assert "996 of 1001 objects" in text, result
    assert result.perfdata["prod_copy_missing"] == 5, result
    assert result.perfdata["prod_copy_lag"] == pytest.approx(5 * DAY, abs=60), result


def test_still_on_its_way(sites, compare):
    """The newest, which has not been copied yet, is within the RPO: that is how a copy job works."""
    sites.fill(20)
    sites.copy()
    os.remove(sites.dr / "newest.bin")
    result = compare()
    state, text = about_copy(result)
    assert result.state == "OK" and state == "OK", result
    assert "1 objects" in text and "20 of 21 objects" in text, result


def test_extra(sites, compare):
    """What was deleted in the source since is still in the copy: no fault."""
    sites.fill(20)
    sites.copy()
    sites.write(sites.dr, "old/f.bin", b"old", 90)
    sites.write(sites.dr, "0", b"old", 90)
    result = compare()
    assert result.state == "OK" and "2 more are only there" in about_copy(result)[1], result


def test_only_small_ones_were_copied(sites, compare):
    """A copy job that fails at each large file, and says nothing of that: most objects, and few of the bytes."""
    sites.fill(90)
    for i in range(10):
        sites.write(sites.prod, "large/f-%d.bin" % i, b"z" * 100000, 120 - i)
    sites.copy()
    shutil.rmtree(sites.dr / "large")
    result = compare()
    state, text = about_copy(result)
    assert result.state == "CRITICAL" and state == "CRITICAL", result
    assert "large/f-0.bin, for 120d" in text and "91 of 101 objects and 5 % of the bytes" in text, result


def test_a_copy_that_keeps_no_times(sites, compare):
    """Copied objects are newer than their source, in most stores."""
    sites.fill(50)
    sites.copy()
    for path in sites.dr.rglob("*.bin"):
        os.utime(path)
    assert compare().state == "OK"


@pytest.mark.parametrize("made", [False, True])
def test_empty_copy(sites, compare, made):
    """Empty, or not there: either way nothing of the source is in it, and that is never OK."""
    sites.fill(20)
    if made:
        sites.dr.mkdir()
    result = compare("--rpo", "2d")
    state, text = about_copy(result)
    assert result.state == "CRITICAL" and state == "CRITICAL", result
    assert "0 of 21 objects and 0 % of the bytes" in text, result
    assert result.perfdata["prod_copy_missing"] == 21, result


def test_empty_source(sites, compare):
    """A source that is not mounted would agree with any copy."""
    sites.fill(20)
    sites.copy()
    shutil.rmtree(sites.prod)
    sites.prod.mkdir()
    result = compare()
    assert result.state == "CRITICAL", result
    assert about_copy(result)[0] != "OK", result


@pytest.mark.parametrize("site", ["prod", "dr"])
def test_unreadable_part(sites, compare, site, lock):
    """What could not be listed is not missing, and not there."""
    sites.fill(50)
    sites.copy()
    closed = getattr(sites, site) / "07"
    lock(closed)
    result = compare()
    closed.chmod(0o755)
    assert result.state == "UNKNOWN", result
    assert result.says("could not be read", "07") and about_copy(result)[0] == "UNKNOWN", result
    assert "prod_copy_missing" not in result.perfdata, result


def test_only_some(sites, compare):
    """--include, --exclude and the pattern of the target are for both sides."""
    sites.fill(20)
    sites.write(sites.prod, "x.log", b"log", 40)
    sites.write(sites.prod, "07/x.log", b"log", 40)
    sites.copy()
    os.remove(sites.dr / "x.log")
    os.remove(sites.dr / "07/x.log")
    assert compare().state == "CRITICAL"
    assert compare("--include", "*.bin").state == "OK"
    assert compare("--exclude", "*.log").state == "OK"
    result = compare(prod="**/*.bin", dr="**/*.bin")
    assert result.state == "OK" and "21 of 21" in about_copy(result)[1], result


def test_links_are_not_compared(sites, compare):
    sites.fill(10)
    sites.copy()
    os.symlink("newest.bin", sites.prod / "latest")
    assert compare().state == "OK"


def test_names_in_byte_order(sites, compare):
    """"a/b" is behind "a-b" and "a.b" and in front of "a0b", wherever the parts end."""
    for name in ("a/b", "a-b", "a.b", "a0b", "a/c/d", "a/c-d", "ab", "A/z", "a b", "\u00e4/\u00f6"):
        sites.write(sites.prod, name, b"x", 1)
    sites.copy()
    result = compare("--rpo", "2d")
    assert result.state == "OK" and "10 of 10 objects" in about_copy(result)[1], result
    sites.write(sites.dr, "a/a", b"x", 1)
    os.remove(sites.dr / "a0b")
    result = compare("--rpo", "1h")
    assert result.perfdata["prod_copy_missing"] == 1 and result.says("a0b"), result


def test_two_pairs(sites, backup_freshness, tmp_path):
    """The first copy goes with the first target."""
    sites.fill(5)
    sites.copy()
    (tmp_path / "other").mkdir()
    other = Sites(tmp_path / "other")
    other.fill(7)
    other.copy()
    os.remove(other.dr / "newest.bin")
    result = backup_freshness("--target", "a=file://%s/" % sites.prod, "--target", "b=file://%s/" % other.prod,
                              "--compare", "x=file://%s/" % sites.dr, "--compare", "y=file://%s/" % other.dr,
                              "--proof", "none", "--rpo", "1h", "--window", "10m")
    assert result.perfdata["a_copy_missing"] == 0 and result.perfdata["b_copy_missing"] == 1, result
