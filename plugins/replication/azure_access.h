/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an azure-storage:// target asks for: whom to ask, and with which secret. */
#ifndef REPLICATION_AZURE_ACCESS_H
#define REPLICATION_AZURE_ACCESS_H

#include "common/client/azure.h"

#define AZURE_BASE_MAX 512

struct azure_access {
    const char *account;
    const char *subscription; /* NULL: the data plane is asked, else ARM */
    const char *resource_group;
    const char *service;       /* "blob"; data plane only */
    char base[AZURE_BASE_MAX]; /* scheme and host of the URL */
    char path[AZURE_BASE_MAX]; /* "/" at least; ends in "/" */
    const char *key;           /* at most one of the three */
    const char *sas;
    const char *token;
    struct dr_opt_real sas_expiry;
    const char *identity; /* the token is still to be had from the managed identity of this
                             virtual machine: "system", or the id of one; NULL */
    char identity_base[AZURE_BASE_MAX];
    const char *ca_file;
    const char *proxy;
    struct dr_secrets *secrets; /* where they are kept; owned */
};

/* Reads the target's URI, the files it names and the environment. Every secret is registered. False
 * with a USAGE error, or an AUTH error where nothing is there to authorise the request; end with
 * azure_access_free in any case. */
bool azure_access_read(struct dr_task *task, struct azure_access *access, struct dr_error *error);

/* Gets the token of the managed identity where one was asked for: one request to the metadata
 * service of the virtual machine. */
bool azure_access_identify(struct dr_task *task, struct azure_access *access,
                           struct dr_error *error);

void azure_access_free(struct azure_access *access);

#endif
