/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A kubeconfig file: where the API server of one context is, and what to show it. Read by libyaml;
 * without it such files are refused. */
#ifndef DR_CLIENT_KUBERNETES_CONFIG_H
#define DR_CLIENT_KUBERNETES_CONFIG_H

#include "common/error.h"

#include <stdbool.h>

/* NULL is what is not said. Files are given as seen from our working directory. End with
 * dr_kubernetes_config_free in any case, which wipes the secrets. */
struct dr_kubernetes_config {
    char *server;    /* "https://10.0.0.1:6443" */
    char *namespace; /* of the context */
    char *ca_file;
    char *ca_pem;
    char *token;
    char *token_file;
    char *cert_file;
    char *cert_pem;
    char *key_file;
    char *key_pem;
    char *proxy;
    bool insecure;
};

/* Reads the context of that name; NULL: the current one. False with a USAGE error that names the
 * file and what is wrong, and never shows a value: what needs a program to be run (exec,
 * auth-provider) or changes who asks (as, username, tls-server-name) is refused by its name, as is
 * a file that others may read. */
bool dr_kubernetes_config_read(const char *path, const char *context,
                               struct dr_kubernetes_config *config, struct dr_error *error);
void dr_kubernetes_config_free(struct dr_kubernetes_config *config);

#endif
