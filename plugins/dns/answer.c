/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/answer.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX_BYTES 400
#define SERVERS_SHOWN 4
#define DNSKEY_OF_ZONE 0x0100 /* RFC 4034, 2.1.1: another key must not be used */

/* A chain that is followed. The first name is the one that was asked for, link i leads from name i
 * to name i + 1. */
struct chain {
    const struct dns_message *reply;
    const struct dns_name *zone; /* NULL: of a resolver */
    unsigned type;
    struct dns_name names[DNS_LINKS_MAX + 1];
    const struct dns_record *dnames[DNS_LINKS_MAX]; /* that made the link; NULL: a CNAME */
    uint32_t ttls[DNS_LINKS_MAX];
    size_t links;
};

/* What the answer section has for one name. */
struct step {
    const struct dns_record *cname, *dname;
    struct dns_name target; /* of the CNAME, or what the DNAME makes of the name */
    uint32_t ttl;
    bool address;
    bool two; /* CNAMEs to different names */
};

static const struct dns_name *end_of(const struct chain *chain)
{
    return &chain->names[chain->links];
}

/* ---- What came of the question as such ---- */

static enum dns_outcome outcome_of_delivery(enum dns_delivery delivery)
{
    switch (delivery) {
    case DNS_PENDING:
        return DNS_NOT_ASKED;
    case DNS_DELIVERED:
        return DNS_FOUND;
    case DNS_NO_REPLY:
        return DNS_SILENT;
    case DNS_REFUSED_BY_HOST:
        return DNS_UNREACHABLE;
    case DNS_NO_WAY:
        return DNS_NO_ROUTE;
    case DNS_NO_TCP:
        return DNS_TCP_FAILED;
    case DNS_NOT_READABLE:
        return DNS_MALFORMED;
    case DNS_NOT_SECURE:
        return DNS_NOT_SECURED;
    }
    return DNS_MALFORMED;
}

/* DNS_FOUND where the sections of a reply are to be read: NOERROR and NXDOMAIN. */
static enum dns_outcome outcome_of_question(const struct dns_question *question)
{
    enum dns_outcome outcome = outcome_of_delivery(question->delivery);
    if (outcome != DNS_FOUND)
        return outcome;
    /* An error is complete without any record, whatever was cut. */
    switch (question->reply.rcode) {
    case DNS_NOERROR:
    case DNS_NXDOMAIN:
        return question->reply.truncated ? DNS_TRUNCATED : DNS_FOUND;
    case DNS_SERVFAIL:
        return DNS_FAILED;
    case DNS_REFUSED:
        return DNS_DENIED;
    default:
        return DNS_ERROR;
    }
}

/* ---- The chain ---- */

static bool is_wanted(const struct chain *chain, const struct dns_record *record)
{
    return record->section == DNS_ANSWER && record->type == chain->type &&
           dns_name_equal(&record->owner, end_of(chain));
}

/* A second copy of a CNAME is none too many; its TTL may differ, which RFC 2181, 5.2 forbids: the
 * longest counts, as for all that is kept. */
static void look_at_cname(struct step *step, const struct dns_record *record)
{
    if (step->cname != NULL && !dns_name_equal(&step->cname->name, &record->name))
        step->two = true;
    if (step->cname == NULL || record->ttl > step->ttl)
        step->ttl = record->ttl;
    if (step->cname == NULL)
        step->cname = record;
}

/* What there is for the last name of the chain, wherever it stands in the section. A DNAME goes
 * before the CNAME that a server has made of it for older resolvers (RFC 6672, 3.1): that one is
 * not signed, and its TTL may be 0. */
static struct step look(const struct chain *chain)
{
    struct step step = {.cname = NULL};
    const struct dns_name *name = end_of(chain);
    for (size_t i = 0; i < chain->reply->record_count; i++) {
        const struct dns_record *record = &chain->reply->records[i];
        if (record->section != DNS_ANSWER)
            continue;
        if (record->type == DNS_DNAME && step.dname == NULL &&
            (chain->zone == NULL || dns_name_within(&record->owner, chain->zone)) &&
            dns_name_substitute(name, &record->owner, &record->name, &step.target))
            step.dname = record;
        else if (record->type == DNS_CNAME && dns_name_equal(&record->owner, name))
            look_at_cname(&step, record);
        else if (is_wanted(chain, record))
            step.address = true;
    }
    if (step.dname != NULL)
        step.ttl = step.dname->ttl;
    else if (step.cname != NULL)
        step.target = step.cname->name;
    return step;
}

