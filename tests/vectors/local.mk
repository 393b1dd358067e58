# SPDX-License-Identifier: GPL-3.0-or-later
# Tables shared by the tests, and the comparisons with other implementations.

EXTRA_DIST += \
	tests/vectors/durations.tsv tests/vectors/perfdata.tsv tests/vectors/ranges.tsv \
	tests/vectors/sizes.tsv tests/vectors/states.tsv tests/vectors/thresholds.tsv \
	tests/vectors/uris.tsv tests/vectors/extra_opts \
	tests/vectors/oracle_perl.pl tests/lab/monitoring_plugins.sh \
	tests/vectors/monitoring_plugins_side.c tests/vectors/monitoring_plugins_side.h \
	tests/unit/vectors.h tests/unit/extra_opts_words.h

# Skipped by name where Perl or Monitoring::Plugin (libmonitoring-plugin-perl) is missing.
TESTS += tests/vectors/oracle_perl.pl

if WITH_MONITORING_PLUGINS
check_PROGRAMS += tests/vectors/compare_monitoring_plugins
TESTS += tests/vectors/compare_monitoring_plugins
tests_vectors_compare_monitoring_plugins_SOURCES = \
	tests/vectors/compare_monitoring_plugins.c tests/vectors/monitoring_plugins_side.h
tests_vectors_compare_monitoring_plugins_LDADD = \
	tests/vectors/monitoring_plugins_side.o common/libcommon.la \
	$(MONITORING_PLUGINS)/plugins/libnpcommon.a $(MONITORING_PLUGINS)/lib/libmonitoringplug.a \
	$(MONITORING_PLUGINS)/gl/libgnu.a \
	`sed '/^LIB_CRYPTO = /!d;s///' $(MONITORING_PLUGINS)/plugins/Makefile`
tests_vectors_compare_monitoring_plugins_DEPENDENCIES = \
	tests/vectors/monitoring_plugins_side.o common/libcommon.la
CLEANFILES += tests/vectors/monitoring_plugins_side.o

# Neither automake's -I. nor our -include config.h: their headers include "config.h" and mean theirs.
tests/vectors/monitoring_plugins_side.o: $(top_srcdir)/tests/vectors/monitoring_plugins_side.c \
		$(top_srcdir)/tests/vectors/monitoring_plugins_side.h
	$(AM_V_CC)$(MKDIR_P) tests/vectors && $(CC) -I$(MONITORING_PLUGINS) -I$(MONITORING_PLUGINS)/lib \
		-I$(MONITORING_PLUGINS)/gl -I$(MONITORING_PLUGINS)/plugins $(CFLAGS) -w -c -o $@ \
		$(top_srcdir)/tests/vectors/monitoring_plugins_side.c
endif
