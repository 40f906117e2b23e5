/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions by which glue.c and core.rs call each other. core.rs declares the same.
 */
#ifndef XT_HMARK_GLUE_H
#define XT_HMARK_GLUE_H

#include <linux/types.h>

struct nf_conntrack_tuple_hash;
struct sk_buff;

/*
 * Set the mark of a packet by a rule, and return the verdict.
 *
 * @mark:    the packet's mark
 * @network: the start of its network header
 * @tail:    the end of its linear part
 * @len:     bytes from the network header to the end of the packet
 * @skb:     the packet, for the functions of glue.c
 * @rule:    the options of the rule, which were checked
 */
#define HMARK_TARGET(name)						\
	unsigned int name(u32 *mark, const unsigned char *network,	\
			  const unsigned char *tail, u32 len,		\
			  const struct sk_buff *skb, const void *rule)

HMARK_TARGET(hmark_ipv4_v0);
HMARK_TARGET(hmark_ipv4_v1);
HMARK_TARGET(hmark_ipv6_v0);
HMARK_TARGET(hmark_ipv6_v1);

/*
 * Check the options of a rule. The result is the length of the message about the first
 * contradiction, which is not terminated; 0 if there is none.
 */
int hmark_check_v0(const void *rule, const char **message);
int hmark_check_v1(const void *rule, const char **message);

/* Copy @len bytes of a packet from @offset after its network header on. */
int hmark_copy(const struct sk_buff *skb, u32 offset, void *to, u32 len);

/* The two tuples of the connection that a packet belongs to; NULL if there is none. */
const struct nf_conntrack_tuple_hash *hmark_tuples(const struct sk_buff *skb);

#endif