static bool seen_before(const struct chain *chain, const struct dns_name *name)
{
    for (size_t i = 0; i < chain->links; i++) {
        if (dns_name_equal(&chain->names[i], name))
            return true;
    }
    return false;
}

/* Follows the chain to its end: DNS_FOUND where its last name is to be looked at, or why not.
 * DNS_MALFORMED: it has no one end, since a name that is an alias has nothing else (RFC 2181,
 * 10.1), and which of the two is taken depends on who asks. */
static enum dns_outcome follow(struct chain *chain)
{
    for (;;) {
        struct step step = look(chain);
        if (step.cname == NULL && step.dname == NULL)
            return DNS_FOUND;
        if (step.address || (step.two && step.dname == NULL))
            return DNS_MALFORMED;
        if (chain->links == DNS_LINKS_MAX)
            return DNS_LONG;
        chain->dnames[chain->links] = step.dname;
        chain->ttls[chain->links] = step.ttl;
        chain->links++;
        chain->names[chain->links] = step.target;
        if (seen_before(chain, &step.target))
            return DNS_LOOP;
        /* What a server appends of another zone is no better than anybody's: a resolver does not
         * take it either. */
        if (chain->zone != NULL && !dns_name_within(&step.target, chain->zone))
            return DNS_LEAVES;
    }
}

/* ---- An end without addresses ---- */

/* The record of the authority section that says who is in charge of the chain's end: of that type,
 * at that name or above. */
static const struct dns_record *authority(const struct chain *chain, enum dns_type type)
{
    for (size_t i = 0; i < chain->reply->record_count; i++) {
        const struct dns_record *record = &chain->reply->records[i];
        if (record->section == DNS_AUTHORITY && record->type == type &&
            dns_name_within(end_of(chain), &record->owner))
            return record;
    }
    return NULL;
}

/* NS in the authority section and no SOA: go and ask those (RFC 2308, 2.1.1). The zone's own NS
 * beside AA are no referral. NULL: it is none. */
static const struct dns_record *referral(const struct chain *chain)
{
    const struct dns_record *ns = authority(chain, DNS_NS);
    if (ns == NULL || authority(chain, DNS_SOA) != NULL)
        return NULL;
    if (chain->zone == NULL)
        return chain->reply->recursion_available || chain->reply->authoritative ? NULL : ns;
    return chain->reply->authoritative && dns_name_equal(&ns->owner, chain->zone) ? NULL : ns;
}

static enum dns_outcome outcome_of_referral(const struct chain *chain, const struct dns_record *ns)
{
    bool upward =
        ns->owner.length == 1 || (chain->zone != NULL && !dns_name_within(&ns->owner, chain->zone));
    return upward ? DNS_UPWARD : DNS_LAME;
}

static enum dns_outcome outcome_of_empty(const struct chain *chain)
{
    const struct dns_record *ns = referral(chain);
    if (chain->reply->rcode == DNS_NXDOMAIN)
        return chain->links > 0 ? DNS_DANGLING : DNS_NAME_ERROR; /* of the last name: RFC 6604, 3 */
    if (chain->links > 0) {
        /* The chain goes on in a zone below this one, which other servers have; or the server has
         * not looked for its end, as balancers that answer by themselves do: nobody denies it. */
        bool below = ns != NULL && outcome_of_referral(chain, ns) == DNS_LAME &&
                     chain->zone != NULL && !dns_name_equal(&ns->owner, chain->zone);
        bool denied = chain->zone == NULL || authority(chain, DNS_SOA) != NULL;
        return below || !denied ? DNS_LEAVES : DNS_DANGLING;
    }
    if (ns != NULL)
        return outcome_of_referral(chain, ns);
    if (chain->zone == NULL || authority(chain, DNS_SOA) != NULL)
        return DNS_NODATA; /* RFC 2308, 2.2 */
    return DNS_EMPTY;
}

/* The SOA of a denial, which says how long it is kept. */
static const struct dns_record *denial(const struct chain *chain, enum dns_outcome outcome)
{
    if (outcome != DNS_NODATA && outcome != DNS_DANGLING && outcome != DNS_NAME_ERROR)
        return NULL;
    return authority(chain, DNS_SOA);
}

