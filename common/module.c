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

static const struct dr_source *load_file(const char *path, const char *group, size_t facts_size,
                                         const struct dr_scheme *scheme, struct dr_error *error)
{
    if (access(path, F_OK) != 0) {
        dr_error_set(error, DR_ERR_MODULE,
                     "the %s source is not installed (%s: %s): install the package of dr-plugins "
                     "that carries it, and %s",
                     scheme->source, path, strerror(errno), scheme->package);
        return NULL;
    }
    /* Lazy, or every function of the client library's 20 dependencies is looked up at once: a third of the run's time.
     * The module itself is linked with -z now, so that what it misses shows here. */
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (handle == NULL) {
        const char *why = dlerror();
        dr_error_set(error, DR_ERR_MODULE, "cannot load the %s source (%s): install %s",
                     scheme->source, why != NULL ? why : path, scheme->package);
        return NULL;
    }
    const struct dr_source *source = dlsym(handle, "dr_source");
    if (source == NULL || !fits(source, group, facts_size)) {
        dr_error_set(error, DR_ERR_MODULE,
                     "%s is of another build than this executable: install both from one package",
                     path);
        dlclose(handle);
        return NULL;
    }
    return source;
}

const struct dr_source *dr_source_load(const struct dr_source *const *built_in, const char *group,
                                       size_t facts_size, const struct dr_scheme *scheme,
                                       struct dr_error *error)
{
    if (built_in != NULL)
        return find_built_in(built_in, group, facts_size, scheme, error);
    const char *directory = secure_getenv("DR_PLUGINS_MODULE_DIR");
    if (directory == NULL || *directory == '\0')
        directory = DR_MODULE_DIR;
    char *path = dr_text_format("%s/%s-%s.so", directory, group, scheme->source);
    if (path == NULL) {
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        return NULL;
    }
    const struct dr_source *source = load_file(path, group, facts_size, scheme, error);
    free(path);
    return source;
}
