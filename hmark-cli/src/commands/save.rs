// SPDX-License-Identifier: GPL-2.0-only

//! `hmark save`: this host's files into a folder.

use std::io::{stdout, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use hmark_cli::host::{save, File};
use serde_json::json;

use super::Status;

/// Saves all that decides this host's ways into a folder, for --from
///
/// Writes iptables-save, ip6tables-save, ip-rule.json, ip6-rule.json, ip-route.json, ip6-route.json,
/// ip-nexthop.json, ip-neigh.json, ip-addr.json and sysctl. The rules of iptables need root.
#[derive(Args)]
#[command(after_long_help = "Example:\n  hmark save /tmp/$(uname -n)\n  \
    ssh selector-a 'hmark save /tmp/a && tar -C /tmp -c a' | tar -x\n\n\
    Exit status: 0 all files are there; 2 some are not.")]
pub struct Save {
    /// The folder, which is made if there is none
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Save {
    /// Saves the host, and says which files there are.
    pub fn run(self) -> Result<Status> {
        let saved = save(&self.folder)?;
        let has_all = saved.iter().all(|saved| saved.outcome.is_ok());
        let mut out = stdout().lock();
        if self.json {
            let files: Vec<_> = saved
                .iter()
                .map(|saved| {
                    json!({
                        "name": saved.file.name(),
                        "bytes": saved.outcome.as_ref().ok(),
                        "error": saved.outcome.as_ref().err(),
                    })
                })
                .collect();
            writeln!(
                out,
                "{:#}",
                json!({"version": 1, "command": "save", "files": files})
            )?;
        } else {
            let width = File::ALL
                .iter()
                .map(|file| file.name().len())
                .max()
                .unwrap_or(0);
            for saved in &saved {
                let name = saved.file.name();
                match &saved.outcome {
                    Ok(bytes) => writeln!(out, "{name:width$}  {bytes} bytes")?,
                    Err(reason) => writeln!(out, "{name:width$}  not saved: {reason}")?,
                }
            }
        }
        Ok(match has_all {
            true => Status::Fine,
            false => Status::Errors,
        })
    }
}
