// SPDX-License-Identifier: GPL-2.0-only

//! A limit on the messages that users can cause a module to log.
//!
//! C header: [`include/linux/ratelimit.h`](srctree/include/linux/ratelimit.h)

use kernel::sync::atomic::{Atomic, Relaxed};
use kernel::time::msecs_to_jiffies;

use crate::bindings;

/// A separate budget of messages, such as each `pr_info_ratelimited()` has in C.
///
/// `net_ratelimit()` would not do: it is one budget for the whole network stack, and root in a
/// user namespace could use it up with rules that are refused.
pub(crate) struct RateLimit {
    /// The start of the current interval, in jiffies modulo 2^32.
    began: Atomic<u32>,
    /// Messages asked for since then.
    messages: Atomic<u32>,
}

impl RateLimit {
    /// Length of an interval in milliseconds: `DEFAULT_RATELIMIT_INTERVAL`.
    const INTERVAL: u32 = 5_000;

    /// Number of messages in an interval: `DEFAULT_RATELIMIT_BURST`.
    const BURST: u32 = 10;

    /// A limit with its full budget.
    pub(crate) const fn new() -> Self {
        Self {
            began: Atomic::new(0),
            messages: Atomic::new(0),
        }
    }

    /// Whether one more message may be logged now.
    ///
    /// Calls that race with the start of an interval may go uncounted; an interval then has twice
    /// the budget at most.
    pub(crate) fn allows(&self) -> bool {
        // SAFETY: `jiffies` always exists, and is read without a lock as in C.
        let now = unsafe { (&raw const bindings::jiffies).read_volatile() } as u32;
        let began = self.began.load(Relaxed);
        let interval = msecs_to_jiffies(Self::INTERVAL) as u32;
        if now.wrapping_sub(began) >= interval && self.began.cmpxchg(began, now, Relaxed).is_ok() {
            self.messages.store(0, Relaxed);
        }
        self.messages.fetch_add(1u32, Relaxed) < Self::BURST
    }
}
