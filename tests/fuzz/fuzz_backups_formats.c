/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file, by its bytes: what the cheap look says of it, and what reading all of it says. The first
 * byte picks its name, which decides where a format has no magic. */
#include "tests/fuzz/fuzz.h"

#include "plugins/backups/proof_parts.h"

struct memory {
    struct bak_store store;
    const uint8_t *data;
    size_t size;
    size_t at;
};

static bool read_memory(struct bak_store *store, const char *name, int64_t offset, void *into,
                        size_t size, size_t *got, struct dr_error *error)
{
    const struct memory *memory = (const struct memory *)store;
    (void)name, (void)error;
    MUST(offset >= 0);
    size_t rest = (uint64_t)offset < memory->size ? memory->size - (size_t)offset : 0;
    *got = rest < size ? rest : size;
    if (*got > 0)
        memcpy(into, memory->data + offset, *got);
    return true;
}

/* In small pieces, so that structures lie across them. */
static bool more(void *context, void *into, size_t size, size_t *got, struct dr_error *error)
{
    struct memory *memory = context;
    size_t piece = size < 7 ? size : 7;
    bool ok = read_memory(&memory->store, "", (int64_t)memory->at, into, piece, got, error);
    memory->at += *got;
    return ok;
}

static const struct bak_store_type type = {.words = "memory", .read = read_memory};

static void check(const struct bak_content *content)
{
    bool bad = content->verdict == BAK_CUT || content->verdict == BAK_NO_BACKUP;
    MUST(bad == (content->why[0] != '\0'));
    MUST(content->verdict == BAK_WHOLE || content->proof <= BAK_SIZED);
    MUST(content->verdict != BAK_WHOLE || content->kind[0] != '\0');
    MUST(!content->error_text || content->verdict == BAK_NO_BACKUP);
    MUST(strlen(content->kind) < sizeof content->kind &&
         strlen(content->why) < sizeof content->why);
    for (const char *at = content->why; *at != '\0'; at++)
        MUST(*at >= ' ' && *at != '|');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a.dump", "oplog.bson", "a.tar", "a.sql.gz"};
    if (size < 2)
        return 0;
    const char *name = names[data[0] % 4];
    struct memory memory = {
        .store = {.type = &type, .pattern = ""}, .data = data + 1, .size = size - 1};
    struct bak_content near = {.verdict = BAK_UNKNOWN_KIND}, full = near;
    struct dr_error error = {.class = DR_ERR_NONE};
    struct bak_flow flow = {.more = more, .context = &memory, .name = name};
    struct bak_view view;
    MUST(bak_view_open(&view, &memory.store, name, (int64_t)memory.size, &error));
    MUST(bak_formats_look(&view, &near, &error));
    bak_view_close(&view);
    MUST(bak_formats_read(&flow, &full, &error));
    check(&near);
    check(&full);
    MUST(strcmp(near.kind, full.kind) == 0 || near.verdict != full.verdict);
    /* Who has read all of it is never less strict. */
    MUST(near.verdict != BAK_CUT || full.verdict != BAK_WHOLE);
    return 0;
}
