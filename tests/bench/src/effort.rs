// SPDX-License-Identifier: GPL-2.0-only

//! The amount and unit of measurement: time on a kernel that runs at native speed, instructions on
//! an emulated one, whose clock the lab makes count them.

use testbed::kernel;

/// The measurements that the running kernel allows.
pub struct Effort {
    /// Rounds that are counted: instructions hardly differ from round to round, so few are needed.
    pub rounds: usize,
    /// Divisor for the number of packets to send.
    pub less: usize,
    /// Unit of the cost of one packet.
    pub cost: &'static str,
    /// The same by the thousand.
    pub thousand: &'static str,
    /// Unit of the packet rate: thousands per second, or per 10^9 instructions.
    pub rate: &'static str,
}

impl Effort {
    /// The effort for the running kernel, with `rounds` rounds where time is measured.
    pub fn new(rounds: usize) -> Self {
        if kernel::is_uml() {
            Self {
                rounds,
                less: 1,
                cost: "ns",
                thousand: "µs",
                rate: "k/s",
            }
        } else {
            Self {
                rounds: 3,
                less: 32,
                cost: "in",
                thousand: "kin",
                rate: "k/G",
            }
        }
    }
}
