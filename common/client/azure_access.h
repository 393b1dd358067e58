/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the URI of an account of Azure Storage asks for: whom to ask, and with which secret. */
#ifndef DR_CLIENT_AZURE_ACCESS_H
#define DR_CLIENT_AZURE_ACCESS_H

#include "common/client/azure.h"

#define DR_AZURE_BASE_MAX 512

/* How the URIs of one scheme look. */
struct dr_azure_form {
    const char *usage;                 /* "azure-queue://ACCOUNT/QUEUE" */
    const char *const *parameters;     /* those of its own; NULL-terminated, like the next. NULL:
                                          whoever asks has checked all of them */
    const char *const *sas_parameters; /* besides those of an account SAS */
    const char *service;               /* "queue"; NULL: the parameter services says it */
    bool secondary;                    /* the secondary is asked, not the primary */
};

struct dr_azure_access {
    const struct dr_azure_form *form;
    const char *account;
    const char *subscription; /* NULL: the data plane is asked, else ARM */
    const char *resource_group;
    const char *service;          /* "blob"; data plane only */
    char base[DR_AZURE_BASE_MAX]; /* scheme and host of the URL */
    char path[DR_AZURE_BASE_MAX]; /* "/" at least; ends in "/" */
    const char *key;              /* at most one of the three */
    const char *sas;
    const char *token;
    struct dr_opt_real sas_expiry; /* as dr_azure_sas has it, like the next */
    bool sas_of_account;
    const char *identity; /* the token is still to be had from the managed identity of this
                             virtual machine: "system", or the id of one; NULL */
    char identity_base[DR_AZURE_BASE_MAX];
    const char *ca_file;
    const char *proxy;
    struct dr_secrets *secrets; /* where they are kept; owned */
};

/* Reads the target's URI, the files it names and the environment. Every secret is registered. False
 * with a USAGE error, or an AUTH error where nothing is there to authorise the request; end with
 * dr_azure_access_free in any case. */
bool dr_azure_access_read(struct dr_task *task, const struct dr_azure_form *form,
                          struct dr_azure_access *access, struct dr_error *error);

/* The same for what only ARM knows: no account, and a bearer token. Subscription and resource group
 * must stay valid. */
bool dr_azure_access_read_arm(struct dr_task *task, const struct dr_azure_form *form,
                              const char *subscription, const char *resource_group,
                              struct dr_azure_access *access, struct dr_error *error);

/* The same access to the secondary endpoint: "-secondary" stands behind the account's name, in the
 * host or at the end of the path. A copy that owns nothing, and lives as long as the primary's.
 * False when the endpoint does not name the account. */
bool dr_azure_access_secondary(const struct dr_azure_access *primary,
                               struct dr_azure_access *secondary);

/* Gets the token of the managed identity where one was asked for: one request to the metadata
 * service of the virtual machine. */
bool dr_azure_access_identify(struct dr_task *task, struct dr_azure_access *access,
                              struct dr_error *error);

void dr_azure_access_free(struct dr_azure_access *access);

#endif
