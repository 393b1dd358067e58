/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run that is told to stop (SIGTERM, SIGINT, SIGHUP) while it has something at the broker takes
 * that back first, and dies of the signal then. For any number of tasks at once. */
#ifndef LIVENESS_CELERY_STOP_H
#define LIVENESS_CELERY_STOP_H

#include <stdbool.h>

/* From now on the signals are kept, where they would have ended the process. */
void liv_celery_hold(void);

/* One of them has come: take back what there is, and release. */
bool liv_celery_is_stopped(void);

/* The last task that releases lets the signal through. */
void liv_celery_release(void);

#endif
