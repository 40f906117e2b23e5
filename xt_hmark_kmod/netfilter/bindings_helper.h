/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel headers of netfilter/, for bindgen. A module that includes the
 * folder includes this in a bindings_helper.h of its own.
 */
#include <linux/jiffies.h>
#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>
#include <linux/skbuff.h>
#include <net/netfilter/nf_conntrack.h>

/*
 * Offsets of fields in unnamed members of struct sk_buff: bindgen's names for
 * those members depend on the kernel's configuration.
 */
enum {
	SKB_MARK = offsetof(struct sk_buff, mark),
	SKB_NETWORK_HEADER = offsetof(struct sk_buff, network_header),
};

/* skbuff.rs reads them as a u32 and as a u16. */
static_assert(sizeof_field(struct sk_buff, mark) == 4);
static_assert(sizeof_field(struct sk_buff, network_header) == 2);
