/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/manual.h"

const char que_description[] =
    "Asks every node of a message broker, all at once, and says which queues and how many messages "
    "are lost if any one node, host or zone dies now.";

const struct dr_example que_examples[QUE_EXAMPLES] = {
    {"A cluster of three, with the queues that must survive any of them",
     "-T rabbitmq://nagios@mq1,mq2,mq3 --password-file /etc/nagios/secret/mq --must-replicate "
     "'^(orders|celery)'"},
};

const struct dr_manual_section que_manual[QUE_SECTIONS] = {
    {"WHAT IS MEASURED", "..."},
};
