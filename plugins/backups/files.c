/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files, or objects, each of which is a backup: names, then times, then the proof of the newest. */
#include "plugins/backups/files.h"

#include "plugins/backups/scan.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY 86400

/* " (and 3 more)" behind the first of several. */
static void sign_tally(struct bak_facts *facts, enum bak_sign_kind kind,
                       const struct bak_tally *tally, const char *why)
{
    if (tally->count == 1)
        bak_facts_sign(facts, NULL, kind, "%.200s%s", tally->first, why);
    else if (tally->count > 1)
        bak_facts_sign(facts, NULL, kind, "%.200s%s (and %lld more)", tally->first, why,
                       (long long)tally->count - 1);
}

/* What there is to say of the target as a whole. */
static void add_signs(struct bak_files *files)
{
    struct bak_facts *facts = files->facts;
    char why[sizeof files->why + 3];
    snprintf(why, sizeof why, ": %s", files->why);
    sign_tally(facts, BAK_UNREADABLE, &files->unreadable, why);
    sign_tally(facts, BAK_NAME_UNREAD, &files->unread, "");
    sign_tally(facts, BAK_BROKEN_LINK, &files->broken, "");
    /* Where something was found a "latest" beside it needs no word. */
    if (files->links.count > 0 && facts->series_count == 0)
        bak_facts_sign(facts, NULL, BAK_NOTE,
                       "%lld symbolic %s not followed (%s): what they lead to counts where it is "
                       "found itself, or named without a wildcard",
                       (long long)files->links.count,
                       files->links.count == 1 ? "link is" : "links are", files->links.first);
}

static void free_tally(struct bak_tally *tally)
{
    free(tally->first);
}

/* A directory that is not there holds no backup, and somebody who looks for one should know. */
static bool has_root(struct bak_files *files)
{
    struct bak_store *store = files->store;
    struct bak_entry entry;
    struct dr_error trouble = {.class = DR_ERR_NONE};
    bool there = false;
    if (store->remote || bak_store_look(store, "", &entry, &there, &trouble) || there)
        return true;
    bak_facts_sign(files->facts, NULL, BAK_STORAGE_AWAY, "%s", trouble.text);
    return false;
}

/* A list that time has cut is still evidence of what is in it, and of nothing else. */
static bool list_files(struct bak_files *files, struct dr_error *error)
{
    struct bak_facts *facts = files->facts;
    facts->complete = false;
    if (!has_root(files) || bak_files_list(files, error)) {
        facts->complete = files->unreadable.count == 0;
        return true;
    }
    if (error->class != DR_ERR_TIMEOUT || facts->looked == 0)
        return false;
    bak_facts_sign(facts, NULL, BAK_LISTING_CUT, "%s", error->text);
    return true;
}

bool bak_files_read(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                    struct dr_error *error)
{
    const struct bak_request *request = dr_task_request(task);
    struct bak_files files = {.task = task,
                              .store = store,
                              .facts = facts,
                              .request = request,
                              .pools = {.since = request->now - request->window - 2 * DAY},
                              .names_first = request->formats.count > 0 && !store->remote};
    facts->product = store->remote ? BAK_OBJECTS : BAK_FILES;
    bool ok = list_files(&files, error);
    dr_task_trace(task, 1, "%lld names listed%s", (long long)facts->looked,
                  ok ? "" : ", not to the end");
    ok = ok && bak_files_points(&files, error);
    add_signs(&files);
    store->unreadable = NULL;
    bak_pools_free(&files.pools);
    bak_pools_free(&files.dumps);
    free_tally(&files.unread);
    free_tally(&files.unreadable);
    free_tally(&files.links);
    free_tally(&files.broken);
    return ok;
}
