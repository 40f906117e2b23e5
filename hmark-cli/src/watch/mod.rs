// SPDX-License-Identifier: GPL-2.0-only

//! The packets of each mark, counted by the kernel while they flow, and the gateways that they go to.
//!
//! [`Group`] is what is counted, [`Counter`] counts it in a table of nft that is gone with its process,
//! [`Way`] is where a mark's packets go, and [`Report`] puts all that together.

mod count;
mod counter;
mod group;
pub mod prometheus;
mod report;
mod table;
mod way;

pub use count::{Count, Counted, OfFamily};
pub use counter::Counter;
pub use group::{groups, Group};
pub use report::{Report, Row, Sample, Sum};
pub use way::{Reach, Way};
