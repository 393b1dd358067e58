/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/scope.h"

#include <string.h>

/* What a target can take. */
enum {
    NAMED = 1 << 0,     /* a name that stands for several instances */
    REPLIES = 1 << 1,   /* a reply that is held to conditions */
    ROLES = 1 << 2,     /* a reply that says active or passive */
    HTTP = 1 << 3,      /* is asked over HTTP */
    TLS = 1 << 4,       /* the same with TLS */
    BALANCER = 1 << 5,  /* servers of a load balancer */
    WORKERS = 1 << 6,   /* workers and their queues */
    BEATS = 1 << 7,     /* signs of life that have an age */
    SCHEDULES = 1 << 8, /* entries that are due */
    KEYS = 1 << 9,      /* keys that are named one by one */
    LOOKS = 1 << 10     /* what moves between two looks */
};

#define ON_REPLIES "http://, https:// and, with --direct, haproxy+http:// and the like"

static const struct {
    const char *option;
    unsigned takes;
    const char *where;
} scopes[] = {
    {"instance", NAMED, "http:// and https://"},
    {"status", REPLIES, ON_REPLIES},
    {"json", REPLIES, ON_REPLIES},
    {"header", REPLIES, ON_REPLIES},
    {"body", REPLIES, ON_REPLIES},
    {"ready", REPLIES, ON_REPLIES},
    {"same", REPLIES, ON_REPLIES},
    {"redirects", REPLIES, ON_REPLIES},
    {"active", ROLES, ON_REPLIES ", and with scheduler://"},
    {"passive", ROLES, ON_REPLIES ", and with scheduler://"},
    {"direct", BALANCER, "haproxy+http:// and the like"},
    {"idle", BALANCER, "haproxy+http:// and the like"},
    {"send-header", HTTP, "what is asked over HTTP"},
    {"token-file", HTTP, "what is asked over HTTP"},
    {"proxy-protocol", HTTP, "what is asked over HTTP"},
    {"cacert", TLS, "what is asked over HTTP with TLS"},
    {"cert", TLS, "what is asked over HTTP with TLS"},
    {"key", TLS, "what is asked over HTTP with TLS"},
    {"insecure", TLS, "what is asked over HTTP with TLS"},
    {"expect-workers", WORKERS, "workers: celery+redis://, rq+redis:// and the like"},
    {"queue", WORKERS, "workers: celery+redis://, rq+redis:// and the like"},
    {"task-limit", WORKERS, "workers: celery+redis://, rq+redis:// and the like"},
    {"stuck-after", WORKERS, "workers: celery+redis://, rq+redis:// and the like"},
    {"watch", LOOKS, "workers (celery+redis://, rq+redis:// and the like) and openfaas://"},
    {"heartbeat", BEATS, "rq+redis://, sidekiq+redis://, canary+redis://, file:// and airflow://"},
    {"overdue", SCHEDULES, "rq+redis://, sidekiq+redis:// and redbeat+redis://"},
    {"canary", KEYS, "canary+redis://"},
};

/* The schemes, as far as their "+". */
static const struct {
    const char *scheme;
    enum liv_product product;
    unsigned takes;
} products[] = {
    {"https", LIV_HTTP, REPLIES | ROLES | HTTP | TLS},
    {"http", LIV_HTTP, REPLIES | ROLES | HTTP},
    {"haproxy", LIV_HAPROXY, BALANCER},
    {"kubernetes", LIV_KUBERNETES, HTTP | TLS},
    {"openfaas", LIV_OPENFAAS, HTTP | TLS | LOOKS},
    {"celery", LIV_CELERY, WORKERS | LOOKS},
    {"rabbitmq-consumers", LIV_CONSUMERS, WORKERS | LOOKS | HTTP},
    {"rabbitmqs-consumers", LIV_CONSUMERS, WORKERS | LOOKS | HTTP | TLS},
    {"rq", LIV_RQ, WORKERS | LOOKS | BEATS | SCHEDULES},
    {"sidekiq", LIV_SIDEKIQ, WORKERS | LOOKS | BEATS | SCHEDULES},
    {"redbeat", LIV_REDBEAT, SCHEDULES},
    {"canary", LIV_CANARY, BEATS | KEYS},
    {"file", LIV_CANARY, BEATS},
    {"scheduler", LIV_SCHEDULER, ROLES | HTTP | TLS},
    {"airflow", LIV_SCHEDULER, BEATS | HTTP | TLS},
    {"jenkins", LIV_SCHEDULER, HTTP | TLS},
    {"rundeck", LIV_SCHEDULER, HTTP | TLS},
    {"grafana", LIV_GRAFANA, HTTP | TLS},
    {"elasticsearch", LIV_ELASTICSEARCH, HTTP | TLS},
    {"opensearch", LIV_ELASTICSEARCH, HTTP | TLS},
    {"tcp", LIV_TCP, 0},
};

