/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A whole reply, as it comes from the network: read as that of a server of the name's zone and as
 * that of a resolver, as an answer and as one to any other question. */
#include "tests/fuzz/fuzz.h"

#include "plugins/dns/answer.h"

#define NOW 1795256430.25

static bool has_end(const struct dns_answer *answer)
{
    return answer->outcome >= DNS_FOUND && answer->outcome <= DNS_NOT_AUTHORITATIVE;
}

/* A chain is one: from the name to the end, without a gap. */
static void check_links(const struct dns_question *question, const struct dns_answer *answer)
{
    char name[DNS_NAME_TEXT];
    const char *at = dns_name_text(&question->query.name, name);
    MUST(answer->link_count <= DNS_LINKS_MAX);
    MUST(has_end(answer) == (answer->end != NULL));
    MUST(has_end(answer) || answer->link_count == 0);
    for (size_t i = 0; i < answer->link_count; i++) {
        MUST(strcmp(answer->links[i].owner, at) == 0);
        at = answer->links[i].target;
    }
    MUST(answer->end == NULL || strcmp(answer->end, at) == 0);
}

static void check_zone(const struct dns_question *question, const struct dns_name *zone,
                       const struct dns_answer *answer)
{
    if (zone == NULL) {
        MUST(answer->outcome != DNS_LEAVES && answer->outcome != DNS_NOT_AUTHORITATIVE);
        MUST(answer->outcome != DNS_EMPTY);
        return;
    }
    MUST(answer->outcome != DNS_FOUND || question->reply.authoritative);
    MUST(answer->outcome != DNS_NODATA || question->reply.authoritative);
    MUST(answer->outcome != DNS_NAME_ERROR || question->reply.authoritative);
    if (answer->outcome == DNS_FOUND && answer->link_count > 0) {
        struct dns_name end;
        struct dr_error error;
        MUST(dns_name_read(answer->end, &end, &error) && dns_name_within(&end, zone));
    }
}

static void read_answer(const struct dns_question *question, const struct dns_name *zone)
{
    struct dns_answer answer = {.outcome = DNS_NOT_ASKED};
    MUST(dns_answer_read(question, zone, NOW, &answer));
    MUST(answer.outcome != DNS_NOT_ASKED && answer.outcome < DNS_OUTCOMES);
    check_links(question, &answer);
    check_zone(question, zone, &answer);
    MUST(answer.outcome != DNS_FOUND || answer.address_count > 0);
    MUST(answer.outcome == DNS_FOUND || answer.outcome == DNS_NOT_AUTHORITATIVE ||
         answer.address_count == 0);
    for (size_t i = 0; i < answer.address_count; i++)
        MUST(answer.addresses[i].family == (question->query.type == DNS_A ? 4 : 6));
    MUST(!answer.negative.known || (has_end(&answer) && answer.address_count == 0));
    MUST(answer.is_signed == answer.signed_for.known);
    MUST(answer.is_signed || !answer.wildcard);
    MUST(answer.words == NULL || strpbrk(answer.words, "|\n\r\t") == NULL);
    dns_answer_free(&answer);
}

static void read_sets(const struct dns_message *reply, const struct dns_name *owner)
{
    struct dns_facts facts = {.view_count = 0};
    struct dns_delegation *delegation = &facts.delegation;
    struct dns_soa soa;
    dns_soa_read(reply, DNS_AUTHORITY, owner, &soa);
    MUST(dns_servers_read(reply, DNS_AUTHORITY, owner, &delegation->servers));
    MUST(delegation->servers.known == (delegation->servers.count > 0));
    for (size_t i = 1; i < delegation->servers.count; i++)
        MUST(strcmp(delegation->servers.names[i - 1], delegation->servers.names[i]) < 0);
    MUST(dns_keys_read(reply, DNS_DS, owner, &delegation->ds));
    MUST(delegation->ds.known || delegation->ds.count == 0);
    dns_facts_free(&facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_question question = {.delivery = DNS_DELIVERED, .query = {.edns = true}};
    struct dr_error error = {.class = DR_ERR_NONE};
    uint8_t *copy = (uint8_t *)fuzz_text(data, size);
    bool ok = dns_message_read(copy, size, &question.reply, &error);
    free(copy); /* the message has its own */
    if (!ok)
        return 0;
    question.query.name = question.reply.question;
    question.query.type = question.reply.question_type == DNS_AAAA ? DNS_AAAA : DNS_A;
    struct dns_name zone;
    read_answer(&question, NULL);
    if (dns_name_parent(&question.query.name, &zone)) {
        read_answer(&question, &zone);
        MUST(dns_outcome_read(&question, &zone) != DNS_LEAVES);
        read_sets(&question.reply, &zone);
    }
    dns_message_free(&question.reply);
    return 0;
}
