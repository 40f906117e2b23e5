// SPDX-License-Identifier: GPL-2.0-only

//! `hmark`, the operator's tool: reads the command line, and runs one command.

#![forbid(unsafe_code)]

mod commands;
mod output;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use commands::{Command, Status};

/// Asks where a flow goes, before a packet is sent, and changes it.
#[derive(Parser)]
#[command(name = "hmark", version, about, max_term_width = 100)]
#[command(after_long_help = "\
Examples:
  Where does this connection go from here?
    hmark predict tcp 10.0.0.1:5555 198.51.100.1:80
  What is wrong here, and what is to be done?
    hmark check
  Which flows does a 71st gateway move?
    hmark scale --rule '--hmark-mod 70 --hmark-offset 100' --mod 71
  Gateway 35 is down: its flows go to all others
    hmark weight 35=0
  What does each gateway get now?
    hmark watch
  The examples of a command:
    hmark predict --help

Exit status: 0 fine, 1 no or warnings, 2 errors, 3 cannot tell, 64 wrong usage.")]
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
    match arguments.command.run(Arguments::command) {
        Ok(status) => status.into(),
        Err(error) => commands::failed(&error).into(),
    }
}
