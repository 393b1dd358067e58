/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DNS_ZONE_H
#define DNS_ZONE_H

#endif
