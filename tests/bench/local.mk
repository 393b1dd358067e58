# SPDX-License-Identifier: GPL-3.0-or-later
# `make bench` prints what a run costs, beside the least that a program with the same client library costs and beside other
# plugins. A client library that is missing takes its rows with it.

EXTRA_DIST += tests/bench/bench.py tests/bench/bench_backups.py tests/bench/bench_dns.py tests/bench/bench_liveness.py \
	tests/bench/bench_queues.py tests/bench/measure.py tests/bench/stand_in_rabbitmq.py
bench_minimal = tests/bench/measure$(EXEEXT) tests/bench/minimal_dns$(EXEEXT) \
	tests/bench/minimal_getdents$(EXEEXT) tests/bench/minimal_socket$(EXEEXT)
EXTRA_PROGRAMS += tests/bench/measure tests/bench/minimal_dns tests/bench/minimal_getdents tests/bench/minimal_socket
tests_bench_measure_CFLAGS = $(program_cflags)
tests_bench_measure_LDFLAGS = $(program_ldflags)
tests_bench_minimal_dns_CFLAGS = $(program_cflags)
tests_bench_minimal_dns_LDFLAGS = $(program_ldflags)
tests_bench_minimal_getdents_CFLAGS = $(program_cflags)
tests_bench_minimal_getdents_LDFLAGS = $(program_ldflags)
tests_bench_minimal_socket_CFLAGS = $(program_cflags)
tests_bench_minimal_socket_LDFLAGS = $(program_ldflags)
if HAVE_LIBPQ
bench_minimal += tests/bench/minimal_libpq$(EXEEXT)
EXTRA_PROGRAMS += tests/bench/minimal_libpq
tests_bench_minimal_libpq_CFLAGS = $(program_cflags) $(LIBPQ_CFLAGS)
tests_bench_minimal_libpq_LDFLAGS = $(program_ldflags)
tests_bench_minimal_libpq_LDADD = $(LIBPQ_LIBS)
endif
if HAVE_MONGOC
bench_minimal += tests/bench/minimal_libmongoc$(EXEEXT)
EXTRA_PROGRAMS += tests/bench/minimal_libmongoc
tests_bench_minimal_libmongoc_CFLAGS = $(program_cflags) $(MONGOC_CFLAGS)
tests_bench_minimal_libmongoc_LDFLAGS = $(program_ldflags)
tests_bench_minimal_libmongoc_LDADD = $(MONGOC_LIBS)
endif
if HAVE_HIREDIS
bench_minimal += tests/bench/minimal_hiredis$(EXEEXT)
EXTRA_PROGRAMS += tests/bench/minimal_hiredis
tests_bench_minimal_hiredis_CFLAGS = $(program_cflags) $(HIREDIS_CFLAGS)
tests_bench_minimal_hiredis_LDFLAGS = $(program_ldflags)
tests_bench_minimal_hiredis_LDADD = $(HIREDIS_LIBS)
endif
if HAVE_RABBITMQ
bench_minimal += tests/bench/minimal_librabbitmq$(EXEEXT)
EXTRA_PROGRAMS += tests/bench/minimal_librabbitmq
tests_bench_minimal_librabbitmq_CFLAGS = $(program_cflags) $(RABBITMQ_CFLAGS)
tests_bench_minimal_librabbitmq_LDFLAGS = $(program_ldflags)
tests_bench_minimal_librabbitmq_LDADD = $(RABBITMQ_LIBS)
endif
if HAVE_FREETDS
bench_minimal += tests/bench/minimal_dblib$(EXEEXT)
EXTRA_PROGRAMS += tests/bench/minimal_dblib
tests_bench_minimal_dblib_CFLAGS = $(program_cflags)
tests_bench_minimal_dblib_LDFLAGS = $(program_ldflags)
tests_bench_minimal_dblib_LDADD = $(FREETDS_LIBS)
endif
if HAVE_LIBCURL
bench_minimal += tests/bench/minimal_libcurl$(EXEEXT)
EXTRA_PROGRAMS += tests/bench/minimal_libcurl
tests_bench_minimal_libcurl_CFLAGS = $(program_cflags) $(LIBCURL_CFLAGS)
tests_bench_minimal_libcurl_LDFLAGS = $(program_ldflags)
tests_bench_minimal_libcurl_LDADD = $(LIBCURL_LIBS)
endif
CLEANFILES += $(bench_minimal)

bench: $(libexec_PROGRAMS) $(pkglib_LTLIBRARIES) $(bench_minimal)
	DR_PLUGINS_MODULE_DIR=$(abs_builddir)/plugins/.libs $(PYTHON3) $(srcdir)/tests/bench/bench.py \
		plugins/check_replication_lag$(EXEEXT) $(bench_minimal)
	DR_PLUGINS_MODULE_DIR=$(abs_builddir)/plugins/.libs $(PYTHON3) $(srcdir)/tests/bench/bench_queues.py \
		plugins/check_queue_mirrors$(EXEEXT) $(bench_minimal)
	DR_PLUGINS_MODULE_DIR=$(abs_builddir)/plugins/.libs $(PYTHON3) $(srcdir)/tests/bench/bench_liveness.py \
		plugins/check_liveness$(EXEEXT) $(bench_minimal)
	DR_PLUGINS_MODULE_DIR=$(abs_builddir)/plugins/.libs $(PYTHON3) $(srcdir)/tests/bench/bench_dns.py \
		plugins/check_dns_target$(EXEEXT) $(bench_minimal)
	DR_PLUGINS_MODULE_DIR=$(abs_builddir)/plugins/.libs $(PYTHON3) $(srcdir)/tests/bench/bench_backups.py \
		plugins/check_backup_freshness$(EXEEXT) $(bench_minimal)
.PHONY: bench
