# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own judgements: how long a run took, and what a test is worth that passes when it is run again."""

import os
import signal
import subprocess
import sys
import time

import pytest

import check
import everything
from postgresql import wait_until
from program import process_state

pytestmark = pytest.mark.one_build
LIMIT = 1.0


def result(beyond, first="REPLICATION CRITICAL - db1: no answer within 0.5 s", code=2):
    """A run that took so much longer than it may."""
    return check.Result(["check"], code, first + "\n", LIMIT + check.SLACK + beyond)


def test_in_time():
    assert result(-0.1).within(LIMIT)
    assert not result(0.1).within(LIMIT)


def test_the_quickest_of_three():
    def runs(first, *others):
        others = list(others)
        whole = result(first)
        whole.again = lambda: result(others.pop(0))
        return whole
    assert runs(0.5, 0.1, -0.1).within(LIMIT)
    assert runs(0.5, -0.1).within(LIMIT)
    assert not runs(0.5, 0.1, 0.1, -0.1).within(LIMIT)


def test_another_run_proves_nothing():
    """The peer is gone by then: refused at once."""
    for changes in ({"first": "REPLICATION CRITICAL - db1: connection refused"}, {"code": 3}):
        late = result(0.5)
        late.again = lambda changes=changes: result(-1, **changes)
        assert not late.within(LIMIT)
    late = result(0.5)
    late.again = lambda: result(-1, first="REPLICATION CRITICAL - db1: no answer within 0.7 s")
    assert late.within(LIMIT)


def test_measured_otherwise():
    last = [LIMIT + check.SLACK + 1]

    def again():
        last[0] = LIMIT
        return result(5)
    late = result(5)
    late.again = again
    assert late.within(LIMIT, lambda: last[0])


# ---- everything.py ----

@pytest.fixture
def every(tmp_path):
    """everything.Everything with a build in which there is one executable that nobody runs."""
    every = everything.Everything(tmp_path / "check")
    plugins = every.modules / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "check_nothing").write_text("#!/bin/sh\n")
    (plugins / "check_nothing").chmod(0o755)
    return every


def run_twice(every, tmp_path, text):
    """A lane of one file of tests, and then those again that failed."""
    path = tmp_path / "test_lane.py"
    path.write_text("import pathlib\nhere = pathlib.Path(%r)\n%s" % (str(tmp_path), text))
    every.part("lane", lambda part: everything.pytest(part, every.modules, path))
    every.run_again(list(every.parts))
    return [(part.passed, part.failed) for part in every.parts]


LATE = """
def test_late():
    if not (here / "late").exists():
        (here / "late").touch()
        assert False
def test_fine():
    (here / "fine").touch(exist_ok=False)
"""


def test_what_passes_when_run_again(every, tmp_path, capsys):
    """It is green, and it is named, with the log of how it failed; what was fine is not run again."""
    assert run_twice(every, tmp_path, LATE) == [(1, 0), (1, 0)]
    assert len(every.late) == 1 and every.late[0].startswith("test_lane::test_late ("), every.late
    assert "assert False" in every.parts[0].output() and str(every.parts[0].log) in every.late[0]
    assert "again, by themselves: lane" in capsys.readouterr().out


def test_what_fails_again(every, tmp_path):
    """A test that fails once in its call and once in its end is one; what fails in its set-up is run again as well."""
    assert run_twice(every, tmp_path, LATE + """
import pytest
@pytest.fixture
def ends_badly():
    yield
    assert False
@pytest.fixture
def starts_badly():
    assert False
def test_bad(ends_badly):
    assert False
def test_never(starts_badly):
    pass
""") == [(1, 0), (1, 2)]
    assert len(every.late) == 1, every.late


def test_what_fails_in_masses_is_not_run_again(every, tmp_path):
    count = everything.AGAIN_MAX + 1
    assert run_twice(every, tmp_path, """
import pytest
@pytest.mark.parametrize("number", range(%d))
def test_bad(number):
    assert False
""" % count) == [(0, count)]


def test_skipped_is_failed(every, tmp_path):
    assert run_twice(every, tmp_path, "import pytest\ndef test_bad():\n    pytest.skip()\n") == [(0, 1)]


LANES = """
import sys
sys.path.insert(0, %r)
import everything, pathlib, signal
signal.signal(signal.SIGTERM, everything.interrupt)
here = pathlib.Path(sys.argv[1])
def lane(number):
    part = everything.Part(here, "lane %%d" %% number)
    part.run("sh", "-c", "trap : TERM; echo $$ >pid%%d; sleep 1000 & echo $! >child%%d; wait; touch ended%%d" %% (
        number, number, number), cwd=here)
    part.run("touch", here / "next")
(here / "logs").mkdir()
everything.lanes([lambda: lane(1)], [lambda: lane(2)])
"""


def test_interrupted(tmp_path):
    """Every lane's command is told, with all that it has started; nothing more is started, and nothing stays."""
    run = subprocess.Popen([sys.executable, "-c", LANES % os.path.dirname(everything.__file__), str(tmp_path)],
                           stderr=subprocess.PIPE)
    files = [tmp_path / (name + number) for number in "12" for name in ("pid", "child")]
    wait_until(lambda: all(path.exists() and path.read_text().endswith("\n") for path in files), "both lanes run")
    pids = [int(path.read_text()) for path in files]
    began = time.monotonic()
    run.send_signal(signal.SIGTERM)
    errors = run.communicate(timeout=everything.GRACE)[1].decode()
    assert run.returncode != 0 and "KeyboardInterrupt: signal 15" in errors, errors
    assert time.monotonic() - began < everything.GRACE / 2, "nobody is waited for who has ended"
    assert all(process_state(pid)[0] in (None, "Z") for pid in pids), pids
    assert (tmp_path / "ended1").exists() and (tmp_path / "ended2").exists(), "in good order"
    assert not (tmp_path / "next").exists()


def test_lanes_share_what_there_is():
    done = []
    everything.share(3, [lambda lane, number=number: done.append((lane, number)) for number in range(50)])
    assert sorted(number for _, number in done) == list(range(50)) and {lane for lane, _ in done} <= {0, 1, 2}

    def fail(_):
        raise OSError("no such file")
    with pytest.raises(OSError):
        everything.share(2, [fail])
    assert not everything.RUNNING.stopped, "only a signal ends everything"