/* A denial in the name of a zone above ours is one of a server that does not have ours. */
static bool is_foreign(const struct chain *chain, const struct dns_record *soa)
{
    return soa != NULL && chain->zone != NULL && !dns_name_within(&soa->owner, chain->zone);
}

/* What an authoritative server says counts where it says that it is in charge. */
static bool is_owed_authority(const struct chain *chain, enum dns_outcome outcome)
{
    if (chain->zone == NULL)
        return false;
    switch (outcome) {
    case DNS_FOUND:
    case DNS_NODATA:
    case DNS_DANGLING:
    case DNS_LOOP:
    case DNS_LONG:
    case DNS_LEAVES:
    case DNS_NAME_ERROR:
        return !chain->reply->authoritative || is_foreign(chain, denial(chain, outcome));
    default:
        return false;
    }
}

/* ---- Words ---- */

static void add_comma(struct dr_buffer *words)
{
    if (words->size > 0)
        dr_buffer_add(words, ", ");
}

static void add_ede(struct dr_buffer *words, const struct dns_message *reply)
{
    for (size_t i = 0; i < reply->ede_count; i++) {
        add_comma(words);
        dr_buffer_addf(words, "EDE %u (%s)", reply->ede[i], dns_ede_words(reply->ede[i]));
    }
}

static bool is_named_before(const struct dns_record *a, const struct dns_record *b)
{
    char one[DNS_NAME_TEXT], other[DNS_NAME_TEXT];
    return strcmp(dns_name_text(&a->name, one), dns_name_text(&b->name, other)) < 0;
}

/* Servers turn their records round from reply to reply, but the words should stay the same: those
 * that come first by name are shown. */
static void add_servers(struct dr_buffer *words, const struct dns_message *reply,
                        const struct dns_name *owner)
{
    const struct dns_record *shown[SERVERS_SHOWN + 1];
    char text[DNS_NAME_TEXT];
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct dns_record *record = &reply->records[i];
        if (record->section != DNS_AUTHORITY || record->type != DNS_NS ||
            !dns_name_equal(&record->owner, owner))
            continue;
        size_t at = kept;
        for (; at > 0 && is_named_before(record, shown[at - 1]); at--)
            shown[at] = shown[at - 1];
        shown[at] = record;
        kept += kept < SERVERS_SHOWN ? 1 : 0;
        count++;
    }
    for (size_t i = 0; i < kept; i++)
        dr_buffer_addf(words, "%s%s", i > 0 ? ", " : "", dns_name_text(&shown[i]->name, text));
    if (count > SERVERS_SHOWN)
        dr_buffer_addf(words, " and %zu more", count - SERVERS_SHOWN);
}

static void add_referral(struct dr_buffer *words, const struct chain *chain)
{
    const struct dns_record *ns = referral(chain);
    char text[DNS_NAME_TEXT];
    if (ns == NULL)
        return;
    if (chain->zone != NULL && dns_name_within(&ns->owner, chain->zone) &&
        !dns_name_equal(&ns->owner, chain->zone))
        dr_buffer_addf(words, "%s is a zone of its own, at ", dns_name_text(&ns->owner, text));
    else if (ns->owner.length == 1)
        dr_buffer_add(words, "refers to the root: ");
    else
        dr_buffer_addf(words, "refers to the servers of %s: ", dns_name_text(&ns->owner, text));
    add_servers(words, chain->reply, &ns->owner);
}

static void add_lack(struct dr_buffer *words, const struct chain *chain)
{
    char name[DNS_NAME_TEXT], type[DNS_TYPE_TEXT];
    dns_name_text(end_of(chain), name);
    if (chain->reply->rcode == DNS_NXDOMAIN)
        dr_buffer_addf(words, "%s does not exist", name);
    else
        dr_buffer_addf(words, "%s has no %s record", name, dns_type_text(chain->type, type));
}

/* What an outcome does not say by itself: `plain` is the one without regard to authority. */
static void add_details(struct dr_buffer *words, const struct chain *chain, enum dns_outcome plain,
                        bool without_authority)
{
    const struct dns_record *soa = denial(chain, plain);
    char text[DNS_NAME_TEXT];
    if (plain == DNS_LAME || plain == DNS_UPWARD)
        add_referral(words, chain);
    else if (plain == DNS_DANGLING || (without_authority && plain == DNS_NODATA) ||
             (without_authority && plain == DNS_NAME_ERROR))
        add_lack(words, chain);
    else if (without_authority && plain == DNS_LOOP)
        dr_buffer_add(words, "a CNAME loop");
    else if (plain == DNS_MALFORMED)
        dr_buffer_addf(words, "%s is an alias and has other records, or two targets",
                       dns_name_text(end_of(chain), text));
    if (is_foreign(chain, soa))
        dr_buffer_addf(words, ", says the zone %s", dns_name_text(&soa->owner, text));
}

