/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LZ4 frames, by liblz4. */
#include "plugins/backups/unpack.h"

#include <lz4frame.h>
#include <stdio.h>

static void *open_lz4(void)
{
    LZ4F_dctx *context = NULL;
    return LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) ? NULL : context;
}

static enum bak_step step(void *state, struct bak_unpack_io *io, char *why)
{
    size_t in = io->in_left, out = io->out_left;
    size_t result = LZ4F_decompress(state, io->out, &out, io->in, &in, NULL);
    if (LZ4F_isError(result)) {
        snprintf(why, BAK_STEP_WHY, "%s", LZ4F_getErrorName(result));
        return BAK_STEP_BAD;
    }
    io->in += in;
    io->in_left -= in;
    io->out += out;
    io->out_left -= out;
    return result == 0 ? BAK_STEP_END : BAK_STEP_ON;
}

/* The context begins with the next frame by itself. */
static bool again(void *state)
{
    (void)state;
    return true;
}

static void close_lz4(void *state)
{
    LZ4F_freeDecompressionContext(state);
}

const struct bak_codec bak_codec_lz4 = {open_lz4, step, again, close_lz4, NULL};
