/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/manual.h"

const char dns_description[] =
    "Asks every address of every authoritative server of a name, and every resolver given, where "
    "they send people, all at once, and compares that with the sites of the DR plan. Says how long "
    "a switch would take, how far one has come, and whether the DNS itself would survive the "
    "disaster. Reads only.";

const struct dr_example dns_examples[DNS_EXAMPLES] = {
    {"Every name server and two resolvers send people to the production site; a switch would be "
     "through in 15 minutes",
     "-n app.example.com --site prod=192.0.2.0/24,2001:db8:1::/48 --site dr=198.51.100.0/24 "
     "--expect prod --resolver 10.0.0.53 --resolver tls://9.9.9.9 --rto 15m"},
    {"The same, right after a failover, too: check_liveness says who is active",
     "-n app.example.com --site prod=192.0.2.0/24 --site dr=198.51.100.0/24 --expect "
     "@/var/lib/nagios/dr/active --state-dir /var/lib/nagios/dr --switch-window 10m"},
    {"Would the DNS survive the loss of the production site for three days?",
     "-n app.example.com --site prod=192.0.2.0/24 --site dr=198.51.100.0/24 --expect prod --lost "
     "192.0.2.0/24 --outage 3d --signer-restore 2d --standby dr=app-dr.example.com"},
    {"Behind a CDN: its networks. Which site is behind them check_liveness sees",
     "-n www.example.com --site cloudflare=@/usr/share/dr-plugins/ranges/cloudflare.txt"},
    {"Servers given by hand, on ports of their own",
     "-n app.example.com --zone example.com --search given --server ns1=192.0.2.53:5353 --server "
     "ns2=198.51.100.53:5353 --site prod=192.0.2.0/24"},
};

