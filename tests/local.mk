# SPDX-License-Identifier: GPL-3.0-or-later
include tests/unit/local.mk
include tests/vectors/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
