// SPDX-License-Identifier: GPL-2.0-only

//! Drawings, as SVG.

pub mod chart;
pub mod moves;
pub mod picture;
mod svg;
mod ways;
