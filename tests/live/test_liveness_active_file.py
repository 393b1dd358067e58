# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness --active-file: real nginx in two sites; the file follows a failover, and stays as it is while nobody
can tell which site is active."""

import os
import re
import stat
import time

import pytest

ACTIVE = (200, "{}")
PASSIVE = (503, '{"role": "passive"}')
ODD = (503, "no server is available")
MARK = ["--passive", "status=503", "--passive", "/role=passive"]
NOBODY = 65534
NAMED = re.compile(r"# written by check_liveness at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n(\w+)\n")


class Sites:
    """prod and dr, and a check that writes the file."""
    def __init__(self, web, liveness, path):
        self.instances = {name: web.instance(name) for name in ("prod", "dr")}
        self.liveness = liveness
        self.path = path

    def run(self, prod, dr, *more):
        words = []
        for name, reply in (("prod", prod), ("dr", dr)):
            if reply is not None:
                self.instances[name].answer("/health", *reply)
            words += ["--site", "%s=%s" % (name, self.instances[name].uri("/health"))]
        return self.liveness(*words, *MARK, "--active-file", str(self.path), *more)

    def name(self):
        return NAMED.fullmatch(self.path.read_text()).group(1)


@pytest.fixture
def sites(web, liveness, tmp_path):
    return Sites(web, liveness, tmp_path / "active")


def test_it_follows(sites):
    assert sites.run(ACTIVE, PASSIVE).state == "OK"
    assert sites.name() == "prod"
    assert stat.S_IMODE(sites.path.stat().st_mode) == 0o644
    assert sites.run(PASSIVE, ACTIVE).state == "OK"
    assert sites.name() == "dr"
    # what is expected is the plan's matter; the file says what is
    assert sites.run(PASSIVE, ACTIVE, "--expect", "prod").state == "WARNING"
    assert sites.name() == "dr"
    assert os.listdir(str(sites.path.parent)) == ["active"]


def test_the_old_site_is_gone(sites):
    sites.run(ACTIVE, PASSIVE)
    sites.instances["prod"].stop()
    assert sites.run(None, PASSIVE).state == "CRITICAL"
    assert sites.name() == "prod"
    assert sites.run(None, ACTIVE).state == "WARNING"
    assert sites.name() == "dr"


@pytest.mark.parametrize("prod, dr, state", (
    (ACTIVE, ACTIVE, "CRITICAL"),
    (PASSIVE, PASSIVE, "CRITICAL"),
    (PASSIVE, ODD, "CRITICAL"),
))
def test_it_stays(sites, prod, dr, state):
    """Byte for byte, and with the time of the run that knew."""
    sites.run(ACTIVE, PASSIVE)
    before = sites.path.read_bytes(), sites.path.stat().st_mtime_ns
    assert sites.run(prod, dr).state == state
    assert (sites.path.read_bytes(), sites.path.stat().st_mtime_ns) == before


@pytest.mark.parametrize("prod, dr", ((ACTIVE, ACTIVE), (PASSIVE, PASSIVE)))
def test_nothing_is_written_of_what_is_not_known(sites, prod, dr):
    assert sites.run(prod, dr).state == "CRITICAL"
    assert not sites.path.exists()


def test_its_time_is_that_of_the_last_look(sites):
    sites.run(ACTIVE, PASSIVE)
    os.utime(str(sites.path), (1, 1))
    sites.run(ACTIVE, PASSIVE)
    assert abs(sites.path.stat().st_mtime - time.time()) < 3600


def cannot(sites, reason):
    result = sites.run(ACTIVE, PASSIVE)
    assert result.state == "UNKNOWN", result
    lines = [text for state, text in result.findings if state == "UNKNOWN"]
    assert len(lines) == 1 and lines[0].startswith("active-file: ") and reason in lines[0], result
    assert str(sites.path) in lines[0], result


def test_no_folder(sites):
    sites.path = sites.path / "deep" / "active"
    cannot(sites, "No such file")


def test_a_folder(sites):
    sites.path.mkdir()
    cannot(sites, "no regular file")


def test_a_symbolic_link(sites):
    other = sites.path.parent / "other"
    other.write_text("dr\n")
    sites.path.symlink_to(other)
    cannot(sites, "no regular file")
    assert other.read_text() == "dr\n" and sites.path.is_symlink()


def test_it_belongs_to_the_owner_of_the_folder(sites):
    """Who is not root can give nothing away, and owns both."""
    folder = sites.path.parent
    if os.geteuid() == 0:
        os.chown(str(folder), NOBODY, NOBODY)
    sites.run(ACTIVE, PASSIVE)
    assert sites.path.stat().st_uid == folder.stat().st_uid
