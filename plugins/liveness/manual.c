/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/manual.h"

const char liv_description[] =
    "Asks every instance of a dashboard or API, every server of a load balancer, every replica and "
    "every worker whether it does its work, all at once, and whether the site that should be "
    "passive is passive and would come up.";

const struct dr_example liv_examples[LIV_EXAMPLES] = {
    {"Every instance behind a name", "-T https://dash.example.com/health --json /db=ok"},
};

const struct dr_manual_section liv_manual[LIV_SECTIONS] = {
    {"EVIDENCE", "Every unit is active, passive, or cannot be told."},
};
