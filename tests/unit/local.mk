# SPDX-License-Identifier: GPL-3.0-or-later
# One program for each module of common/ and plugins/; cmocka.

UNIT_LDADD = plugins/libreplication.la common/libcommon.la $(CMOCKA_LIBS)
UNIT_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) -DDR_TESTS='"$(abs_top_srcdir)/tests"'

unit_tests =
if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
