/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bzip2, by libbz2. */
#include "plugins/backups/unpack.h"

#include <bzlib.h>
#include <stdio.h>
#include <stdlib.h>

static void *open_bzip2(void)
{
    bz_stream *stream = calloc(1, sizeof *stream);
    if (stream != NULL && BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK)
        return stream;
    free(stream);
    return NULL;
}

static enum bak_step step(void *state, struct bak_unpack_io *io, char *why)
{
    bz_stream *stream = state;
    stream->next_in = (char *)io->in;
    stream->avail_in = (unsigned)io->in_left;
    stream->next_out = (char *)io->out;
    stream->avail_out = (unsigned)io->out_left;
    int result = BZ2_bzDecompress(stream);
    io->in += io->in_left - stream->avail_in;
    io->in_left = stream->avail_in;
    io->out += io->out_left - stream->avail_out;
    io->out_left = stream->avail_out;
    if (result == BZ_OK || result == BZ_STREAM_END)
        return result == BZ_OK ? BAK_STEP_ON : BAK_STEP_END;
    snprintf(why, BAK_STEP_WHY, "%s",
             result == BZ_MEM_ERROR          ? "out of memory"
             : result == BZ_DATA_ERROR_MAGIC ? "something that is no bzip2 stream"
                                             : "the data is damaged: a checksum does not fit");
    return result == BZ_MEM_ERROR ? BAK_STEP_UNABLE : BAK_STEP_BAD;
}

static bool again(void *state)
{
    bz_stream *stream = state;
    BZ2_bzDecompressEnd(stream);
    *stream = (bz_stream){.next_in = NULL};
    return BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK;
}

static void close_bzip2(void *state)
{
    BZ2_bzDecompressEnd(state);
    free(state);
}

const struct bak_codec bak_codec_bzip2 = {open_bzip2, step, again, close_bzip2, NULL};
