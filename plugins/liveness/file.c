/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for file:///path?max-age=DURATION: a file that a scheduler writes again and again,
 * such as the schedule of Celery's beat. Its time of change is the sign of life.
 *
 * The file is looked at, never opened. A link is followed: what it leads to counts. */
#include "common/duration.h"
#include "common/module.h"
#include "plugins/liveness/facts.h"
#include "plugins/liveness/request.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Celery's beat writes its schedule every 180 s and at its end: three of these and some. */
#define YOUNG_FALLBACK 600.0
/* A file server's clock may go ahead of ours by so much. */
#define AHEAD_MAX 60.0

/* Up to which age the file is young, in seconds. */
static bool read_young(struct dr_task *task, double *young, struct dr_error *error)
{
    static const char *const known[] = {"max-age", NULL};
    const struct liv_request *request = dr_task_request(task);
    const struct dr_uri *uri = &dr_task_target(task)->uri;
    const char *age = dr_uri_param(uri, "max-age");
    *young = request->heartbeat > 0 ? request->heartbeat : YOUNG_FALLBACK;
    if (uri->host_count > 0 && strcmp(uri->hosts[0].name, "localhost") != 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "a file of this host only: file:///PATH, with three slashes");
    if (uri->path[0] == '\0' || strcmp(uri->path, "/") == 0)
        return dr_error_set(error, DR_ERR_USAGE, "no file in the URI: file:///PATH");
    if (!dr_uri_has_only(uri, known, error))
        return false;
    if (age != NULL && !dr_duration_parse(age, young, error))
        return dr_error_prefix(error, "max-age");
    return *young > 0 ||
           dr_error_set(error, DR_ERR_USAGE, "max-age: a file is never younger than 0 s");
}

static void fill_age(const struct stat *status, const struct timespec *now, double young,
                     struct liv_facts *facts, struct liv_unit *unit)
{
    char words[DR_DURATION_TEXT];
    double age = difftime(now->tv_sec, status->st_mtim.tv_sec) +
                 (double)(now->tv_nsec - status->st_mtim.tv_nsec) / 1e9;
    if (age < -AHEAD_MAX) {
        liv_facts_sign(facts, unit, LIV_NOT_TOLD, "its time of change lies %s in the future",
                       dr_duration_format(-age, words, sizeof words));
        return;
    }
    age = age < 0 ? 0 : age;
    liv_unit_figure(unit, LIV_HEARTBEAT_AGE, age);
    dr_duration_format(age, words, sizeof words);
    if (age <= young)
        liv_facts_sign(facts, unit, LIV_S_RUNNING, "last written %s ago", words);
    else
        liv_facts_sign(facts, unit, LIV_S_STALE, "last written %s ago", words);
}

static bool look(const char *path, double young, struct liv_facts *facts, struct dr_error *error)
{
    struct stat status;
    struct timespec now;
    int failed = stat(path, &status) != 0 ? errno : 0;
    if (failed == EACCES)
        return dr_error_set(error, DR_ERR_PRIVILEGE,
                            "cannot look at %s: give our user the x permission on the folders "
                            "above it",
                            path);
    if (failed != 0 && failed != ENOENT && failed != ENOTDIR)
        return dr_error_set(error, DR_ERR_USAGE, "cannot look at %s: %s", path, strerror(failed));
    if (failed == 0 && !S_ISREG(status.st_mode))
        return dr_error_set(error, DR_ERR_USAGE, "%s is no file%s", path,
                            S_ISDIR(status.st_mode) ? ", but a folder" : "");
    struct liv_unit *unit = liv_facts_add(facts, LIV_TIMER, path, NULL);
    clock_gettime(CLOCK_REALTIME, &now);
    if (failed != 0)
        liv_facts_sign(facts, unit, LIV_ABSENT, "%s", strerror(failed));
    else
        fill_age(&status, &now, young, facts, unit);
    facts->complete = true;
    return !facts->no_memory || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool probe(struct dr_task *task, void *pointer, struct dr_error *error)
{
    struct liv_facts *facts = pointer;
    double young;
    facts->product = LIV_CANARY;
    if (!read_young(task, &young, error))
        return false;
    /* a file server that is gone holds us here */
    dr_task_stage(task, "look at the file");
    return look(dr_task_target(task)->uri.path, young, facts, error);
}

static const char *library(void)
{
    return "no library";
}

extern const struct dr_source DR_SOURCE_SYMBOL(liveness, file);
const struct dr_source DR_SOURCE_SYMBOL(liveness, file) = {
    .abi = DR_SOURCE_ABI,
    .group = "liveness",
    .name = "file",
    .facts_size = sizeof(struct liv_facts),
    .library = library,
    .probe = probe,
};
