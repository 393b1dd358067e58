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

/* ---- the end of a stream, by itself ---- */

/* A gzip is a chain of blocks (RFC 1951) that begin at any bit, and says nowhere where. But hardly
 * anything but a block looks like the beginning of one, and a chain that is entered at the wrong
 * bit breaks within a few hundred bytes. So each bit from the end on is tried as the beginning of a
 * block that is not the last: where the chain from there leads through at least one more block to
 * exactly the eight bytes of the trailer, the stream is there to its end. What a block refers back
 * to is before the tail; zeros stand in for it, since only the structure counts. */

#define TRAILER 8
#define WINDOW 32768
#define LITERALS_MAX 286
#define DISTANCES_MAX 30

static unsigned bits_at(const unsigned char *bytes, size_t bit, unsigned count)
{
    unsigned value = 0;
    for (unsigned i = 0; i < count; i++, bit++)
        value |= (unsigned)(bytes[bit / 8] >> (bit % 8) & 1) << i;
    return value;
}

/* The beginning of a block with codes of its own that is not the last (3.2.3 and 3.2.7), whose
 * first code is complete. */
static bool may_begin(const unsigned char *tail, size_t size, size_t bit)
{
    if (bits_at(tail, bit, 3) != 4) /* BFINAL 0, BTYPE 10, least bit first */
        return false;
    if (bit + 17 + 19 * 3 > 8 * (size - TRAILER))
        return false;
    unsigned lengths = bits_at(tail, bit + 13, 4) + 4, room = 0;
    if (bits_at(tail, bit + 3, 5) + 257 > LITERALS_MAX ||
        bits_at(tail, bit + 8, 5) + 1 > DISTANCES_MAX)
        return false;
    for (unsigned i = 0; i < lengths; i++) {
        unsigned length = bits_at(tail, bit + 17 + 3 * i, 3);
        room += length > 0 ? 128u >> length : 0;
    }
    return room == 128;
}

/* Follows the chain from there. */
static bool leads_to_the_end(z_stream *stream, const unsigned char *tail, size_t size, size_t bit,
                             unsigned char *scratch)
{
    int result = inflateReset(stream) == Z_OK ? Z_OK : Z_MEM_ERROR;
    unsigned within = (unsigned)(bit % 8);
    stream->next_in = (z_const Bytef *)(tail + bit / 8);
    if (result == Z_OK && within > 0) {
        result = inflatePrime(stream, (int)(8 - within), *stream->next_in >> within);
        stream->next_in++;
    }
    stream->avail_in = (uInt)(tail + size - TRAILER - stream->next_in);
    if (result == Z_OK)
        result = inflateSetDictionary(stream, scratch + WINDOW, WINDOW);
    while (result == Z_OK) {
        stream->next_out = scratch;
        stream->avail_out = WINDOW;
        result = inflate(stream, Z_NO_FLUSH);
    }
    return result == Z_STREAM_END && stream->avail_in == 0;
}

static bool ends_gzip(const unsigned char *tail, size_t size)
{
    z_stream stream = {.zalloc = NULL};
    unsigned char *scratch = calloc(2, WINDOW); /* what comes out, and zeros for what was before */
    bool found = false;
    if (scratch == NULL || size <= TRAILER || inflateInit2(&stream, -15) != Z_OK) {
        free(scratch);
        return false;
    }
    for (size_t bit = 8 * (size - TRAILER); !found && bit-- > 0;)
        found = may_begin(tail, size, bit) && leads_to_the_end(&stream, tail, size, bit, scratch);
    inflateEnd(&stream);
    free(scratch);
    return found;
}

const struct bak_codec bak_codec_gzip = {open_gzip, step, again, close_gzip, ends_gzip};
