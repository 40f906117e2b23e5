/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Binary interface of the HMARK target, revision 1. It is not in the kernel's
 * own xt_HMARK.h, which has revision 0; that is why it is a file of its own.
 *
 * All fields past v0 are zero in a rule that behaves as one of revision 0. A
 * field is zero unless its flag is set in v0.flags. The kernel refuses flags
 * and values that are not named here, so that later versions can use them.
 */
#ifndef XT_HMARK_V1_H_
#define XT_HMARK_V1_H_

#include <linux/types.h>
#include <linux/netfilter/xt_HMARK.h>

/* Bit numbers in xt_hmark_info_v1.v0.flags, after those of revision 0. */
enum {
	XT_HMARK_MASK		= 15,
	XT_HMARK_FROM		= 16,
	XT_HMARK_WEIGHT		= 17,
	XT_HMARK_KEY		= 18,
	XT_HMARK_INNER		= 19,
	XT_HMARK_REVERSE_ERRORS	= 20,
};

/* Bit numbers in xt_hmark_info_v1.inner: which tunnels are looked into. */
enum {
	XT_HMARK_INNER_GTPU	= 0,
	XT_HMARK_INNER_VXLAN	= 1,
	XT_HMARK_INNER_GENEVE	= 2,
	XT_HMARK_INNER_GRE	= 3,
	XT_HMARK_INNER_IPIP	= 4,
};

/* How many marks may have weights: the first ones. */
#define XT_HMARK_WEIGHTS	256

struct xt_hmark_info_v1 {
	struct xt_hmark_info	v0;

	/* Bits of the mark that are set: one run of ones. */
	__u32			mark_mask;

	/* Number of marks that the cluster began with, 1 to v0.hmodulus. */
	__u32			from;

	/* Key of SipHash-1-3. */
	__u8			key[16];

	/* UDP ports of tunnels, 1 to 65535, if their bit is in inner. */
	__u16			gtpu_port;
	__u16			vxlan_port;
	__u16			geneve_port;

	__u8			inner;
	__u8			reserved[5];

	/* 100 minus the weight of each mark, 0 to 100; not all are 100. */
	__u8			less[XT_HMARK_WEIGHTS];
};

#endif /* XT_HMARK_V1_H_ */
