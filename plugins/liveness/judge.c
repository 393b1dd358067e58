/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/judge.h"

#include "common/line.h"

/* A first cut: one line for each unit with its signs. */
static void judge_unit(const struct liv_unit *unit, bool passive, struct dr_result *result)
{
    struct dr_line line = DR_LINE;
    for (size_t i = 0; i < unit->sign_count; i++) {
        const struct liv_meaning *meaning = &liv_meanings[unit->signs[i].kind];
        enum dr_state state = passive ? meaning->if_passive : meaning->if_active;
        const char *text = unit->signs[i].text;
        const char *colon = meaning->words[0] != '\0' && text[0] != '\0' ? ": " : "";
        if (state == DR_OK)
            dr_line_figure(&line, "%s%s%s", meaning->words, colon, text);
        else
            dr_line_problem(&line, state, "%s%s%s", meaning->words, colon, text);
        if (state != DR_OK && meaning->next != NULL)
            dr_line_next(&line, state, "%s", meaning->next);
    }
    dr_line_end(&line, result, unit->name);
}

void liv_judge(const struct liv_evidence *evidence, const struct liv_rules *rules,
               enum dr_state timeout_state, struct dr_result *result)
{
    for (size_t i = 0; i < evidence->count; i++) {
        const struct liv_asked *asked = &evidence->asked[i];
        if (!asked->answered)
            dr_result_add(result, dr_error_state(asked->error->class, timeout_state), asked->label,
                          "%s", asked->error->text);
        for (size_t u = 0; asked->facts != NULL && u < asked->facts->unit_count; u++)
            judge_unit(&asked->facts->units[u], rules->wish == LIV_WISH_PASSIVE, result);
    }
    dr_result_verdict(result, DR_OK, "looked at %zu targets", evidence->count);
}
