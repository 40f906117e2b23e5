// SPDX-License-Identifier: GPL-2.0-only

//! From a tuple to 32 bits.

pub(super) mod lookup3;
pub(super) mod siphash;
