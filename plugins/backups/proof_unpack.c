/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/proof_unpack.h"

#include "common/duration.h"
#include "common/module.h"
#include "common/size.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A disk's pieces stay in the processor's cache, a store's are worth their round trip. */
#define PIECE_NEAR ((size_t)128 * 1024)
#define PIECE_FAR ((size_t)4 * 1024 * 1024)
/* After so many seconds the pace is known, and what will take so many times the time there is is
 * given up at once: it would be tried in vain by each run. */
#define PACE_AFTER 0.5
#define PACE_MARGIN 2.0

static const char *const packages[BAK_PACKERS] = {"",           "zlib1g",   "libzstd1", "liblzma5",
                                                  "libbz2-1.0", "liblz4-1", "zlib1g"};

#ifdef DR_STATIC_SOURCES
extern const struct bak_unpack_engine bak_unpack_engine;
static const struct bak_unpack_engine *find_engine(enum bak_packer packer, struct dr_error *error)
{
    (void)packer, (void)error;
    return &bak_unpack_engine;
}
#else
static const struct bak_unpack_engine *find_engine(enum bak_packer packer, struct dr_error *error)
{
    const struct bak_unpack_engine *engine =
        dr_module_symbol("backups-unpack", "bak_unpack_engine", packages[packer], error);
    if (engine != NULL && engine->abi != BAK_UNPACK_ABI) {
        dr_error_set(error, DR_ERR_MODULE,
                     "backups-unpack.so is of another build than this executable");
        return NULL;
    }
    return engine;
}
#endif

/* Returns false, which ends the flow. */
__attribute__((format(printf, 3, 4))) static bool
ends(struct bak_unpacker *unpacker, enum bak_unpacked state, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    unpacker->state = state;
    vsnprintf(unpacker->why, sizeof unpacker->why, format, args);
    va_end(args);
    return false;
}

const struct bak_codec *bak_unpack_codec(enum bak_packer packer, struct dr_error *error)
{
    const struct bak_unpack_engine *engine = find_engine(packer, error);
    if (engine != NULL && engine->codecs[packer] == NULL)
        dr_error_set(error, DR_ERR_MODULE, "this build is without the library of %s",
                     packages[packer]);
    return engine != NULL ? engine->codecs[packer] : NULL;
}

static bool find_codec(struct bak_unpacker *unpacker)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    unpacker->codec = bak_unpack_codec(unpacker->packer, &error);
    return unpacker->codec != NULL ||
           ends(unpacker, BAK_UNPACKED_UNABLE, "%s cannot be unpacked here (install %s): %s",
                bak_packer_name(unpacker->packer), packages[unpacker->packer], error.text);
}

bool bak_unpack_open(struct bak_unpacker *unpacker, struct bak_store *store, const char *path,
                     int64_t size, enum bak_packer packer, double until)
{
    *unpacker = (struct bak_unpacker){.store = store,
                                      .path = path,
                                      .packer = packer,
                                      .space = store->remote ? PIECE_FAR : PIECE_NEAR,
                                      .size = size,
                                      .began = dr_monotonic(),
                                      .until = until};
    if (!find_codec(unpacker))
        return false;
    unpacker->codec_state = unpacker->codec->open();
    unpacker->piece = malloc(unpacker->space);
    return (unpacker->codec_state != NULL && unpacker->piece != NULL) ||
           ends(unpacker, BAK_UNPACKED_UNABLE, "%s cannot be unpacked here: out of memory",
                bak_packer_name(packer));
}

static bool too_late(struct bak_unpacker *unpacker)
{
    char done[DR_SIZE_TEXT], all[DR_SIZE_TEXT], whole[DR_DURATION_TEXT];
    double now = dr_monotonic(), spent = now - unpacker->began;
    double pace = unpacker->packed > 0 ? spent / (double)unpacker->packed : 0;
    double left = pace * (double)(unpacker->size - unpacker->packed);
    bool hopeless = spent > PACE_AFTER && left > PACE_MARGIN * (unpacker->until - now);
    if (now < unpacker->until && !hopeless)
        return false;
    dr_size_format(unpacker->packed, done, sizeof done);
    dr_size_format(unpacker->size, all, sizeof all);
    dr_duration_format(spent + left, whole, sizeof whole);
    if (unpacker->packed == 0)
        ends(unpacker, BAK_UNPACKED_LATE, "nothing of its %s was unpacked: no time was left", all);
    else
        ends(unpacker, BAK_UNPACKED_LATE,
             "%s of %s unpacked in the time there was, all of it takes about %s: give --timeout",
             done, all, whole);
    return true;
}

/* The next piece of the file; at its end nothing is left to go in. */
static bool refill(struct bak_unpacker *unpacker)
{
    struct bak_unpack_io *io = &unpacker->io;
    int64_t rest = unpacker->size - unpacker->packed;
    size_t want = rest < (int64_t)unpacker->space ? (size_t)rest : unpacker->space;
    size_t got = 0;
    if (too_late(unpacker))
        return false;
    if (want > 0 && !bak_store_read(unpacker->store, unpacker->path, unpacker->packed,
                                    unpacker->piece, want, &got, &unpacker->error))
        return ends(unpacker, BAK_UNPACKED_UNREAD, "%s", "");
    if (got < want)
        return ends(unpacker, BAK_UNPACKED_CUT, "it became shorter while it was read");
    unpacker->packed += (int64_t)got;
    io->in = unpacker->piece;
    io->in_left = got;
    io->in_last = unpacker->packed == unpacker->size;
    return true;
}

static int64_t position(const struct bak_unpacker *unpacker)
{
    return unpacker->packed - (int64_t)unpacker->io.in_left;
}

