/* SPDX-License-Identifier: GPL-2.0-only */
/* What bindgen reads: libxtables' interface and the ABI of the HMARK target. */
#include <stddef.h>
#include <stdio.h>
#include <xtables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter/xt_HMARK.h>

/* XT_ALIGN is a function-like macro, which bindgen cannot evaluate by itself. */
enum { HMARK_TARGET_SIZE = XT_ALIGN(sizeof(struct xt_hmark_info)) };
