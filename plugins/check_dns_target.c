/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_dns_target: every authoritative server and every resolver sends the name to the site it
 * should, and a switch would be through within the RTO. */
#include "common/moment.h"
#include "common/number.h"
#include "common/plugin.h"
#include "plugins/dns/given.h"
#include "plugins/dns/judge.h"
#include "plugins/dns/manual.h"
#include "plugins/dns/request.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define WAIT_FALLBACK 2.0
#define TRIES_FALLBACK 2
#define TRIES_MAX 10
#define SAMPLES_MAX 16
#define UDP_SIZE_MIN 512
#define UDP_SIZE_MAX 65535
#define WARNING_SHARE 0.8 /* of an objective: as dr_threshold_from_objective */
#define RESOLV_CONF "/etc/resolv.conf"

static struct dr_common_options common;
static struct dr_text_list resolvers;
static struct dr_text_list servers;
static struct dr_text_list parents;
static struct dr_text_list finders;
static struct dr_text_list sources;
static struct dr_text_list site_texts;
static struct dr_text_list vias;
static struct dr_text_list standbys;
static struct dr_text_list losts;
static char *name;
static char *zone;
static char *expect;
static char *types;
static char *set;
static char *at;
static bool only4;
static bool only6;
static int search;
static struct dr_opt_int port;
static struct dr_opt_int samples;
static struct dr_opt_int tries;
static struct dr_opt_int udp_size;
static struct dr_opt_int least_servers;
static struct dr_opt_real wait_for;
static struct dr_opt_real expect_max_age;
static struct dr_opt_real lead_time;
static struct dns_rules rules;
static struct dns_request request;
static struct dns_givens given_servers;
static struct dns_givens given_parents;
static struct dns_givens given_finders;
static char *expected_by_file; /* the site that --expect @FILE names */

static const char *const search_names[] = {"all", "zone", "given", "none", NULL};

#define GROUP_ASK "The name, and whom to ask"
#define GROUP_EXPECT "What the plan expects"
#define GROUP_DISASTER "The switch and the disaster"