#define PRODUCTS (sizeof products / sizeof products[0])

/* Its row; PRODUCTS for none. */
static size_t find_product(const struct dr_target *target)
{
    const char *scheme = target->scheme->scheme;
    size_t length = strcspn(scheme, "+");
    size_t i = 0;
    while (i < PRODUCTS && (strlen(products[i].scheme) != length ||
                            strncmp(products[i].scheme, scheme, length) != 0))
        i++;
    return i;
}

enum liv_product liv_scope_product(const struct dr_target *target)
{
    size_t row = find_product(target);
    return row < PRODUCTS ? products[row].product : LIV_PRODUCT_UNKNOWN;
}

/* What stands behind the "+" says how it is asked. */
static unsigned taken_by(const struct dr_target *target, const char *direct)
{
    size_t row = find_product(target);
    unsigned takes = row < PRODUCTS ? products[row].takes : 0;
    const char *how = strchr(target->scheme->scheme, '+');
    if (takes & BALANCER) {
        takes |= how != NULL && strncmp(how, "+http", 5) == 0 ? HTTP : 0U;
        takes |= how != NULL && strcmp(how, "+https") == 0 ? TLS : 0U;
        takes |= direct != NULL ? REPLIES | ROLES | HTTP : 0U;
        takes |= direct != NULL && strncmp(direct, "https:", 6) == 0 ? TLS : 0U;
    } else if (how != NULL && strcmp(how, "+http") == 0) {
        takes &= ~(unsigned)TLS;
    }
    if (row < PRODUCTS && products[row].product == LIV_HTTP && how == NULL)
        takes |= NAMED;
    return takes;
}

static bool is_given(const struct dr_option *row)
{
    switch (row->kind) {
    case DR_OPTION_FLAG:
        return *(const bool *)row->into;
    case DR_OPTION_TEXT:
        return *(char *const *)row->into != NULL;
    case DR_OPTION_TEXTS:
        return ((const struct dr_text_list *)row->into)->count > 0;
    case DR_OPTION_INTEGER:
        return ((const struct dr_opt_int *)row->into)->known;
    case DR_OPTION_DURATION:
        return ((const struct dr_opt_real *)row->into)->known;
    default:
        return false;
    }
}

static bool was_given(const struct dr_option_table *options, const char *name)
{
    for (size_t i = 0; i < options->count; i++) {
        if (strcmp(options->rows[i].name, name) == 0)
            return is_given(&options->rows[i]);
    }
    return false;
}

bool liv_scope_check(const struct dr_option_table *options, const struct dr_targets *targets,
                     const char *direct, struct dr_error *error)
{
    unsigned taken = 0;
    for (size_t i = 0; i < targets->count; i++)
        taken |= taken_by(&targets->items[i], direct);
    for (size_t i = 0; targets->count > 0 && i < sizeof scopes / sizeof scopes[0]; i++) {
        if ((scopes[i].takes & taken) == 0 && was_given(options, scopes[i].option))
            return dr_error_set(error, DR_ERR_USAGE, "--%s goes with %s: no such target was given",
                                scopes[i].option, scopes[i].where);
    }
    return true;
}
