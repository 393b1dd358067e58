/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/formats.h"

#include <stdio.h>
#include <stdlib.h>

/* All bytes of a file, for a full proof. */
struct file_flow {
    struct bak_store *store;
    const char *path;
    int64_t offset;
};

static bool read_more(void *context, void *into, size_t size, size_t *got, struct dr_error *error)
{
    struct file_flow *file = context;
    if (!bak_store_read(file->store, file->path, file->offset, into, size, got, error))
        return false;
    file->offset += (int64_t)*got;
    return true;
}

/* A file that grows or shrinks while it is read is none that can be judged now. */
static bool read_all(const struct bak_view *view, struct bak_content *content,
                     struct dr_error *error)
{
    struct file_flow file = {.store = view->store, .path = view->path};
    struct bak_flow flow = {
        .more = read_more, .context = &file, .name = view->name, .task = view->store->task};
    if (!bak_formats_read(&flow, content, error))
        return false;
    if (content->content.known && content->content.value != view->size)
        bak_content_note(content, "its size changed while it was read");
    content->content = (struct dr_opt_int){.known = false}; /* nothing is packed */
    return true;
}

bool bak_proof_read(struct bak_store *store, const char *path, bool text,
                    struct bak_content *content, struct dr_error *error)
{
    struct file_flow file = {.store = store, .path = path};
    struct bak_flow flow = {.more = read_more, .context = &file, .name = path, .task = store->task};
    struct bak_walk walk;
    bak_walk_flow(&walk, &flow, error);
    if (text && !walk.failed)
        bak_walk_text(&walk, content);
    bool done = bak_walk_drain(&walk);
    bool failed = walk.failed;
    bak_walk_close(&walk);
    content->out_of_time = !done;
    if (done && content->verdict == BAK_WHOLE)
        content->proof = BAK_CHECKSUMMED;
    return !failed;
}

/* SQLite's newest rows may be in a file beside it. */
static void look_beside(struct bak_store *store, const char *path, struct bak_content *content,
                        struct dr_error *error)
{
    char name[1024];
    struct bak_entry entry;
    bool found = false;
    int length = snprintf(name, sizeof name, "%s-wal", path);
    if (strncmp(content->kind, "SQLite", 6) != 0 || content->note[0] == '\0' || length < 0 ||
        (size_t)length >= sizeof name)
        return;
    /* Whether it can be seen or not: a note is all that comes of it. */
    if (bak_store_look(store, name, &entry, &found, error) && found)
        content->note[0] = '\0';
    error->class = DR_ERR_NONE;
}

/* Only the first bytes: is it a message? */
static bool look_at_head(struct bak_store *store, const struct bak_entry *entry,
                         struct bak_content *content, struct dr_error *error)
{
    size_t got = 0;
    int64_t size = entry->size.value;
    size_t most = size < (int64_t)BAK_EDGE_SIZE ? (size_t)size : BAK_EDGE_SIZE;
    unsigned char *head = malloc(most);
    if (head == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    bool ok = bak_store_read(store, entry->name, 0, head, most, &got, error);
    content->proof = BAK_SIZED;
    if (ok && bak_packed_knows(head, got))
        content->verdict = BAK_WHOLE;
    else if (ok)
        bak_formats_recognise(entry->name, head, got, content);
    free(head);
    return ok;
}

bool bak_proof_file(struct bak_store *store, const char *path, int64_t size, enum bak_proof wanted,
                    struct bak_content *content, struct dr_error *error)
{
    struct bak_view view;
    bool ok = bak_view_open(&view, store, path, size, error);
    if (ok && bak_packed_knows(view.head, view.head_size))
        ok = bak_packed_look(&view, wanted, content, error);
    else if (ok)
        ok = bak_formats_look(&view, content, error);
    if (ok && content->verdict == BAK_WHOLE && wanted >= BAK_CHECKSUMMED &&
        content->proof == BAK_WELLFORMED && !bak_packed_knows(view.head, view.head_size)) {
        struct bak_content thorough = {.verdict = BAK_WHOLE};
        ok = read_all(&view, &thorough, error);
        if (ok && thorough.out_of_time)
            content->out_of_time = true;
        else if (ok)
            *content = thorough;
    }
    bak_view_close(&view);
    return ok;
}

bool bak_proof_look(struct bak_store *store, const struct bak_entry *entry, enum bak_proof wanted,
                    struct bak_content *content, struct dr_error *error)
{
    *content = (struct bak_content){.verdict = BAK_UNKNOWN_KIND};
    if (entry->directory)
        return bak_proof_directory(store, entry->name, wanted, content, error);
    if (!entry->size.known)
        return dr_error_set(error, DR_ERR_PROTOCOL, "%s: its size is not known", entry->name);
    if (entry->size.value == 0) {
        bak_content_none(content, "size 0");
        return true;
    }
    if (wanted <= BAK_SIZED)
        return look_at_head(store, entry, content, error);
    bool ok = bak_proof_file(store, entry->name, entry->size.value, wanted, content, error);
    if (ok && content->verdict == BAK_WHOLE)
        look_beside(store, entry->name, content, error);
    return ok;
}
