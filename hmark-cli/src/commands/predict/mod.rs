// SPDX-License-Identifier: GPL-2.0-only

//! `hmark predict`: the marks of flows.

mod many;

use anyhow::{bail, Result};
use clap::Args;

use super::Status;

/// Where do these flows go?
///
/// Exit status: 0 if all have the mark that is expected, if one is; 1 if not, or with a warning; 2 if the file
/// is damaged; 3 if the marks of some packets cannot be told.
#[derive(Args)]
#[command(after_help = "\
Examples:
  The spread of a capture's flows over 70 marks, on a machine that has nothing but the capture:
    hmark predict --pcap capture.pcap --rule '--hmark-mod 70 --hmark-offset 100'
  The same of what comes in now:
    tcpdump -i eth0 -w - -c 100000 | hmark predict --pcap - --rule '--hmark-mod 70 --hmark-offset 100'
  Of all connections that this host tracks, with a chart:
    conntrack -L | hmark predict --conntrack - --rule '--hmark-tuple ct,src,dst --hmark-mod 4' --svg chart.svg")]
pub struct Predict {
    #[command(flatten)]
    sources: many::Sources,
    /// The rule's options, such as '--hmark-mod 70 --hmark-offset 100', in place of a host's rules
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    rule: Option<String>,
    /// The mark that all flows are expected to have: exit status 1 if one has another
    #[arg(long, value_name = "MARK")]
    expect: Option<String>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

impl Predict {
    /// Predicts, and prints the answer.
    pub fn run(self) -> Result<Status> {
        if !self.sources.is_given() {
            bail!("give --pcap, --flows or --conntrack");
        }
        match &self.rule {
            Some(rule) => self
                .sources
                .by_rule(rule, self.expect.as_deref(), self.json),
            None => bail!("give --rule"),
        }
    }
}
