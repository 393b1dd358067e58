/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DNS_DELEGATION_H
#define DNS_DELEGATION_H

#endif
