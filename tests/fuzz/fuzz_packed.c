/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A packed file: what the walk of its headers says against what the library says that unpacks it.
 * What can be unpacked to its end has an end that is seen; a stream whose end is seen may be
 * damaged, and is not cut. */
#include "tests/fuzz/fuzz.h"

#include "plugins/backups/proof_unpack.h"

#include <math.h>

struct memory {
    struct bak_store store;
    const uint8_t *data;
    size_t size;
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

static const struct bak_store_type type = {.words = "memory", .read = read_memory};

/* All of it, but for what would take too long. */
static enum bak_unpacked unpack(struct memory *memory, enum bak_packer packer, int64_t *plain)
{
    static unsigned char sink[65536];
    struct bak_unpacker unpacker;
    struct dr_error error = {.class = DR_ERR_NONE};
    size_t got = 1;
    bool ok =
        bak_unpack_open(&unpacker, &memory->store, "x", (int64_t)memory->size, packer, INFINITY);
    while (ok && got > 0 && unpacker.plain < 10000000)
        ok = bak_unpack_more(&unpacker, sink, sizeof sink, &got, &error);
    MUST(ok || unpacker.why[0] != '\0');
    MUST(unpacker.packed <= (int64_t)memory->size);
    *plain = unpacker.plain;
    bak_unpack_close(&unpacker);
    return unpacker.state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory memory = {.store = {.type = &type, .pattern = ""}, .data = data, .size = size};
    enum bak_packer packer = bak_packer_of(data, size);
    struct bak_ending near, far;
    struct dr_error error = {.class = DR_ERR_NONE};
    int64_t plain = 0;
    if (packer == BAK_NOT_PACKED)
        return 0;
    MUST(bak_packed_walk(&memory.store, "x", (int64_t)size, packer, INFINITY, &near, &error));
    MUST((near.end == BAK_END_SEEN) == (near.why[0] == '\0'));
    MUST(!near.content.known || near.content.value >= 0);
    memory.store.remote = true;
    MUST(bak_packed_walk(&memory.store, "x", (int64_t)size, packer, INFINITY, &far, &error));
    MUST(near.end == far.end && strcmp(near.why, far.why) == 0);
    if (packer == BAK_ZIP)
        return 0;
    enum bak_unpacked state = unpack(&memory, packer, &plain);
    if (state == BAK_UNPACKED_ALL) {
        MUST(near.end != BAK_END_MISSING);
        MUST(!near.content.known || near.content.value == plain);
    }
    if (near.end == BAK_END_SEEN && (packer == BAK_ZSTD || packer == BAK_LZ4))
        MUST(state != BAK_UNPACKED_CUT);
    return 0;
}
