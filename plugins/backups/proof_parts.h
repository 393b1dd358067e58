/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of bak_proof_look share: proof.c (the order of things), formats*.c (what a backup
 * is by its bytes), packed.c (gzip, zstd, xz ... and what is in them).
 *
 * A format is looked at in two ways. The cheap one has a view: the first and the last bytes, the
 * size, and a way to read at any offset. The full one has a flow: all bytes in order, from the file
 * or out of an unpacker, so that "zstd of pg_dump plain" is judged by the same code as the plain
 * one. */
#ifndef BACKUPS_PROOF_PARTS_H
#define BACKUPS_PROOF_PARTS_H

#include "plugins/backups/proof.h"

/* So much of the beginning and of the end is read of everything. */
#define BAK_EDGE_SIZE (64u * 1024)

/* ---- a view: one file, for the cheap look ---- */

struct bak_view {
    const char *name;          /* of the file; of what is packed: without the packing's ending */
    int64_t size;              /* bytes */
    const unsigned char *head; /* the first bytes: all there are, or BAK_EDGE_SIZE */
    size_t head_size;
    const unsigned char *tail; /* the last ones, the same; they overlap in a small file */
    size_t tail_size;
    struct bak_store *store; /* where it can be read at any offset: bak_view_read */
    const char *path;        /* its name there; NULL: it cannot be (it comes out of an unpacker) */
};

/* Reads the beginning and the end of a file of that size. The memory is freed by bak_view_close,
 * after a failure as well. */
bool bak_view_open(struct bak_view *view, struct bak_store *store, const char *path, int64_t size,
                   struct dr_error *error);
void bak_view_close(struct bak_view *view);

/* Reads `size` bytes from `offset` on, fewer only at the end. What lies in the edges costs no read
 * of the store. */
bool bak_view_read(const struct bak_view *view, int64_t offset, void *into, size_t size,
                   size_t *got, struct dr_error *error);

/* ---- a flow: bytes in order, from the first on ---- */

struct bak_flow {
    /* Set by who makes one. Hands over the next bytes: 0 only at the end. False with the error set
     * where there are no more because of a failure: a store that cannot be read, a packed stream
     * that is damaged (whoever unpacks remembers which, and why). */
    bool (*more)(void *context, void *into, size_t size, size_t *got, struct dr_error *error);
    void *context;
    const char *name;     /* as in a view */
    struct dr_task *task; /* whose time it keeps to; NULL: none */
};

/* Reads all of it, to its end, and says what it is: verdict, kind, why, data, content (bytes), and
 * the proof BAK_CHECKSUMMED where it is whole. False with the error set where the flow failed; then
 * content says what was known by then. out_of_time: it was not read to the end, and the verdict
 * stands for the beginning only. */
bool bak_formats_read(struct bak_flow *flow, struct bak_content *content, struct dr_error *error);

/* ---- formats.c ---- */

/* What something is by its first bytes: kind and data, and with verdict BAK_NO_BACKUP or
 * BAK_ENCRYPTED where they say that; else the verdict is BAK_WHOLE for a kind that is known and
 * BAK_UNKNOWN_KIND for others. Its end is not looked at: proof is left as it is. `head_size` is
 * BAK_EDGE_SIZE or all there is. */
void bak_formats_recognise(const char *name, const unsigned char *head, size_t head_size,
                           struct bak_content *content);

/* The cheap look at a file whose content is not packed. */
bool bak_formats_look(const struct bak_view *view, struct bak_content *content,
                      struct dr_error *error);

/* ---- packed.c ---- */

/* True where the first bytes are those of a packed stream or archive that it knows: gzip, zstd, xz,
 * bzip2, lz4, zip. */
bool bak_packed_knows(const unsigned char *head, size_t head_size);

/* Looks at a packed file: that its stream ends properly, as far as that can be seen by `wanted`,
 * and what is in it (bak_formats_recognise of its first bytes, bak_formats_read of all of them).
 * Kind is "zstd of pg_dump plain". Keeps to the task's time. */
bool bak_packed_look(const struct bak_view *view, enum bak_proof wanted,
                     struct bak_content *content, struct dr_error *error);

#endif
