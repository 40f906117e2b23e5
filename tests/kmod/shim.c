// SPDX-License-Identifier: GPL-2.0-only
/*
 * Macros and inline functions of the kernel, as functions that Rust can call.
 */
#include <linux/bottom_half.h>
#include <linux/kasan.h>
#include <linux/sched.h>
#include <linux/skbuff.h>

#include "shim.h"

struct sk_buff *hmark_alloc_skb(unsigned int size)
{
	return alloc_skb(size, GFP_KERNEL);
}

#ifdef CONFIG_KASAN_GENERIC
/* KASAN keeps a byte per granule: how many of its bytes may be read, or why none may. */
#define GRANULE (1UL << KASAN_SHADOW_SCALE_SHIFT)
#define READABLE 0
#define OUT_OF_BOUNDS 0xfc

/* It is exported, but a module cannot include its header. */
void kasan_poison(const void *addr, size_t size, u8 value, bool init);

/*
 * Has KASAN report any read outside the bytes from `from` to `to` of an aligned
 * buffer: after them from the very next byte on, before them in whole granules.
 */
void hmark_fence(const void *buffer, size_t size, size_t from, size_t to)
{
	size_t first = round_down(from, GRANULE), last = round_down(to, GRANULE);

	kasan_poison(buffer, first, OUT_OF_BOUNDS, false);
	kasan_poison(buffer + first, last - first, READABLE, false);
	kasan_poison(buffer + last, size - last, OUT_OF_BOUNDS, false);
	if (to > last)
		kasan_poison(buffer + last, GRANULE, to - last, false);
}

void hmark_unfence(const void *buffer, size_t size)
{
	kasan_poison(buffer, size, READABLE, false);
}
#else
void hmark_fence(const void *buffer, size_t size, size_t from, size_t to)
{
}

void hmark_unfence(const void *buffer, size_t size)
{
}
#endif

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