static const struct dr_option option_rows[] = {
    {.letter = 'n',
     .name = "name",
     .kind = DR_OPTION_TEXT,
     .argument = "NAME",
     .help = "The name that people use.",
     .example = "app.example.com",
     .group = GROUP_ASK,
     .into = &name},
    {.letter = 'r',
     .name = "resolver",
     .kind = DR_OPTION_TEXTS,
     .argument = "[LABEL=]URI",
     .help = "A resolver that people use, asked with recursion: an address (dns://ADDRESS[:PORT]), "
             "dns+tcp://, tls://HOST[:853][?name=NAME], https://HOST[/PATH]; repeatable.",
     .example = "tls://9.9.9.9",
     .group = GROUP_ASK,
     .into = &resolvers},
    {.letter = 's',
     .name = "server",
     .kind = DR_OPTION_TEXTS,
     .argument = "[LABEL=]ADDRESS[:PORT]",
     .help = "An authoritative server, asked without recursion whether the zone names it or not; "
             "repeatable.",
     .example = "ns1=192.0.2.53",
     .group = GROUP_ASK,
     .into = &servers},
    {.name = "search",
     .kind = DR_OPTION_CHOICE,
     .argument = "HOW",
     .fallback = "all",
     .help = "Which authoritative servers are asked: all that the parent zone names, that the zone "
             "names and that are given; all but those of the parent, which is not asked (a zone of "
             "one's own that nobody delegates); those given alone; none.",
     .example = "given",
     .choices = search_names,
     .group = GROUP_ASK,
     .into = &search},
    {.name = "zone",
     .kind = DR_OPTION_TEXT,
     .argument = "ZONE",
     .fallback = "found out",
     .help = "The zone that the name is in.",
     .example = "example.com",
     .group = GROUP_ASK,
     .into = &zone},
    {.name = "parent",
     .kind = DR_OPTION_TEXTS,
     .argument = "ADDRESS[:PORT]",
     .fallback = "found out",
     .help = "A server of the zone above, asked for the delegation; repeatable.",
     .example = "192.0.2.1",
     .group = GROUP_ASK,
     .into = &parents},
    {.name = "find-by",
     .kind = DR_OPTION_TEXTS,
     .argument = "ADDRESS[:PORT]",
     .fallback = "the resolvers given, else those of this system",
     .help = "A resolver that finds the zone, its servers and their addresses, and what lies "
             "behind a CNAME to another zone; repeatable. It is not judged.",
     .example = "127.0.0.1",
     .group = GROUP_ASK,
     .into = &finders},
    {.letter = 'P',
     .name = "port",
     .kind = DR_OPTION_INTEGER,
     .argument = "PORT",
     .fallback = "53",
     .help = "The port of the authoritative servers, and of what is given without one.",
     .group = GROUP_ASK,
     .into = &port},
    {.letter = '4',
     .name = "ipv4",
     .kind = DR_OPTION_FLAG,
     .help = "Ask servers by their IPv4 addresses alone.",
     .group = GROUP_ASK,
     .into = &only4},
    {.letter = '6',
     .name = "ipv6",
     .kind = DR_OPTION_FLAG,
     .help = "Ask servers by their IPv6 addresses alone.",
     .group = GROUP_ASK,
     .into = &only6},
    {.name = "source",
     .kind = DR_OPTION_TEXTS,
     .argument = "ADDRESS",
     .help = "Our own address to ask from; one for each of IPv4 and IPv6.",
     .example = "192.0.2.9",
     .group = GROUP_ASK,
     .into = &sources},
    {.name = "samples",
     .kind = DR_OPTION_INTEGER,
     .argument = "N",
     .fallback = "1",
     .help = "Ask each resolver so often, at once: one address may be many caches.",
     .example = "4",
     .group = GROUP_ASK,
     .into = &samples},
    {.name = "wait",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "2s",
     .help = "Wait so long for a reply before the question is said again.",
     .example = "1s",
     .group = GROUP_ASK,
     .into = &wait_for},
    {.name = "tries",
     .kind = DR_OPTION_INTEGER,
     .argument = "N",
     .fallback = "2",
     .help = "Say each question so often before a server counts as silent.",
     .example = "3",
     .group = GROUP_ASK,
     .into = &tries},
    {.name = "udp-size",
     .kind = DR_OPTION_INTEGER,
     .argument = "BYTES",
     .fallback = "1232",
     .help = "The largest reply over UDP that is asked for (EDNS); 0: ask without EDNS.",
     .example = "512",
     .group = GROUP_ASK,
     .into = &udp_size},
    {.name = "tcp",
     .kind = DR_OPTION_FLAG,
     .help = "Ask the authoritative servers over TCP alone.",
     .group = GROUP_ASK,
     .into = &request.tcp_only},
    {.name = "cacert",
     .kind = DR_OPTION_TEXT,
     .argument = "FILE",
     .fallback = "the system's list",
     .help = "Whose certificates to trust, for tls:// and https://.",
     .example = "/etc/ssl/site-ca.pem",
     .group = GROUP_ASK,
     .into = &request.cacert},
    {.name = "insecure",
     .kind = DR_OPTION_FLAG,
     .help = "Verify no certificates.",
     .group = GROUP_ASK,
     .into = &request.insecure},
    {.letter = 'S',
     .name = "site",
     .kind = DR_OPTION_TEXTS,
     .argument = "SITE=WHAT[,WHAT...]",
     .help = "A site, and what leads to it: addresses, networks, names at the end of a CNAME "
             "(lb-dr.example.net, *.example.net), @FILE with one of these a line; repeatable.",
     .example = "prod=192.0.2.0/24,2001:db8:1::/48",
     .group = GROUP_EXPECT,
     .into = &site_texts},
    {.letter = 'e',
     .name = "expect",
     .kind = DR_OPTION_TEXT,
     .argument = "SITE",
     .fallback = "the only site; of several one, whichever",
     .help =
         "The site that every answer must lead to, or @FILE, a file that names it: check_liveness "
         "--active-file writes one.",
     .example = "prod",
     .group = GROUP_EXPECT,
     .into = &expect},
    {.name = "expect-max-age",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .help = "UNKNOWN when the file of --expect was written longer ago.",
     .example = "15m",
     .group = GROUP_EXPECT,
     .into = &expect_max_age},
    {.name = "type",
     .kind = DR_OPTION_TEXT,
     .argument = "LIST",
     .fallback = "both are asked for, one is enough",
     .help = "a, aaaa or a,aaaa: the name must have addresses of these types, and of no other.",
     .example = "a,aaaa",
     .group = GROUP_EXPECT,
     .into = &types},
    {.name = "set",
     .kind = DR_OPTION_TEXT,
     .argument = "MODE",
     .fallback = "subset",
     .help = "How addresses and site compare: subset (all lie in it), exact (all, and each address "
             "that the site lists is there), any, min=N (at least N lie in it).",
     .example = "exact",
     .group = GROUP_EXPECT,
     .into = &set},
    {.name = "via",
     .kind = DR_OPTION_TEXTS,
     .argument = "NAME",
     .help = "A name that the chain of CNAMEs must pass; repeatable.",
     .example = "lb-dr.example.com",
     .group = GROUP_EXPECT,
     .into = &vias},
    {.name = "standby",
     .kind = DR_OPTION_TEXTS,
     .argument = "SITE=NAME",
     .help = "A name that must be there before the switch and lead to that site, on every "
             "authoritative server; repeatable.",
     .example = "dr=app-dr.example.com",
     .group = GROUP_EXPECT,
     .into = &standbys},
    {.name = "own-record",
     .kind = DR_OPTION_FLAG,
     .help = "WARNING when the name, or one of --standby, has no record of its own, and a wildcard "
             "answers for it.",
     .group = GROUP_EXPECT,
     .into = &rules.own_record},
    {.name = "min-servers",
     .kind = DR_OPTION_INTEGER,
     .argument = "N",
     .fallback = "1",
     .help = "So many addresses of authoritative servers must answer: fewer are CRITICAL. Any that "
             "does not is a WARNING.",
     .example = "3",
     .group = GROUP_EXPECT,
     .into = &least_servers},
    {.name = "rto",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .help = "CRITICAL when a switch would take longer (--lead-time and the worst TTL), WARNING "
             "from 80 % of it.",
     .example = "15m",
     .group = GROUP_DISASTER,
     .into = &rules.rto},
    {.name = "lead-time",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "0s",
     .help = "What passes before all authoritative servers have the change: detection, decision, "
             "publishing.",
     .example = "5m",
     .group = GROUP_DISASTER,
     .into = &lead_time},
    {.name = "redelegate",
     .kind = DR_OPTION_FLAG,
     .help = "The plan moves the zone to other name servers: the TTLs of its NS records, and of "
             "the parent's, count.",
     .group = GROUP_DISASTER,
     .into = &rules.redelegate},
    {.name = "switch-window",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "the refresh of the SOA record, with --state-dir",
     .help = "While a switch is under way, servers may be behind for so long, and resolvers for "
             "the old TTL more, with a WARNING; needs --state-dir.",
     .example = "10m",
     .group = GROUP_DISASTER,
     .into = &rules.window},
    {.name = "lost",
     .kind = DR_OPTION_TEXTS,
     .argument = "NETWORK",
     .help = "A network that the disaster takes away: CRITICAL when no name server is left "
             "outside, WARNING when one is; repeatable.",
     .example = "192.0.2.0/24",
     .group = GROUP_DISASTER,
     .into = &losts},
    {.name = "outage",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .help = "The longest that the primary name server may be dead: CRITICAL when the zone would "
             "expire on its secondaries earlier (SOA expire).",
     .example = "3d",
     .group = GROUP_DISASTER,
     .into = &rules.outage},
    {.name = "signer-restore",
     .kind = DR_OPTION_DURATION,
     .argument = "DURATION",
     .help = "How long until the zone could be signed again: CRITICAL when a signature expires "
             "earlier.",
     .example = "2d",
     .group = GROUP_DISASTER,
     .into = &rules.restore},
    {.name = "dnssec",
     .kind = DR_OPTION_FLAG,
     .help = "Validate what each authoritative server says, from the parent's DS on.",
     .group = GROUP_DISASTER,
     .into = &request.dnssec},
    {.name = "trust-anchor",
     .kind = DR_OPTION_TEXT,
     .argument = "FILE",
     .fallback = "the parent's DS",
     .help = "DS or DNSKEY records of the zone to validate by.",
     .example = "/etc/nagios/example.com.ds",
     .group = GROUP_DISASTER,
     .into = &request.anchor},
    {.name = "at",
     .kind = DR_OPTION_TEXT,
     .argument = "MOMENT",
     .fallback = "now",
     .help = "Judge signatures as of then (ISO 8601): would they still be good?",
     .example = "2026-12-24T06:00:00Z",
     .group = GROUP_DISASTER,
     .into = &at},
    DR_LIMIT_OPTIONS(common),
    DR_OUTPUT_OPTIONS(common),
};

