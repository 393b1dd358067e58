/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/unpack.h"

extern const struct bak_unpack_engine bak_unpack_engine;
const struct bak_unpack_engine bak_unpack_engine = {
    .abi = BAK_UNPACK_ABI,
    .codecs =
        {
#ifdef HAVE_ZLIB
            [BAK_GZIP] = &bak_codec_gzip,
#endif
#ifdef HAVE_ZSTD
            [BAK_ZSTD] = &bak_codec_zstd,
#endif
#ifdef HAVE_LZMA
            [BAK_XZ] = &bak_codec_xz,
#endif
#ifdef HAVE_BZIP2
            [BAK_BZIP2] = &bak_codec_bzip2,
#endif
#ifdef HAVE_LZ4
            [BAK_LZ4] = &bak_codec_lz4,
#endif
            [BAK_NOT_PACKED] = NULL,
        },
};
