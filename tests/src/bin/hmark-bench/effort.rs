// SPDX-License-Identifier: GPL-2.0-only

//! How much is measured, and in what: times on a kernel that runs at native speed, instructions on
//! one that is emulated, whose clock the lab has count them.

use tests::kernel;

/// What the running kernel allows.
pub struct Effort {
    /// Rounds that are counted: instructions hardly differ from round to round.
    pub rounds: usize,
    /// Divides how many packets are sent.
    pub less: usize,
    /// Unit of what one packet takes.
    pub cost: &'static str,
    /// Unit of packets in a time: thousands in a second, or in 10^9 instructions.
    pub rate: &'static str,
}

impl Effort {
    /// Of the running kernel; `rounds` where time is measured.
    pub fn new(rounds: usize) -> Self {
        if kernel::is_uml() {
            Self {
                rounds,
                less: 1,
                cost: "ns",
                rate: "k/s",
            }
        } else {
            Self {
                rounds: 3,
                less: 32,
                cost: "in",
                rate: "k/G",
            }
        }
    }
}
