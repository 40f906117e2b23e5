// SPDX-License-Identifier: GPL-2.0-only

//! Answers as text and JSON.

pub mod count;
pub mod difference;
pub mod moves;
pub mod options;
pub mod predicted;
pub mod progress;
pub mod say;
pub mod table;
pub mod watch;
pub mod way;
