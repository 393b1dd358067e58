/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The access token that a request to Google's APIs is allowed by. */
#ifndef BACKUPS_GCP_TOKEN_H
#define BACKUPS_GCP_TOKEN_H

#include "common/client/http.h"

/* Finds a token: the file token-file= of the URI; the key of a service account, key-file= or
 * $GOOGLE_APPLICATION_CREDENTIALS (JSON as Google gives it out), which signs a request for one
 * ("Using OAuth 2.0 for server to server applications"); else that of the machine's service
 * account, from the metadata service ($GCE_METADATA_HOST, or its address). It is registered as a
 * secret. NULL with an AUTH error that says where was looked, or a USAGE error of a file; the
 * caller wipes and frees it. */
char *gcp_find_token(struct dr_task *task, struct dr_http *http, const struct dr_uri *uri,
                     struct dr_error *error);

#endif