/* Passes the zeros that may stand behind a gzip. */
static void pass_zeros(struct bak_unpacker *unpacker)
{
    struct bak_unpack_io *io = &unpacker->io;
    if (unpacker->packer != BAK_GZIP)
        return;
    for (; io->in_left > 0 && *io->in == 0; io->in++, io->in_left--)
        unpacker->zeros++;
}

/* Behind a member: is that all, or does another one begin? */
static bool go_on(struct bak_unpacker *unpacker)
{
    struct bak_unpack_io *io = &unpacker->io;
    pass_zeros(unpacker);
    if (io->in_left == 0) {
        if (io->in_last)
            unpacker->state = BAK_UNPACKED_ALL;
        return true;
    }
    if (unpacker->zeros > 0)
        return ends(unpacker, BAK_UNPACKED_DAMAGED,
                    "something follows the zeros behind its end, at byte %" PRId64,
                    position(unpacker));
    unpacker->between = false;
    return unpacker->codec->again(unpacker->codec_state) ||
           ends(unpacker, BAK_UNPACKED_UNABLE, "it cannot be unpacked here: out of memory");
}

static bool fail(struct bak_unpacker *unpacker, enum bak_step step, const char *why, bool fresh)
{
    const char *name = bak_packer_name(unpacker->packer);
    if (step == BAK_STEP_UNABLE)
        return ends(unpacker, BAK_UNPACKED_UNABLE, "%s cannot be unpacked here: %s", name, why);
    if (fresh && unpacker->members > 0)
        return ends(unpacker, BAK_UNPACKED_DAMAGED,
                    "something that is no %s follows its end, near byte %" PRId64 ": %s", name,
                    position(unpacker), why);
    return ends(unpacker, BAK_UNPACKED_DAMAGED,
                "its %s stream is damaged near byte %" PRId64 ": %s", name, position(unpacker),
                why);
}

/* One step of the library. */
static bool advance(struct bak_unpacker *unpacker)
{
    struct bak_unpack_io *io = &unpacker->io;
    char why[BAK_STEP_WHY] = "no progress";
    const unsigned char *in = io->in, *out = io->out;
    enum bak_step step = unpacker->codec->step(unpacker->codec_state, io, why);
    bool moved = io->in != in || io->out != out;
    unpacker->plain += io->out - out;
    if (step == BAK_STEP_END) {
        unpacker->members++;
        unpacker->between = true;
        return true;
    }
    if (step != BAK_STEP_ON || (!moved && io->in_left > 0 && io->out_left > 0))
        return fail(unpacker, step == BAK_STEP_ON ? BAK_STEP_BAD : step, why, io->out == out);
    if (!moved && io->in_last && io->in_left == 0 && io->out_left > 0)
        return ends(unpacker, BAK_UNPACKED_CUT,
                    "its %s stream stops before its end, with %" PRId64 " bytes unpacked",
                    bak_packer_name(unpacker->packer), unpacker->plain);
    return true;
}

bool bak_unpack_more(void *context, void *into, size_t size, size_t *got, struct dr_error *error)
{
    struct bak_unpacker *unpacker = context;
    struct bak_unpack_io *io = &unpacker->io;
    bool ok = unpacker->state == BAK_UNPACKED_ON || unpacker->state == BAK_UNPACKED_ALL;
    io->out = into;
    io->out_left = size;
    while (ok && unpacker->state == BAK_UNPACKED_ON && io->out_left == size) {
        if (io->in_left == 0 && !io->in_last)
            ok = refill(unpacker);
        if (ok)
            ok = unpacker->between ? go_on(unpacker) : advance(unpacker);
    }
    *got = size - io->out_left;
    /* What came out before the failure is handed over first. */
    if (ok || *got > 0)
        return true;
    if (unpacker->state == BAK_UNPACKED_UNREAD) {
        *error = unpacker->error;
        return false;
    }
    return dr_error_set(error,
                        unpacker->state == BAK_UNPACKED_LATE ? DR_ERR_TIMEOUT : DR_ERR_PROTOCOL,
                        "%s", unpacker->why);
}

void bak_unpack_rest(struct bak_unpacker *unpacker)
{
    struct dr_error error;
    unsigned char *sink = unpacker->state == BAK_UNPACKED_ON ? malloc(PIECE_NEAR) : NULL;
    size_t got = 0;
    if (sink == NULL && unpacker->state == BAK_UNPACKED_ON)
        ends(unpacker, BAK_UNPACKED_UNABLE, "it cannot be unpacked here: out of memory");
    while (unpacker->state == BAK_UNPACKED_ON) {
        if (!bak_unpack_more(unpacker, sink, PIECE_NEAR, &got, &error))
            break;
    }
    free(sink);
}

bool bak_unpack_ends(const struct bak_unpacker *unpacker)
{
    struct dr_error error;
    size_t size = unpacker->size < (int64_t)BAK_TAIL_SIZE ? (size_t)unpacker->size : BAK_TAIL_SIZE;
    size_t got = 0;
    unsigned char *tail =
        unpacker->codec != NULL && unpacker->codec->ends != NULL ? malloc(size) : NULL;
    bool ends = tail != NULL &&
                bak_store_read(unpacker->store, unpacker->path, unpacker->size - (int64_t)size,
                               tail, size, &got, &error) &&
                got == size && unpacker->codec->ends(tail, size);
    free(tail);
    return ends;
}

void bak_unpack_close(struct bak_unpacker *unpacker)
{
    if (unpacker->codec_state != NULL)
        unpacker->codec->close(unpacker->codec_state);
    free(unpacker->piece);
    unpacker->codec_state = NULL;
    unpacker->piece = NULL;
}
