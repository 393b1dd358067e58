/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A name that a person wrote: refused with a place and a reason, or the same in every form. */
#include "tests/fuzz/fuzz.h"

#include "plugins/dns/name.h"

static void check_text(const struct dns_name *name)
{
    char text[DNS_NAME_TEXT], twice[DNS_NAME_TEXT];
    struct dns_name again;
    struct dr_error error = {.class = DR_ERR_NONE};
    MUST(dns_name_text(name, text) == text);
    MUST(strlen(text) < DNS_NAME_TEXT);
    for (const char *c = text; *c != '\0'; c++)
        MUST(*c > ' ' && *c < 0x7f && (*c < 'A' || *c > 'Z') && *c != '|');
    MUST(dns_name_read(text, &again, &error));
    MUST(dns_name_equal(name, &again));
    MUST(strcmp(dns_name_text(&again, twice), text) == 0);
}

/* Up to the root, one label at a time. */
static void check_parents(const struct dns_name *name)
{
    struct dns_name at = *name, parent, made, root = {.length = 1};
    unsigned labels = dns_name_labels(name);
    while (dns_name_parent(&at, &parent)) {
        MUST(labels-- > 0);
        MUST(dns_name_labels(&parent) == labels);
        MUST(dns_name_within(name, &parent) && !dns_name_within(&parent, name));
        MUST(dns_name_substitute(name, &parent, &parent, &made) && dns_name_equal(&made, name));
        at = parent;
    }
    MUST(labels == 0 && dns_name_equal(&at, &root));
    MUST(!dns_name_substitute(name, name, name, &made));
    if (dns_name_prefix("x", name, &made)) {
        MUST(made.length == name->length + 2 && dns_name_parent(&made, &parent));
        MUST(dns_name_equal(&parent, name));
    } else {
        MUST(name->length + 2 > DNS_NAME_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_name name;
    struct dr_error error = {.class = DR_ERR_NONE};
    char *text = fuzz_text(data, size);
    if (dns_name_read(text, &name, &error)) {
        MUST(error.class == DR_ERR_NONE);
        MUST(name.length >= 1 && name.wire[name.length - 1] == 0);
        check_text(&name);
        check_parents(&name);
    } else {
        fuzz_check_error(&error, text);
    }
    free(text);
    return 0;
}
