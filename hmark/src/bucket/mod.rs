// SPDX-License-Identifier: GPL-2.0-only

//! From a hash to a bucket.

pub(super) mod redraw;
pub(super) mod scale;
