// SPDX-License-Identifier: GPL-2.0-only

//! Tests of plans: what is refused, which way packets take, and what is printed.

mod differences;
mod mistakes;
mod notes;
mod outputs;
mod ways;

use std::fmt::Write;

use super::Plan;

/// A file of this many gateways, with `more` at its top.
pub fn file(count: usize, more: &str) -> String {
    let mut text = format!("device = \"north\"\n{more}\ngateways = [\n");
    for number in 0..count {
        let (high, low) = (number / 200, 10 + number % 200);
        let _ = writeln!(
            text,
            "  {{ name = \"gateway-{number}\", address4 = \"10.1.{high}.{low}\", address6 = \"fd00:1::{number:x}:a\" }},"
        );
    }
    text + "]\n[[match]]\ndestination = [\"198.51.100.1\", \"2001:db8:100::1\"]\n"
}

/// The plan of a file without mistakes.
pub fn plan(text: &str) -> Plan {
    match Plan::read(text) {
        Ok(plan) => plan,
        Err(mistake) => panic!("{mistake}\n{text}"),
    }
}
