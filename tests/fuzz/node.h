/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must be true of every node that was read from foreign bytes, whatever they were. */
#ifndef TESTS_FUZZ_NODE_H
#define TESTS_FUZZ_NODE_H

#include "plugins/replication/facts.h"
#include "tests/fuzz/fuzz.h"

/* The bytes before the next form feed, as a text of exactly their length, which the caller frees;
 * they and the form feed are taken off. "" when nothing is left. */
char *fuzz_part(const uint8_t **data, size_t *size);

/* A reader that failed says why, in one line; one that did not fail says nothing. */
void fuzz_check_outcome(bool ok, const struct dr_error *error);

/* No role without a product, everyone in it has a name, every figure is a number. */
void fuzz_check_node(const struct rep_node *node);

/* Two nodes are the same in everything that a verdict may depend on. */
void fuzz_check_same(const struct rep_node *one, const struct rep_node *other);

#endif
