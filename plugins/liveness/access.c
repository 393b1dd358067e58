/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/access.h"

struct dr_web_options liv_access_options(struct dr_task *task)
{
    const struct liv_request *asked = dr_task_request(task);
    return (struct dr_web_options){.ca_file = asked->cacert,
                                   .cert_file = asked->cert,
                                   .key_file = asked->key,
                                   .token_file = asked->token_file,
                                   .insecure = asked->insecure,
                                   .proxy_protocol = asked->proxy_protocol,
                                   .headers = &asked->headers};
}

bool liv_access_read(struct dr_task *task, bool parameters, struct dr_web_access *access,
                     struct dr_error *error)
{
    const struct dr_web_options options = liv_access_options(task);
    return dr_web_access_read(task, &options, parameters, access, error);
}

bool liv_access_read_url(struct dr_task *task, const char *text, struct dr_web_access *access,
                         struct dr_error *error)
{
    const struct dr_web_options options = liv_access_options(task);
    return dr_web_access_read_url(task, &options, text, access, error);
}

void liv_access_sign(struct liv_facts *facts, struct liv_unit *unit, const struct dr_error *error)
{
    /* what is our own fault tells nothing of the unit */
    static const enum liv_sign_kind signs[] = {
        [DR_ERR_NONE] = LIV_NOT_TOLD,     [DR_ERR_USAGE] = LIV_NOT_TOLD,
        [DR_ERR_MODULE] = LIV_NOT_TOLD,   [DR_ERR_RESOLVE] = LIV_UNRESOLVED,
        [DR_ERR_CONNECT] = LIV_REFUSED,   [DR_ERR_TIMEOUT] = LIV_SILENT,
        [DR_ERR_TLS] = LIV_UNTRUSTED,     [DR_ERR_AUTH] = LIV_DENIED,
        [DR_ERR_PRIVILEGE] = LIV_DENIED,  [DR_ERR_PROTOCOL] = LIV_BAD_REPLY,
        [DR_ERR_SERVER] = LIV_BAD_STATUS, [DR_ERR_INTERNAL] = LIV_NOT_TOLD,
    };
    liv_facts_sign(facts, unit, signs[error->class], "%s", error->text);
}
