/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packed streams: which packer made one, and is its end there, as far as that can be told without
 * unpacking. No library is needed.
 *
 * Sources: RFC 1952 (gzip), RFC 8878 (Zstandard), the .xz file format 1.2.1, the LZ4 frame format
 * 1.6.4, APPNOTE.TXT 6.3 (zip); bzip2 ends with 48 bits of its own, at any bit. */
#ifndef BACKUPS_PROOF_PACKED_H
#define BACKUPS_PROOF_PACKED_H

#include "plugins/backups/proof.h"

enum bak_packer {
    BAK_NOT_PACKED = 0,
    BAK_GZIP,
    BAK_ZSTD,
    BAK_XZ,
    BAK_BZIP2,
    BAK_LZ4,
    BAK_ZIP,
    BAK_PACKERS
};

/* By the beginning of a file; frames that decoders skip may stand in front. */
enum bak_packer bak_packer_of(const unsigned char *head, size_t size);

/* "zstd". */
const char *bak_packer_name(enum bak_packer packer);

enum bak_end {
    BAK_END_SEEN = 0, /* the stream is there to its end, and nothing follows it */
    BAK_END_MISSING,  /* it is cut, or something follows that is no part of it: `why` */
    BAK_END_UNSEEN,   /* only unpacking tells, or the codec's ends(): gzip */
    BAK_END_LATE      /* the time was up before the end was reached */
};

struct bak_ending {
    enum bak_end end;
    char why[BAK_WHY_SIZE];
    struct dr_opt_int content; /* bytes that were packed, where the stream says so */
    bool sums;                 /* what is packed has checksums all over */
};

/* Looks for the end of a stream of `size` bytes: several members, streams or frames in a row are
 * one. Reads the headers of blocks, not the blocks, on a disk. In a store where each read is a
 * round trip that would be all of it: of a large zstd file the last blocks are followed to its end
 * there, which chance does once in a million files. `until` is a moment of dr_monotonic. False with
 * the error set where it could not be read. */
bool bak_packed_walk(struct bak_store *store, const char *name, int64_t size,
                     enum bak_packer packer, double until, struct bak_ending *ending,
                     struct dr_error *error);

#endif
