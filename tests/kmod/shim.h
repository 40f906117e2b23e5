/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Macros and inline functions of the kernel, as functions that Rust can call.
 */
#ifndef HMARK_SHIM_H
#define HMARK_SHIM_H

#include <linux/types.h>

struct sk_buff;

struct sk_buff *hmark_alloc_skb(unsigned int size);
void hmark_fence(const void *buffer, size_t size, size_t from, size_t to);
void hmark_unfence(const void *buffer, size_t size);
void hmark_enter_softirq(void);
void hmark_leave_softirq(void);

#endif
