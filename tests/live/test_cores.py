# SPDX-License-Identifier: GPL-3.0-or-later
"""The cores of cores.py have the quirks of the real ones."""

import pytest

import cores

# ---- Nagios Core ----


@pytest.mark.parametrize("output,short,long,perfdata", (
    ("", "", "", ""),
    ("X OK - fine\n", "X OK - fine", "", ""),
    ("X OK - fine | a=1\n", "X OK - fine", "", "a=1"),
    ("X OK - a; b | a=1;2;3\n", "X OK - a: b", "", "a=1;2;3"),             # ";" of the text, not of the perfdata
    ("first\nsecond; x\nthird\n", "first", "second; x\nthird", ""),
    ("first | a=1\nsecond | b=2\nthird c=3\n", "first", "second ", "a=1  b=2 third c=3"),  # all the rest is perfdata
    ("first\n| b=2\n", "first", "", "b=2"),
    ("first | a=1 | b=2\n", "first", "", "a=1 | b=2"),                     # only the first one separates
    ("| a=1\n", "a=1", "", ""),                                            # strtok skips a leading separator
))
def test_nagios(output, short, long, perfdata):
    assert cores.nagios(output) == (short, long, perfdata)


# ---- Icinga 2 ----

@pytest.mark.parametrize("output,short,long,perfdata", (
    ("X OK - fine | a=1\n", "X OK - fine ", "", ["a=1"]),
    ("first | a=1\nsecond | b=2\nthird\n", "first ", "second \nthird", ["a=1", "b=2"]),   # each line by itself
    ("a | b\n", "a | b", "", []),                                          # no "=": it belongs to the text
    ("x = 1 | b\n", "x = 1 | b", "", []),                                  # a "=" before it does not help
))
def test_icinga2(output, short, long, perfdata):
    assert cores.icinga2(output) == (short, long, perfdata)


def test_icinga2_prefix():
    assert cores.icinga2_split("fe80::1_lag=1 b=2") == ["fe80::1_lag=1", "fe80::b=2"]


def test_icinga2_two_blanks():
    """A line that ends or begins with a blank beside its "|": until 2.13 that blank is part of the next label."""
    assert cores.icinga2("x | a=1\n| b=2\n").perfdata == ["a=1", "b=2"]
    assert cores.icinga2("x | a=1\n| b=2\n", before_2_14=True).perfdata == ["a=1", "' b'=2"]
    assert cores.icinga2("x | a=1\n|b=2\n", before_2_14=True).perfdata == ["a=1", "b=2"]


def test_icinga2_quotes():
    assert cores.icinga2_split("'a b'=1 'c'=2 'it''s'=3") == ["'a b'=1", "c=2", "it''s=3"]


@pytest.mark.parametrize("text,expected", (
    ("a=1s", ("a", 1.0, "seconds", None, None, None, None)),
    ("a=1m;2", ("a", 60.0, "seconds", 120.0, None, None, None)),           # minutes
    ("a=5;10:;~:3;0;9", ("a", 5.0, "", None, None, 0.0, 9.0)),             # ranges are no thresholds
    ("a=5;@1:2;7", ("a", 5.0, "", None, 7.0, None, None)),
    ("a=5furlongs;6", ("a", 5.0, "", 6.0, None, None, None)),              # unknown unit: dropped
    ("a=7c", ("a", 7.0, "", None, None, None, None)),
))
def test_icinga2_datum(text, expected):
    assert cores.icinga2_datum(text) == expected


@pytest.mark.parametrize("text", ("a=U", "a=1,5", "a=", "a", "a=1;2,5"))
def test_icinga2_refuses(text):
    with pytest.raises(ValueError):
        cores.icinga2_datum(text)


# ---- the guidelines ----

def test_guidelines():
    data = cores.guidelines("a=1s;2;3;0 'b c'=-4.5%;@1:2;~:3 'it''s'=7c;10:;:4;;9")
    assert [datum.label for datum in data] == ["a", "b c", "it's"]
    assert data[0] == ("a", 1.0, "s", "2", "3", "0", "")
    assert data[1] == ("b c", -4.5, "%", "@1:2", "~:3", "", "")


@pytest.mark.parametrize("perfdata", ("a", "a=", "a=U", "a=1e3", "a=1,5", "a b=1", "a=1x", "a=1;x", "=1", "a=b=1", "a=1;2;3;4;5;6",
                                      "a=1 | b=2", "'a=b'=1"))
def test_guidelines_refuse(perfdata):
    with pytest.raises(ValueError):
        cores.guidelines(perfdata)
