/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Redis as the broker of Celery: what INFO says into facts. No I/O. What kombu keeps there is read
 * by common/client/kombu.h. */
#ifndef QUEUES_CELERY_READ_H
#define QUEUES_CELERY_READ_H

#include "common/client/redis_info.h"
#include "common/error.h"
#include "plugins/queues/facts.h"

/* INFO into the store; `now` is the server's TIME. What an INFO always has is an error
 * (DR_ERR_PROTOCOL) where it is missing; the rest stays unknown. */
bool que_celery_read_store(const struct dr_redis_info *info, double now, struct que_store *store,
                           struct dr_error *error);

#endif