static const struct dr_scheme schemes[] = {
    {"dns", "resolver", "dr-plugins", true}, {"dns+tcp", "resolver", "dr-plugins", true},
    {"tls", "tls", "libssl3", true},         {"https", "https", "libcurl4", true},
    {"zone", "zone", "dr-plugins", false},   {"zone+dnssec", "zonesec", "libldns3", false},
};
#define SCHEMES (sizeof schemes / sizeof schemes[0])

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool usage(struct dr_error *error, const char *text)
{
    return dr_error_set(error, DR_ERR_USAGE, "%s", text);
}

/* ---- whom to ask ---- */

static bool read_name(const char *option, const char *text, struct dns_name *into,
                      struct dr_error *error)
{
    return dns_name_read(text, into, error) || dr_error_prefix(error, "%s", option);
}

static bool read_names(struct dr_error *error)
{
    if (name == NULL)
        return usage(error, "no name: say by --name what people ask for");
    if (!read_name("--name", name, &request.name, error) ||
        (zone != NULL && !read_name("--zone", zone, &request.zone, error)))
        return false;
    if (zone != NULL && !dns_name_within(&request.name, &request.zone))
        return dr_error_set(error, DR_ERR_USAGE, "--zone: %s is not in the zone %s", name, zone);
    request.name_text = name;
    rules.name = name;
    return true;
}

