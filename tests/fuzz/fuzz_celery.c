/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Redis says to the source for Celery: INFO; after a form feed a message, which is read as the
 * head of a queue, as a task in flight and as a member of a binding; its "eta" alone as a moment.
 */
#include "tests/fuzz/fuzz.h"

#include "common/client/kombu.h"
#include "common/moment.h"
#include "plugins/queues/celery_read.h"

static void read_store(const char *text)
{
    struct que_facts facts = {.product = QUE_CELERY};
    struct dr_error error = {.class = DR_ERR_NONE};
    struct dr_redis_info info;
    MUST(dr_redis_info_read(&info, text));
    bool ok = que_celery_read_store(&info, 1795256430, &facts.store, &error);
    const struct que_store *store = &facts.store;
    MUST(ok == (error.class == DR_ERR_NONE));
    MUST(!ok || store->version != NULL);
    MUST(!ok || store->replica_count <= info.replica_count);
    for (size_t i = 0; i < store->replica_count; i++) {
        const struct que_replica *replica = &store->replicas[i];
        MUST(replica->address != NULL);
        MUST(!replica->behind.known || (replica->online && replica->behind.value >= 0));
        MUST(!replica->age.known || replica->age.value >= 0);
    }
    MUST(!store->snapshot_age.known || store->snapshot_age.value >= 0);
    dr_redis_info_free(&info);
    que_facts_free(&facts);
}

static void read_message(const char *text)
{
    const struct dr_kombu_names names = {.prefix = "", .sep = "\x06\x16"};
    char queue[DR_KOMBU_NAME_MAX + 1];
    MUST(dr_kombu_read_head(text) == dr_kombu_read_head(text));
    struct dr_kombu_task task = dr_kombu_read_task(text);
    MUST(strlen(task.queue) <= DR_KOMBU_NAME_MAX);
    MUST(task.readable || (!task.eta.known && task.queue[0] == '\0'));
    if (dr_kombu_binding(&names, "exchange", text, queue))
        MUST(*queue != '\0' && strlen(queue) <= DR_KOMBU_NAME_MAX);
    struct dr_opt_real moment = dr_moment_read(text);
    MUST(!moment.known || (moment.value > -1e11 && moment.value < 1e12));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *feed = size > 0 ? memchr(data, '\f', size) : NULL;
    size_t first = feed != NULL ? (size_t)(feed - data) : size;
    char *info = fuzz_text(data, first);
    char *message = feed != NULL ? fuzz_text(feed + 1, size - first - 1) : fuzz_text(NULL, 0);
    read_store(info);
    read_message(info); /* also without INFO before it */
    read_message(message);
    free(info);
    free(message);
    return 0;
}
