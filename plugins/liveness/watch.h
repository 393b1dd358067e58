/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --watch: a source that looks once, or twice. */
#ifndef LIVENESS_WATCH_H
#define LIVENESS_WATCH_H

#include "common/run.h"
#include "plugins/liveness/facts.h"
#include "plugins/liveness/request.h"

/* Fills facts; false with the source's error set. */
typedef bool liv_watch_look(void *context, struct liv_facts *facts);

/* Looks once, and where the request says so again: the paces of the first look become the earlier
 * ones of the units with the same kind and name. False where a look failed, or where there is no
 * time for the second one. */
bool liv_watch(struct dr_task *task, struct liv_facts *facts, liv_watch_look *look, void *context,
               struct dr_error *error);

#endif
