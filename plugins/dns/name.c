/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/name.h"

#include <stdio.h>
#include <string.h>

/* ASCII alone (RFC 4343, 3). Lengths of labels are below 'A', so that whole names may be folded. */
static uint8_t fold(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (fold(a[i]) != fold(b[i]))
            return false;
    }
    return true;
}

static bool complain(struct dr_error *error, const char *text, const char *at, const char *words)
{
    return dr_error_set(error, DR_ERR_USAGE, "bad name '%.300s': position %zu: %s", text,
                        (size_t)(at - text) + 1, words);
}

/* A byte of a label, escaped or not; *at moves behind it. NULL, or what is wrong with it. */
static const char *read_byte(const char **at, uint8_t *byte)
{
    const unsigned char *c = (const unsigned char *)*at;
    if (c[0] > 0x7f)
        return "not ASCII: write it as xn--...";
    if (c[0] < 0x21 || c[0] == 0x7f)
        return "a blank or a control character in a name is written as \\DDD";
    *byte = c[0];
    *at += 1;
    if (c[0] != '\\')
        return NULL;
    unsigned value = 0, digits = 0;
    while (digits < 3 && c[1 + digits] >= '0' && c[1 + digits] <= '9')
        value = value * 10 + (unsigned)(c[1 + digits++] - '0');
    if (digits == 0 && c[1] >= 0x21 && c[1] <= 0x7e) {
        *byte = c[1];
        *at += 1;
        return NULL;
    }
    *byte = (uint8_t)value;
    *at += digits;
    return digits == 3 && value <= 255 ? NULL : "an escape is \\. or \\000 to \\255";
}

/* One label, up to its dot or the end of the text. NULL, or what is wrong at **at. */
static const char *read_label(const char **at, struct dns_name *name)
{
    size_t start = name->length, size = 0;
    while (**at != '\0' && **at != '.') {
        const char *next = *at;
        uint8_t byte;
        const char *wrong = read_byte(&next, &byte);
        if (wrong != NULL)
            return wrong;
        if (size == DNS_LABEL_MAX)
            return "a label is longer than 63 bytes";
        if (start + 1 + size + 1 >= DNS_NAME_MAX) /* the root's label follows */
            return "the name is longer than 255 bytes";
        name->wire[start + 1 + size++] = byte;
        *at = next;
    }
    if (size == 0)
        return "an empty label";
    name->wire[start] = (uint8_t)size;
    name->length = (uint8_t)(start + 1 + size);
    return NULL;
}

bool dns_name_read(const char *text, struct dns_name *name, struct dr_error *error)
{
    const char *at = text;
    name->length = 0;
    if (*text == '\0')
        return complain(error, text, at, "an empty name");
    if (strcmp(text, ".") == 0)
        at++;
    while (*at != '\0') {
        const char *wrong = read_label(&at, name);
        if (wrong != NULL)
            return complain(error, text, at, wrong);
        if (*at == '.')
            at++;
    }
    name->wire[name->length++] = 0;
    return true;
}

/* Few bytes stay as they are, so that a name does no harm wherever it is printed. */
static char *write_byte(char *out, uint8_t byte)
{
    uint8_t c = fold(byte);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '*' ||
        c == '/') {
        *out++ = (char)c;
    } else if (c == '.' || c == '\\') {
        *out++ = '\\';
        *out++ = (char)c;
    } else {
        *out++ = '\\';
        *out++ = (char)('0' + c / 100);
        *out++ = (char)('0' + c / 10 % 10);
        *out++ = (char)('0' + c % 10);
    }
    return out;
}

const char *dns_name_text(const struct dns_name *name, char buffer[DNS_NAME_TEXT])
{
    char *out = buffer;
    size_t at = 0;
    while (at < name->length && name->wire[at] != 0) {
        size_t end = at + 1 + name->wire[at];
        if (at > 0)
            *out++ = '.';
        for (at++; at < end; at++)
            out = write_byte(out, name->wire[at]);
    }
    if (name->length == 1)
        *out++ = '.';
    *out = '\0';
    return buffer;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
    return a->length == b->length && same(a->wire, b->wire, a->length);
}

/* Where in `name` the labels of `zone` begin; its length where they do not. */
static size_t find_zone(const struct dns_name *name, const struct dns_name *zone)
{
    size_t at = 0;
    while (at < name->length && name->length - at > zone->length)
        at += 1u + name->wire[at];
    if (at >= name->length || name->length - at != zone->length ||
        !same(name->wire + at, zone->wire, zone->length))
        return name->length;
    return at;
}

bool dns_name_within(const struct dns_name *name, const struct dns_name *zone)
{
    return find_zone(name, zone) < name->length;
}

unsigned dns_name_labels(const struct dns_name *name)
{
    unsigned labels = 0;
    for (size_t at = 0; at < name->length && name->wire[at] != 0; at += 1u + name->wire[at])
        labels++;
    return labels;
}

bool dns_name_parent(const struct dns_name *name, struct dns_name *parent)
{
    if (name->length <= 1)
        return false;
    size_t first = 1u + name->wire[0];
    struct dns_name rest = {.length = (uint8_t)(name->length - first)};
    memcpy(rest.wire, name->wire + first, rest.length);
    *parent = rest; /* which may be `name` itself */
    return true;
}

bool dns_name_prefix(const char *label, const struct dns_name *name, struct dns_name *longer)
{
    size_t size = strlen(label);
    if (size == 0 || size > DNS_LABEL_MAX || 1 + size + name->length > DNS_NAME_MAX)
        return false;
    struct dns_name made = {.length = (uint8_t)(1 + size + name->length)};
    made.wire[0] = (uint8_t)size;
    memcpy(made.wire + 1, label, size);
    memcpy(made.wire + 1 + size, name->wire, name->length);
    *longer = made;
    return true;
}

bool dns_name_substitute(const struct dns_name *name, const struct dns_name *owner,
                         const struct dns_name *target, struct dns_name *result)
{
    size_t kept = find_zone(name, owner);
    if (kept == 0 || kept >= name->length || kept + target->length > DNS_NAME_MAX)
        return false;
    struct dns_name made = {.length = (uint8_t)(kept + target->length)};
    memcpy(made.wire, name->wire, kept);
    memcpy(made.wire + kept, target->wire, target->length);
    *result = made;
    return true;
}
