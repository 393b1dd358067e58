/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Source modules: one shared object for each source, loaded by the scheme of the target URI.
 *
 * One binary linked with every client library takes 10 ms and 45 libraries to start; a module costs
 * only the library in use. `configure --disable-modules` links all of them in instead. */
#ifndef DR_MODULE_H
#define DR_MODULE_H

#include "common/run.h"

/* Raised whenever run.h, target.h, uri.h, error.h, optional.h or any facts.h changes its structs.
 */
#define DR_SOURCE_ABI 6u

/* What a module exports under the name dr_source (with --disable-modules:
 * dr_source_<group>_<name>). */
struct dr_source {
    unsigned abi;                 /* DR_SOURCE_ABI at its build */
    const char *group;            /* "replication": whose facts it fills */
    const char *name;             /* "postgresql" */
    size_t facts_size;            /* sizeof the group's facts: a second guard */
    const char *(*library)(void); /* client library and version for --version -v: "libpq 15.8" */
    dr_probe *probe;
};

/* The symbol a source defines. */
#ifdef DR_STATIC_SOURCES
#define DR_SOURCE_SYMBOL(group, name) dr_source_##group##_##name
#else
#define DR_SOURCE_SYMBOL(group, name) dr_source
#endif

/* Loads <directory>/<file>.so and returns the address of a symbol in it. The directory is
 * $DR_PLUGINS_MODULE_DIR where set (never in a set-user-id process), else the one of the
 * installation. NULL with error (class DR_ERR_MODULE): what is missing, and the package to install.
 * Loaded modules stay loaded. */
const void *dr_module_symbol(const char *file, const char *symbol, const char *package,
                             struct dr_error *error);

/* Finds the source that serves a scheme: in `built_in` (NULL-terminated) where that is not NULL,
 * else by loading <directory>/<group>-<source>.so. The directory is $DR_PLUGINS_MODULE_DIR where
 * set (never in a set-user-id process), else the one of the installation. NULL with error (class
 * DR_ERR_MODULE): what is missing and what to install, or that it is of another build. Loaded
 * modules stay loaded. */
const struct dr_source *dr_source_load(const struct dr_source *const *built_in, const char *group,
                                       size_t facts_size, const struct dr_scheme *scheme,
                                       struct dr_error *error);

#endif
