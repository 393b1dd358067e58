/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gzip, by zlib. */
#include "plugins/backups/unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

/* The largest window, and a header of gzip or of zlib alone, which is what pg_dump packs with. */
#define WINDOW_GZIP (15 + 32)

static void *open_gzip(void)
{
    z_stream *stream = calloc(1, sizeof *stream);
    if (stream != NULL && inflateInit2(stream, WINDOW_GZIP) == Z_OK)
        return stream;
    free(stream);
    return NULL;
}

static enum bak_step step(void *state, struct bak_unpack_io *io, char *why)
{
    z_stream *stream = state;
    stream->next_in = (z_const Bytef *)io->in;
    stream->avail_in = (uInt)io->in_left;
    stream->next_out = io->out;
    stream->avail_out = (uInt)io->out_left;
    int result = inflate(stream, Z_NO_FLUSH);
    io->in += io->in_left - stream->avail_in;
    io->in_left = stream->avail_in;
    io->out += io->out_left - stream->avail_out;
    io->out_left = stream->avail_out;
    if (result == Z_STREAM_END)
        return BAK_STEP_END;
    if (result == Z_OK || result == Z_BUF_ERROR)
        return BAK_STEP_ON;
    snprintf(why, BAK_STEP_WHY, "%s",
             result == Z_MEM_ERROR ? "out of memory"
             : stream->msg != NULL ? stream->msg
                                   : "the data is damaged");
    return result == Z_MEM_ERROR ? BAK_STEP_UNABLE : BAK_STEP_BAD;
}

static bool again(void *state)
{
    return inflateReset(state) == Z_OK;
}

static void close_gzip(void *state)
{
    inflateEnd(state);
    free(state);
}

const struct bak_codec bak_codec_gzip = {open_gzip, step, again, close_gzip};
