// SPDX-License-Identifier: GPL-2.0-only

//! Packets of real network stacks: sockets, IPsec and routers send them, and a router between them
//! marks them. The marks must be those of the C module, and those that users of HMARK rely on.

mod bridged;
mod errors;
mod fragments;
mod gtp;
mod ipsec;
mod nat;
mod network;
mod programs;
mod scenes;
mod sctp;
mod seen;
mod tracking;
mod tunnels;
mod watch;

use libtest_mimic::Trial;
use testbed::kernel;
use testbed::trial::{families, single};
use testbed::trials;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let mut trials = trials![families(
        scenes::equal_c,
        scenes::equal_prediction,
        fragments::of_large_datagrams,
        fragments::come_together,
        bridged::as_routed,
        errors::follow_their_flow,
        nat::has_one_mark,
        tracking::without_connection,
        ipsec::by_association,
        sctp::by_association,
    )];
    // The guest of the stock kernel has no module of most tunnels.
    if kernel::is_uml() {
        trials.extend(trials![families(tunnels::as_outside)]);
    }
    // To add a user, the kernel's gtp_find_dev() walks a list of RCU under another lock, which lockdep
    // reports.
    if kernel::is_uml() && !kernel::is_debug() {
        trials.extend(trials![single(tunnels::users_of_gtp)]);
    }
    trials
}
