/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What RQ, Sidekiq, RedBeat and canaries keep in Redis: the same bytes as each of them. */
#include "tests/fuzz/fuzz.h"

#include "common/moment.h"
#include "plugins/liveness/jobs_read.h"

#include <math.h>

static void check_moment(struct dr_opt_real moment)
{
    MUST(!moment.known || (isfinite(moment.value) && moment.value >= 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct liv_sidekiq_info info;
    struct dr_buffer queues = DR_BUFFER(4096);
    if (liv_sidekiq_read_info(text, &info, &queues))
        MUST(queues.size == 0 || queues.text[queues.size - 1] == '\n' || queues.cut);
    MUST(strlen(info.hostname) < sizeof info.hostname);
    dr_buffer_free(&queues);
    struct liv_sidekiq_job job = liv_sidekiq_read_job(text);
    check_moment(job.since);
    MUST(job.head != 0 || !job.since.known);
    check_moment(liv_sidekiq_read_work(text).since);
    struct dr_opt_bool enabled = liv_redbeat_enabled(text);
    MUST(enabled.known || !enabled.value);
    struct dr_opt_real number = liv_jobs_number(text);
    MUST(!number.known || isfinite(number.value));
    struct dr_opt_real canary = liv_canary_moment(text);
    MUST(!canary.known || isfinite(canary.value));
    MUST(liv_jobs_hash(0, text) != 0);
    free(text);
    return 0;
}
