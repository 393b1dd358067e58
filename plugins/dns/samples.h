/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The questions that a resolver is asked, whatever they travel over, and what its replies become:
 * a view for each sample. */
#ifndef DNS_SAMPLES_H
#define DNS_SAMPLES_H

#endif
