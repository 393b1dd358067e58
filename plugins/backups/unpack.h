/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What proof_unpack.c needs of the libraries that unpack. Those are a module of their own
 * (backups-unpack.so), loaded with the first packed file: most runs have none. */
#ifndef BACKUPS_UNPACK_H
#define BACKUPS_UNPACK_H

#include "plugins/backups/proof_packed.h"

#define BAK_UNPACK_ABI 2u

/* Windows and dictionaries up to so many bytes: what the packers' own tools take without being
 * asked (zstd --long=27, xz -9 has 64 MiB). */
#define BAK_WINDOW_MAX ((uint64_t)128 * 1024 * 1024)

#define BAK_STEP_WHY 120

enum bak_step {
    BAK_STEP_ON = 0, /* there may be more: with more input, or more room */
    BAK_STEP_END,    /* a member (frame, stream) has ended well, its checksum fits */
    BAK_STEP_BAD,    /* damaged */
    BAK_STEP_UNABLE  /* cannot be unpacked here: too large a window, a dictionary, no memory */
};

/* What goes in and out of one step: both move on by what was used. */
struct bak_unpack_io {
    const unsigned char *in;
    size_t in_left;
    bool in_last; /* nothing follows what is in there */
    unsigned char *out;
    size_t out_left;
};

/* One library. `why` has room for BAK_STEP_WHY bytes, and is set with BAD and UNABLE. */
struct bak_codec {
    void *(*open)(void); /* NULL: no memory */
    enum bak_step (*step)(void *state, struct bak_unpack_io *io, char *why);
    bool (*again)(void *state); /* after END: another member follows. False: no memory */
    void (*close)(void *state);
    /* Whether the end of a file, its last `size` bytes, is that of a whole stream, without what was
     * before it. NULL: it cannot tell, and bak_packed_walk may. */
    bool (*ends)(const unsigned char *tail, size_t size);
};

/* Enough of a file for that. */
#define BAK_TAIL_SIZE ((size_t)256 * 1024)

extern const struct bak_codec bak_codec_bzip2;
extern const struct bak_codec bak_codec_gzip;
extern const struct bak_codec bak_codec_lz4;
extern const struct bak_codec bak_codec_xz;
extern const struct bak_codec bak_codec_zstd;

/* Who can unpack what: NULL where the library was not there when this was built. */
struct bak_unpack_engine {
    unsigned abi;
    const struct bak_codec *codecs[BAK_PACKERS];
};

#endif