/* False when out of memory. */
static bool keep_words(struct dr_buffer *words, struct dns_answer *answer)
{
    bool ok = !words->no_memory;
    if (ok && words->size > 0) {
        answer->words = dr_text_clean(dr_buffer_text(words), WORDS_MAX_BYTES);
        ok = answer->words != NULL;
    }
    dr_buffer_free(words);
    return ok;
}

/* ---- Signatures ---- */

/* Moments are compared modulo 2^32 (RFC 4034, 3.1.5): the difference is right while it is less
 * than 68 years. */
static double seconds_between(uint32_t from, uint32_t to)
{
    return (double)(int32_t)(to - from);
}

static void keep_sooner(const struct dns_record *record, double now, struct dr_opt_real *left,
                        struct dr_opt_real *life)
{
    double whole = (double)(int64_t)now;
    double seconds =
        seconds_between((uint32_t)(int64_t)now, record->is.rrsig.expires) - (now - whole);
    if (left->known && left->value <= seconds)
        return;
    *left = dr_real(seconds);
    *life = dr_real(seconds_between(record->is.rrsig.begins, record->is.rrsig.expires));
}

void dns_signatures_read(const struct dns_message *message, double now, struct dr_opt_real *left,
                         struct dr_opt_real *life)
{
    for (size_t i = 0; i < message->record_count; i++) {
        const struct dns_record *record = &message->records[i];
        if (record->section == DNS_ANSWER && record->type == DNS_RRSIG)
            keep_sooner(record, now, left, life);
    }
}

/* The chain stands on that signature: one at a name of it, at a DNAME that made a link, or in the
 * authority section, by a zone that a name of it lies in. Of an authoritative server those of its
 * zone alone. */
static bool is_of_chain(const struct chain *chain, const struct dns_record *record)
{
    if (record->type != DNS_RRSIG ||
        (chain->zone != NULL && (!dns_name_within(&record->owner, chain->zone) ||
                                 !dns_name_within(&record->name, chain->zone))))
        return false;
    for (size_t i = 0; i <= chain->links; i++) {
        if (record->section == DNS_AUTHORITY && dns_name_within(&chain->names[i], &record->name))
            return true;
        if (record->section == DNS_ANSWER &&
            (dns_name_equal(&chain->names[i], &record->owner) ||
             (i < chain->links && chain->dnames[i] != NULL &&
              dns_name_equal(&chain->dnames[i]->owner, &record->owner))))
            return true;
    }
    return false;
}

/* The name that was asked for is made from a wildcard: its signature has fewer labels than it
 * (RFC 4035, 5.3.4). The label "*" of a wildcard itself is not counted (RFC 4034, 3.1.3). */
static bool is_wildcard(const struct chain *chain, const struct dns_record *record)
{
    const struct dns_name *name = &chain->names[0];
    unsigned labels = dns_name_labels(name);
    if (name->length > 2 && name->wire[0] == 1 && name->wire[1] == '*')
        labels--;
    return record->section == DNS_ANSWER && dns_name_equal(name, &record->owner) &&
           record->is.rrsig.labels < labels;
}

static void read_signatures(const struct chain *chain, double now, struct dns_answer *answer)
{
    for (size_t i = 0; i < chain->reply->record_count; i++) {
        const struct dns_record *record = &chain->reply->records[i];
        if (!is_of_chain(chain, record))
            continue;
        answer->is_signed = true;
        keep_sooner(record, now, &answer->signed_for, &answer->signed_life);
        if (is_wildcard(chain, record))
            answer->wildcard = true;
    }
}

/* ---- Into the answer ---- */

static char *text_of(const struct dns_name *name)
{
    char text[DNS_NAME_TEXT];
    return strdup(dns_name_text(name, text));
}

