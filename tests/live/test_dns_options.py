# SPDX-License-Identifier: GPL-3.0-or-later
"""What means nothing with the rest of the command line of check_dns_target is refused, never left out in silence."""

import pytest

GIVEN = ("--search", "given", "-s", "127.0.0.1:1", "--find-by", "127.0.0.1:1")
PLAIN = ("--search", "none", "-r", "127.0.0.1:1")
SECURED = ("--search", "none", "-r", "tls://127.0.0.1:1")
SERVERS = "is about the authoritative servers: --search none leaves them out"

REFUSED = [
    (PLAIN, ("--zone", "example.com"), "--zone " + SERVERS),
    (PLAIN, ("--port", "5353"), "--port " + SERVERS),
    (PLAIN, ("--tcp",), "--tcp " + SERVERS),
    (PLAIN, ("-4",), "--ipv4 " + SERVERS),
    (PLAIN, ("-6",), "--ipv6 " + SERVERS),
    (PLAIN, ("--at", "2026-12-24T06:00:00Z"), "--at " + SERVERS),
    (PLAIN, ("--rto", "15m"), "--rto " + SERVERS),
    (PLAIN, ("--redelegate",), "--redelegate " + SERVERS),
    (PLAIN, ("--min-servers", "2"), "--min-servers " + SERVERS),
    (PLAIN, ("--lost", "192.0.2.0/24"), "--lost " + SERVERS),
    (PLAIN, ("--dnssec",), "--dnssec " + SERVERS),
    (PLAIN, ("-c", "serial_lag=0"), "a limit of serial_lag " + SERVERS),
    (PLAIN, ("-w", "soa_expire=1d:"), "a limit of soa_expire " + SERVERS),
    (PLAIN, ("-w", "rrsig_min=1d:"), "a limit of rrsig_min " + SERVERS),
    (PLAIN, ("-w", "ns_left=2:"), "a limit of ns_left " + SERVERS),
    (PLAIN, ("--lead-time", "5m"), "--lead-time is a part of the --rto, which is not given"),
    (PLAIN, ("--cacert", "/nonexistent"), "--cacert is for tls:// and https://: no such --resolver is given"),
    (PLAIN, ("--insecure",), "--insecure is for tls:// and https://: no such --resolver is given"),
    (SECURED, ("--insecure", "--cacert", "/nonexistent"), "--cacert and --insecure exclude each other"),
    (SECURED, ("--source", "127.0.0.1"), "--source is for plain DNS"),
    (GIVEN, ("--insecure",), "--insecure is for tls:// and https://: no such --resolver is given"),
    (GIVEN, ("--samples", "3"), "--samples is for resolvers: no --resolver is given"),
    (GIVEN, ("--parent", "127.0.0.1:1"), "--parent: this --search does not ask the parent"),
    (GIVEN, ("-w", "ns_left=2:"), "a limit of ns_left needs --lost"),
    (GIVEN, ("-4", "--source", "::1"), "--source: ::1, and --ipv4"),
    (GIVEN, ("-4", "-6"), "--ipv4 and --ipv6 exclude each other"),
    (GIVEN, ("--expect-max-age", "15m"), "--expect-max-age is for --expect @FILE"),
    (GIVEN, ("--trust-anchor", "/nonexistent"), "--trust-anchor is for --dnssec"),
    (GIVEN, ("--dnssec", "--udp-size", "0"), "--dnssec needs EDNS"),
    (GIVEN, ("--switch-window", "10m"), "--switch-window needs --state-dir"),
    (GIVEN, ("--set", "exact"), "--set exact: the site prod must list addresses"),
]
ACCEPTED = [
    (PLAIN, ("--samples", "3")), (PLAIN, ("--source", "127.0.0.1")), (PLAIN, ("-w", "ttl=1h")),
    (SECURED, ("--insecure",)),
    (SECURED, ("-r", "r2=127.0.0.1:1", "--source", "127.0.0.1")),
    (GIVEN, ("-w", "ns_left=2:", "--lost", "192.0.2.0/24")),
    (GIVEN, ("-4", "--source", "127.0.0.1")), (GIVEN, ("-r", "127.0.0.1:1", "--samples", "3")), (GIVEN, ("--tcp",)),
]


def case(value):
    return " ".join(value) if isinstance(value, tuple) else ""


@pytest.mark.parametrize("whom,more,words", REFUSED, ids=case)
def test_refused(dns_target, whom, more, words):
    result = dns_target("-n", "app.example.com", "-S", "prod=192.0.2.0/24", *whom, *more)
    assert result.state == "UNKNOWN" and words in result.first, result
    assert result.lines[1].startswith("Usage: check_dns_target"), result


@pytest.mark.parametrize("whom,more", ACCEPTED, ids=case)
def test_accepted(dns_target, whom, more):
    """Nobody listens there, which is what is said."""
    result = dns_target("-n", "app.example.com", "-S", "prod=192.0.2.0/24", *whom, *more)
    assert result.state == "CRITICAL" and "cannot be reached" in result.first, result
