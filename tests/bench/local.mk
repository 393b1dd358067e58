# SPDX-License-Identifier: GPL-3.0-or-later
# `make bench` prints what a run costs, beside the least that any libpq program costs and beside other plugins.

EXTRA_DIST += tests/bench/bench.py
EXTRA_PROGRAMS += tests/bench/minimal_libpq
CLEANFILES += tests/bench/minimal_libpq$(EXEEXT)
tests_bench_minimal_libpq_CFLAGS = $(program_cflags) $(LIBPQ_CFLAGS)
tests_bench_minimal_libpq_LDFLAGS = $(program_ldflags)
tests_bench_minimal_libpq_LDADD = $(LIBPQ_LIBS)

bench_minimal_libcurl =
if HAVE_AZURE
bench_minimal_libcurl += tests/bench/minimal_libcurl$(EXEEXT)
EXTRA_PROGRAMS += tests/bench/minimal_libcurl
CLEANFILES += tests/bench/minimal_libcurl$(EXEEXT)
tests_bench_minimal_libcurl_CFLAGS = $(program_cflags) $(LIBCURL_CFLAGS)
tests_bench_minimal_libcurl_LDFLAGS = $(program_ldflags)
tests_bench_minimal_libcurl_LDADD = $(LIBCURL_LIBS)
endif
if HAVE_HIREDIS
minimal_hiredis = tests/bench/minimal_hiredis$(EXEEXT)
EXTRA_PROGRAMS += tests/bench/minimal_hiredis
CLEANFILES += $(minimal_hiredis)
tests_bench_minimal_hiredis_CFLAGS = $(program_cflags) $(HIREDIS_CFLAGS)
tests_bench_minimal_hiredis_LDFLAGS = $(program_ldflags)
tests_bench_minimal_hiredis_LDADD = $(HIREDIS_LIBS)
endif

bench: $(libexec_PROGRAMS) $(pkglib_LTLIBRARIES) tests/bench/minimal_libpq$(EXEEXT) $(bench_minimal_libcurl) $(minimal_hiredis)
	DR_PLUGINS_MODULE_DIR=$(abs_builddir)/plugins/.libs $(PYTHON3) $(srcdir)/tests/bench/bench.py \
		plugins/check_replication_lag$(EXEEXT) tests/bench/minimal_libpq$(EXEEXT) \
		$(bench_minimal_libcurl) $(minimal_hiredis)
.PHONY: bench
