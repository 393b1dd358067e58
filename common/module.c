/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool fits(const struct dr_source *source, const char *group, size_t facts_size)
{
    return source->abi == DR_SOURCE_ABI && strcmp(source->group, group) == 0 &&
           source->facts_size == facts_size;
}

static const struct dr_source *find_built_in(const struct dr_source *const *built_in,
                                             const char *group, size_t facts_size,
                                             const struct dr_scheme *scheme, struct dr_error *error)
{
    for (size_t i = 0; built_in[i] != NULL; i++) {
        if (fits(built_in[i], group, facts_size) && strcmp(built_in[i]->name, scheme->source) == 0)
            return built_in[i];
    }
    dr_error_set(error, DR_ERR_MODULE, "this build has no %s source: it was configured without %s",
                 scheme->source, scheme->package);
    return NULL;
}

/* Loads <directory>/<file>.so and finds the symbol in it. */
static const void *load_symbol(const char *path, const char *file, const char *symbol,
                               const char *package, struct dr_error *error)
{
    if (access(path, F_OK) != 0) {
        dr_error_set(
            error, DR_ERR_MODULE,
            "%s.so is not installed (%s: %s): install the package of dr-plugins that carries it, "
            "and %s",
            file, path, strerror(errno), package);
        return NULL;
    }
    /* Lazy, or every function of the client library's 20 dependencies is looked up at once: a third
     * of the run's time. The module itself is linked with -z now, so that what it misses shows
     * here. */
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (handle == NULL) {
        const char *why = dlerror();
        dr_error_set(error, DR_ERR_MODULE, "cannot load %s.so (%s): install %s", file,
                     why != NULL ? why : path, package);
        return NULL;
    }
    const void *found = dlsym(handle, symbol);
    if (found == NULL)
        dr_error_set(error, DR_ERR_MODULE, "%s is no module of this executable's build", path);
    return found;
}

const void *dr_module_symbol(const char *file, const char *symbol, const char *package,
                             struct dr_error *error)
{
    const char *directory = secure_getenv("DR_PLUGINS_MODULE_DIR");
    if (directory == NULL || *directory == '\0')
        directory = DR_MODULE_DIR;
    char *path = dr_text_format("%s/%s.so", directory, file);
    if (path == NULL) {
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        return NULL;
    }
    const void *found = load_symbol(path, file, symbol, package, error);
    free(path);
    return found;
}

const struct dr_source *dr_source_load(const struct dr_source *const *built_in, const char *group,
                                       size_t facts_size, const struct dr_scheme *scheme,
                                       struct dr_error *error)
{
    if (built_in != NULL)
        return find_built_in(built_in, group, facts_size, scheme, error);
    char *file = dr_text_format("%s-%s", group, scheme->source);
    if (file == NULL) {
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        return NULL;
    }
    const struct dr_source *source = dr_module_symbol(file, "dr_source", scheme->package, error);
    if (source != NULL && !fits(source, group, facts_size)) {
        dr_error_set(
            error, DR_ERR_MODULE,
            "%s.so is of another build than this executable: install both from one package", file);
        source = NULL;
    }
    free(file);
    return source;
}
