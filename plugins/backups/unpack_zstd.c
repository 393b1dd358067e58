/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zstandard, by libzstd. */
#include "plugins/backups/unpack.h"

#include <stdio.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG_MAX 27 /* BAK_WINDOW_MAX */

static void *open_zstd(void)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context != NULL)
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    return context;
}

static enum bak_step fail(size_t result, char *why)
{
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_frameParameter_windowTooLarge:
        snprintf(why, BAK_STEP_WHY,
                 "it was packed with a window of more than 128 MiB (zstd --long)");
        return BAK_STEP_UNABLE;
    case ZSTD_error_dictionary_wrong:
        snprintf(why, BAK_STEP_WHY, "it was packed with a dictionary");
        return BAK_STEP_UNABLE;
    case ZSTD_error_memory_allocation:
        snprintf(why, BAK_STEP_WHY, "out of memory");
        return BAK_STEP_UNABLE;
    default:
        snprintf(why, BAK_STEP_WHY, "%s", ZSTD_getErrorName(result));
        return BAK_STEP_BAD;
    }
}

static enum bak_step step(void *state, struct bak_unpack_io *io, char *why)
{
    ZSTD_inBuffer in = {.src = io->in, .size = io->in_left};
    ZSTD_outBuffer out = {.dst = io->out, .size = io->out_left};
    size_t result = ZSTD_decompressStream(state, &out, &in);
    if (ZSTD_isError(result))
        return fail(result, why);
    io->in += in.pos;
    io->in_left -= in.pos;
    io->out += out.pos;
    io->out_left -= out.pos;
    return result == 0 ? BAK_STEP_END : BAK_STEP_ON;
}

/* The context begins with the next frame by itself. */
static bool again(void *state)
{
    (void)state;
    return true;
}

static void close_zstd(void *state)
{
    ZSTD_freeDCtx(state);
}

const struct bak_codec bak_codec_zstd = {open_zstd, step, again, close_zstd, NULL};
