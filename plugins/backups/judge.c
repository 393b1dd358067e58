/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/judge.h"

void bak_judge(const struct bak_evidence *evidence, const struct bak_rules *rules,
               enum dr_state timeout_state, struct dr_result *result)
{
    (void)evidence, (void)rules, (void)timeout_state;
    dr_result_verdict(result, DR_UNKNOWN, "nothing is judged yet");
}
