/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Binary interface of the HMARK target, revision 0, between iptables and the
 * kernel: names, values and layout are those of the kernel's own uapi header.
 */
#ifndef XT_HMARK_H_
#define XT_HMARK_H_

#include <linux/types.h>
#include <linux/netfilter.h>

/* Bit numbers in xt_hmark_info.flags: which selectors the rule was given. */
enum {
	XT_HMARK_SADDR_MASK	= 0,
	XT_HMARK_DADDR_MASK	= 1,
	XT_HMARK_SPI		= 2,
	XT_HMARK_SPI_MASK	= 3,
	XT_HMARK_SPORT		= 4,
	XT_HMARK_DPORT		= 5,
	XT_HMARK_SPORT_MASK	= 6,
	XT_HMARK_DPORT_MASK	= 7,
	XT_HMARK_PROTO_MASK	= 8,
	XT_HMARK_RND		= 9,
	XT_HMARK_MODULUS	= 10,
	XT_HMARK_OFFSET		= 11,
	XT_HMARK_CT		= 12,
	XT_HMARK_METHOD_L3	= 13,
	XT_HMARK_METHOD_L3_4	= 14,
};

#define XT_HMARK_FLAG(flag)	(1 << (flag))

/* Four bytes of layer 4: a port pair, or a Security Parameter Index. */
union hmark_ports {
	struct {
		__u16	src;
		__u16	dst;
	} p16;
	struct {
		__be16	src;
		__be16	dst;
	} b16;
	__u32	v32;
	__be32	b32;
};

struct xt_hmark_info {
	union nf_inet_addr	src_mask;
	union nf_inet_addr	dst_mask;
	union hmark_ports	port_mask;
	union hmark_ports	port_set;
	__u32			flags;
	__u16			proto_mask;
	__u32			hashrnd;
	__u32			hmodulus;
	__u32			hoffset;
};

#endif /* XT_HMARK_H_ */
