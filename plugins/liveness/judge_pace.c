/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does work move? Two looks that are the same tell that it does not: of this run (--watch), or of
 * runs before (--state-dir). */
#include "plugins/liveness/judge_parts.h"

#include <stdio.h>

static bool same_pace(const struct liv_pace *a, const struct liv_pace *b)
{
    return a->head == b->head && a->taken == b->taken && a->done.known == b->done.known &&
           (!a->done.known || a->done.value == b->done.value);
}

/* FNV-1a over the three, 64 bits (draft-eastlake-fnv). */
static uint64_t pace_hash(const struct liv_pace *pace)
{
    uint64_t parts[] = {pace->head, pace->taken, pace->done.known ? (uint64_t)pace->done.value : 0};
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < 8 * sizeof parts / sizeof parts[0]; i++) {
        hash ^= (parts[i / 8] >> (8 * (i % 8))) & 0xff;
        hash *= 0x100000001b3u;
    }
    return hash;
}

/* Since when nothing has moved, seconds; unknown where there was only one look. */
static struct dr_opt_real still_for(struct judge *judge, const struct view *view)
{
    const struct liv_pace *pace = &view->unit->pace, *earlier = &view->unit->earlier;
    const struct liv_evidence *evidence = judge->evidence;
    char key[160];
    snprintf(key, sizeof key, "pace %.150s", view->name);
    struct dr_opt_real since =
        liv_history_since(evidence->history, key, pace_hash(pace), evidence->now);
    struct dr_opt_real still = {.known = false};
    if (since.known)
        still = dr_real(evidence->now - since.value);
    if (earlier->known && !same_pace(earlier, pace))
        return dr_real(0);
    if (earlier->known && (!still.known || pace->at - earlier->at > still.value))
        still = dr_real(pace->at - earlier->at);
    return still;
}

void judge_pace(struct judge *judge, const struct view *view, struct dr_line *line)
{
    const struct liv_pace *pace = &view->unit->pace;
    double limit = judge->rules->stuck_after.value;
    char still[DR_UNIT_TEXT], words[DR_UNIT_TEXT];
    if (!pace->known)
        return;
    struct dr_opt_real lasted = still_for(judge, view);
    bool work = pace->head != 0 || pace->taken != 0;
    if (!work || judge->pools[view->pool].passive)
        return;
    if (!lasted.known) {
        dr_line_figure(line, "whether it moves was not looked at (--state-dir, --watch)");
        return;
    }
    dr_unit_format(DR_UNIT_SECONDS, lasted.value, still, sizeof still);
    if (lasted.value >= limit) {
        dr_line_problem(line, DR_CRITICAL, "stuck: nothing has moved for %s, critical from %s",
                        still, dr_unit_format(DR_UNIT_SECONDS, limit, words, sizeof words));
        dr_line_next(line, DR_CRITICAL,
                     "workers answer or not, none of them gets on: look at what they run, then "
                     "restart them");
    } else if (lasted.value > 0) {
        dr_line_figure(line, "nothing has moved for %s", still);
    } else {
        dr_line_figure(line, "moves");
    }
}
