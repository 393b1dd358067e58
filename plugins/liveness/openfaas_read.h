/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of functions of an OpenFaaS gateway (GET /system/functions) as facts. */
#ifndef LIVENESS_OPENFAAS_READ_H
#define LIVENESS_OPENFAAS_READ_H

#include "common/error.h"
#include "common/optional.h"

#include <stddef.h>

#define OPENFAAS_NAME_SIZE 254
#define OPENFAAS_IMAGE_SIZE 512

/* One function. Its numbers are left out by the gateway when they are zero ("omitempty" in its
 * types), and are zero then; unknown where what is there is no such number. */
struct openfaas_function {
    char name[OPENFAAS_NAME_SIZE];
    char image[OPENFAAS_IMAGE_SIZE]; /* "": not said */
    struct dr_opt_int replicas;      /* wanted */
    struct dr_opt_int available;     /* of them */
    struct dr_opt_real calls;        /* so far: a counter, which can begin again */
};

struct openfaas_functions {
    struct openfaas_function *items;
    size_t count;
};

/* Reads a whole reply into an empty list. False with the error set (PROTOCOL, or INTERNAL without
 * memory) where it is no list of functions with names. Free it in any case. */
bool openfaas_read_functions(const char *text, struct openfaas_functions *list,
                             struct dr_error *error);
void openfaas_functions_free(struct openfaas_functions *list);

/* The function of that name; NULL. */
const struct openfaas_function *openfaas_find(const struct openfaas_functions *list,
                                              const char *name);

#endif