static bool read_sources(struct dr_error *error)
{
    for (size_t i = 0; i < sources.count; i++) {
        struct dns_address address;
        if (!dns_address_read(sources.items[i], &address))
            return dr_error_set(error, DR_ERR_USAGE, "--source: \"%s\" is no address",
                                sources.items[i]);
        struct dns_address *into = address.family == 4 ? &request.source4 : &request.source6;
        if (into->family != 0)
            return dr_error_set(error, DR_ERR_USAGE, "--source: two addresses of IPv%d",
                                address.family);
        if (address.family == 4 ? only6 : only4)
            return dr_error_set(error, DR_ERR_USAGE, "--source: %s, and --ipv%d", sources.items[i],
                                only4 ? 4 : 6);
        *into = address;
    }
    return true;
}

static bool read_number(struct dr_opt_int value, const char *option, int64_t least, int64_t most,
                        int64_t fallback, int64_t *into, struct dr_error *error)
{
    *into = value.known ? value.value : fallback;
    return (*into >= least && *into <= most) ||
           dr_error_set(error, DR_ERR_USAGE, "%s: %lld to %lld are possible", option,
                        (long long)least, (long long)most);
}

static bool read_numbers(struct dr_error *error)
{
    int64_t number_port, number_samples, number_tries, size;
    if (!read_number(port, "--port", 1, 65535, DNS_PORT, &number_port, error) ||
        !read_number(samples, "--samples", 1, SAMPLES_MAX, 1, &number_samples, error) ||
        !read_number(tries, "--tries", 1, TRIES_MAX, TRIES_FALLBACK, &number_tries, error))
        return false;
    size = udp_size.known ? udp_size.value : 1232;
    if (size != 0 && (size < UDP_SIZE_MIN || size > UDP_SIZE_MAX))
        return dr_error_set(error, DR_ERR_USAGE, "--udp-size: 0, or %d to %d", UDP_SIZE_MIN,
                            UDP_SIZE_MAX);
    request.port = (int)number_port;
    request.samples = (unsigned)number_samples;
    request.tries = (unsigned)number_tries;
    request.edns = size != 0;
    request.udp_size = (unsigned)size;
    request.wait = wait_for.known ? wait_for.value : WAIT_FALLBACK;
    if (request.wait <= 0)
        return usage(error, "--wait: more than 0 is needed");
    if (only4 && only6)
        return usage(error, "--ipv4 and --ipv6 exclude each other");
    request.family4 = !only6;
    request.family6 = !only4;
    request.random = true;
    return read_sources(error);
}

static bool read_at(struct dr_error *error)
{
    if (request.anchor != NULL && !request.dnssec)
        return usage(error, "--trust-anchor is for --dnssec");
    if (request.dnssec && !request.edns)
        return usage(error, "--dnssec needs EDNS: signatures are asked for by it (--udp-size 0)");
    if (at == NULL)
        return true;
    struct dr_opt_real moment = dr_moment_read(at);
    if (!moment.known || moment.value <= 0)
        return dr_error_set(error, DR_ERR_USAGE, "--at: \"%s\" is no moment (2026-12-24T06:00:00Z)",
                            at);
    request.at = moment.value;
    return true;
}

static bool is_plain(const struct dr_target *target)
{
    return strcmp(target->scheme->source, "resolver") == 0;
}

/* Whoever finds things: those said to, else the resolvers that are asked anyway, else this
 * system's. */
static bool read_finders(const struct dr_targets *targets, struct dr_error *error)
{
    if (!dns_givens_add(&given_finders, &finders, "--find-by", DNS_PORT, error))
        return false;
    for (size_t i = 0; finders.count == 0 && i < targets->count; i++) {
        const struct dr_target *target = &targets->items[i];
        if (!is_plain(target))
            continue;
        const struct dr_uri_host *host = &target->uri.hosts[target->host];
        struct dns_given given = {.label = host->name,
                                  .port = host->port != 0 ? host->port : DNS_PORT};
        if (dns_address_read(host->name, &given.address) &&
            !dns_givens_append(&given_finders, &given))
            return out_of_memory(error);
    }
    if (given_finders.count == 0 && !dns_givens_add_system(&given_finders, RESOLV_CONF))
        return out_of_memory(error);
    request.finders = given_finders.items;
    request.finder_count = given_finders.count;
    return true;
}

static bool add_resolvers(struct dr_targets *targets, struct dr_error *error)
{
    size_t first = targets->count;
    for (size_t i = 0; i < resolvers.count; i++) {
        if (!dns_resolver_add(targets, schemes, SCHEMES, resolvers.items[i], error))
            return dr_error_prefix(error, "--resolver");
    }
    for (size_t i = first; i < targets->count; i++) {
        if (targets->items[i].uri.host_count == 0)
            return dr_error_set(error, DR_ERR_USAGE, "--resolver: %s has no host",
                                targets->items[i].label);
    }
    return true;
}