static bool keep_chain(const struct chain *chain, struct dns_answer *answer)
{
    answer->end = text_of(end_of(chain));
    if (answer->end == NULL)
        return false;
    if (chain->links == 0)
        return true;
    answer->links = calloc(chain->links, sizeof *answer->links);
    if (answer->links == NULL)
        return false;
    answer->link_count = chain->links;
    for (size_t i = 0; i < chain->links; i++) {
        struct dns_link *link = &answer->links[i];
        *link = (struct dns_link){.owner = text_of(&chain->names[i]),
                                  .target = text_of(&chain->names[i + 1]),
                                  .dname = chain->dnames[i] != NULL,
                                  .ttl = chain->ttls[i]};
        if (link->owner == NULL || link->target == NULL)
            return false;
    }
    return true;
}

static struct dns_address address_of(const struct dns_record *record)
{
    struct dns_address address = {.family = record->type == DNS_A ? 4 : 6};
    memcpy(address.bytes, record->is.address, record->type == DNS_A ? 4 : 16);
    return address;
}

static bool has_copy(const struct dns_answer *answer, const struct dns_address *address)
{
    for (size_t i = 0; i < answer->address_count; i++) {
        if (dns_address_equal(&answer->addresses[i], address))
            return true;
    }
    return false;
}

/* Each address once. TTLs that differ within a set count as the longest: it takes that long. */
static bool keep_addresses(const struct chain *chain, struct dns_answer *answer)
{
    size_t count = 0;
    for (size_t i = 0; i < chain->reply->record_count; i++)
        count += is_wanted(chain, &chain->reply->records[i]);
    if (count == 0)
        return true;
    answer->addresses = calloc(count, sizeof *answer->addresses);
    if (answer->addresses == NULL)
        return false;
    for (size_t i = 0; i < chain->reply->record_count; i++) {
        const struct dns_record *record = &chain->reply->records[i];
        if (!is_wanted(chain, record))
            continue;
        struct dns_address address = address_of(record);
        if (!has_copy(answer, &address))
            answer->addresses[answer->address_count++] = address;
        if (record->ttl > answer->ttl)
            answer->ttl = record->ttl;
    }
    return true;
}

static void keep_negative(const struct chain *chain, enum dns_outcome outcome,
                          struct dns_answer *answer)
{
    const struct dns_record *soa = denial(chain, outcome);
    if (soa != NULL)
        answer->negative = dr_int(soa->ttl < soa->is.soa.minimum ? soa->ttl : soa->is.soa.minimum);
}

static bool has_wanted(const struct chain *chain)
{
    for (size_t i = 0; i < chain->reply->record_count; i++) {
        if (is_wanted(chain, &chain->reply->records[i]))
            return true;
    }
    return false;
}

/* The sections of a reply with NOERROR or NXDOMAIN. */
static bool read_sections(struct chain *chain, double now, struct dns_answer *answer,
                          struct dr_buffer *words)
{
    enum dns_outcome plain = follow(chain);
    /* Clients believe the code: addresses beside NXDOMAIN are none. */
    if (plain == DNS_FOUND && (chain->reply->rcode == DNS_NXDOMAIN || !has_wanted(chain)))
        plain = outcome_of_empty(chain);
    bool without_authority = is_owed_authority(chain, plain);
    answer->outcome = without_authority ? DNS_NOT_AUTHORITATIVE : plain;
    add_details(words, chain, plain, without_authority);
    if (plain == DNS_LAME || plain == DNS_UPWARD || plain == DNS_MALFORMED)
        return true;
    keep_negative(chain, plain, answer);
    read_signatures(chain, now, answer);
    return (plain != DNS_FOUND || keep_addresses(chain, answer)) && keep_chain(chain, answer);
}

/* What the header and the OPT record say. */
static bool read_frame(const struct dns_question *question, struct dns_answer *answer)
{
    const struct dns_message *reply = &question->reply;
    answer->recursion = reply->recursion_available;
    answer->authentic = reply->authentic;
    answer->no_edns = question->no_edns || (question->query.edns && !reply->edns);
    for (size_t i = 0; i < reply->ede_count; i++) {
        if (reply->ede[i] == 3 || reply->ede[i] == 19)
            answer->stale = true;
    }
    if (reply->nsid[0] == '\0')
        return true;
    answer->nsid = dr_text_clean(reply->nsid, DNS_NSID_MAX);
    return answer->nsid != NULL;
}

