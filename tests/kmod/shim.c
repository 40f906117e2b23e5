// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is a macro or inline in the kernel, as functions that Rust can call.
 */
#include <linux/bottom_half.h>
#include <linux/sched.h>
#include <linux/skbuff.h>

#include "shim.h"

struct sk_buff *hmark_alloc_skb(unsigned int size)
{
	return alloc_skb(size, GFP_KERNEL);
}

/* As in a netfilter hook: softirqs off, and so no other task on this CPU. */
void hmark_enter_softirq(void)
{
	rcu_read_lock();
	local_bh_disable();
}

void hmark_leave_softirq(void)
{
	local_bh_enable();
	rcu_read_unlock();
	cond_resched();
}