/* The servers of the zone are one target: they are asked over one loop. */
static bool add_zone(struct dr_targets *targets, struct dr_error *error)
{
    if (request.search == DNS_SEARCH_NONE)
        return true;
    char *uri = dr_text_format("zone=zone%s:///", request.dnssec ? "+dnssec" : "");
    bool added = uri != NULL && dr_targets_add(targets, schemes, SCHEMES, uri, error);
    if (uri == NULL)
        out_of_memory(error);
    free(uri);
    return added;
}

static bool check_search(struct dr_error *error)
{
    request.search = (enum dns_search)search;
    if (request.search == DNS_SEARCH_GIVEN && servers.count == 0)
        return usage(error, "--search given: no --server is");
    if (request.search != DNS_SEARCH_ALL && parents.count > 0)
        return usage(error, "--parent: this --search does not ask the parent");
    if (request.search != DNS_SEARCH_NONE)
        return true;
    if (servers.count > 0)
        return usage(error, "--search none: --server is not asked then");
    if (resolvers.count == 0)
        return usage(error, "--search none: then a --resolver is needed");
    const struct {
        bool given;
        const char *option;
    } needs[] = {{standbys.count > 0, "--standby"},
                 {rules.own_record, "--own-record"},
                 {least_servers.known, "--min-servers"},
                 {rules.redelegate, "--redelegate"},
                 {losts.count > 0, "--lost"},
                 {rules.outage.known, "--outage"},
                 {rules.restore.known, "--signer-restore"},
                 {request.dnssec, "--dnssec"},
                 {rules.rto.known, "--rto"},
                 {at != NULL, "--at"},
                 {zone != NULL, "--zone"},
                 {port.known, "--port"},
                 {only4, "--ipv4"},
                 {only6, "--ipv6"},
                 {request.tcp_only, "--tcp"}};
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (needs[i].given)
            return dr_error_set(error, DR_ERR_USAGE,
                                "%s is about the authoritative servers: --search none leaves them "
                                "out",
                                needs[i].option);
    }
    return true;
}

static bool is_secured(const struct dr_target *target)
{
    return strcmp(target->scheme->source, "tls") == 0 ||
           strcmp(target->scheme->source, "https") == 0;
}

/* What is for resolvers, or for some of them, and would be left out in silence where there is none.
 */
static bool check_resolvers(const struct dr_targets *targets, struct dr_error *error)
{
    bool secured = false, plain = request.search != DNS_SEARCH_NONE;
    for (size_t i = 0; i < targets->count; i++) {
        secured = secured || is_secured(&targets->items[i]);
        plain = plain || is_plain(&targets->items[i]);
    }
    if (samples.known && resolvers.count == 0)
        return usage(error, "--samples is for resolvers: no --resolver is given");
    if ((request.cacert != NULL || request.insecure) && !secured)
        return dr_error_set(error, DR_ERR_USAGE,
                            "%s is for tls:// and https://: no such --resolver is given",
                            request.insecure ? "--insecure" : "--cacert");
    if (request.cacert != NULL && request.insecure)
        return usage(error, "--cacert and --insecure exclude each other");
    return sources.count == 0 || plain ||
           usage(error, "--source is for plain DNS: tls:// and https:// go out by any address");
}

static bool read_targets(struct dr_targets *targets, struct dr_error *error)
{
    if (!check_search(error) ||
        !dns_givens_add(&given_servers, &servers, "--server", request.port, error) ||
        !dns_givens_add(&given_parents, &parents, "--parent", request.port, error) ||
        !add_zone(targets, error) || !add_resolvers(targets, error) ||
        !check_resolvers(targets, error) || !read_finders(targets, error))
        return false;
    request.parents = given_parents.items;
    request.parent_count = given_parents.count;
    return true;
}

/* ---- what the plan expects ---- */

static bool read_sites(struct dr_error *error)
{
    if (site_texts.count == 0)
        return usage(error, "no --site: say what the answers may lead to, as "
                            "prod=192.0.2.0/24,2001:db8:1::/48");
    for (size_t i = 0; i < site_texts.count; i++) {
        if (!dns_sites_add(&rules.sites, site_texts.items[i], error))
            return dr_error_prefix(error, "--site");
    }
    return true;
}

/* "@FILE" */
static bool read_expected_file(struct dr_error *error)
{
    double age = 0;
    if (!dns_site_read_active(expect + 1, &expected_by_file, &age, error))
        return dr_error_prefix(error, "--expect");
    if (expect_max_age.known && age < 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "--expect: %s bears a time in the future: how old it is is not known",
                            expect + 1);
    if (expect_max_age.known && age > expect_max_age.value) {
        char words[2][DR_UNIT_TEXT];
        return dr_error_set(
            error, DR_ERR_USAGE,
            "--expect: %s says %s, but was written %s ago (--expect-max-age %s): does whoever "
            "writes it still run?",
            expect + 1, expected_by_file,
            dr_unit_format(DR_UNIT_SECONDS, age, words[0], sizeof words[0]),
            dr_unit_format(DR_UNIT_SECONDS, expect_max_age.value, words[1], sizeof words[1]));
    }
    return true;
}

