/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/answer.h"

#include <stdlib.h>
#include <string.h>

/* A link of the second half that leads back into the first. */
static bool leads_back(const struct dns_answer *answer, const struct dns_answer *rest)
{
    for (size_t r = 0; r < rest->link_count; r++) {
        for (size_t a = 0; a < answer->link_count; a++) {
            if (strcmp(rest->links[r].target, answer->links[a].owner) == 0)
                return true;
        }
    }
    return false;
}

/* What the end of a chain is, where the name that is asked for is an alias. */
static enum dns_outcome outcome_of_end(const struct dns_answer *answer,
                                       const struct dns_answer *rest)
{
    switch (rest->outcome) {
    case DNS_NODATA:
    case DNS_NAME_ERROR:
        return DNS_DANGLING;
    case DNS_LAME: /* a zone below, which others have */
        return DNS_LEAVES;
    default:
        break;
    }
    if (leads_back(answer, rest))
        return DNS_LOOP;
    return answer->link_count + rest->link_count > DNS_LINKS_MAX ? DNS_LONG : rest->outcome;
}

/* No more than the judge looks at. */
static bool join_links(struct dns_answer *answer, struct dns_answer *rest)
{
    size_t count = answer->link_count + rest->link_count;
    struct dns_link *more = realloc(answer->links, (count + 1) * sizeof *more);
    if (more == NULL)
        return false;
    answer->links = more;
    if (rest->link_count > 0)
        memcpy(more + answer->link_count, rest->links, rest->link_count * sizeof *more);
    rest->link_count = 0; /* their texts are the other's now */
    for (; count > DNS_LINKS_MAX; count--) {
        free(more[count - 1].owner);
        free(more[count - 1].target);
    }
    answer->link_count = count;
    return true;
}

static void swap_text(char **a, char **b)
{
    char *kept = *a;
    *a = *b;
    *b = kept;
}

static void keep_sooner(struct dns_answer *answer, const struct dns_answer *rest)
{
    bool sooner = rest->signed_for.known &&
                  (!answer->signed_for.known || rest->signed_for.value < answer->signed_for.value);
    if (!sooner)
        return;
    answer->signed_for = rest->signed_for;
    answer->signed_life = rest->signed_life;
}

bool dns_answer_join(struct dns_answer *answer, struct dns_answer *rest)
{
    struct dns_address *addresses = answer->addresses;
    enum dns_outcome outcome = outcome_of_end(answer, rest);
    if (!join_links(answer, rest)) {
        dns_answer_free(rest);
        return false;
    }
    answer->outcome = outcome;
    swap_text(&answer->words, &rest->words);
    if (rest->end != NULL)
        swap_text(&answer->end, &rest->end);
    answer->addresses = rest->addresses;
    answer->address_count = rest->address_count;
    rest->addresses = addresses;
    answer->ttl = rest->ttl;
    answer->negative = rest->negative;
    answer->tcp = answer->tcp || rest->tcp;
    answer->no_edns = answer->no_edns || rest->no_edns;
    answer->is_signed = answer->is_signed && rest->is_signed;
    answer->seconds += rest->seconds;
    keep_sooner(answer, rest);
    dns_answer_free(rest);
    return true;
}
