# SPDX-License-Identifier: GPL-3.0-or-later
# The shared library: no client library, no knowledge of a plugin, no exit, no printf.
# It is linked into each executable and into each module; nothing of it is exported.

noinst_LTLIBRARIES += common/libcommon.la
common_libcommon_la_SOURCES = \
	common/buffer.c common/buffer.h \
	common/duration.c common/duration.h \
	common/error.c common/error.h \
	common/extra_opts.c common/extra_opts.h \
	common/finding.c common/finding.h \
	common/generate.c common/generate.h \
	common/module.c common/module.h \
	common/number.c common/number.h \
	common/optional.h \
	common/options.c common/options.h \
	common/pattern.c common/pattern.h \
	common/perfdata.c common/perfdata.h \
	common/plugin.c common/plugin.h \
	common/range.c common/range.h \
	common/report.c common/report.h \
	common/run.c common/run.h \
	common/secret.c common/secret.h \
	common/size.c common/size.h \
	common/state.c common/state.h \
	common/state_file.c common/state_file.h \
	common/target.c common/target.h \
	common/threshold.c common/threshold.h \
	common/uri.c common/uri.h
common_libcommon_la_CFLAGS = $(AM_CFLAGS) $(PCRE2_CFLAGS) $(INIH_CFLAGS)
common_libcommon_la_LIBADD = $(PCRE2_LIBS) $(INIH_LIBS)
