/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge of check_dns_target: each way in which a server, a resolver, a zone or a switch can be
 * wrong has a row, and its healthy counterpart another one. */
#include "tests/unit/locale.h"
#include "tests/unit/scene_dns.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

struct row {
    const char *name;
    const char *scene;
    const char *options; /* blank-separated, see set_option */
    enum dr_state state;
    const char *verdict;  /* a part of it */
    const char *words[3]; /* parts of lines that must be there, "SUBJECT: TEXT"; "-" and what must
                             not */
};

#define PROD "a found 192.0.2.10\naaaa nodata\n"
#define DR "a found 198.51.100.10\naaaa nodata\n"
#define NS1 "view ns1 203.0.113.1\n"
#define NS2 "view ns2 203.0.113.2\n"
#define NS3 "view ns3 203.0.113.3\n"
#define R1 "resolver r1\nview r1 10.0.0.1 given\n"
#define R2 "resolver r2\nview r2 10.0.0.2 given\n"
#define TWO "zone\n" NS1 PROD NS2 PROD

static const struct row rows[] = {
    /* ---- which site ---- */
    {"all right",
     TWO R1 PROD,
     "expect=prod",
     DR_OK,
     "app.example.com leads to prod on all 2 name servers and 1 resolver; a switch would take 1m",
     {"ns1: prod, 192.0.2.10", "r1: prod"}},
    {"one server alone",
     "zone\n" NS1 PROD,
     "expect=prod",
     DR_OK,
     "leads to prod on the name server",
     {0}},
    {"one server at the other site",
     "zone\n" NS1 PROD NS2 DR,
     "expect=prod",
     DR_CRITICAL,
     "1 of 2 send app.example.com to dr, not prod: ns2",
     {"ns2: leads to dr, not prod: 198.51.100.10"}},
    {"a resolver at the other site",
     TWO R1 DR,
     "expect=prod",
     DR_CRITICAL,
     "1 of 3 send app.example.com to dr, not prod: r1",
     {"r1: leads to dr, not prod: 198.51.100.10; keeps that for 1m more"}},
    {"all at the other site",
     "zone\n" NS1 DR,
     "expect=prod",
     DR_CRITICAL,
     "1 of 1 send app.example.com to dr",
     {0}},
    {"no plan, all agree", TWO, "", DR_OK, "leads to prod on all 2 name servers", {0}},
    {"no plan, they disagree",
     "zone\n" NS1 PROD NS2 PROD NS3 DR,
     "",
     DR_CRITICAL,
     "servers disagree about app.example.com: 2 of 3 lead to prod, ns3 to dr",
     {0}},
    {"both sites at once",
     "zone\n" NS1 "a found 192.0.2.10,198.51.100.10\naaaa nodata\n",
     "expect=prod",
     DR_CRITICAL,
     "ns1 mixes sites for app.example.com: 192.0.2.10, 198.51.100.10",
     {"ns1: mixes sites"}},
    {"an address of no site",
     "zone\n" NS1 "a found 192.0.2.10,203.0.113.99\naaaa nodata\n",
     "expect=prod",
     DR_CRITICAL,
     "ns1 sends people astray from app.example.com: 203.0.113.99, which is of no site",
     {0}},
    {"split between IPv4 and IPv6",
     "zone\n" NS1 "a found 198.51.100.10\naaaa found 2001:db8:1::10\n",
     "expect=dr",
     DR_CRITICAL,
     "app.example.com is split: A leads to dr, AAAA to prod (1 of 1: ns1)",
     {"ns1: AAAA leads to prod, not dr"}},
    {"both families",
     "zone\n" NS1 "a found 192.0.2.10\naaaa found 2001:db8:1::10\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {"ns1: prod, A 192.0.2.10, AAAA 2001:db8:1::10"}},
    {"IPv6 of nobody",
     "zone\n" NS1 "a found 192.0.2.10\naaaa found 2001:db8:dead::10\n",
     "expect=prod",
     DR_CRITICAL,
     "2001:db8:dead::10, which is of no site",
     {0}},
    {"behind a CDN: the site is not seen, and the list has a date",
     TWO,
     "expect=prod hidden=2026-02-11",
     DR_OK,
     "leads to prod on all 2 name servers (what is behind it does not show in the DNS)",
     {"prod: list as of 2026-02-11, what is behind these addresses does not show in the DNS",
      "-dr: list"}},
    {"an address that an old list does not know",
     "zone\n" NS1 "a found 203.0.113.99\naaaa nodata\n",
     "expect=prod hidden=2026-02-11",
     DR_CRITICAL,
     "203.0.113.99, which is of no site",
     {"prod: list as of 2026-02-11"}},
    {"the site that hides is not the one that is wanted",
     "zone\n" NS1 DR,
     "expect=dr hidden=2026-02-11",
     DR_OK,
     "leads to dr on the name server; a switch",
     {"prod: list as of 2026-02-11"}},
    {"a site that hides nothing", TWO, "expect=prod", DR_OK, "name servers; a switch", {"-list"}},
    /* ---- what there must be ---- */
    {"fewer addresses than there must be",
     "zone\n" NS1 PROD,
     "expect=prod min=2",
     DR_CRITICAL,
     "ns1: 1 of its addresses lies in prod, at least 2 must",
     {0}},
    {"as many addresses as there must be",
     "zone\n" NS1 "a found 192.0.2.10,192.0.2.11\naaaa nodata\n",
     "expect=prod min=2",
     DR_OK,
     "leads to prod",
     {0}},
    {"fewer addresses, reached by the name of the site",
     "zone\n" NS1 "a found 203.0.113.10 link=app.example.com>lb.dr.example.net@60\n"
     "aaaa nodata\n",
     "expect=dr min=1",
     DR_OK,
     "leads to dr",
     {0}},
    {"no AAAA where both are wanted",
     "zone\n" NS1 PROD,
     "expect=prod type=a,aaaa",
     DR_CRITICAL,
     "ns1: no AAAA record",
     {0}},
    {"AAAA where none is wanted",
     "zone\n" NS1 "a found 192.0.2.10\naaaa found 2001:db8:1::10\n",
     "expect=prod type=a",
     DR_WARNING,
     "has an AAAA record, which --type excludes",
     {0}},
    {"no address at all",
     "zone\n" NS1 "a nodata\naaaa nodata\n",
     "expect=prod",
     DR_CRITICAL,
     "ns1 sends nobody to app.example.com: no address",
     {"ns1: no address"}},
    {"the name does not exist",
     "zone\n" NS1 "a nxdomain\naaaa nxdomain\n" NS2 PROD,
     "expect=prod",
     DR_CRITICAL,
     "ns1 sends nobody to app.example.com: NXDOMAIN",
     {"ns1: NXDOMAIN: the name does not exist"}},
    {"a CNAME to nothing",
     "zone\n" NS1 "a dangling link=app.example.com>gone.example.com@60\n"
     "aaaa dangling link=app.example.com>gone.example.com@60\n",
     "expect=prod",
     DR_CRITICAL,
     "leads to a name without address: gone.example.com",
     {0}},
    {"a CNAME to nothing, of which the server says which: once",
     "zone\n" NS1
     "a dangling link=app.example.com>gone.example.com@60 words=gone.example.com_has_no_A_record\n"
     "aaaa nodata\n",
     "expect=prod",
     DR_CRITICAL,
     "leads to a name without address: gone.example.com has no A record",
     {"-gone.example.com has no A record: gone"}},
    {"a CNAME to a name with A alone",
     "zone\n" NS1 "a found 192.0.2.10 link=app.example.com>web.example.com@60\n"
     "aaaa dangling link=app.example.com>web.example.com@60\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {0}},
    {"a circle", "zone\n" NS1 "a loop\naaaa loop\n", "expect=prod", DR_CRITICAL, "circle", {0}},
    {"an empty answer",
     "zone\n" NS1 "a empty\naaaa empty\n",
     "expect=prod",
     DR_CRITICAL,
     "SOA",
     {0}},
    {"exact, one missing",
     "zone\n" NS1 PROD,
     "expect=prod exact",
     DR_CRITICAL,
     "lacks 192.0.2.11 of prod",
     {0}},
    {"exact, no address of IPv6 at all",
     "zone\n" NS1 "a found 192.0.2.11,192.0.2.10\naaaa nodata\n",
     "expect=prod exact=v6",
     DR_CRITICAL,
     "ns1: lacks 2001:db8:1::10 of prod",
     {"ns1: lacks 2001:db8:1::10 of prod (prod, 192.0.2.11, 192.0.2.10"}},
    {"exact, all of both families",
     "zone\n" NS1 "a found 192.0.2.11,192.0.2.10\naaaa found 2001:db8:1::10\n",
     "expect=prod exact=v6",
     DR_OK,
     "leads to prod",
     {0}},
    {"exact, IPv6 is listed and not wanted",
     "zone\n" NS1 "a found 192.0.2.11,192.0.2.10\naaaa nodata\n",
     "expect=prod exact=v6 type=a",
     DR_OK,
     "leads to prod",
     {0}},
    {"exact, all there",
     "zone\n" NS1 "a found 192.0.2.11,192.0.2.10\naaaa nodata\n",
     "expect=prod exact",
     DR_OK,
     "leads to prod",
     {0}},
    {"any, with another beside it",
     "zone\n" NS1 "a found 192.0.2.10,203.0.113.99\naaaa nodata\n",
     "expect=prod min=1",
     DR_OK,
     "leads to prod",
     {0}},
    {"two, and there is one",
     "zone\n" NS1 "a found 192.0.2.10,203.0.113.99\naaaa nodata\n",
     "expect=prod min=2",
     DR_CRITICAL,
     "of no site",
     {0}},
    {"by way of the balancer",
     "zone\n" NS1 "a found 192.0.2.10 link=app.example.com>lb.example.com@60\naaaa nodata "
     "link=app.example.com>lb.example.com@60\n",
     "expect=prod via=lb.example.com",
     DR_OK,
     "leads to prod",
     {0}},
    {"not by way of the balancer",
     "zone\n" NS1 PROD,
     "expect=prod via=lb.example.com",
     DR_CRITICAL,
     "does not pass lb.example.com",
     {0}},
    {"a name of the site, in another zone",
     "zone\n" NS1 "a leaves link=app.example.com>lb.dr.example.net@60\naaaa leaves "
     "link=app.example.com>lb.dr.example.net@60\n",
     "expect=dr",
     DR_OK,
     "leads to dr",
     {"ns1: dr, lb.dr.example.net"}},
    {"another zone, whose addresses are of the site",
     "zone\n" NS1 "a leaves link=app.example.com>lb.example.org@60\naaaa leaves "
     "link=app.example.com>lb.example.org@60\ntail lb.example.org\na found 192.0.2.10 "
     "ttl=120\naaaa nodata\n",
     "expect=prod",
     DR_OK,
     "a switch would take 2m",
     {0}},
    {"another zone, of which nothing is known",
     "zone\n" NS1 "a leaves link=app.example.com>lb.example.org@60\naaaa leaves "
     "link=app.example.com>lb.example.org@60\n",
     "expect=prod",
     DR_UNKNOWN,
     "ns1: leads to lb.example.org, of which no resolver says where it leads",
     {"ns1: leads to lb.example.org, of which no resolver says where it leads"}},
    {"another zone, and the resolver is dead",
     "zone\n" NS1 "a leaves link=app.example.com>lb.example.org@60\naaaa leaves "
     "link=app.example.com>lb.example.org@60\ntail lb.example.org\na silent\naaaa found "
     "2001:db8:1::10\n",
     "expect=prod",
     DR_UNKNOWN,
     "ns1: A leads to lb.example.org, of which no resolver says where it leads: no reply",
     {0}},
    {"another zone, of which half is known, and that is wrong",
     "zone\n" NS1 "a leaves link=app.example.com>lb.example.org@60\naaaa leaves "
     "link=app.example.com>lb.example.org@60\ntail lb.example.org\na silent\naaaa found "
     "2001:db8:2::10\n",
     "expect=prod",
     DR_CRITICAL,
     "1 of 1 send app.example.com to dr, not prod: ns1",
     {0}},
    {"another zone, whose addresses are of no site",
     "zone\n" NS1 "a leaves link=app.example.com>lb.example.org@60\naaaa nodata\n"
     "tail lb.example.org\na found 203.0.113.9\naaaa nodata\n",
     "expect=prod",
     DR_CRITICAL,
     "203.0.113.9, which is of no site",
     {0}},
    {"another zone, of which nothing is known, for one family; the other is elsewhere",
     "zone\n" NS1 "a found 198.51.100.10\naaaa leaves link=app.example.com>lb.example.org@60\n",
     "expect=prod",
     DR_CRITICAL,
     "1 of 1 send app.example.com to dr, not prod",
     {"ns1: A leads to dr"}},
    {"another zone, where the name is gone",
     "zone\n" NS1 "a leaves link=app.example.com>lb.example.org@60\naaaa leaves "
     "link=app.example.com>lb.example.org@60\ntail lb.example.org\na nxdomain\naaaa nxdomain\n",
     "expect=prod",
     DR_CRITICAL,
     "leads to lb.example.org: NXDOMAIN",
     {0}},
    /* ---- who does not serve ---- */
    {"one server silent",
     "zone\n" NS1 PROD NS2 "a silent\naaaa silent\n",
     "expect=prod",
     DR_WARNING,
     "1 of 2 name servers do not serve app.example.com: ns2: no reply",
     {"ns2: no reply"}},
    {"two must serve",
     "zone\n" NS1 PROD NS2 "a silent\naaaa silent\n",
     "expect=prod servers=2",
     DR_CRITICAL,
     "1 of 2 name servers serve app.example.com, at least 2 must",
     {0}},
    {"nobody serves",
     "zone\n" NS1 "a lame\naaaa lame\n",
     "expect=prod",
     DR_CRITICAL,
     "0 of 1 name servers serve app.example.com, at least 1 must: ns1: lame",
     {0}},
    {"no authority",
     "zone\n" NS1 PROD NS2 "a noaa 192.0.2.10\naaaa noaa\n",
     "expect=prod",
     DR_WARNING,
     "ns2: answers without authority (AA)",
     {0}},
    {"no authority, and the other site",
     TWO NS3 "a noaa 198.51.100.10\naaaa noaa 2001:db8:2::10\n",
     "expect=prod",
     DR_CRITICAL,
     "1 of 3 send app.example.com to dr, not prod: ns3",
     {"ns3: leads to dr, not prod: 198.51.100.10, without authority (AA)"}},
    {"no authority, an address of the other site, and no IPv6",
     TWO NS3 "a noaa 198.51.100.10\naaaa noaa\n",
     "expect=prod",
     DR_CRITICAL,
     "ns3: A leads to dr, not prod: 198.51.100.10, without authority (AA)",
     {0}},
    {"no authority, and an address of nobody",
     TWO NS3 "a noaa 203.0.113.99\naaaa nodata\n",
     "expect=prod",
     DR_CRITICAL,
     "ns3 sends people astray from app.example.com: 203.0.113.99, which is of no site",
     {0}},
    {"no authority, and no plan",
     TWO NS3 "a noaa 192.0.2.10\naaaa nodata\n",
     "",
     DR_WARNING,
     "1 of 3 name servers do not serve app.example.com: ns3: answers without authority (AA)",
     {0}},
    {"upward",
     TWO NS3 "a upward\naaaa upward\n",
     "expect=prod",
     DR_WARNING,
     "upward referral",
     {0}},
    {"SERVFAIL", TWO NS3 "a servfail\naaaa servfail\n", "expect=prod", DR_WARNING, "SERVFAIL", {0}},
    {"REFUSED", TWO NS3 "a refused\naaaa refused\n", "expect=prod", DR_WARNING, "REFUSED", {0}},
    {"TCP blocked",
     TWO NS3 "a tcpfailed\naaaa nodata\n",
     "expect=prod",
     DR_CRITICAL,
     "truncated, and TCP does not work",
     {0}},
    {"unreadable",
     TWO NS3 "a malformed\naaaa malformed\n",
     "expect=prod",
     DR_UNKNOWN,
     "cannot be read",
     {0}},
    {"unreadable, and nobody else",
     "zone\n" NS1 "a malformed\naaaa malformed\n",
     "expect=prod",
     DR_UNKNOWN,
     "0 of 1 name servers serve app.example.com, at least 1 must: ns1: a reply that cannot be read",
     {"servers: 0 of 1 serve, at least 1 must", "ns1: a reply that cannot be read"}},
    {"unreadable, and the other is dead",
     "zone\n" NS1 "a malformed\naaaa malformed\n" NS2 "a silent\naaaa silent\n",
     "expect=prod servers=2",
     DR_CRITICAL,
     "0 of 2 name servers serve app.example.com, at least 2 must",
     {0}},
    {"no route to some",
     TWO "view ns6 2001:db8::6\na noroute\naaaa noroute\n",
     "expect=prod",
     DR_OK,
     "on all 2 name servers (1 address not asked: no way there from this host)",
     {0}},
    {"no route to any",
     "zone\nview ns6 2001:db8::6\na noroute\naaaa noroute\n",
     "expect=prod",
     DR_UNKNOWN,
     "no name server could be asked from here",
     {0}},
    {"servers cannot be learned",
     "zone down=resolve\n" R1 PROD,
     "expect=prod",
     DR_UNKNOWN,
     "resolve failed",
     {0}},
    {"servers cannot be learned in time",
     "zone down=timeout\n" R1 PROD,
     "expect=prod",
     DR_UNKNOWN,
     "timeout failed",
     {0}},
    {"a resolver is silent",
     TWO R1 "a silent\naaaa silent\n",
     "expect=prod",
     DR_CRITICAL,
     "1 of 1 resolvers do not tell: r1: no reply",
     {0}},
    {"a resolver lets us not ask",
     TWO R1 "a refused\naaaa refused\n",
     "expect=prod",
     DR_UNKNOWN,
     "r1: REFUSED",
     {0}},
    {"a resolver finds it bogus",
     TWO R1 "a bogus\naaaa bogus\n",
     "expect=prod",
     DR_CRITICAL,
     "DNSSEC does not hold",
     {0}},
    {"a resolver's certificate",
     TWO R1 "a notsecured words=expired\naaaa notsecured words=expired\n",
     "expect=prod",
     DR_UNKNOWN,
     "TLS or HTTP fails: expired",
     {0}},
    {"a resolver that cannot be asked at all",
     TWO "resolver r1 down=module\n",
     "expect=prod",
     DR_UNKNOWN,
     "r1: module failed",
     {0}},
    {"resolvers alone",
     R1 PROD R2 PROD,
     "expect=prod",
     DR_OK,
     "leads to prod on all 2 resolvers",
     {0}},
    /* ---- what an answer says beside ---- */
    {"which of several caches",
     TWO R1 "a found 192.0.2.10 nsid=fra1\naaaa nodata\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {"r1: prod, 192.0.2.10, TTL 1m, cache fra1"}},
    {"a stale answer",
     TWO R1 "a found 192.0.2.10 ttl=30 stale words=EDE_3\naaaa nodata\n",
     "expect=prod",
     DR_WARNING,
     "r1: a stale answer, EDE 3",
     {0}},
    {"a stale answer of IPv6 alone",
     TWO R1 "a found 192.0.2.10\naaaa found 2001:db8:1::10 ttl=30 stale words=EDE_3\n",
     "expect=prod",
     DR_WARNING,
     "r1: a stale answer, EDE 3",
     {0}},
    {"a stale answer of the other site",
     TWO R1 "a found 198.51.100.10 ttl=30 stale\naaaa nodata\n",
     "expect=prod",
     DR_CRITICAL,
     "r1",
     {"r1: leads to dr, not prod: 198.51.100.10; keeps that for 30 s more; a stale answer"}},
    {"without EDNS",
     "zone\n" NS1 "a found 192.0.2.10 plain\naaaa nodata plain\n",
     "expect=prod",
     DR_WARNING,
     "ns1: answers without EDNS alone",
     {0}},
    {"a TTL that is clamped",
     TWO R1 "a found 192.0.2.10 ttl=3600\naaaa nodata\n",
     "expect=prod rto=900",
     DR_CRITICAL,
     "a switch would take 1h, the RTO is 15m: 1h, in the cache of r1",
     {"r1: keeps it for 1h, the zone says 1m"}},
    {"a TTL that is clamped, and nobody cares",
     TWO R1 "a found 192.0.2.10 ttl=3600\naaaa nodata\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {"r1: prod, 192.0.2.10, keeps it for 1h, the zone says 1m"}},
    {"a wildcard",
     "zone\n" NS1 "a found 192.0.2.10\naaaa nodata\nrandom found 192.0.2.10\n",
     "expect=prod own",
     DR_WARNING,
     "a wildcard would answer the same",
     {0}},
    {"a wildcard, proven",
     "zone\n" NS1 "a found 192.0.2.10 wildcard\naaaa nodata\n",
     "expect=prod own",
     DR_WARNING,
     "a wildcard answers, the name has no record of its own",
     {0}},
    {"a wildcard that leads elsewhere",
     "zone\n" NS1 "a found 192.0.2.10\naaaa nodata\nrandom found 192.0.2.77\n",
     "expect=prod own",
     DR_OK,
     "leads to prod",
     {0}},
    {"a wildcard, perhaps",
     "zone\n" NS1 PROD "random servfail\n" NS2 PROD "random nxdomain\n",
     "expect=prod own",
     DR_UNKNOWN,
     "ns1: whether a wildcard would answer is not known: SERVFAIL",
     {0}},
    {"a wildcard, perhaps, and nobody minds",
     "zone\n" NS1 PROD "random servfail\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {0}},
    {"a wildcard, perhaps, on a server that is down",
     "zone\n" NS1 "a silent\naaaa silent\nrandom silent\n" NS2 PROD "random nxdomain\n",
     "expect=prod own",
     DR_WARNING,
     "1 of 2 name servers do not serve",
     {"-wildcard"}},
    {"a wildcard, by plan",
     "zone\n" NS1 "a found 192.0.2.10\naaaa nodata\nrandom found 192.0.2.10\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {"ns1: prod, 192.0.2.10, a wildcard would answer the same"}},
    {"validated, but for what an opt-out leaves open",
     "zone\n" NS1 "a found 192.0.2.10 valid=secure\naaaa nodata valid=secure why=opt-out\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {"DNSSEC holds (opt-out)"}},
    {"validated",
     "zone\n" NS1 "a found 192.0.2.10 valid=secure\naaaa nodata valid=secure\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {"DNSSEC holds"}},
    {"a signature that does not hold",
     "zone\n" NS1 PROD NS2 "a found 192.0.2.10 valid=invalid\naaaa nodata valid=secure\n",
     "expect=prod",
     DR_CRITICAL,
     "ns2: DNSSEC does not hold",
     {0}},
    {"a signature that does not hold yet",
     "zone\nview ns1 203.0.113.1 signed=864000/1209600\n"
     "a found 192.0.2.10 valid=invalid\naaaa nodata valid=secure\n",
     "expect=prod",
     DR_CRITICAL,
     "ns1: DNSSEC does not hold",
     {"-hold for"}},
    {"a denial that does not hold",
     "zone\n" NS1 "a found 192.0.2.10 valid=secure\naaaa nodata valid=invalid\n",
     "expect=prod",
     DR_CRITICAL,
     "ns1: DNSSEC does not hold",
     {0}},
    {"keys that cannot be had",
     "zone\n" NS1 "a found 192.0.2.10 valid=indeterminate\naaaa nodata valid=indeterminate\n",
     "expect=prod",
     DR_UNKNOWN,
     "DNSSEC cannot be judged",
     {0}},
    {"not signed",
     "zone\n" NS1 "a found 192.0.2.10 valid=insecure\naaaa nodata valid=insecure\n",
     "expect=prod",
     DR_WARNING,
     "not secured by DNSSEC",
     {0}},
    /* ---- how long a switch takes ---- */
    {"within the RTO",
     TWO,
     "expect=prod rto=900",
     DR_OK,
     "would take 1m (RTO kept)",
     {"time: would take 1m"}},
    {"beyond the RTO",
     "zone\n" NS1 PROD NS2 "a found 192.0.2.10 ttl=3600\naaaa nodata\n",
     "expect=prod rto=900",
     DR_CRITICAL,
     "a switch would take 1h, the RTO is 15m: 1h, TTL of app.example.com A on ns2",
     {"time: would take 1h, critical above 15m"}},
    {"close to the RTO",
     "zone\n" NS1 "a found 192.0.2.10 ttl=800\naaaa nodata\n",
     "expect=prod rto=900",
     DR_WARNING,
     "the RTO is 15m",
     {0}},
    {"with what comes before",
     "zone\n" NS1 "a found 192.0.2.10 ttl=600\naaaa nodata\n",
     "expect=prod rto=900 lead=600",
     DR_CRITICAL,
     "would take 20m",
     {"10m before the DNS is changed"}},
    {"the link that is slow",
     "zone\n" NS1 "a found 192.0.2.10 ttl=30 link=app.example.com>web.example.com@3600\naaaa "
     "nodata\n",
     "expect=prod rto=900",
     DR_CRITICAL,
     "1h, TTL of app.example.com CNAME on ns1",
     {0}},
    {"the zone is moved elsewhere",
     "zone\n" NS1 PROD "parent ns=ns1 nsttl=172800\n",
     "expect=prod rto=900 redelegate",
     DR_CRITICAL,
     "2d, TTL of the NS records in the parent zone",
     {0}},
    {"the zone stays",
     "zone\nview ns1 203.0.113.1 ns=ns1\n" PROD "parent ns=ns1 nsttl=172800\n",
     "expect=prod rto=900",
     DR_OK,
     "RTO kept",
     {0}},
    {"no server says a TTL",
     "zone\n" NS1 "a silent\naaaa silent\n",
     "expect=prod rto=900",
     DR_CRITICAL,
     "0 of 1 name servers serve",
     {"time: how long a switch would take is not known"}},
    {"a TTL that was lowered for a drill",
     "zone\n" NS1 "a found 192.0.2.10 ttl=5\naaaa nodata\n",
     "expect=prod warning=ttl_min:60",
     DR_WARNING,
     "time: the least TTL 5 s",
     {0}},
    /* ---- names that must be there before ---- */
    {"the standby is there",
     "zone\n" NS1 PROD "standby 0 a found 198.51.100.10\nstandby 0 aaaa nodata\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_OK,
     "leads to prod",
     {"app-dr.example.com: is there and leads to dr on 1 servers"}},
    {"the standby is missing",
     "zone\n" NS1 PROD "standby 0 a nxdomain\nstandby 0 aaaa nxdomain\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_CRITICAL,
     "app-dr.example.com, the name to switch to, is not there",
     {"app-dr.example.com: ns1: is not there"}},
    {"the standby leads elsewhere",
     "zone\n" NS1 PROD "standby 0 a found 192.0.2.10\nstandby 0 aaaa nodata\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_CRITICAL,
     "app-dr.example.com, the name to switch to, leads elsewhere",
     {"leads to 192.0.2.10, not to dr"}},
    {"the standby leads to another zone, of which nothing is known",
     "zone\n" NS1 PROD "standby 0 a leaves link=app-dr.example.com>lb.example.net@60\n"
     "standby 0 aaaa leaves link=app-dr.example.com>lb.example.net@60\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_UNKNOWN,
     "app-dr.example.com, the name to switch to, is not known to be there",
     {"ns1: A: leads to lb.example.net, of which no resolver says where it leads"}},
    {"the standby does not hold",
     "zone\n" NS1 "a found 192.0.2.10 valid=secure\naaaa nodata valid=secure\n"
     "standby 0 a found 198.51.100.10 valid=invalid\nstandby 0 aaaa nodata valid=secure\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_CRITICAL,
     "app-dr.example.com, the name to switch to, is denied by resolvers that validate",
     {"ns1: A: DNSSEC does not hold"}},
    {"the standby holds",
     "zone\n" NS1 "a found 192.0.2.10 valid=secure\naaaa nodata valid=secure\n"
     "standby 0 a found 198.51.100.10 valid=secure\nstandby 0 aaaa nodata valid=secure\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_OK,
     "leads to prod",
     {"is there and leads to dr"}},
    {"nothing of the zone holds, the standby as little",
     "zone\n" NS1 "a found 192.0.2.10 valid=invalid\naaaa nodata valid=invalid\n"
     "standby 0 a found 198.51.100.10 valid=invalid\nstandby 0 aaaa nodata valid=invalid\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_CRITICAL,
     "ns1: DNSSEC does not hold",
     {"is there and leads to dr"}},
    {"the standby may be a wildcard's",
     "zone\n" NS1 PROD "random found 198.51.100.10\nstandby 0 a found 198.51.100.10\n"
     "standby 0 aaaa nodata\n",
     "expect=prod own=1 standby=dr:app-dr.example.com",
     DR_WARNING,
     "app-dr.example.com, the name to switch to, may be there by a wildcard alone",
     {"ns1: a wildcard would answer the same"}},
    {"the standby is elsewhere than the wildcard",
     "zone\n" NS1 PROD "random found 198.51.100.10\nstandby 0 a found 198.51.100.10\n"
     "standby 0 aaaa nodata\n",
     "expect=prod own=1 standby=dr:app.dr.example.com",
     DR_OK,
     "leads to prod",
     {"is there and leads to dr"}},
    {"the standby is not known",
     "zone\n" NS1 PROD "standby 0 a silent\nstandby 0 aaaa silent\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_UNKNOWN,
     "is not known to be there",
     {0}},
    {"half of the standby is not known on one of two servers",
     "zone\n" NS1 PROD "standby 0 a found 198.51.100.10\nstandby 0 aaaa servfail\n" NS2 PROD
     "standby 0 a found 198.51.100.10\nstandby 0 aaaa nodata\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_UNKNOWN,
     "app-dr.example.com, the name to switch to, is not known to be there",
     {"app-dr.example.com: ns1: AAAA: SERVFAIL"}},
    {"the standby is there for one family, and the other one is denied",
     "zone\n" NS1 PROD "standby 0 a found 198.51.100.10\nstandby 0 aaaa nxdomain\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_CRITICAL,
     "app-dr.example.com, the name to switch to, lacks addresses",
     {"ns1: AAAA: NXDOMAIN"}},
    {"the standby lacks what --type wants",
     "zone\n" NS1 "a found 192.0.2.10\naaaa found 2001:db8:1::10\n"
     "standby 0 a found 198.51.100.10\nstandby 0 aaaa nodata\n",
     "expect=prod type=a,aaaa standby=dr:app-dr.example.com",
     DR_CRITICAL,
     "app-dr.example.com, the name to switch to, lacks addresses",
     {"ns1: no AAAA record"}},
    {"the standby leads by a CNAME to a name with A alone",
     "zone\n" NS1 PROD "standby 0 a found 198.51.100.10 link=app-dr.example.com>lb.example.com@60\n"
     "standby 0 aaaa dangling link=app-dr.example.com>lb.example.com@60\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_OK,
     "leads to prod",
     {"is there and leads to dr"}},
    {"the standby is not known where the server is down anyway",
     "zone\n" NS1 "a silent\naaaa silent\nstandby 0 a silent\nstandby 0 aaaa silent\n" NS2 PROD
     "standby 0 a found 198.51.100.10\nstandby 0 aaaa nodata\n",
     "expect=prod standby=dr:app-dr.example.com",
     DR_WARNING,
     "1 of 2 name servers do not serve",
     {"app-dr.example.com: is there and leads to dr on 1 servers"}},
    {"a missing standby is not seen for long",
     "zone\nview ns1 203.0.113.1 soattl=3600 minimum=3600\n" PROD
     "standby 0 a nxdomain\nstandby 0 aaaa nxdomain\n",
     "expect=prod rto=900 standby=dr:app-dr.example.com",
     DR_CRITICAL,
     "is not there",
     {"time: would take 1h"}},
    /* ---- the delegation ---- */
    {"parent and child agree",
     "zone\nview ns1 203.0.113.1 ns=ns1,ns2\n" PROD "parent ns=ns1,ns2 ds=none\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {"zone: example.com, 2 name servers in the parent zone"}},
    {"the parent names another",
     "zone\nview ns1 203.0.113.1 ns=ns1\n" PROD "parent ns=ns1,ns9\n",
     "expect=prod",
     DR_WARNING,
     "ns1 does not name ns9, which the parent does",
     {0}},
    {"the zone names another",
     "zone\nview ns1 203.0.113.1 ns=ns1,ns9\n" PROD "parent ns=ns1\n",
     "expect=prod",
     DR_WARNING,
     "ns1 names ns9, which the parent does not",
     {0}},
    {"two servers name others",
     "zone\nview ns1 203.0.113.1 ns=ns1\n" PROD "view ns2 203.0.113.2 ns=ns1,ns2\n" PROD,
     "expect=prod",
     DR_WARNING,
     "ns1 and ns2 name other servers",
     {0}},
    {"glue that is old",
     "zone\n" NS1 PROD "parent ns=ns1\nglue ns1 203.0.113.9 parent\n",
     "expect=prod",
     DR_WARNING,
     "the glue 203.0.113.9 of ns1 is not what the zone says",
     {0}},
    {"much glue that is old",
     "zone\n" NS1 PROD
     "parent ns=ns1\nglue ns1 203.0.113.9 parent\nglue ns1 203.0.113.8 parent\nglue ns1 "
     "203.0.113.7 parent\nglue ns1 203.0.113.6 parent\nglue ns1 203.0.113.5 parent\n",
     "expect=prod",
     DR_WARNING,
     "the glue 203.0.113.7 of ns1 is not what the zone says; and 2 more",
     {0}},
    {"the parent names many others",
     "zone\nview ns1 203.0.113.1 ns=ns1\n" PROD "parent ns=ns1,ns2,ns3,ns4,ns5,ns6\n",
     "expect=prod",
     DR_WARNING,
     "ns1 does not name ns2, ns3, ns4 and 2 more, which the parent does",
     {0}},
    {"glue that is right",
     "zone\n" NS1 PROD "parent ns=ns1\nglue ns1 203.0.113.1 parent own\nglue ns1 2001:db8::1 "
     "own\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {0}},
    {"a server that is a CNAME",
     "zone\n" NS1 PROD "parent ns=ns1 alias=ns1\n",
     "expect=prod",
     DR_WARNING,
     "ns1 is a CNAME",
     {0}},
    {"a server without address",
     "zone\n" NS1 PROD "parent ns=ns1 lost=ns7\n",
     "expect=prod",
     DR_WARNING,
     "ns7 has no address",
     {0}},
    {"a DS that no key matches",
     "zone\nview ns1 203.0.113.1 keys=11/13\n" PROD "parent ds=12/13\n",
     "expect=prod",
     DR_CRITICAL,
     "no DNSKEY on ns1 matches the parent's DS (key 12)",
     {0}},
    {"a DS, and no key at all",
     "zone\nview ns1 203.0.113.1 keys=none\n" PROD "parent ds=12/13\n",
     "expect=prod",
     DR_CRITICAL,
     "no DNSKEY on ns1",
     {0}},
    {"a DS that no key of many servers matches",
     "zone\nview ns1 203.0.113.1 keys=11/13\n" PROD "view ns2 203.0.113.2 keys=11/13\n" PROD
     "view ns3 203.0.113.3 keys=11/13\n" PROD "view ns4 203.0.113.4 keys=11/13\n" PROD
     "view ns5 203.0.113.5 keys=11/13\n" PROD "parent ds=12/13\n",
     "expect=prod",
     DR_CRITICAL,
     "no DNSKEY on ns3 matches the parent's DS (key 12); and 2 more",
     {0}},
    {"a DS that one key matches",
     "zone\nview ns1 203.0.113.1 keys=11/13,12/13\n" PROD "parent ds=12/13,99/8\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {0}},
    {"keys before the DS is there",
     "zone\nview ns1 203.0.113.1 keys=11/13\n" PROD "parent ds=none\n",
     "expect=prod",
     DR_OK,
     "leads to prod",
     {0}},
    {"the parent cannot be asked",
     "zone\n" NS1 PROD "parent trouble=the_parent_does_not_answer\n",
     "expect=prod",
     DR_WARNING,
     "the parent does not answer",
     {0}},
    {"servers of an earlier run",
     "zone\nview ns1 203.0.113.1 remembered\n" PROD,
     "expect=prod",
     DR_WARNING,
     "its servers are those of an earlier run",
     {0}},
    {"a server of an earlier run that was taken out",
     "zone\n" NS1 PROD "view ns2 203.0.113.2 remembered\na unreachable\naaaa unreachable\n"
     "parent ns=ns1\n",
     "expect=prod",
     DR_OK,
     "leads to prod on the name server",
     {"-ns2"}},
    {"a server of an earlier run that the zone names no more",
     "zone\nview ns1 203.0.113.1 ns=ns1\n" PROD "view ns2 203.0.113.2 remembered\n" DR,
     "expect=prod",
     DR_OK,
     "leads to prod on the name server",
     {"-ns2"}},
    {"a server of an earlier run that has moved",
     "zone\n" NS1 PROD "view old 203.0.113.9 server=ns1 remembered\na silent\naaaa silent\n"
     "parent ns=ns1\n",
     "expect=prod",
     DR_OK,
     "leads to prod on the name server",
     {"-old"}},
    {"a server of an earlier run that was taken out, and still names itself",
     "zone\nview ns1 203.0.113.1 recalled ns=ns1\n" PROD
     "view ns2 203.0.113.2 recalled ns=ns1,ns2\n" DR "parent ns=ns1\n",
     "expect=prod",
     DR_OK,
     "leads to prod on the name server",
     {"-ns2"}},
    {"a server of an earlier run that one names whom another names",
     "zone\nview ns1 203.0.113.1 recalled ns=ns2\n" PROD
     "view ns2 203.0.113.2 recalled ns=ns3\n" PROD "view ns3 203.0.113.3 recalled\n" DR
     "parent ns=ns1\n",
     "expect=prod",
     DR_CRITICAL,
     "1 of 3 send app.example.com to dr, not prod: ns3",
     {"ns3: leads to dr"}},
    {"a server of an earlier run, and the one that the parent names is silent",
     "zone\nview ns1 203.0.113.1 recalled\na silent\naaaa silent\n"
     "view ns2 203.0.113.2 recalled ns=ns1,ns2\n" DR "parent ns=ns1\n",
     "expect=prod",
     DR_CRITICAL,
     "1 of 2 send app.example.com to dr, not prod: ns2",
     {"ns2: leads to dr"}},
    {"a server of an earlier run that is named yet, at an address that nobody tells",
     "zone\n" NS1 PROD "view ns2 203.0.113.2 remembered\n" DR "parent ns=ns1,ns2\n",
     "expect=prod",
     DR_CRITICAL,
     "1 of 2 send app.example.com to dr, not prod: ns2",
     {"ns2: leads to dr"}},
    {"a server of an earlier run, and nobody says who there is",
     "zone\n" NS1 PROD "view ns2 203.0.113.2 remembered\n" DR,
     "expect=prod",
     DR_CRITICAL,
     "1 of 2 send app.example.com to dr, not prod: ns2",
     {"ns2: leads to dr"}},
    {"serials differ, and may",
     "zone\n" NS1 PROD "view ns2 203.0.113.2 serial=7\n" PROD,
     "expect=prod",
     DR_OK,
     "leads to prod",
     {"zone: serials differ by 6"}},
    {"serials differ, and must not",
     "zone\n" NS1 PROD "view ns2 203.0.113.2 serial=7\n" PROD,
     "expect=prod warning=serial_lag:..0",
     DR_WARNING,
     "ns1 is 6 serials behind ns2",
     {0}},
    {"serials around their end (RFC 1982)",
     "zone\nview ns1 203.0.113.1 serial=4294967295\n" PROD "view ns2 203.0.113.2 serial=2\n" PROD,
     "expect=prod warning=serial_lag:..0",
     DR_WARNING,
     "ns1 is 3 serials behind ns2",
     {0}},
    {"one serial is not told, and need not",
     "zone\n" NS1 PROD "view ns2 203.0.113.2 nosoa\n" PROD,
     "expect=prod",
     DR_OK,
     "leads to prod",
     {0}},
    {"one serial is not told, and there is a limit",
     "zone\n" NS1 PROD "view ns2 203.0.113.2 nosoa\n" PROD,
     "expect=prod warning=serial_lag:..0",
     DR_UNKNOWN,
     "ns2 does not tell its serial",
     {0}},
    {"no serial of a server that is down",
     "zone\n" NS1 PROD "view ns2 203.0.113.2 nosoa\na silent\naaaa silent\n",
     "expect=prod warning=serial_lag:..0",
     DR_WARNING,
     "1 of 2 name servers do not serve",
     {"-does not tell"}},
    /* ---- the disaster ---- */
    {"servers elsewhere are left",
     TWO "view ns3 192.0.2.53\n" PROD,
     "expect=prod lost=192.0.2.0/24",
     DR_OK,
     "leads to prod",
     {"survival: 2 name servers are left without the lost networks, 1 go"}},
    {"two addresses of one are left",
     "zone\n" NS1 PROD "view ns1b 203.0.113.3 server=ns1\n" PROD "view ns3 192.0.2.53\n" PROD,
     "expect=prod lost=192.0.2.0/24",
     DR_WARNING,
     "only ns1 is left without the lost networks",
     {0}},
    {"one address of one goes",
     "zone\n" NS1 PROD NS2 PROD "view ns2b 192.0.2.53 server=ns2\n" PROD,
     "expect=prod lost=192.0.2.0/24",
     DR_OK,
     "leads to prod",
     {"survival: 2 name servers are left without the lost networks, 0 go"}},
    {"one is left",
     "zone\n" NS1 PROD "view ns3 192.0.2.53\n" PROD,
     "expect=prod lost=192.0.2.0/24",
     DR_WARNING,
     "only ns1 is left without the lost networks",
     {0}},
    {"none is left",
     "zone\nview ns3 192.0.2.53\n" PROD,
     "expect=prod lost=192.0.2.0/24",
     DR_CRITICAL,
     "no name server is left without the lost networks",
     {0}},
    {"the one that would be left is silent",
     "zone\nview ns3 192.0.2.53\n" PROD NS1 "a silent\naaaa silent\n",
     "expect=prod lost=192.0.2.0/24",
     DR_CRITICAL,
     "no name server is left",
     {0}},
    {"the zone lives long enough",
     TWO,
     "expect=prod outage=259200",
     DR_OK,
     "leads to prod",
     {"survival: without its primary the zone lives for 7d"}},
    {"the zone expires",
     "zone\n" NS1 PROD "view ns2 203.0.113.2 expire=86400\n" PROD,
     "expect=prod outage=259200",
     DR_CRITICAL,
     "without its primary the zone lives for 1d",
     {0}},
    {"when it expires is not known",
     "zone\nview ns1 203.0.113.1 nosoa\n" PROD,
     "expect=prod outage=259200",
     DR_UNKNOWN,
     "when the zone expires on secondaries is not known",
     {0}},
    {"signatures hold",
     "zone\nview ns1 203.0.113.1 signed=864000/1209600\n" PROD,
     "expect=prod restore=172800",
     DR_OK,
     "leads to prod",
     {"survival: the signatures hold for 10d"}},
    {"when it expires on one server is not known",
     "zone\n" NS1 PROD "view ns2 203.0.113.2 nosoa\n" PROD,
     "expect=prod outage=259200",
     DR_UNKNOWN,
     "ns2 does not tell when the zone expires on it",
     {0}},
    {"one server gives no signature",
     "zone\nview ns1 203.0.113.1 signed=604800/1209600\n" PROD NS2 PROD,
     "expect=prod restore=86400",
     DR_UNKNOWN,
     "ns2 does not tell until when it is signed",
     {0}},
    {"signatures expire before they can be made again",
     "zone\nview ns1 203.0.113.1 signed=864000/1209600\n" PROD
     "view ns2 203.0.113.2 signed=86400/1209600\n" PROD,
     "expect=prod restore=172800",
     DR_CRITICAL,
     "the signatures hold for 1d",
     {0}},
    {"a stale secondary's signatures are not hidden",
     "zone\nview ns1 203.0.113.1 signed=864000/1209600\n" PROD
     "view ns2 203.0.113.2 signed=-3600/1209600\n" PROD,
     "expect=prod",
     DR_CRITICAL,
     "a signature on ns2 has expired 1h ago",
     {0}},
    {"nobody signs any more",
     "zone\nview ns1 203.0.113.1 signed=86400/1209600\n" PROD,
     "expect=prod",
     DR_WARNING,
     "the signatures on ns1 hold for 1d more, of 14d: nobody renews them",
     {0}},
    {"signatures for a year, renewed a month before",
     "zone\nview ns1 203.0.113.1 signed=2592000/31536000\n" PROD,
     "expect=prod",
     DR_OK,
     "leads to prod",
     {0}},
    {"signatures of tomorrow",
     "zone\nview ns1 203.0.113.1 signed=864000/1209600\n" PROD
     "view ns2 203.0.113.2 signed=1213200/1209600\n" PROD,
     "expect=prod",
     DR_CRITICAL,
     "a signature on ns2 begins in 1h only",
     {"survival: a signature on ns2 begins in 1h only"}},
    {"signatures that have just been made",
     "zone\nview ns1 203.0.113.1 signed=1209600/1209600\n" PROD,
     "expect=prod",
     DR_OK,
     "leads to prod",
     {0}},
    {"signatures that are always short",
     "zone\nview ns1 203.0.113.1 signed=86400/172800\n" PROD,
     "expect=prod",
     DR_OK,
     "leads to prod",
     {0}},
    {"signatures are wanted, and there is none",
     TWO,
     "expect=prod restore=172800",
     DR_UNKNOWN,
     "no server gives a signature",
     {0}},
};

/* "ttl_min:60" outside 60..infinity; "serial_lag:..0" outside 0..0 */
static void set_limit(struct scene *scene, const char *text)
{
    const char *colon = strchr(text, ':');
    for (int m = 0; m < DNS_METRICS; m++) {
        if (strncmp(dns_metrics[m].name, text, (size_t)(colon - text)) != 0 ||
            strlen(dns_metrics[m].name) != (size_t)(colon - text))
            continue;
        bool most = colon[1] == '.';
        scene->thresholds[m].warning =
            (struct dr_limit){.given = true,
                              .range = {.start = most ? 0 : atof(colon + 1),
                                        .end = most ? atof(colon + 3) : INFINITY}};
        scene->rules.limited[m] = true;
        return;
    }
    fail_msg("no such metric: %s", text);
}

static void below(struct scene *scene, enum dns_metric metric, double critical, double warning)
{
    scene->thresholds[metric].critical =
        (struct dr_limit){.given = true, .range = {.start = critical, .end = INFINITY}};
    scene->thresholds[metric].warning =
        (struct dr_limit){.given = true, .range = {.start = warning, .end = INFINITY}};
    scene->rules.limited[metric] = true;
}

static void add_standby(struct scene *scene, char *text)
{
    char *name = strchr(text, ':');
    *name++ = '\0';
    scene->standby[scene->rules.standby_count++] =
        (struct dns_standby){.name = name, .site = dns_site_find(&scene->rules.sites, text)};
}

static void set_option(struct scene *scene, char *option)
{
    struct dns_rules *rules = &scene->rules;
    char *value = strchr(option, '=');
    if (value != NULL)
        *value++ = '\0';
    if (strcmp(option, "expect") == 0)
        rules->expect = dns_site_find(&rules->sites, value);
    else if (strcmp(option, "hidden") == 0) {
        rules->sites.items[0].hides = true;
        rules->sites.items[0].as_of = strdup(value);
    } else if (strcmp(option, "exact") == 0)
        rules->set = DNS_SET_EXACT;
    else if (strcmp(option, "min") == 0) {
        rules->set = DNS_SET_MIN;
        rules->least = (unsigned)atoi(value);
    } else if (strcmp(option, "type") == 0) {
        rules->required[DNS_V4] = true;
        rules->required[DNS_V6] = strcmp(value, "a,aaaa") == 0;
        rules->forbidden[DNS_V6] = !rules->required[DNS_V6];
    } else if (strcmp(option, "via") == 0)
        assert_true(dns_name_read(value, &scene->via[rules->via_count++], NULL));
    else if (strcmp(option, "servers") == 0)
        rules->least_servers = dr_int(atoi(value));
    else if (strcmp(option, "own") == 0)
        rules->own_record = true;
    else if (strcmp(option, "redelegate") == 0)
        rules->redelegate = true;
    else if (strcmp(option, "rto") == 0) {
        rules->rto = dr_real(atof(value));
        dr_threshold_from_objective(&scene->thresholds[DNS_SWITCH_TIME], atof(value));
        rules->limited[DNS_SWITCH_TIME] = true;
    } else if (strcmp(option, "lead") == 0)
        rules->lead_time = atof(value);
    else if (strcmp(option, "window") == 0)
        rules->window = dr_real(atof(value));
    else if (strcmp(option, "outage") == 0)
        below(scene, DNS_SOA_EXPIRE, atof(value), atof(value) * 1.25);
    else if (strcmp(option, "restore") == 0)
        below(scene, DNS_SIGNED_FOR, atof(value), atof(value) * 1.25);
    else if (strcmp(option, "lost") == 0) {
        assert_true(dns_network_read(value, &scene->lost[rules->lost_count++], NULL));
        below(scene, DNS_NS_LEFT, 1, 2);
    } else if (strcmp(option, "standby") == 0)
        add_standby(scene, value);
    else if (strcmp(option, "warning") == 0)
        set_limit(scene, value);
    else
        fail_msg("no such option: %s", option);
}

/* Rules as main makes them where nothing else is asked for. */
static void start(struct scene *scene, const char *options)
{
    static char words[8][100];
    size_t count = 0;
    *scene = (struct scene){.timeout_state = DR_CRITICAL};
    scene->rules.thresholds = scene->thresholds;
    scene->rules.name = "app.example.com";
    scene->rules.expect = DNS_SITE_NONE;
    scene->rules.least = 1;
    scene->rules.standby = scene->standby;
    scene->rules.via = scene->via;
    scene->rules.lost = scene->lost;
    bool exact = strstr(options, "exact") != NULL;
    assert_true(dns_sites_add(&scene->rules.sites,
                              strstr(options, "exact=v6") != NULL
                                  ? "prod=192.0.2.10,192.0.2.11,2001:db8:1::10"
                              : exact ? "prod=192.0.2.10,192.0.2.11"
                                      : "prod=192.0.2.0/24,2001:db8:1::/48",
                              NULL));
    assert_true(dns_sites_add(&scene->rules.sites,
                              "dr=198.51.100.0/24,2001:db8:2::/48,*.dr.example.net", NULL));
    for (const char *at = options; *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        assert_true(count < 8 && length < sizeof words[0]);
        snprintf(words[count], sizeof words[0], "%.*s", (int)length, at);
        set_option(scene, words[count++]);
        at += length;
    }
}

static bool has_line(const struct dr_result *result, const char *words)
{
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct dr_finding *finding = &result->findings[i];
        char text[2000];
        snprintf(text, sizeof text, "%s: %s (%s)", finding->subject, finding->text,
                 finding->detail != NULL ? finding->detail : "");
        if (strstr(text, words) != NULL)
            return true;
    }
    return false;
}

static void show(const char *name, const struct dr_result *result)
{
    print_message("%s:\n  [%s] %s\n", name, dr_state_name(result->verdict_state), result->verdict);
    for (size_t i = 0; i < result->finding_count; i++)
        print_message("  [%s] %s: %s (%s)\n", dr_state_name(result->findings[i].state),
                      result->findings[i].subject, result->findings[i].text,
                      result->findings[i].detail != NULL ? result->findings[i].detail : "");
}

static bool is_right(const struct row *row, const struct dr_result *result)
{
    bool right = dr_result_state(result) == row->state && result->verdict_state == row->state &&
                 strstr(result->verdict, row->verdict) != NULL && !result->out_of_memory;
    for (size_t i = 0; i < 3 && row->words[i] != NULL; i++) {
        bool unwanted = row->words[i][0] == '-';
        right = right && has_line(result, row->words[i] + unwanted) != unwanted;
    }
    return right;
}

static void test_rows(void **state)
{
    size_t failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene scene;
        struct dr_result result;
        start(&scene, rows[i].options);
        scene_read(&scene, rows[i].scene);
        scene_judge(&scene, SCENE_NOW, &result);
        if (!is_right(&rows[i], &result)) {
            failed++;
            show(rows[i].name, &result);
        }
        dr_result_free(&result);
        scene_end(&scene);
    }
    assert_int_equal(failed, 0);
}

/* ---- a switch: several runs, with a memory ---- */

struct step {
    double at; /* seconds after the beginning */
    const char *scene;
    const char *options;
    enum dr_state state;
    const char *verdict;
    double eta; /* less than 0: there is none */
};

static void run_steps(const struct step *steps, size_t count)
{
    char directory[] = "/tmp/dr-judge-dns-XXXXXX";
    size_t failed = 0;
    assert_non_null(mkdtemp(directory));
    for (size_t i = 0; i < count; i++) {
        struct scene scene;
        struct dr_result result;
        struct dr_error error = {.class = DR_ERR_NONE};
        double eta = -1;
        start(&scene, steps[i].options);
        scene_read(&scene, steps[i].scene);
        assert_true(dns_history_open(&scene.history, directory, "check_dns_target", "x", &error));
        scene_judge(&scene, SCENE_NOW + steps[i].at, &result);
        assert_true(dns_history_close(&scene.history, &error));
        for (size_t f = 0; f < result.figure_count; f++) {
            if (strcmp(result.figures[f].label, "eta") == 0)
                eta = result.figures[f].value;
        }
        if (dr_result_state(&result) != steps[i].state ||
            strstr(result.verdict, steps[i].verdict) == NULL || fabs(eta - steps[i].eta) > 0.5) {
            char name[80];
            snprintf(name, sizeof name, "step %zu, eta %g", i, eta);
            failed++;
            show(name, &result);
        }
        dr_result_free(&result);
        scene_end(&scene);
    }
    test_remove_tree(directory);
    assert_int_equal(failed, 0);
}

#define LATE(ttl) "a found 192.0.2.10 ttl=" #ttl "\naaaa nodata\n"
#define ALL_PROD "zone\n" NS1 LATE(300) NS2 LATE(300) R1 LATE(200) R2 LATE(100)

/* The plan changes; servers follow, then resolvers as their TTLs run out; one is stuck. */
static void test_planned_switch(void **state)
{
    static const struct step steps[] = {
        {0, ALL_PROD, "expect=prod window=120", DR_OK, "leads to prod", 0},
        {60, ALL_PROD, "expect=dr window=120", DR_WARNING,
         "0 of 4 lead to dr, the last in 7m (deadline in 7m): ns1 still leads to prod", 420},
        {90, "zone\n" NS1 DR NS2 LATE(300) R1 LATE(170) R2 LATE(70), "expect=dr window=120",
         DR_WARNING, "1 of 4 lead to dr", 390},
        {120, "zone\n" NS1 DR NS2 DR R1 LATE(140) R2 LATE(40), "expect=dr window=120", DR_WARNING,
         "2 of 4 lead to dr, the last in 2m20s", 140},
        {200, "zone\n" NS1 DR NS2 DR R1 LATE(60) R2 DR, "expect=dr window=120", DR_WARNING,
         "3 of 4 lead to dr, the last in 1m (deadline in 4m40s): r1 still leads to prod", 60},
        {300, "zone\n" NS1 DR NS2 DR R1 DR R2 DR, "expect=dr window=120", DR_OK, "leads to dr", 0},
        /* one that goes back until then may be another cache behind the same address */
        {400, "zone\n" NS1 DR NS2 DR R1 LATE(60) R2 DR, "expect=dr window=120", DR_WARNING,
         "3 of 4 lead to dr, the last in 1m (deadline in 1m20s): r1 still leads to prod", 60},
        {470, "zone\n" NS1 DR NS2 DR R1 DR R2 DR, "expect=dr window=120", DR_OK, "leads to dr", 0},
        {490, "zone\n" NS1 DR NS2 DR R1 DR R2 DR, "expect=dr window=120", DR_OK, "leads to dr", 0},
        /* later it is no switch */
        {500, "zone\n" NS1 DR NS2 DR R1 LATE(60) R2 DR, "expect=dr window=120", DR_CRITICAL,
         "1 of 4 send app.example.com to prod, not dr: r1", 60},
    };
    (void)state;
    run_steps(steps, sizeof steps / sizeof steps[0]);
}

static void test_stuck_resolver(void **state)
{
    static const struct step steps[] = {
        {0, ALL_PROD, "expect=prod window=120", DR_OK, "leads to prod", 0},
        {60, "zone\n" NS1 DR NS2 DR R1 LATE(200) R2 DR, "expect=dr window=120", DR_WARNING,
         "3 of 4 lead to dr", 200},
        {470, "zone\n" NS1 DR NS2 DR R1 LATE(30) R2 DR, "expect=dr window=120", DR_WARNING,
         "3 of 4 lead to dr", 30},
        {490, "zone\n" NS1 DR NS2 DR R1 LATE(30) R2 DR, "expect=dr window=120", DR_CRITICAL,
         "3 of 4 lead to dr 7m10s after the switch began, past its deadline: r1 still leads to "
         "prod",
         30},
    };
    (void)state;
    run_steps(steps, sizeof steps / sizeof steps[0]);
}

static void test_stuck_server(void **state)
{
    static const struct step steps[] = {
        {0, ALL_PROD, "expect=prod window=120", DR_OK, "leads to prod", 0},
        {60, "zone\n" NS1 DR NS2 LATE(300), "expect=dr window=120", DR_WARNING, "1 of 2", 420},
        {190, "zone\n" NS1 DR NS2 LATE(300), "expect=dr window=120", DR_CRITICAL,
         "past its deadline: ns2 still leads to prod", 300},
    };
    (void)state;
    run_steps(steps, sizeof steps / sizeof steps[0]);
}

#define SILENT "a silent\naaaa silent\n"
#define KEEPS(ttl) "resolver r1\nview r1 10.0.0.1 given\n" LATE(ttl)

/* It is the plan that begins it: nobody may answer then, or all may be there already. */
static void test_whoever_answers(void **state)
{
    static const struct step silent[] = {
        {0, ALL_PROD, "expect=prod window=120", DR_OK, "leads to prod", 0},
        {60, "zone\n" NS1 SILENT NS2 SILENT R1 SILENT, "expect=dr window=120", DR_CRITICAL,
         "0 of 2 name servers serve", -1},
        {90, "zone\n" NS1 DR NS2 LATE(300) R1 LATE(100), "expect=dr window=120", DR_WARNING,
         "1 of 3 lead to dr", 390},
        {190, "zone\n" NS1 DR NS2 LATE(300) R1 DR, "expect=dr window=120", DR_CRITICAL,
         "past its deadline: ns2", 300},
    };
    static const struct step there[] = {
        {0, ALL_PROD, "expect=prod window=120", DR_OK, "leads to prod", 0},
        {60, "zone\n" NS1 DR NS2 DR R1 DR, "expect=dr window=120", DR_OK, "leads to dr", 0},
        {90, "zone\n" NS1 DR NS2 DR R1 LATE(100), "expect=dr window=120", DR_WARNING,
         "2 of 3 lead to dr", 100},
    };
    (void)state;
    run_steps(silent, sizeof silent / sizeof silent[0]);
    run_steps(there, sizeof there / sizeof there[0]);
}

/* Without servers the caches alone say for how long they keep the old answer; a stale one, which
 * is given again and again, does not. */
static void test_caches_alone(void **state)
{
    static const struct step steps[] = {
        {0, KEEPS(10), "expect=prod window=0", DR_OK, "leads to prod", 0},
        {60, KEEPS(240), "expect=dr window=0", DR_WARNING, "0 of 1 lead to dr, the last in 4m",
         240},
        {299, KEEPS(1), "expect=dr window=0", DR_WARNING, "0 of 1 lead to dr", 1},
        {301, KEEPS(1), "expect=dr window=0", DR_CRITICAL, "past its deadline", 1},
    };
    static const struct step stale[] = {
        {0, KEEPS(10), "expect=prod window=600", DR_OK, "leads to prod", 0},
        {60, R1 "a found 192.0.2.10 ttl=30 stale\naaaa nodata\n", "expect=dr window=600",
         DR_WARNING, "0 of 1 lead to dr, no end in sight (deadline in 10m30s): r1", -1},
    };
    (void)state;
    run_steps(steps, sizeof steps / sizeof steps[0]);
    run_steps(stale, sizeof stale / sizeof stale[0]);
}

/* Without a --switch-window a server may take as long as the SOA's refresh says. */
static void test_refresh_is_the_window(void **state)
{
    static const struct step steps[] = {
        {0, ALL_PROD, "expect=prod", DR_OK, "leads to prod", 0},
        {60, "zone\n" NS1 DR NS2 LATE(300), "expect=dr", DR_WARNING, "1 of 2", 1200},
        {970, "zone\n" NS1 DR NS2 LATE(300), "expect=dr", DR_CRITICAL, "past its deadline", 300},
    };
    (void)state;
    run_steps(steps, sizeof steps / sizeof steps[0]);
}

/* Nobody has said which site: a changed answer begins a switch. */
static void test_seen_switch(void **state)
{
    static const struct step steps[] = {
        {0, ALL_PROD, "", DR_OK, "leads to prod", 0},
        {60, "zone\n" NS1 DR NS2 LATE(300) NS3 DR, "", DR_WARNING, "2 of 3 lead to dr", 1200},
        {90, "zone\n" NS1 DR NS2 DR NS3 DR, "", DR_OK, "leads to dr", 0},
    };
    (void)state;
    run_steps(steps, sizeof steps / sizeof steps[0]);
}

/* One that is silent for a while has not ended the switch. */
static void test_silent_in_between(void **state)
{
    static const struct step steps[] = {
        {0, ALL_PROD, "expect=prod window=120", DR_OK, "leads to prod", 0},
        {60, "zone\n" NS1 DR NS2 DR R1 LATE(200) R2 DR, "expect=dr window=120", DR_WARNING,
         "3 of 4 lead to dr", 200},
        {90, "zone\n" NS1 DR NS2 DR R1 "a silent\naaaa silent\n" R2 DR, "expect=dr window=120",
         DR_CRITICAL, "1 of 2 resolvers do not tell: r1", -1},
        {120, "zone\n" NS1 DR NS2 DR R1 LATE(140) R2 DR, "expect=dr window=120", DR_WARNING,
         "3 of 4 lead to dr", 140},
    };
    (void)state;
    run_steps(steps, sizeof steps / sizeof steps[0]);
}

/* What is wrong at the first look is wrong; so is what leaves the plan. */
static void test_no_switch(void **state)
{
    static const struct step first[] = {
        {0, "zone\n" NS1 PROD NS2 DR, "expect=prod window=600", DR_CRITICAL,
         "1 of 2 send app.example.com to dr, not prod", -1},
        {60, "zone\n" NS1 PROD NS2 DR, "expect=prod window=600", DR_CRITICAL, "1 of 2 send", -1},
    };
    static const struct step leaves[] = {
        {0, "zone\n" NS1 PROD NS2 PROD, "expect=prod window=600", DR_OK, "leads to prod", 0},
        {60, "zone\n" NS1 PROD NS2 DR, "expect=prod window=600", DR_CRITICAL, "1 of 2 send", -1},
    };
    static const struct step mixed[] = {
        {0, "zone\n" NS1 PROD, "expect=prod window=600", DR_OK, "leads to prod", 0},
        {60, "zone\n" NS1 "a found 192.0.2.10,198.51.100.10\naaaa nodata\n", "expect=dr window=600",
         DR_CRITICAL, "mixes sites", -1},
    };
    (void)state;
    run_steps(first, 2);
    run_steps(leaves, 2);
    run_steps(mixed, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_planned_switch),
        cmocka_unit_test(test_stuck_resolver),
        cmocka_unit_test(test_stuck_server),
        cmocka_unit_test(test_refresh_is_the_window),
        cmocka_unit_test(test_whoever_answers),
        cmocka_unit_test(test_caches_alone),
        cmocka_unit_test(test_seen_switch),
        cmocka_unit_test(test_silent_in_between),
        cmocka_unit_test(test_no_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
