/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A packed stream of a store, unpacked piece by piece, as a flow (proof_parts.h): memory does not
 * grow with it. Members, streams and frames in a row are one; what follows the last of them and is
 * none makes it damaged, but for the zeros behind a gzip that its own tool ignores as well. */
#ifndef BACKUPS_PROOF_UNPACK_H
#define BACKUPS_PROOF_UNPACK_H

#include "plugins/backups/proof_parts.h"
#include "plugins/backups/unpack.h"

enum bak_unpacked {
    BAK_UNPACKED_ON = 0,  /* there may be more */
    BAK_UNPACKED_ALL,     /* to its end, and the checksums that it has fit */
    BAK_UNPACKED_CUT,     /* it stops before its end: `why` */
    BAK_UNPACKED_DAMAGED, /* `why` */
    BAK_UNPACKED_UNABLE,  /* it cannot be unpacked here: `why` */
    BAK_UNPACKED_LATE,    /* the time is up, or will not do by far: `why` says how much was done */
    BAK_UNPACKED_UNREAD   /* the store failed: `error` */
};

struct bak_unpacker {
    enum bak_unpacked state;
    char why[BAK_WHY_SIZE];
    struct dr_error error;
    int64_t packed; /* bytes that were read */
    int64_t plain;  /* bytes that came out */
    /* Its own: */
    struct bak_store *store;
    const char *path;
    enum bak_packer packer;
    const struct bak_codec *codec;
    void *codec_state;
    unsigned char *piece;
    size_t space;
    struct bak_unpack_io io;
    int64_t size;    /* of the file */
    int64_t members; /* that have ended well */
    int64_t zeros;   /* behind the last of them */
    bool between;    /* a member has ended, and nothing of another one was used */
    double began;
    double until;
};

/* What unpacks such streams, and for gzip those of zlib alone; NULL with the error set where it is
 * not there. */
const struct bak_codec *bak_unpack_codec(enum bak_packer packer, struct dr_error *error);

/* Begins with a file of `size` bytes.
 * `until` is a moment of dr_monotonic. False, with the state UNABLE, where it cannot be unpacked;
 * end with bak_unpack_close in any case. */
bool bak_unpack_open(struct bak_unpacker *unpacker, struct bak_store *store, const char *path,
                     int64_t size, enum bak_packer packer, double until);

/* The `more` of a flow, whose context is the struct bak_unpacker. */
bool bak_unpack_more(void *unpacker, void *into, size_t size, size_t *got, struct dr_error *error);

/* Reads what is left, to see its end. */
void bak_unpack_rest(struct bak_unpacker *unpacker);

/* Whether the file's last bytes are the end of a whole stream; false as well where that cannot be
 * told. For files that are too large to be unpacked. */
bool bak_unpack_ends(const struct bak_unpacker *unpacker);

void bak_unpack_close(struct bak_unpacker *unpacker);

#endif
