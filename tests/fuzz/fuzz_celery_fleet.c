/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Celery's workers answer: the first byte says to which question, and the rest is the body of
 * the answer, which is read twice, as of two workers of the same name. Then the base64 around it.
 */
#include "tests/fuzz/fuzz.h"

#include "common/client/kombu.h"
#include "plugins/liveness/celery_report.h"

static void check_worker(const struct liv_celery_worker *worker)
{
    MUST(*worker->name != '\0' && strlen(worker->name) <= LIV_CELERY_NAME_MAX);
    MUST(!worker->processed.known || worker->processed.value >= 0);
    MUST(!worker->active.known || worker->active.value >= 0);
    MUST(!worker->oldest.known || worker->oldest.value >= 1e9);
    MUST(worker->queues_known || worker->queue_count == 0 ||
         worker->answers[LIV_CELERY_QUEUES] > 0);
    MUST(worker->queue_count <= LIV_CELERY_QUEUES_MAX &&
         worker->task_count <= LIV_CELERY_TASKS_MAX);
}

static void read_answer(enum liv_celery_method method, const char *text)
{
    struct liv_celery_seen seen = {.task_limit = 60};
    struct liv_facts facts = {.product = LIV_CELERY};
    struct dr_error error = {.class = DR_ERR_NONE};
    struct liv_celery_fleet *fleet = &seen.look.fleet;
    bool ok = liv_celery_read_reply(fleet, method, text, 0.1, &error);
    MUST(ok == (error.class == DR_ERR_NONE));
    MUST(!ok || fleet->count > 0);
    MUST(liv_celery_read_reply(fleet, method, text, 0.2, &error) == ok);
    for (size_t i = 0; i < fleet->count; i++)
        check_worker(&fleet->workers[i]);
    seen.look.listeners = dr_int(1);
    liv_celery_add_known(&seen, "w1@a");
    liv_celery_report(&seen, &facts);
    MUST(facts.unit_count > 0);
    for (size_t i = 0; i < facts.unit_count; i++)
        MUST(facts.units[i].sign_count > 0);
    liv_facts_free(&facts);
    liv_celery_seen_free(&seen);
}

static void read_base64(const char *text)
{
    struct dr_buffer plain = DR_BUFFER(100000);
    struct dr_buffer coded = DR_BUFFER(200000);
    struct dr_buffer again = DR_BUFFER(100000);
    MUST(dr_kombu_encode(text, &coded));
    MUST(dr_kombu_decode(dr_buffer_text(&coded), &plain));
    MUST(strcmp(dr_buffer_text(&plain), text) == 0);
    dr_kombu_decode(text, &again); /* which it seldom is */
    dr_buffer_free(&plain);
    dr_buffer_free(&coded);
    dr_buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = fuzz_text(data + 1, size - 1);
    read_answer((enum liv_celery_method)(data[0] % (LIV_CELERY_METHODS + 1)), text);
    read_base64(text);
    liv_celery_made_at(text);
    free(text);
    return 0;
}
