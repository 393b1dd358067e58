/* SPDX-License-Identifier: GPL-3.0-or-later */
/* xz, by liblzma, which knows streams in a row and the padding between them by itself. */
#include "plugins/backups/unpack.h"

#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>

static void *open_xz(void)
{
    lzma_stream *stream = malloc(sizeof *stream);
    if (stream == NULL)
        return NULL;
    *stream = (lzma_stream)LZMA_STREAM_INIT;
    if (lzma_stream_decoder(stream, BAK_WINDOW_MAX, LZMA_CONCATENATED) == LZMA_OK)
        return stream;
    free(stream);
    return NULL;
}

static enum bak_step fail(lzma_ret result, char *why)
{
    const char *words = "the data is damaged";
    bool unable =
        result == LZMA_MEM_ERROR || result == LZMA_MEMLIMIT_ERROR || result == LZMA_OPTIONS_ERROR;
    if (result == LZMA_MEM_ERROR)
        words = "out of memory";
    else if (result == LZMA_MEMLIMIT_ERROR)
        words = "it was packed with a dictionary that needs more than 128 MiB";
    else if (result == LZMA_OPTIONS_ERROR)
        words = "it was packed in a way that this liblzma does not know";
    else if (result == LZMA_FORMAT_ERROR)
        words = "something that is no xz stream";
    snprintf(why, BAK_STEP_WHY, "%s", words);
    return unable ? BAK_STEP_UNABLE : BAK_STEP_BAD;
}

static enum bak_step step(void *state, struct bak_unpack_io *io, char *why)
{
    lzma_stream *stream = state;
    stream->next_in = io->in;
    stream->avail_in = io->in_left;
    stream->next_out = io->out;
    stream->avail_out = io->out_left;
    lzma_ret result = lzma_code(stream, io->in_last ? LZMA_FINISH : LZMA_RUN);
    io->in = stream->next_in;
    io->in_left = stream->avail_in;
    io->out = stream->next_out;
    io->out_left = stream->avail_out;
    if (result == LZMA_STREAM_END)
        return BAK_STEP_END;
    return result == LZMA_OK || result == LZMA_BUF_ERROR ? BAK_STEP_ON : fail(result, why);
}

/* Never asked for: the end of a stream is that of the last. */
static bool again(void *state)
{
    (void)state;
    return true;
}

static void close_xz(void *state)
{
    lzma_end(state);
    free(state);
}

const struct bak_codec bak_codec_xz = {open_xz, step, again, close_xz, NULL};
