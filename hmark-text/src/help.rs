// SPDX-License-Identifier: GPL-2.0-only

//! The help: each option with its description.

use crate::line::Line;
use crate::options::{Group, OPTIONS};
use crate::sentences;

/// Columns that an option and its value take.
const WIDTH: usize = 27;

/// Calls `show` with each line of the help, which ends in a line feed.
pub fn help(show: &mut dyn FnMut(&Line)) {
    let mut line = Line::new();
    let mut put = |line: &mut Line, text: &[u8]| {
        show(line.bytes(text).text("\n"));
        line.clear();
    };
    put(&mut line, sentences::HELP_TITLE.as_bytes());
    let mut is_part = false;
    for row in &OPTIONS {
        if row.group == Group::Parts && !is_part {
            put(&mut line, sentences::HELP_PARTS.as_bytes());
            is_part = true;
        }
        row.write_name(line.text(" "));
        line.text(" ").text(row.kind.name());
        for text in row.help.as_bytes().split(|&byte| byte == b'\n') {
            put(line.pad_to(WIDTH), text);
        }
    }
    put(&mut line, sentences::HELP_NUMBERS.as_bytes());
}
