/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which options go with which targets: one that no target given can take would be left out in
 * silence, and whoever wrote it would believe that it is looked at. */
#ifndef LIVENESS_SCOPE_H
#define LIVENESS_SCOPE_H

#include "common/options.h"
#include "common/target.h"
#include "plugins/liveness/facts.h"

/* By the part of the target's scheme in front of its "+". */
enum liv_product liv_scope_product(const struct dr_target *target);

/* False with a USAGE error that names the first option of the table that was given and that no
 * target can take, and what could. `direct` is --direct, which makes HTTP of what is asked of a
 * load balancer's servers; NULL. True without targets: that is said elsewhere. */
bool liv_scope_check(const struct dr_option_table *options, const struct dr_targets *targets,
                     const char *direct, struct dr_error *error);

#endif
