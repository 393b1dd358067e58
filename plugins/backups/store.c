/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/store.h"

bool bak_store_list(struct bak_store *store, const struct bak_listing *listing, bak_take *take,
                    void *context, struct dr_error *error)
{
    return store->type->list(store, listing, take, context, error);
}

bool bak_store_look(struct bak_store *store, const char *name, struct bak_entry *entry, bool *found,
                    struct dr_error *error)
{
    return store->type->look(store, name, entry, found, error);
}

bool bak_store_read(struct bak_store *store, const char *name, int64_t offset, void *into,
                    size_t size, size_t *got, struct dr_error *error)
{
    return store->type->read(store, name, offset, into, size, got, error);
}

bool bak_store_load(struct bak_store *store, const char *const *names, size_t count, size_t most,
                    struct dr_buffer *texts, bool *found, struct dr_error *error)
{
    return store->type->load(store, names, count, most, texts, found, error);
}

bool bak_store_text(struct bak_store *store, const char *name, size_t most, struct dr_buffer *text,
                    bool *found, struct dr_error *error)
{
    return bak_store_load(store, &name, 1, most, text, found, error);
}

bool bak_store_unfinished(struct bak_store *store, bak_take *take, void *context,
                          struct dr_error *error)
{
    return store->type->unfinished == NULL || store->type->unfinished(store, take, context, error);
}

void bak_store_close(struct bak_store *store)
{
    if (store != NULL)
        store->type->close(store);
}