const struct dr_manual_section dns_manual[DNS_SECTIONS] = {
    {"WHAT IS ASKED",
     "Each address, A and AAAA, of each authoritative server of the zone is asked without "
     "recursion: for A and AAAA of the name, SOA and NS of the zone, a name beside it that "
     "cannot exist, DNSKEY where the zone above has a DS, and each --standby. One name may "
     "stand for two servers: an address that was forgotten is what one looks for. Each "
     "--resolver is asked for A and AAAA of the name, with recursion, as people's machines do.\n\n"
     "All are asked at once, over UDP with EDNS (--udp-size, 1232 bytes). A reply counts when "
     "it comes from that address and answers that question; whatever else arrives does not end "
     "the wait. Where none comes within --wait (2 s) the question is said again, --tries (2) "
     "times in all. A reply that was cut is fetched over TCP, and whoever does not know EDNS "
     "is asked without, and named. So a run takes as long as the slowest reply, and 4 s where "
     "somebody is silent.\n\n"
     "Only what follows from the question counts of a reply: CNAMEs (and DNAMEs) link by link "
     "from the name, addresses of the type that was asked for, at their end. Where a chain "
     "leaves the zone, who finds the zone (see below) is asked for the rest of it."},
    {"SITES AND VERDICTS",
     "--site NAME=ITEM[,ITEM...] gives a name to what an answer may lead to: addresses, "
     "networks (192.0.2.0/24, 2001:db8:1::/48), names of hosts on the way (lb-dr.example.com, "
     "*.cdn.example.net for every name below it) and files of those (@FILE). The same NAME "
     "again adds to it. Addresses are compared as numbers: 10.0.0.1 is not 10.0.0.10, "
     "2001:db8::1 is 2001:db8:0:0::1, and ::ffff:192.0.2.1 is an IPv6 address that is of no "
     "site for IPv4. An address that is of no site by itself is of that whose name it was "
     "reached by.\n\n"
     "Of each server and each resolver it is said where all of its answer leads:\n\n"
     "    to the expected site             OK\n"
     "    to another site                  CRITICAL, a WARNING during a switch\n"
     "    A to one, AAAA to another site   the same, as a split\n"
     "    to several sites at once         CRITICAL (mixed)\n"
     "    to an address of no site         CRITICAL\n"
     "    nowhere: NXDOMAIN, no address    CRITICAL\n\n"
     "--expect names the site. With one site that is the one; with several and no --expect it "
     "is the one that most authoritative servers lead to, and whoever differs is CRITICAL. "
     "--expect @FILE reads the name from a file, as check_liveness --active-file writes it: "
     "its only line that is neither blank nor a comment. With --expect-max-age an older one is "
     "UNKNOWN, since nobody may be writing it any more.\n\n"
     "A and AAAA are both asked for, and one of them is enough, unless --type says which there "
     "must be. --set compares: every address lies in the site (subset, the default); they are "
     "all that the site lists, and no others (exact); at least N of them lie in it (min=N, and "
     "any for 1). --via names a link that the chain must pass. --own-record is for names that "
     "a wildcard would answer for as well: nobody would see that they are gone.\n\n"
     "Refused is what would prove nothing, or two things at once: every address (0.0.0.0/0), a "
     "network or a name that is of two sites, 192.0.2.1/24 (the network, or the address?), an "
     "empty file, and the names mixed, none and unknown for a site. A file has one item a "
     "line; \"#\" begins a comment. Two comments are read: \"# as-of: 2026-11-01\" is the date "
     "of the list, which is shown, and \"# origin: hidden\" (see BEHIND A CDN). At most 4096 "
     "items a site, 32 sites, 1 MiB a file."},
    {"WHAT A REPLY MEANS",
     "Nothing is merged into \"not found\". A name server that does not serve is a WARNING "
     "while --min-servers (1) others do, since resolvers go on to the next one; fewer are "
     "CRITICAL, or UNKNOWN where those that could not be judged may be enough. People have no "
     "other resolver.\n\n"
     "                                          name server   resolver\n"
     "    no address of either type             CRITICAL      CRITICAL\n"
     "    CNAME to a name without address       CRITICAL      CRITICAL\n"
     "    CNAMEs in a circle, or more than 16   CRITICAL      CRITICAL\n"
     "    NXDOMAIN                              CRITICAL      CRITICAL\n"
     "    empty answer, no SOA record           CRITICAL      -\n"
     "    answers without authority (AA)        WARNING       -\n"
     "    lame: refers to other servers         WARNING       CRITICAL\n"
     "    upward referral                       WARNING       CRITICAL\n"
     "    SERVFAIL                              WARNING       CRITICAL\n"
     "    SERVFAIL, but answers with            -             CRITICAL\n"
     "      checking disabled (DNSSEC)\n"
     "    REFUSED                               WARNING       UNKNOWN\n"
     "    FORMERR, NOTIMP, NOTAUTH ...          WARNING       CRITICAL\n"
     "    no reply in all tries                 WARNING       CRITICAL (--timeout)\n"
     "    cannot be reached (ICMP, refused)     WARNING       CRITICAL\n"
     "    no way there from this host           not judged    UNKNOWN\n"
     "    cut, and TCP does not work            CRITICAL      CRITICAL\n"
     "    cut even over TCP                     CRITICAL      CRITICAL\n"
     "    a reply that cannot be read           UNKNOWN       UNKNOWN\n"
     "    TLS or HTTP fails                     -             UNKNOWN\n\n"
     "An extended error (EDE) stands beside it. REFUSED of a resolver says that we may not ask "
     "it, not that its users may not; of all name servers at once it is CRITICAL, since that "
     "is what a zone that is gone looks like. Addresses that this host has no route to (IPv6, "
     "mostly) are counted and said, and where no server could be asked the state is UNKNOWN, "
     "as it is where the servers cannot be learned."},
    {"TTL AND RTO",
     "    switch_time = --lead-time + the longest that anybody may keep the answer\n\n"
     "--lead-time is what passes before all name servers have the change: detection, decision, "
     "publishing. The longest is the worst TTL of the whole chain, as name servers give it, "
     "and the record that has it is named. A resolver's figure is what is left of a TTL, and "
     "counts only where it is more than the zone's: a cache with a minimum of its own, or a "
     "TTL that was lowered a moment ago. With --redelegate the plan moves the zone to other "
     "name servers: the TTL of its NS records counts, that of the parent's too, which nobody "
     "here can lower. Where a --standby name is not there yet, \"there is none\" is kept for "
     "min(TTL, minimum) of the SOA record.\n\n"
     "--rto 15m is CRITICAL above it and a WARNING from 80 % of it. A TTL that is lowered "
     "counts only once the old one has run out. -w ttl_min=60: finds the one that was lowered "
     "for a drill and forgotten. What clients keep by themselves (browsers, Java, proxies) no "
     "DNS shows."},
    {"A SWITCH",
     "Needs --state-dir. A switch begins with the run that first sees another --expect (or, "
     "without one, a server that leads elsewhere than before while others do not). So change "
     "the plan first, then the DNS: a server that moves ahead of the plan is CRITICAL. Who is "
     "behind is a WARNING:\n\n"
     "    name servers   until the beginning + --switch-window (without it: the\n"
     "                   refresh of the zone's SOA record)\n"
     "    resolvers      until that + the worst TTL before the switch\n\n"
     "then CRITICAL, with the name of whoever is still behind. Until then somebody who had "
     "arrived may be behind again: one address may be many caches. The first line counts who "
     "has arrived and says when the last will (eta): what is left in the caches that are "
     "behind; while a name server is behind, its deadline and the worst TTL after it. A cache "
     "is told the old answer once more where it asks a server that is behind, so the ETA is "
     "the earliest.\n\n"
     "A resolver that cannot ask and gives an old answer says so by an extended error (EDE 3, "
     "19) where it knows it: a WARNING, and while it is behind there is no ETA, for its TTL is "
     "made anew each time. A server that is silent during a switch has a line of its own and "
     "delays no deadline.\n\n"
     "What is remembered is of this name and these resolvers: with others it begins anew."},
    {"WOULD THE DNS SURVIVE",
     "--lost NETWORK, repeatable: name servers that serve and are outside of it. None is "
     "CRITICAL, one a WARNING (limits: ns_left). --outage: CRITICAL where the zone expires on "
     "its secondaries earlier (SOA expire, least of all servers), a WARNING up to 1.25 times "
     "of it. --signer-restore: the same of the first signature that expires. --standby "
     "SITE=NAME: the name that people will be sent by must be there, on every name server, and "
     "lead to that site: made in the disaster it would be hidden from whoever asked before.\n\n"
     "The way to the zone is judged in each run: the same NS records in parent and zone and on "
     "all servers, glue as the zone says it, no name server that is a CNAME or has no address: "
     "WARNINGs. That no DNSKEY matches the parent's DS is CRITICAL: whoever validates has lost "
     "the name. Serials are shown, and judged only by -w serial_lag=0 (compared by RFC 1982): "
     "some providers never change theirs. A server that does not tell what a limit is given "
     "for is UNKNOWN."},
    {"DNSSEC",
     "Without any option the dates of all signatures that come along are read: one that has "
     "expired is CRITICAL, on whichever server it is; one that has less than a tenth of its "
     "life left (at most three days) is a WARNING, since signers renew them earlier. "
     "--signer-restore or -w rrsig_min=3d: take the place of that.\n\n"
     "--dnssec validates each reply of each name server, from the parent's DS to the records "
     "and to proofs that something is not there; it needs libldns. --trust-anchor FILE takes "
     "DS or DNSKEY records from a file in place of the parent's, which is believed as it "
     "comes.\n\n"
     "    holds                       OK; \"(opt-out)\" where a proof rests on NSEC3 with\n"
     "                                opt-out: resolvers take it, too, but without AD\n"
     "    the zone has no DS          WARNING\n"
     "    does not hold               CRITICAL, with what is wrong\n"
     "    cannot be judged            UNKNOWN: a zone below with keys of its own, an\n"
     "                                algorithm that is not supported\n\n"
     "Where a server leads on to an unsigned zone below this one, and adds that zone's records "
     "itself, these cannot be told from records whose signatures were taken away: that does "
     "not hold; leave --dnssec out for such a name.\n\n"
     "--at MOMENT judges signatures as of then: would they hold over the holidays? A resolver "
     "that validates shows a zone that does not hold by SERVFAIL, and an answer to the same "
     "question with checking disabled."},
    {"RESOLVERS OVER TLS AND HTTPS",
     "    10.0.0.53, dns://10.0.0.53:5353    UDP, then TCP where it is needed\n"
     "    dns+tcp://10.0.0.53                TCP alone\n"
     "    tls://9.9.9.9[:853][?name=NAME]    DNS over TLS; NAME: whose certificate\n"
     "    https://HOST[/dns-query]           DNS over HTTPS, by POST\n"
     "    https://HOST?connect=ADDRESS       the same, at that address\n\n"
     "LABEL= before it gives it a name for output and performance data. Certificate and name "
     "are verified, by --cacert or the system's list; --insecure verifies neither. Redirects "
     "are not followed. One address may be many caches: --samples 4 asks each four times, each "
     "with a line of its own, LABEL/2 and so on."},
    {"BEHIND A CDN",
     "The addresses of a CDN lead to the CDN, whichever site it fetches from. A site whose "
     "file says \"# origin: hidden\" is named as such in the first line: that an answer lead "
     "there is proven, not who serves behind it. Ask check_liveness as well, which sees "
     "through it by a mark that only one site sends:\n\n"
     "    check_dns_target -n www.example.com \\\n"
     "        --site cloudflare=@/usr/share/dr-plugins/ranges/cloudflare.txt\n"
     "    check_liveness -T https://www.example.com/health --header X-Site=prod\n\n"
     "The networks of Cloudflare are installed as share/dr-plugins/ranges/cloudflare.txt. "
     "\"refresh FILE\" beside it renews a copy with curl: a list is taken as a whole or not at "
     "all, so that a page of an error leaves the old one in place. The date of the list is "
     "shown; an old one makes an address \"of no site\"."},
    {"NAME SERVERS THAT MUST BE FOUND",
     "By --search all (the default) those that the parent's referral names, those that the "
     "zone names, those given by --server and, with --state-dir, those that earlier runs have "
     "found, for 14 days: in a disaster nobody may be left to say where they are. Where "
     "somebody is, those that were taken out or have moved are forgotten. What they differ in "
     "is said. --search zone leaves the parent out, for a zone of one's own that nobody "
     "delegates; given asks --server alone; none only resolvers.\n\n"
     "Zone, parent and addresses are looked up by --find-by, else by the plain --resolver "
     "options, else by those of /etc/resolv.conf; they are not judged for it. Give one that "
     "works when the site is gone, or say --zone, --parent and --server, and none is needed.\n\n"
     "Split horizon: where the name has other servers inside than outside, these are two "
     "services. For the inside: --search given or zone with the inside's --server and "
     "--find-by. Otherwise the parent leads to the outside's. All servers that are found are "
     "asked on --port (53); at most 64 addresses."},
    {"WHAT IT DOES TO SERVERS",
     "It reads. A name server is asked five or six questions a run for each of its addresses, "
     "and two for each --standby; one of them also for the addresses of the name servers that "
     "lie in the zone. A resolver is asked two; those that find the zone some ten more. Those "
     "that are not answered are said again (--tries). No ANY, no transfer, no NOTIFY. A server "
     "that limits its rate (RRL) cuts some of the replies, and TCP gets them.\n\n"
     "What must be allowed: UDP and TCP to port 53 of every address, TCP to 853 or 443 of "
     "resolvers asked over TLS or HTTPS, and this host in allow-query (BIND, NSD), "
     "mod-queryacl (Knot), access-control (Unbound), allow-recursion (BIND as a resolver). No "
     "key, no account, no other privilege. --source says which address of ours asks."},
    {"PERFORMANCE DATA",
     "For the whole: moved (who leads to the wanted site) of servers (who was asked), eta, "
     "ttl_max, ttl_min, switch_time, negative_ttl, serial_lag, soa_expire, rrsig_min (signed "
     "zones), ns_left (with --lost). For each server and resolver: response_time, ttl (of a "
     "resolver "
     "what is left), and site, the place of the site among the --site options from 1, 0 where "
     "it leads to none or several. What was not seen has no figure."},
    {"WHAT IT DOES NOT DO",
     "It compares addresses: no MX, TXT or SRV records, and no interface of a provider. It "
     "asks no client subnet (ECS), so that an answer made for the place of the asker is the "
     "one for here: run it from several places. The case of a question's letters is not varied "
     "(0x20). DNS over QUIC is not spoken. Whether clients go where the DNS leads them, "
     "check_liveness and the balancer's own figures tell."},
};
