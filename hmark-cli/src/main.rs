// SPDX-License-Identifier: GPL-2.0-only

//! `hmark`, the operator's tool: reads the command line, and runs one command.

#![forbid(unsafe_code)]

mod commands;
mod output;

use std::process::ExitCode;

use clap::Parser;

use commands::{Command, Status};

/// Asks where a flow goes, before a packet is sent.
#[derive(Parser)]
#[command(name = "hmark", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are errors to clap, too.
            let status = match error.use_stderr() {
                true => Status::Usage,
                false => Status::Fine,
            };
            // Nobody is left to be told that the terminal is gone.
            let _ = error.print();
            return status.into();
        }
    };
    match arguments.command.run() {
        Ok(status) => status.into(),
        Err(error) => commands::failed(&error).into(),
    }
}
