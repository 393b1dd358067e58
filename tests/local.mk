# SPDX-License-Identifier: GPL-3.0-or-later
# The modules as they are built, not as they are installed.
AM_TESTS_ENVIRONMENT = DR_PLUGINS_MODULE_DIR='$(abs_top_builddir)/plugins/.libs'; export DR_PLUGINS_MODULE_DIR;

include tests/unit/local.mk
include tests/vectors/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
