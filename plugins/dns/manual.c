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
     "-n app.example.com --site prod=192.0.2.0/24 --lost 192.0.2.0/24 --outage 3d --signer-restore "
     "2d --standby prod=app-dr.example.com"},
    {"Behind a CDN: its ranges, and what check_liveness sees through it",
     "-n www.example.com --site cloudflare=@/usr/share/dr-plugins/ranges/cloudflare.txt"},
    {"Servers given by hand, on ports of their own",
     "-n app.example.com --zone example.com --search given --server ns1=192.0.2.53:5353 --server "
     "ns2=198.51.100.53:5353 --site prod=192.0.2.0/24"},
};

const struct dr_manual_section dns_manual[DNS_SECTIONS] = {
    {"WHAT IS ASKED", "Every address of every authoritative server, without recursion."},
};