bool dns_answer_read(const struct dns_question *question, const struct dns_name *zone, double now,
                     struct dns_answer *answer)
{
    struct chain chain = {.reply = &question->reply, .zone = zone, .type = question->query.type};
    struct dr_buffer words = DR_BUFFER(WORDS_MAX_BYTES);
    char code[DNS_RCODE_TEXT];
    bool ok = true;
    chain.names[0] = question->query.name;
    answer->outcome = outcome_of_question(question);
    answer->tcp = question->tcp;
    answer->seconds = question->seconds;
    answer->tries = question->tries;
    if (question->delivery == DNS_DELIVERED) {
        ok = read_frame(question, answer);
        if (answer->outcome == DNS_ERROR)
            dr_buffer_add(&words, dns_rcode_text(question->reply.rcode, code));
        else if (answer->outcome == DNS_FOUND)
            ok = ok && read_sections(&chain, now, answer, &words);
        add_ede(&words, &question->reply);
    } else {
        dr_buffer_add(&words, question->words);
    }
    return keep_words(&words, answer) && ok;
}

/* ---- Other questions ---- */

enum dns_outcome dns_outcome_read(const struct dns_question *question, const struct dns_name *zone)
{
    struct chain chain = {.reply = &question->reply, .zone = zone, .type = question->query.type};
    enum dns_outcome outcome = outcome_of_question(question);
    chain.names[0] = question->query.name;
    if (outcome != DNS_FOUND)
        return outcome;
    if (question->reply.rcode == DNS_NXDOMAIN || !has_wanted(&chain))
        outcome = outcome_of_empty(&chain);
    return is_owed_authority(&chain, outcome) ? DNS_NOT_AUTHORITATIVE : outcome;
}

static bool is_at(const struct dns_record *record, enum dns_section section, enum dns_type type,
                  const struct dns_name *owner)
{
    return record->section == section && record->type == type &&
           dns_name_equal(&record->owner, owner);
}

void dns_soa_read(const struct dns_message *message, enum dns_section section,
                  const struct dns_name *owner, struct dns_soa *soa)
{
    *soa = (struct dns_soa){.known = false};
    for (size_t i = 0; i < message->record_count; i++) {
        const struct dns_record *record = &message->records[i];
        if (!is_at(record, section, DNS_SOA, owner))
            continue;
        *soa = (struct dns_soa){.known = true,
                                .ttl = record->ttl,
                                .serial = record->is.soa.serial,
                                .refresh = record->is.soa.refresh,
                                .retry = record->is.soa.retry,
                                .expire = record->is.soa.expire,
                                .minimum = record->is.soa.minimum};
        return;
    }
}

bool dns_servers_read(const struct dns_message *message, enum dns_section section,
                      const struct dns_name *owner, struct dns_servers *servers)
{
    char text[DNS_NAME_TEXT];
    for (size_t i = 0; i < message->record_count; i++) {
        const struct dns_record *record = &message->records[i];
        if (!is_at(record, section, DNS_NS, owner))
            continue;
        if (!dns_servers_add(servers, dns_name_text(&record->name, text)))
            return false;
        servers->known = true;
        if (record->ttl > servers->ttl)
            servers->ttl = record->ttl;
    }
    return true;
}

/* Without keys a NOERROR says that there are none, unless it only says where else to ask, or was
 * cut. */
static bool says_no_keys(const struct dns_message *message)
{
    bool ns = false, soa = false;
    for (size_t i = 0; i < message->record_count; i++) {
        const struct dns_record *record = &message->records[i];
        ns = ns || (record->section == DNS_AUTHORITY && record->type == DNS_NS);
        soa = soa || (record->section == DNS_AUTHORITY && record->type == DNS_SOA);
    }
    return message->rcode == DNS_NOERROR && !message->truncated && (soa || !ns);
}

bool dns_keys_read(const struct dns_message *message, enum dns_type type,
                   const struct dns_name *owner, struct dns_keys *keys)
{
    for (size_t i = 0; i < message->record_count; i++) {
        const struct dns_record *record = &message->records[i];
        if (!is_at(record, record->section, type, owner) || record->section == DNS_ADDITIONAL)
            continue;
        bool dnskey = type == DNS_DNSKEY;
        if (dnskey && (record->is.dnskey.flags & DNSKEY_OF_ZONE) == 0)
            continue;
        if (!dns_keys_add(keys, dnskey ? record->is.dnskey.key_tag : record->is.ds.key_tag,
                          dnskey ? record->is.dnskey.algorithm : record->is.ds.algorithm))
            return false;
        keys->known = true;
    }
    if (!keys->known)
        keys->known = says_no_keys(message);
    return true;
}
