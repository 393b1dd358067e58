/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RabbitMQ's policies: their definitions as text and as what they say of mirrors. */
#ifndef QUEUES_RABBITMQ_POLICIES_H
#define QUEUES_RABBITMQ_POLICIES_H

#include "common/buffer.h"
#include "common/client/json_read.h"
#include "plugins/queues/roster.h"

/* Bytes of a definition that is compared. */
#define RABBITMQ_DEFINITION_MAX 8192

/* Reads the definition that comes next (an object; null, "": there is none) and writes it with its
 * keys sorted, as it is kept in que_policy.definition; "{}" is "". False with the error set
 * (PROTOCOL) where it is none, or too long. */
bool rabbitmq_read_definition(struct dr_json *reader, struct dr_buffer *definition,
                              struct dr_error *error);

/* A key of a definition, or of a queue's arguments without "x-", that lets messages leave by
 * themselves: they expire, are dropped, or go elsewhere when rejected. */
bool rabbitmq_is_shedding(const char *key);

/* The policy of that name with that definition in the roster, its mirroring read from the
 * definition. NULL when out of memory, or beyond what a roster holds. */
struct que_policy *rabbitmq_add_policy(struct que_roster *roster, const char *name,
                                       const char *definition);

/* api/policies or api/operator-policies, as far as the roster needs them. End with
 * rabbitmq_policies_free. */
struct rabbitmq_policies {
    struct rabbitmq_policy {
        char *vhost;
        char *name;
        char *definition;
    } * items;
    size_t count;
};

/* False with the error set (PROTOCOL, INTERNAL) where the text is no such reply. */
bool rabbitmq_read_policies(const char *text, struct rabbitmq_policies *policies,
                            struct dr_error *error);
void rabbitmq_policies_free(struct rabbitmq_policies *policies);

/* The queues of which only the name of their policy is known (the server leaves the effective
 * definition out of the roster, and of the totals) get the definition from the list, by virtual
 * host and name.
 *
 * Which operator policy applies to them nobody says. It can make mirrors only through ha- keys
 * (since 3.11); where the virtual host has such a one, the definition stays unknown, and so it does
 * where the operators' list is NULL (it was not to be had). False when out of memory. */
bool rabbitmq_apply_policies(struct que_roster *roster, const struct rabbitmq_policies *policies,
                             const struct rabbitmq_policies *operators);

#endif