static bool read_expected(struct dr_error *error)
{
    bool by_file = expect != NULL && expect[0] == '@';
    rules.expect = rules.sites.count == 1 ? 0 : DNS_SITE_NONE;
    if (expect_max_age.known && !by_file)
        return usage(error, "--expect-max-age is for --expect @FILE");
    if (by_file && !read_expected_file(error))
        return false;
    const char *wanted = by_file ? expected_by_file : expect;
    if (wanted == NULL)
        return true;
    rules.expect = dns_site_find(&rules.sites, wanted);
    return rules.expect != DNS_SITE_NONE ||
           dr_error_set(error, DR_ERR_USAGE, "--expect: %s%s\"%s\" is none of the sites",
                        by_file ? expect + 1 : "", by_file ? ": " : "", wanted);
}

static bool read_types(struct dr_error *error)
{
    request.wants[DNS_V4] = request.wants[DNS_V6] = true;
    if (types == NULL)
        return true;
    const bool v4 = strcasecmp(types, "a") == 0;
    const bool v6 = strcasecmp(types, "aaaa") == 0;
    const bool both = strcasecmp(types, "a,aaaa") == 0 || strcasecmp(types, "aaaa,a") == 0;
    if (!v4 && !v6 && !both)
        return dr_error_set(error, DR_ERR_USAGE, "--type: \"%s\" is none of a, aaaa and a,aaaa",
                            types);
    rules.required[DNS_V4] = v4 || both;
    rules.required[DNS_V6] = v6 || both;
    rules.forbidden[DNS_V4] = v6;
    rules.forbidden[DNS_V6] = v4;
    return true;
}

static bool read_set(struct dr_error *error)
{
    rules.least = 1;
    if (set == NULL || strcmp(set, "subset") == 0)
        rules.set = DNS_SET_SUBSET;
    else if (strcmp(set, "exact") == 0)
        rules.set = DNS_SET_EXACT;
    else if (strcmp(set, "any") == 0)
        rules.set = DNS_SET_MIN;
    else if (strncmp(set, "min=", 4) == 0 && set[4] >= '1' && set[4] <= '9' &&
             strspn(set + 4, "0123456789") == strlen(set + 4) && strlen(set) < 8) {
        rules.set = DNS_SET_MIN;
        rules.least = (unsigned)strtoul(set + 4, NULL, 10);
    } else
        return dr_error_set(error, DR_ERR_USAGE,
                            "--set: \"%s\" is none of subset, exact, any and min=N", set);
    return true;
}

/* An exact set is a list of addresses: a network lists none. */
static bool check_exact(struct dr_error *error)
{
    for (size_t i = 0; rules.set == DNS_SET_EXACT && i < rules.sites.count; i++) {
        const struct dns_site *site = &rules.sites.items[i];
        for (size_t n = 0; n < site->network_count; n++) {
            const struct dns_network *network = &site->networks[n];
            if (network->bits < (network->address.family == 4 ? 32U : 128U) &&
                (rules.expect == i || rules.expect == DNS_SITE_NONE))
                return dr_error_set(error, DR_ERR_USAGE,
                                    "--set exact: the site %s must list addresses, not networks",
                                    site->name);
        }
    }
    return true;
}

static bool read_vias(struct dr_error *error)
{
    struct dns_name *names = calloc(vias.count + 1, sizeof *names);
    if (names == NULL)
        return out_of_memory(error);
    rules.via = names;
    rules.via_count = vias.count;
    for (size_t i = 0; i < vias.count; i++) {
        if (!read_name("--via", vias.items[i], &names[i], error))
            return false;
    }
    return true;
}

/* SITE=NAME: cut in place. */
static bool read_standby(char *text, size_t index, struct dr_error *error)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return dr_error_set(error, DR_ERR_USAGE, "--standby: \"%s\" is not SITE=NAME", text);
    *equals = '\0';
    rules.standby[index].name = equals + 1;
    rules.standby[index].site = dns_site_find(&rules.sites, text);
    if (rules.standby[index].site == DNS_SITE_NONE)
        return dr_error_set(error, DR_ERR_USAGE, "--standby: \"%s\" is none of the sites", text);
    return read_name("--standby", equals + 1, &request.standby[index], error);
}

static bool read_standbys(struct dr_error *error)
{
    rules.standby = calloc(standbys.count + 1, sizeof *rules.standby);
    request.standby = calloc(standbys.count + 1, sizeof *request.standby);
    if (rules.standby == NULL || request.standby == NULL)
        return out_of_memory(error);
    rules.standby_count = request.standby_count = standbys.count;
    for (size_t i = 0; i < standbys.count; i++) {
        if (!read_standby(standbys.items[i], i, error))
            return false;
    }
    return true;
}

