/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passwords and tokens: where they come from, and that they never show.
 *
 * Every secret the process learns is registered here; everything that is printed goes through
 * dr_secrets_mask, which replaces each occurrence by "***": as it is, percent-encoded (as in a
 * URI), and as dr_text_clean leaves it. The memory is wiped at the end. All but dr_secrets_new and
 * dr_secrets_free may be called from any thread: the list only ever grows at its head, by an atomic
 * exchange. */
#ifndef DR_SECRET_H
#define DR_SECRET_H

#include "common/buffer.h"
#include "common/error.h"

struct dr_secrets;

/* NULL when out of memory. */
struct dr_secrets *dr_secrets_new(void);
void dr_secrets_free(struct dr_secrets *secrets);

/* Registers a copy and returns it (owned by the secrets, valid until they are freed); NULL when out
 * of memory. Secrets of fewer than 3 bytes are kept, but not masked: they would blank the output.
 */
const char *dr_secrets_add(struct dr_secrets *secrets, const char *value);

#define DR_SECRET_MAX 4096

/* Reads the first line of a file (without its line break) as a secret. False when it cannot be
 * read, is empty, is longer than DR_SECRET_MAX bytes, holds a NUL, is not a regular file, or may be
 * read by others. Others are everyone but the owner; where root owns the file its group may read
 * too (the rule of libpq for private keys, fe-secure-openssl.c: a service user often gets its
 * secrets that way). The error names the file and the cure. */
bool dr_secrets_read_file(struct dr_secrets *secrets, const char *path, const char **value,
                          struct dr_error *error);

/* Overwrites the bytes with zeros (memory), or the text with blanks (argv), in a way the compiler
 * keeps. */
void dr_wipe(void *memory, size_t size);
void dr_wipe_argument(char *argument);

/* Appends text to out with every registered secret replaced by "***". Secrets that overlap become
 * one "***". `secrets` may be NULL. */
void dr_secrets_mask(const struct dr_secrets *secrets, const char *text, struct dr_buffer *out);

#endif
