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
mod scenes;
mod sctp;
mod seen;
mod tracking;
mod tunnels;
mod watch;

use libtest_mimic::Trial;
use testbed::path;

use crate::trial::{families, test};

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let mut trials = families(path!(scenes::equal_c), scenes::equal_c);
    trials.extend(families(
        path!(fragments::of_large_datagrams),
        fragments::of_large_datagrams,
    ));
    trials.extend(families(
        path!(fragments::come_together),
        fragments::come_together,
    ));
    trials.extend(families(path!(bridged::as_routed), bridged::as_routed));
    trials.extend(families(
        path!(errors::follow_their_flow),
        errors::follow_their_flow,
    ));
    trials.extend(families(path!(nat::has_one_mark), nat::has_one_mark));
    trials.extend(families(
        path!(tracking::without_connection),
        tracking::without_connection,
    ));
    trials.extend(families(
        path!(ipsec::by_association),
        ipsec::by_association,
    ));
    trials.extend(families(path!(sctp::by_association), sctp::by_association));
    trials.extend(families(path!(tunnels::as_outside), tunnels::as_outside));
    trials.push(test(path!(tunnels::users_of_gtp), tunnels::users_of_gtp));
    trials
}
