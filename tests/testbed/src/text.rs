// SPDX-License-Identifier: GPL-2.0-only

//! Rule texts, and a runner that tries them with both libraries.

pub mod candidate;
pub mod difference;
pub mod edges;
pub mod files;
pub mod generator;
pub mod runner;
