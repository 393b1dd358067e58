/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/celery_stop.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
static struct sigaction before[COUNT(signals)];
static volatile sig_atomic_t came; /* the signal; 0 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned holders;

static void keep_signal(int number)
{
    came = number;
}

void liv_celery_hold(void)
{
    struct sigaction keep = {.sa_handler = keep_signal, .sa_flags = SA_RESTART};
    sigemptyset(&keep.sa_mask);
    pthread_mutex_lock(&lock);
    for (size_t i = 0; holders == 0 && i < COUNT(signals); i++) {
        sigaction(signals[i], NULL, &before[i]);
        /* Whoever ignores one, as nohup does, goes on doing so. */
        if (before[i].sa_handler == SIG_DFL)
            sigaction(signals[i], &keep, NULL);
    }
    holders++;
    pthread_mutex_unlock(&lock);
}

bool liv_celery_is_stopped(void)
{
    return came != 0;
}

void liv_celery_release(void)
{
    pthread_mutex_lock(&lock);
    holders--;
    for (size_t i = 0; holders == 0 && i < COUNT(signals); i++)
        sigaction(signals[i], &before[i], NULL);
    if (holders == 0 && came != 0)
        kill(getpid(), came);
    pthread_mutex_unlock(&lock);
}
