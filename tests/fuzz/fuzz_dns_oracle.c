/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reply that we read is read by ldns, too, and says the same. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/dns_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_message message;
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!dns_message_read(data, size, &message, &error))
        return 0;
    const char *differs = dns_oracle_differs(&message, true);
    if (differs != NULL)
        fprintf(stderr, "ldns differs: %s\n", differs);
    MUST(differs == NULL);
    dns_message_free(&message);
    return 0;
}
