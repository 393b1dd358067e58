/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A source module that finds nothing out, for test_module. */
#include "common/module.h"

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)task;
    (void)facts;
    (void)error;
    return true;
}

static const char *library(void)
{
    return "libfake 1.0";
}

extern const struct dr_source dr_source;
const struct dr_source dr_source = {
    .abi = DR_SOURCE_ABI,
    .group = "group",
    .name = "fake",
    .facts_size = 4711,
    .library = library,
    .probe = probe,
};
