/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/wanted.h"

#include "plugins/backups/names.h"

bool bak_wanted(const struct bak_request *request, const char *name)
{
    bool wanted = request->include.count == 0;
    for (size_t i = 0; i < request->include.count; i++)
        wanted = wanted || bak_glob_match(request->include.items[i], name);
    for (size_t i = 0; i < request->exclude.count; i++)
        wanted = wanted && !bak_glob_match(request->exclude.items[i], name);
    return wanted;
}
