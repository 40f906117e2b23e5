/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel headers of the product's netfilter/, and of the functions that make
 * packets and call targets.
 */
#include "netfilter/bindings_helper.h"
#include "shim.h"

/* As in netfilter/bindings_helper.h. */
enum {
	SKB_TRANSPORT_HEADER = offsetof(struct sk_buff, transport_header),
	SKB_MAC_HEADER = offsetof(struct sk_buff, mac_header),
};

/* skb.rs writes them as u16s. */
static_assert(sizeof_field(struct sk_buff, transport_header) == 2);
static_assert(sizeof_field(struct sk_buff, mac_header) == 2);
