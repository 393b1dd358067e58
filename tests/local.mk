# SPDX-License-Identifier: GPL-3.0-or-later
# The modules as they are built, not as they are installed.
AM_TESTS_ENVIRONMENT = DR_PLUGINS_MODULE_DIR='$(abs_top_builddir)/plugins/.libs'; export DR_PLUGINS_MODULE_DIR;

include tests/unit/local.mk
include tests/vectors/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk

EXTRA_DIST += tests/lab tests/live tests/faults tests/samples tests/bench/bench.py \
	tests/unit/fake_plugin.h tests/unit/locale.h .ci/run

# Whole folders are copied as they are.
dist-hook:
	find $(distdir) -name __pycache__ -prune -exec rm -rf {} +
