/* SPDX-License-Identifier: GPL-2.0-only */
/* What bindgen reads: libxtables' interface and the ABI of the HMARK target. */
#include <stddef.h>
#include <stdio.h>
#include <xtables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter/xt_HMARK.h>
#include <linux/netfilter/xt_HMARK_v1.h>
