# SPDX-License-Identifier: GPL-3.0-or-later
"""contrib/ranges/refresh: a list of networks is taken as a whole or not at all. Nobody is asked: the lists are files,
and curl is a stand-in. And what check_dns_target says of such a list."""

import datetime
import ipaddress
import os
import subprocess

import pytest

from dns_servers import ZONE

HERE = os.path.dirname(os.path.abspath(__file__))
RANGES = os.path.join(HERE, os.pardir, os.pardir, "contrib", "ranges")
OLD = "# as-of: 2020-01-01\n192.0.2.0/24\n"
FOUR = "198.51.100.0/24\n203.0.113.128/25\n10.0.0.0/8"
SIX = "2001:db8::/32\n2001:DB8:1:8000::/49\n::1/128\n1:2:3:4:5:6:7:8/128\n2a06:98c0::/29"


@pytest.fixture
def folder(tmp_path):
    """An old list, and two that were fetched."""
    (tmp_path / "list").write_text(OLD)
    (tmp_path / "v4").write_text(FOUR)
    (tmp_path / "v6").write_text(SIX)
    return tmp_path


def refresh(*words, path="/usr/bin:/bin", temporary="/tmp"):
    return subprocess.run([os.path.join(RANGES, "refresh")] + [str(word) for word in words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False,
                          env={"PATH": path, "TMPDIR": str(temporary)}, universal_newlines=True)


def lines(path):
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def dates():
    """Today, and what was today when the test began to run."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"# as-of: " + (now - datetime.timedelta(minutes=back)).strftime("%Y-%m-%d") for back in (0, 5)}


def refused(done, folder, *words):
    assert done.returncode == 1, done
    assert done.stdout == "" and done.stderr.count("\n") == 1 and done.stderr.startswith("refresh: "), done
    for word in words:
        assert word in done.stderr, done
    assert (folder / "list").read_text() == OLD
    assert not [name for name in os.listdir(str(folder)) if name.startswith("list.")]


def test_the_list_that_is_shipped():
    with open(os.path.join(RANGES, "cloudflare.txt"), encoding="ascii") as file:
        text = file.read()
    networks = [ipaddress.ip_network(line) for line in text.splitlines() if not line.startswith("#")]
    assert [sum(network.version == version for network in networks) for version in (4, 6)] == [15, 7]
    assert "\n# as-of: 2" in text and "\n# origin: hidden\n" in text


def test_a_new_list(folder):
    done = refresh("--from", folder / "v4", folder / "v6", folder / "list")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert lines(folder / "list") == (FOUR + "\n" + SIX).splitlines()
    said = (folder / "list").read_text().splitlines()
    assert dates() & set(said) and "# origin: hidden" in said
    assert (folder / "list").stat().st_mode & 0o777 == 0o644
    assert sorted(os.listdir(str(folder))) == ["list", "v4", "v6"]


def test_the_first_list(folder):
    (folder / "list").unlink()
    assert refresh("--from", folder / "v4", folder / "v6", folder / "list").returncode == 0
    assert len(lines(folder / "list")) == 8


def test_lines_of_another_system(folder):
    (folder / "v4").write_text("192.0.2.0/24\r\n\r\n198.51.100.0/24\r\n")
    assert refresh("--from", folder / "v4", folder / "v6", folder / "list").returncode == 0
    assert lines(folder / "list")[:2] == ["192.0.2.0/24", "198.51.100.0/24"]


@pytest.mark.parametrize("name, text, words", (
    ("v4", "", ["empty"]),
    ("v6", "\n\n", ["empty"]),
    ("v4", "<!DOCTYPE html>\n<html><body>Sorry, you have been blocked</body></html>\n", [":1:", "<!DOCTYPE html>"]),
    ("v4", "192.0.2.0/24\n192.0.2.1/24\n", [":2:", "192.0.2.1/24", "behind its prefix"]),
    ("v4", "192.0.2.0/24\n192.0.300.0/24\n", [":2:", "no network of IPv4"]),
    ("v4", "192.0.2.0/24 \n", [":1:", "no network"]),
    ("v4", "192.0.2.0\n", [":1:", "no network"]),
    ("v4", "192.0.2.0/\n", [":1:", "no network"]),
    ("v4", "192.0.2/24\n", [":1:", "no network"]),
    ("v4", "010.0.0.0/8\n", [":1:", "no network"]),
    ("v4", "192.0.2.0/024\n", [":1:", "no network"]),
    ("v4", "192.0.2.0/33\n", [":1:", "size"]),
    ("v4", "0.0.0.0/0\n", [":1:", "no network"]),
    ("v4", "0.0.0.0/1\n", [":1:", "size"]),
    ("v4", SIX, [":1:", "no network of IPv4"]),
    ("v6", FOUR, [":1:", "no network of IPv6"]),
    ("v6", "2001:db8::/32\n2001:db8::1/32\n", [":2:", "behind its prefix"]),
    ("v6", "2001:db8:8000::/32\n", [":1:", "behind its prefix"]),
    ("v6", "2001:db8:1:8000::/48\n", [":1:", "behind its prefix"]),
    ("v6", "2a06:98c1::/31\n", [":1:", "behind its prefix"]),
    ("v6", "2001:db8::1::/64\n", [":1:", "no network"]),
    ("v6", "2001:db8:::/64\n", [":1:", "no network"]),
    ("v6", ":2001:db8::/64\n", [":1:", "no network"]),
    ("v6", "1:2:3:4:5:6:7/112\n", [":1:", "no network"]),
    ("v6", "1:2:3:4:5:6:7::8/128\n", [":1:", "no network"]),
    ("v6", "1:2:3:4:5:6:7:8:9/128\n", [":1:", "no network"]),
    ("v6", "20010:db8::/32\n", [":1:", "no network"]),
    ("v6", "2001:dbg::/32\n", [":1:", "no network"]),
    ("v6", "2001:db8::/129\n", [":1:", "size"]),
    ("v6", "::/0\n", [":1:", "no network"]),
))
def test_anything_that_is_wrong(folder, name, text, words):
    (folder / name).write_text(text)
    done = refresh("--from", folder / "v4", folder / "v6", folder / "list")
    refused(done, folder, str(folder / name), *words)


@pytest.mark.parametrize("words", (
    ["--from"], ["--from", "v4"], ["--from", "v4", "v6", "list", "more"], ["--form", "v4", "v6"], ["-h"],
))
def test_bad_words(folder, words):
    refused(refresh(*[folder / word if word in ("v4", "v6", "list") else word for word in words]), folder)


def test_files_that_are_not_there(folder):
    refused(refresh("--from", folder / "none", folder / "v6", folder / "list"), folder, "none", "cannot be read")
    refused(refresh("--from", folder / "v4", folder, folder / "list"), folder, "cannot be read")
    refused(refresh("--from", folder / "v4", folder / "v6", folder / "none" / "list"), folder, "cannot be written")
    refused(refresh("--from", folder / "v4", folder / "v6", folder), folder, "no regular file")


# ---- what is fetched ----

def curl(folder, script):
    """A folder in which curl is this script; $out is the file that it writes, $url what it is asked for."""
    tools = folder / "tools"
    tools.mkdir()
    (folder / "work").mkdir()
    (tools / "curl").write_text("#!/bin/sh\nwhile [ $# -gt 1 ]; do [ \"$1\" != --output ] || out=$2; shift; done\nurl=$1\n"
                                + script)
    (tools / "curl").chmod(0o755)
    return dict(path="%s:/usr/bin:/bin" % tools, temporary=folder / "work")


def test_what_is_fetched(folder):
    way = curl(folder, "cat '%s'/\"${url##*-}\" >\"$out\"; echo \"$url\" >>'%s'/asked\n" % (folder, folder))
    done = refresh(folder / "list", **way)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert lines(folder / "list") == (FOUR + "\n" + SIX).splitlines()
    assert (folder / "asked").read_text().split() == ["https://www.cloudflare.com/ips-v4",
                                                      "https://www.cloudflare.com/ips-v6"]
    assert os.listdir(str(folder / "work")) == []


@pytest.mark.parametrize("script, words", (
    ("echo 'curl: (6) Could not resolve host' >&2; exit 6\n", ["ips-v4", "Could not resolve host"]),
    ("exit 1\n", ["ips-v4"]),
    ("[ \"${url##*-}\" = v4 ] && echo 192.0.2.0/24 >\"$out\" && exit 0; echo 'curl: (28) timed out' >&2; exit 28\n",
     ["ips-v6", "timed out"]),
    ("echo '<html>' >\"$out\"\n", ["ips-v4:1:", "<html>"]),
    (":\n", ["ips-v4", "cannot be read"]),
))
def test_what_cannot_be_fetched(folder, script, words):
    way = curl(folder, script)
    refused(refresh(folder / "list", **way), folder, *words)
    assert os.listdir(str(folder / "work")) == []


# ---- what is said of a list ----

@pytest.fixture
def ask(dns_target, names):
    """ask(site): of the servers, by no resolver of this machine."""
    def run(site):
        return dns_target("-n", "v4." + ZONE, "-P", names.port, "-S", site, "--search", "given", "--zone", ZONE,
                          "-s", "ns1=%s:%d" % (names.ns1.address, names.port),
                          "--find-by", "127.53.255.1:%d" % names.port)
    return run


def test_what_is_behind_a_list_is_not_seen(ask, tmp_path):
    (tmp_path / "cdn").write_text("# as-of: 2026-02-11\n# origin: hidden\n192.0.2.0/24\n")
    result = ask("cdn=@%s/cdn" % tmp_path)
    assert result.state == "OK", result
    assert result.first.startswith("DNS OK - v4.%s leads to cdn on the name server (what is behind it does not show in "
                                   "the DNS)" % ZONE), result
    assert result.about("cdn") == [("OK", "cdn: list as of 2026-02-11, what is behind these addresses does not show in "
                                          "the DNS")], result


def test_an_old_list_explains_an_address(ask, tmp_path):
    (tmp_path / "cdn").write_text("# as-of: 2020-01-01\n203.0.113.0/24\n")
    result = ask("cdn=@%s/cdn" % tmp_path)
    assert result.state == "CRITICAL" and "192.0.2.30, which is of no site" in result.first, result
    assert result.about("cdn") == [("OK", "cdn: list as of 2020-01-01")], result
    assert [state for state, _ in result.about("ns1")] == ["CRITICAL"], result


def test_a_list_of_one_s_own_hides_nothing(ask, tmp_path):
    (tmp_path / "prod").write_text("192.0.2.0/24\n")
    result = ask("prod=@%s/prod" % tmp_path)
    assert result.state == "OK" and result.about("prod") == [], result
    assert result.first.startswith("DNS OK - v4.%s leads to prod on the name server; a switch" % ZONE), result
