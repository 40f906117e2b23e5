// SPDX-License-Identifier: GPL-2.0-only

//! `hmark digest`: all that decides a flow's way, in 8 digits.

use std::io::{stdout, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use hmark_cli::cannot_tell::CannotTell;
use hmark_cli::digest::{of_text, text, Scope};
use hmark_cli::host::Host;
use serde_json::json;

use super::Status;
use crate::output::say::say;

/// Do these hosts send each flow the same way?
///
/// The digest is the first 8 hexadecimal digits of the SHA-256 of a canonical text, which --explain
/// prints. Exit status: 0 if all hosts have one digest, 1 if not.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  This host:
    hmark digest
  Saved hosts, and the reason why two of them differ:
    hmark digest selector-a selector-b selector-c
    diff <(hmark digest --explain selector-a) <(hmark digest --explain selector-b)
  The same digits without hmark:
    hmark digest --explain | sha256sum | cut -c 1-8")]
pub struct Digest {
    /// Folders of files saved on hosts (see hmark save); without any, this host
    #[arg(value_name = "DIR")]
    hosts: Vec<PathBuf>,
    /// The mark of each flow alone, or also the routing of each mark
    #[arg(long, value_enum, default_value_t = Covered::Routes)]
    scope: Covered,
    /// Print the canonical text of one host
    #[arg(long, conflicts_with = "json")]
    explain: bool,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Covered {
    Marks,
    Routes,
}

impl Digest {
    /// Prints the digests.
    pub fn run(self) -> Result<Status> {
        let hosts = super::hosts(&self.hosts)?;
        let scope = match self.scope {
            Covered::Marks => Scope::Marks,
            Covered::Routes => Scope::Routes,
        };
        let mut out = stdout().lock();
        if self.explain {
            for host in &hosts {
                write!(
                    out,
                    "{}",
                    text(host, scope).with_context(|| host.name.clone())?
                )?;
            }
            return Ok(Status::Fine);
        }
        let mut digests = Vec::new();
        let mut cannot_tell = false;
        for host in &hosts {
            match digest(host, scope) {
                Ok(digest) => digests.push((host, digest)),
                Err(error) if error.root_cause().is::<CannotTell>() => {
                    say(format_args!("cannot tell: {error:#}"));
                    cannot_tell = true;
                }
                Err(error) => return Err(error),
            }
        }
        let most = most_common(&digests);
        let differs = digests
            .iter()
            .any(|(_, digest)| Some(digest) != most.as_ref());
        if self.json {
            let hosts: Vec<_> = digests
                .iter()
                .map(|(host, digest)| json!({"host": host.name, "digest": digest}))
                .collect();
            let report = json!({
                "version": 1,
                "command": "digest",
                "scope": scope.to_string(),
                "hosts": hosts,
                "equal": !differs,
            });
            serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
            writeln!(out)?;
        } else {
            for (host, digest) in &digests {
                let remark = match Some(digest) == most.as_ref() {
                    true => "",
                    false => "  differs",
                };
                writeln!(out, "{digest}  {}{remark}", host.name)?;
            }
        }
        Ok(match (differs, cannot_tell) {
            (_, true) => Status::CannotTell,
            (true, false) => Status::No,
            (false, false) => Status::Fine,
        })
    }
}

fn digest(host: &Host, scope: Scope) -> Result<String> {
    let text = text(host, scope).with_context(|| host.name.clone())?;
    Ok(of_text(&text))
}

/// The digest that most hosts have; of several such, the first host's.
fn most_common(digests: &[(&Host, String)]) -> Option<String> {
    let count = |digest: &String| digests.iter().filter(|(_, other)| other == digest).count();
    let all = digests.iter().map(|(_, digest)| digest);
    // The last of equals is taken.
    all.rev().max_by_key(|digest| count(digest)).cloned()
}
