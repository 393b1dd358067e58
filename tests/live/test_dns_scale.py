# SPDX-License-Identifier: GPL-3.0-or-later
"""check_dns_target and what is large: many servers cost as long as the slowest, all of them count, the output stays
short, and it takes little memory."""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(HERE, os.pardir, "bench")
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import check  # noqa: E402
from liar import Liar  # noqa: E402

ZONE, NAME = "drs.example", "app.drs.example"
SLOW = 0.4
# Held to the limit is the build with modules: a sanitizer keeps a shadow of all memory, and one file has every library.
LIMITED = "DR_SANITIZERS" not in os.environ and "DR_PLUGINS_MODULE_DIR" in os.environ
MIB = 1024
MANY, ADDRESSES, ITEMS = 64, 4000, 4096


def records(*addresses, more=None):
    found = {(ZONE, "SOA"): [(300, "ns1.%s admin.%s 7 900 300 604800 60" % (ZONE, ZONE))],
             (NAME, "A"): [(60, address) for address in addresses]}
    return {**found, **(more or {})}


class Servers:
    """So many name servers on one port; the options that ask them all, and no one else."""

    def __init__(self, count, *addresses):
        self.all = [Liar(records(*addresses), address="127.56.0.1")]
        self.all += [Liar(records(*addresses), address="127.56.0.%d" % number, port=self.all[0].port)
                     for number in range(2, count + 1)]
        self.port = self.all[0].port
        self.options = ["-n", NAME, "--zone", ZONE, "--search", "given", "-P", str(self.port), "--find-by",
                        self.all[0].endpoint]
        for number, server in enumerate(self.all, 1):
            self.options += ["-s", "ns%02d=%s" % (number, server.endpoint)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.all:
            server.stop()


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Runs the check; the result has .kib, the most memory that it had."""
    used = tmp_path / "used"

    def run(*arguments):
        measure = "/usr/bin/python3 -I -S %s %s" % (os.path.join(BENCH, "measure.py"), used)
        with monkeypatch.context() as patch:
            patch.setenv("DR_WRAPPER", "%s %s" % (measure, os.environ.get("DR_WRAPPER", "")))
            result = check.run("check_dns_target", "--timeout", "30s", *arguments)
        result.kib = int(used.read_text().split()[2])
        print(result, "%d KiB" % result.kib)
        return result
    return run


def is_small(result, mib=10):
    return not LIMITED or result.kib < mib * MIB


def test_eight_cost_as_much_as_the_slowest(dns_target):
    with Servers(8, "192.0.2.1") as servers:
        for server in servers.all:
            server.mode = "slow%g" % SLOW
        result = dns_target(*servers.options, "-S", "prod=192.0.2.0/24")
        assert result.state == "OK" and "all 8 name servers" in result.first, result
        # A question for the zone or its servers comes before those that are asked beside each other.
        assert result.seconds > SLOW and result.within(2 * SLOW), result


def test_64_servers(measured):
    with Servers(MANY, "192.0.2.1") as servers:
        result = measured(*servers.options, "-S", "prod=192.0.2.0/24")
        assert result.state == "OK" and "all %d name servers" % MANY in result.first, result
        assert result.perfdata["moved"] == result.perfdata["servers"] == MANY, result
        assert is_small(result), result.kib
        servers.all[-1].set_records(records("198.51.100.1"))
        result = measured(*servers.options, "-S", "prod=192.0.2.0/24", "-S", "dr=198.51.100.0/24", "-e", "prod")
    assert result.state == "CRITICAL" and "1 of %d send %s to dr, not prod: ns%d" % (MANY, NAME, MANY) in result.first
    assert result.about("ns%d" % MANY)[0][0] == "CRITICAL", result


def test_long_answers(measured):
    """64 KiB of addresses of each of four servers, over TCP; one of them is of no site."""
    addresses = ["10.%d.%d.%d" % (number // 65536, number // 256 % 256, number % 256) for number in range(ADDRESSES)]
    with Servers(4, *addresses) as servers:
        result = measured(*servers.options, "-S", "prod=10.0.0.0/8")
        assert result.state == "OK" and "all 4 name servers" in result.first, result
        assert any(question.transport == "tcp" for question in servers.all[3].asked(NAME, "A")), "UDP was enough"
        assert is_small(result), result.kib
        servers.all[3].set_records(records(*addresses[:-1], "192.0.2.99"))
        result = measured(*servers.options, "-S", "prod=10.0.0.0/8")
    assert result.state == "CRITICAL" and "192.0.2.99, which is of no site" in result.first, result
    assert "ns04" in result.first and is_small(result), result


def test_a_site_of_many_networks(measured, tmp_path):
    networks = ["10.%d.%d.0/24" % (number // 256, number % 256) for number in range(ITEMS)]
    path = tmp_path / "ranges"
    path.write_text("\n".join(networks) + "\n")
    with Servers(2, "10.15.255.9") as servers:
        result = measured(*servers.options, "-S", "cdn=@%s" % path)
        assert result.state == "OK" and "leads to cdn" in result.first and is_small(result), result
        for server in servers.all:
            server.set_records(records("10.16.0.9"))
        result = measured(*servers.options, "-S", "cdn=@%s" % path)
    assert result.state == "CRITICAL" and "10.16.0.9, which is of no site" in result.first, result
