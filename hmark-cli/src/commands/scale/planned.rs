// SPDX-License-Identifier: GPL-2.0-only

//! Advice for rules that `hmark plan` has made: edits of its file, in place of commands.

use std::io::Write;

use anyhow::Result;
use hmark_cli::change::planned::edits;
use hmark_cli::change::Change;
use serde_json::{json, Value};

/// Prints the edits of the file, and the commands that follow.
pub fn text(chain: &str, change: &Change, out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "\nThe rules of the chain {chain} are of hmark plan. Edit its file:\n"
    )?;
    for edit in edits(change) {
        writeln!(out, "{edit}")?;
    }
    writeln!(
        out,
        "\nThen, on all hosts that must agree, where FILE is the file's name:\n\n\
         hmark plan --diff FILE\n\
         hmark plan FILE | sh"
    )?;
    Ok(())
}

/// The same as JSON.
pub fn json(chain: &str, change: &Change) -> Value {
    json!({"chain": chain, "edits": edits(change)})
}
