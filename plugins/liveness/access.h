/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the sources that ask over HTTP reach their servers, by the options of check_liveness. */
#ifndef LIVENESS_ACCESS_H
#define LIVENESS_ACCESS_H

#include "common/client/web_access.h"
#include "plugins/liveness/facts.h"
#include "plugins/liveness/request.h"

/* The executable's own options of that. */
struct dr_web_options liv_access_options(struct dr_task *task);

/* dr_web_access_read and dr_web_access_read_url (--direct) with those. */
bool liv_access_read(struct dr_task *task, bool parameters, struct dr_web_access *access,
                     struct dr_error *error);
bool liv_access_read_url(struct dr_task *task, const char *text, struct dr_web_access *access,
                         struct dr_error *error);

/* What an error of a request means for the unit that was asked: a sign with the error's text. */
void liv_access_sign(struct liv_facts *facts, struct liv_unit *unit, const struct dr_error *error);

#endif