static bool read_losts(struct dr_error *error)
{
    struct dns_network *networks = calloc(losts.count + 1, sizeof *networks);
    if (networks == NULL)
        return out_of_memory(error);
    rules.lost = networks;
    rules.lost_count = losts.count;
    for (size_t i = 0; i < losts.count; i++) {
        if (!dns_network_read(losts.items[i], &networks[i], error))
            return dr_error_prefix(error, "--lost");
    }
    return true;
}

static bool check_company(struct dr_error *error)
{
    if (rules.window.known && common.state_dir == NULL)
        return usage(error, "--switch-window needs --state-dir: when a switch began is known from "
                            "earlier runs");
    if (lead_time.known && !rules.rto.known)
        return usage(error, "--lead-time is a part of the --rto, which is not given");
    rules.lead_time = lead_time.known ? lead_time.value : 0;
    rules.least_servers = least_servers;
    return !least_servers.known || least_servers.value > 0 ||
           usage(error, "--min-servers: at least 1");
}

/* ---- limits ---- */

static void limit(struct dr_limit *limit, double start, double end)
{
    if (!limit->given)
        *limit = (struct dr_limit){.given = true, .range = {.start = start, .end = end}};
}

/* CRITICAL below an objective, WARNING where it would be more than 80 % of what is there. */
static void limit_from_below(struct dr_threshold *threshold, struct dr_opt_real objective)
{
    if (!objective.known)
        return;
    limit(&threshold->critical, objective.value, INFINITY);
    limit(&threshold->warning, objective.value / WARNING_SHARE, INFINITY);
}

static void set_limits(struct dr_threshold *thresholds)
{
    rules.thresholds = thresholds;
    if (rules.rto.known)
        dr_threshold_from_objective(&thresholds[DNS_SWITCH_TIME], rules.rto.value);
    limit_from_below(&thresholds[DNS_SOA_EXPIRE], rules.outage);
    limit_from_below(&thresholds[DNS_SIGNED_FOR], rules.restore);
    if (losts.count > 0) {
        limit(&thresholds[DNS_NS_LEFT].critical, 1, INFINITY);
        limit(&thresholds[DNS_NS_LEFT].warning, 2, INFINITY);
    }
    for (size_t i = 0; i < DNS_METRICS; i++)
        rules.limited[i] = thresholds[i].warning.given || thresholds[i].critical.given;
}

/* Of what is not looked at a limit says nothing. */
static bool check_limits(struct dr_error *error)
{
    const enum dns_metric of_zone[] = {DNS_SERIAL_LAG, DNS_SOA_EXPIRE, DNS_SIGNED_FOR, DNS_NS_LEFT};
    for (size_t i = 0; i < sizeof of_zone / sizeof of_zone[0]; i++) {
        if (request.search == DNS_SEARCH_NONE && rules.limited[of_zone[i]])
            return dr_error_set(error, DR_ERR_USAGE,
                                "a limit of %s is about the authoritative servers: --search none "
                                "leaves them out",
                                dns_metrics[of_zone[i]].name);
    }
    return !rules.limited[DNS_NS_LEFT] || losts.count > 0 ||
           usage(error, "a limit of ns_left needs --lost: which networks are gone");
}

/* ---- what is remembered ---- */

/* The name belongs to it: services for two names may ask the same resolvers. */
static char *identity_of(const struct dr_targets *targets)
{
    struct dr_buffer text = DR_BUFFER(16384);
    dr_buffer_addf(&text, "%s ", name);
    for (size_t i = 0; i < targets->count; i++)
        dr_buffer_addf(&text, "%s ", targets->items[i].label);
    return dr_buffer_take(&text);
}

static bool open_history(const struct dr_targets *targets, struct dns_history *history,
                         struct dr_error *error)
{
    *history = (struct dns_history){.open = false};
    if (common.state_dir == NULL)
        return true;
    char *identity = identity_of(targets);
    bool opened = identity != NULL &&
                  dns_history_open(history, common.state_dir, "check_dns_target", identity, error);
    if (identity == NULL)
        out_of_memory(error);
    free(identity);
    return opened;
}

/* In a disaster nobody may be left who says where the servers are: earlier runs have found them, on
 * the port of those that are found. A history that cannot be read is said by the judge. */
static bool read_remembered(const struct dr_targets *targets, struct dr_error *error)
{
    struct dns_history history;
    size_t given = given_servers.count;
    bool good = true;
    if (request.search <= DNS_SEARCH_ZONE && open_history(targets, &history, error)) {
        good = dns_history_servers(&history, (double)time(NULL), &given_servers);
        dns_history_drop(&history);
    }
    for (size_t i = given; i < given_servers.count; i++)
        given_servers.items[i].port = request.port;
    request.servers = given_servers.items;
    request.server_count = given_servers.count;
    return good || out_of_memory(error);
}

