# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own judgements: how long a run took."""

import check

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
