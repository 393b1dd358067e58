# SPDX-License-Identifier: GPL-3.0-or-later
# Fuzzing with libFuzzer: configure --enable-fuzzers CC=clang, then make fuzz-short or make fuzz.
# What is found new goes to tests/fuzz/found in the build folder; the seeds are only read.

fuzz_programs = range duration size uri extra_opts
fuzz_dir = tests/fuzz

EXTRA_DIST += tests/fuzz/corpus

if FUZZERS
fuzz_flags = -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
	-U_FORTIFY_SOURCE
noinst_LTLIBRARIES += tests/fuzz/libfuzzed.la
# What is fuzzed, built once more so that the fuzzer sees its branches.
tests_fuzz_libfuzzed_la_SOURCES = \
	common/buffer.c common/duration.c common/error.c common/extra_opts.c common/number.c \
	common/options.c common/range.c common/secret.c common/size.c common/state.c \
	common/target.c common/uri.c
tests_fuzz_libfuzzed_la_CFLAGS = $(AM_CFLAGS) $(fuzz_flags) -fsanitize=fuzzer-no-link

fuzz_cflags = $(AM_CFLAGS) $(fuzz_flags) -fsanitize=fuzzer
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer,address,undefined
fuzz_binaries = tests/fuzz/fuzz_range tests/fuzz/fuzz_duration tests/fuzz/fuzz_size \
	tests/fuzz/fuzz_uri tests/fuzz/fuzz_extra_opts
EXTRA_PROGRAMS += $(fuzz_binaries)
CLEANFILES += $(fuzz_binaries)
tests_fuzz_fuzz_range_SOURCES = tests/fuzz/fuzz_range.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_range_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_range_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_range_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_duration_SOURCES = tests/fuzz/fuzz_duration.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_duration_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_duration_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_duration_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_size_SOURCES = tests/fuzz/fuzz_size.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_size_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_size_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_size_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_uri_SOURCES = tests/fuzz/fuzz_uri.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_uri_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_uri_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_uri_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_extra_opts_SOURCES = tests/fuzz/fuzz_extra_opts.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_extra_opts_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_extra_opts_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_extra_opts_LDADD = tests/fuzz/libfuzzed.la

fuzz_run = set -e; for name in $(fuzz_programs); do \
		found=$(fuzz_dir)/found/$$name; mkdir -p $$found; \
		$(fuzz_dir)/fuzz_$$name -max_total_time=$$seconds -max_len=600 -timeout=10 -verbosity=0 \
			-print_final_stats=1 -artifact_prefix=$$found- $$found \
			$(top_srcdir)/tests/fuzz/corpus/$$name >$$found.log 2>&1 || { cat $$found.log; exit 1; }; \
		echo "fuzz_$$name: $$seconds s," \
			`sed '/number_of_executed_units/!d;s/.*: *//' $$found.log` "inputs, nothing found"; \
	done

# Seconds for each program.
fuzz-short: $(fuzz_binaries)
	@seconds=$${FUZZ_SECONDS:-5}; $(fuzz_run)
fuzz: $(fuzz_binaries)
	@seconds=$${FUZZ_SECONDS:-600}; $(fuzz_run)
else
fuzz-short fuzz:
	@echo "fuzzing needs libFuzzer: configure --enable-fuzzers CC=clang" >&2; exit 1
endif
.PHONY: fuzz fuzz-short
