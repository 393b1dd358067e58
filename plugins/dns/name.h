/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Domain names: as they travel (RFC 1035, 3.1) and as people write them (5.1). */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX 255   /* bytes on the wire, with the root's label */
#define DNS_LABEL_MAX 63   /* bytes of a label */
#define DNS_NAME_TEXT 1024 /* bytes of the longest name written down, with the NUL */

/* Not compressed, in the case in which it came. The root is one byte 0; length 0: no name. */
struct dns_name {
    uint8_t length;
    uint8_t wire[DNS_NAME_MAX];
};

/* Reads "app.example.com", with or without a dot at its end, with the escapes \. and \DDD. False
 * with a USAGE error that says what is wrong and where: an empty label, one that is too long, a
 * name that is too long, a byte outside printable ASCII ("write it as xn--..."). "." is the root.
 */
bool dns_name_read(const char *text, struct dns_name *name, struct dr_error *error);

/* Writes it down without the dot at its end ("." for the root), in lower case, other bytes than
 * letters, digits, "-", "_", "*" and "/" escaped as RFC 4343 does. Returns buffer. */
const char *dns_name_text(const struct dns_name *name, char buffer[DNS_NAME_TEXT]);

/* The same name, whatever the case (RFC 4343). */
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);

/* `name` is `zone`, or below it. */
bool dns_name_within(const struct dns_name *name, const struct dns_name *zone);

/* Labels without the root's: 3 of app.example.com. */
unsigned dns_name_labels(const struct dns_name *name);

/* The name without its first label. False (and *parent untouched) of the root. */
bool dns_name_parent(const struct dns_name *name, struct dns_name *parent);

/* `label` (at most DNS_LABEL_MAX bytes of text, not escaped) in front of `name`. False where that
 * is too long. */
bool dns_name_prefix(const char *label, const struct dns_name *name, struct dns_name *longer);

/* What a DNAME makes of `name`: `owner` at its end replaced by `target` (RFC 6672, 2.2). False
 * where `name` is not below owner, or the result is too long. */
bool dns_name_substitute(const struct dns_name *name, const struct dns_name *owner,
                         const struct dns_name *target, struct dns_name *result);

#endif