static bool prepare(struct dr_targets *targets, struct dr_threshold *thresholds,
                    struct dr_error *error)
{
    if (!read_names(error) || !read_numbers(error) || !read_at(error) || !read_sites(error) ||
        !read_expected(error) || !read_types(error) || !read_set(error) || !check_exact(error) ||
        !read_vias(error) || !read_standbys(error) || !read_losts(error) || !check_company(error) ||
        !read_targets(targets, error) || !dr_targets_settle(targets, error) ||
        !read_remembered(targets, error))
        return false;
    set_limits(thresholds);
    return check_limits(error);
}

/* ---- after the run ---- */

static void gather(const struct dr_session *session, struct dns_asked *asked)
{
    const struct dns_facts *facts = session->facts;
    for (size_t i = 0; i < session->targets->count; i++) {
        const struct dr_target *target = &session->targets->items[i];
        const struct dr_outcome *outcome = &session->outcomes[i];
        asked[i] = (struct dns_asked){
            .label = target->label,
            .zone = strncmp(target->scheme->source, "zone", strlen("zone")) == 0,
            .answered = outcome->finished && outcome->ok,
            .facts = outcome->finished ? &facts[i] : NULL,
            .error = &outcome->error,
        };
    }
}

static void judge(const struct dr_session *session, struct dr_result *result)
{
    struct dns_asked *asked = calloc(session->targets->count, sizeof *asked);
    struct dns_history history;
    struct dr_error error = {.class = DR_ERR_NONE};
    if (asked == NULL) {
        result->out_of_memory = true;
        return;
    }
    gather(session, asked);
    if (!open_history(session->targets, &history, &error))
        dr_result_add(result, DR_UNKNOWN, "state", "%s", error.text);
    const struct dns_evidence evidence = {
        .asked = asked,
        .count = session->targets->count,
        .history = &history,
        .now = session->now,
    };
    dns_judge(&evidence, &rules, session->common->timeout.state, result);
    if (!dns_history_close(&history, &error))
        dr_result_add(result, DR_UNKNOWN, "state", "%s", error.text);
    free(asked);
}

static void forget(void)
{
    dns_givens_free(&given_servers);
    dns_givens_free(&given_parents);
    dns_givens_free(&given_finders);
    dns_sites_free(&rules.sites);
    free(expected_by_file);
    free(rules.standby);
    free(request.standby);
    free((struct dns_name *)rules.via);
    free((struct dns_network *)rules.lost);
}

#ifdef DR_STATIC_SOURCES
/* A line for each. */
/* clang-format off */
#ifdef HAVE_LIBCURL
extern const struct dr_source dr_source_dns_https;
#endif
extern const struct dr_source dr_source_dns_resolver;
#ifdef HAVE_OPENSSL
extern const struct dr_source dr_source_dns_tls;
#endif
extern const struct dr_source dr_source_dns_zone;
#ifdef HAVE_LDNS
extern const struct dr_source dr_source_dns_zonesec;
#endif
static const struct dr_source *const built_in[] = {
#ifdef HAVE_LIBCURL
    &dr_source_dns_https,
#endif
    &dr_source_dns_resolver,
#ifdef HAVE_OPENSSL
    &dr_source_dns_tls,
#endif
    &dr_source_dns_zone,
#ifdef HAVE_LDNS
    &dr_source_dns_zonesec,
#endif
    NULL,
};
/* clang-format on */
#define BUILT_IN built_in
#else
#define BUILT_IN NULL
#endif

static const struct dr_plugin plugin = {
    .name = "check_dns_target",
    .service = "DNS",
    .group = "dns",
    .summary = "every name server and resolver sends people to the right site, and a switch would "
               "be through within the RTO",
    .description = dns_description,
    .needed = "-n NAME -S SITE=WHAT [-S SITE=WHAT...]",
    .options = {option_rows, sizeof option_rows / sizeof option_rows[0]},
    .common = &common,
    .metrics = dns_metrics,
    .metric_count = DNS_METRICS,
    .schemes = schemes,
    .scheme_count = SCHEMES,
    .examples = dns_examples,
    .example_count = DNS_EXAMPLES,
    .manual = dns_manual,
    .manual_count = DNS_SECTIONS,
    .built_in = BUILT_IN,
    .facts_size = sizeof(struct dns_facts),
    .request = &request,
    .prepare = prepare,
    .judge = judge,
    .free_facts = dns_facts_free,
};

int main(int argc, char **argv)
{
    bool stragglers;
    int code = dr_plugin_main(&plugin, argc, argv, &stragglers);
    if (stragglers)
        _exit(code);
    forget();
    return code;
}
