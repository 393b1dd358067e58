# SPDX-License-Identifier: GPL-3.0-or-later
# The shared library: no client library, no knowledge of a plugin, no exit, no printf.
# libsource is what a source needs and goes into each module; libcommon is all of it and goes into each executable. Nothing
# of either is exported.

noinst_LTLIBRARIES += common/libsource.la common/libcommon.la
common_libsource_la_SOURCES = \
	common/buffer.c \
	common/buffer.h \
	common/error.c \
	common/error.h \
	common/optional.h \
	common/run.c \
	common/run.h \
	common/secret.c \
	common/secret.h \
	common/state.c \
	common/state.h \
	common/target.h \
	common/uri.c \
	common/uri.h
common_libcommon_la_SOURCES = \
	common/duration.c \
	common/duration.h \
	common/extra_opts.c \
	common/extra_opts.h \
	common/file.c \
	common/file.h \
	common/finding.c \
	common/finding.h \
	common/generate.c \
	common/generate.h \
	common/generate_bash.c \
	common/generate_commands.c \
	common/generate_man.c \
	common/generate_text.c \
	common/generate_text.h \
	common/line.c \
	common/line.h \
	common/module.c \
	common/module.h \
	common/number.c \
	common/number.h \
	common/options.c \
	common/options.h \
	common/pattern.c \
	common/pattern.h \
	common/pattern_engine.h \
	common/perfdata.c \
	common/perfdata.h \
	common/plugin.c \
	common/plugin.h \
	common/range.c \
	common/range.h \
	common/report.c \
	common/report.h \
	common/size.c \
	common/size.h \
	common/state_file.c \
	common/state_file.h \
	common/target.c \
	common/threshold.c \
	common/threshold.h
# Said for both kinds of build: where only one of them has flags of its own, automake leaves AM_CFLAGS out of the other.
common_libcommon_la_CFLAGS = $(AM_CFLAGS)
common_libcommon_la_LIBADD = common/libsource.la

if !MODULES
common_libcommon_la_SOURCES += common/pattern_engine.c
common_libcommon_la_CFLAGS += $(PCRE2_CFLAGS)
common_libcommon_la_LIBADD += $(PCRE2_LIBS)
endif
