/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel headers that bindgen reads for the product's bindings.rs, here
 * with what makes packets and calls targets.
 */
#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>
#include <linux/skbuff.h>

#if IS_ENABLED(CONFIG_NF_CONNTRACK)
#include <net/netfilter/nf_conntrack.h>
#endif

#include "shim.h"

/*
 * Fields inside unnamed parts of struct sk_buff, to which bindgen gives names
 * that depend on the kernel's configuration.
 */
enum {
	SKB_MARK = offsetof(struct sk_buff, mark),
	SKB_NETWORK_HEADER = offsetof(struct sk_buff, network_header),
	SKB_TRANSPORT_HEADER = offsetof(struct sk_buff, transport_header),
	SKB_MAC_HEADER = offsetof(struct sk_buff, mac_header),
};

/* skb.rs writes them as a u32 and as u16s. */
static_assert(sizeof_field(struct sk_buff, mark) == 4);
static_assert(sizeof_field(struct sk_buff, network_header) == 2);
static_assert(sizeof_field(struct sk_buff, transport_header) == 2);
static_assert(sizeof_field(struct sk_buff, mac_header) == 2);
