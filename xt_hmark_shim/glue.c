// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connects HMARK's core (core.rs and hmark/) with kernels that take no Rust modules: registers the
 * targets, and hands each packet over. It decides nothing.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/netfilter/x_tables.h>
#include <linux/skbuff.h>
#include <net/netfilter/nf_conntrack.h>

#include <linux/netfilter/xt_HMARK_v1.h>

#include "glue.h"

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The HMARK in Rust developers");
MODULE_DESCRIPTION("Xtables: packet marking by hash, in Rust behind C");
MODULE_VERSION(XT_HMARK_VERSION);
MODULE_INFO(glue, "C");
MODULE_ALIAS("ipt_HMARK");
MODULE_ALIAS("ip6t_HMARK");

int hmark_copy(const struct sk_buff *skb, u32 offset, void *to, u32 len)
{
	int start;

	if (offset > INT_MAX ||
	    check_add_overflow(skb_network_offset(skb), (int)offset, &start))
		return -EFAULT;
	return skb_copy_bits(skb, start, to, len);
}

/* core.rs reads these fields by their places. */
static_assert(offsetof(struct nf_conntrack_tuple_hash, tuple) == 2 * sizeof(void *));
static_assert(sizeof(struct nf_conntrack_tuple) == 40);
static_assert(offsetof(struct nf_conntrack_tuple, src.u3) == 0);
static_assert(offsetof(struct nf_conntrack_tuple, src.u) == 16);
static_assert(offsetof(struct nf_conntrack_tuple, src.l3num) == 18);
static_assert(offsetof(struct nf_conntrack_tuple, dst.protonum) == 38);

const struct nf_conntrack_tuple_hash *hmark_tuples(const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	const struct nf_conn *ct = nf_ct_get(skb, &info);

	return ct ? ct->tuplehash : NULL;
}

/* The parts of a packet that the core wants, which it gets in registers. */
#define PARTS(skb)				\
	&(skb)->mark,				\
	skb_network_header(skb),		\
	(skb)->data + skb_headlen(skb),		\
	(skb)->len - skb_network_offset(skb),	\
	(skb)

static unsigned int
ipv4_v0(struct sk_buff *skb, const struct xt_action_param *par)
{
	return hmark_ipv4_v0(PARTS(skb), par->targinfo);
}

static unsigned int
ipv4_v1(struct sk_buff *skb, const struct xt_action_param *par)
{
	return hmark_ipv4_v1(PARTS(skb), par->targinfo);
}

static unsigned int __maybe_unused
ipv6_v0(struct sk_buff *skb, const struct xt_action_param *par)
{
	return hmark_ipv6_v0(PARTS(skb), par->targinfo);
}

static unsigned int __maybe_unused
ipv6_v1(struct sk_buff *skb, const struct xt_action_param *par)
{
	return hmark_ipv6_v1(PARTS(skb), par->targinfo);
}

static int refuse(int len, const char *message)
{
	if (!len)
		return 0;
	pr_info_ratelimited("%.*s\n", len, message);
	return -EINVAL;
}

static int check_v0(const struct xt_tgchk_param *par)
{
	const char *message;
	int len = hmark_check_v0(par->targinfo, &message);

	return refuse(len, message);
}

static int check_v1(const struct xt_tgchk_param *par)
{
	const char *message;
	int len = hmark_check_v1(par->targinfo, &message);

	return refuse(len, message);
}

static struct xt_target targets[] = {
	{
		.name		= "HMARK",
		.family		= NFPROTO_IPV4,
		.revision	= 0,
		.checkentry	= check_v0,
		.target		= ipv4_v0,
		.targetsize	= sizeof(struct xt_hmark_info),
		.me		= THIS_MODULE,
	},
	{
		.name		= "HMARK",
		.family		= NFPROTO_IPV4,
		.revision	= 1,
		.checkentry	= check_v1,
		.target		= ipv4_v1,
		.targetsize	= sizeof(struct xt_hmark_info_v1),
		.me		= THIS_MODULE,
	},
#if IS_ENABLED(CONFIG_IP6_NF_IPTABLES)
	{
		.name		= "HMARK",
		.family		= NFPROTO_IPV6,
		.revision	= 0,
		.checkentry	= check_v0,
		.target		= ipv6_v0,
		.targetsize	= sizeof(struct xt_hmark_info),
		.me		= THIS_MODULE,
	},
	{
		.name		= "HMARK",
		.family		= NFPROTO_IPV6,
		.revision	= 1,
		.checkentry	= check_v1,
		.target		= ipv6_v1,
		.targetsize	= sizeof(struct xt_hmark_info_v1),
		.me		= THIS_MODULE,
	},
#endif
};

static int __init hmark_init(void)
{
	return xt_register_targets(targets, ARRAY_SIZE(targets));
}

static void __exit hmark_exit(void)
{
	xt_unregister_targets(targets, ARRAY_SIZE(targets));
}

module_init(hmark_init);
module_exit(hmark_exit);
