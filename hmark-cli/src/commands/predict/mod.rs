// SPDX-License-Identifier: GPL-2.0-only

//! `hmark predict`: where flows go.

mod expect;
mod many;
mod one;
mod warnings;

use anyhow::Result;
use clap::Args;

use super::{Status, Usage};

/// Where do these flows go?
///
/// A flow is followed through the tables raw, mangle and nat, the routing rules and the routes of this host, or
/// of one that was saved. Where an answer depends on something that hmark does not understand, it says "cannot
/// tell", and on which rule that depends.
///
/// Exit status: 0 if the flow is sent or delivered, and all is as expected; 1 if not, if its reply has another mark
/// on the host of --with, or with a warning; 2 if a
/// file is damaged; 3 if something cannot be told; 64 for wrong usage.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  Where does this connection go from here, and do its replies get the same mark?
    hmark predict tcp 10.0.0.1:5555 198.51.100.1:80
  The same on a host that was saved, for packets that come in by its device front:
    hmark predict --from saved/selector-a -i front tcp '[fd00::1]:5555' '[2001:db8:100::1]:80'
  Do its replies pass the same gateway?
    hmark predict --from saved/selector-a --with saved/selector-s tcp 10.0.0.1:5555 198.51.100.1:80
  The same of a connection that the other host translates, by its entry in conntrack there:
    hmark predict --from saved/selector-a -i blades --with saved/border --with-in-interface internet --entry \\
      'src=10.3.0.11 dst=203.0.113.80 sport=5555 dport=80 src=203.0.113.80 dst=198.51.100.1 sport=80 dport=5555' \\
      tcp 10.3.0.11:5555 203.0.113.80:80
  Is it still so?
    hmark predict --expect 10.1.0.12 esp 10.0.0.1 198.51.100.1 spi 0x1234 > /dev/null || echo moved
  The spread of a capture's flows over 70 marks, on a machine that has nothing but the capture:
    hmark predict --pcap capture.pcap --rule '--hmark-mod 70 --hmark-offset 100'
  The same of what comes in now:
    tcpdump -i eth0 -w - -c 100000 | hmark predict --pcap - --rule '--hmark-mod 70 --hmark-offset 100'
  The spread over the gateways of a host that was saved, and the marks of replies on another:
    hmark predict --pcap capture.pcapng --from saved/selector-a -i front --with saved/selector-s
  Are the marks those of packets that -j NFLOG recorded, and tcpdump -i nflog captured, after HMARK?
    hmark predict --pcap nflog.pcap --from saved/selector-a -i front --expect recorded
  Of all connections that this host tracks, with a chart:
    conntrack -L | hmark predict --conntrack - --rule '--hmark-tuple ct,src,dst --hmark-mod 4' --svg chart.svg")]
pub struct Predict {
    #[command(flatten)]
    flow: one::Flow,
    #[command(flatten)]
    sources: many::Sources,
    /// The rule's options, such as '--hmark-mod 70 --hmark-offset 100', in place of a host's rules
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        conflicts_with = "words"
    )]
    rule: Option<String>,
    /// The gateway, mark or device that all flows should have, or "recorded" for the marks that NFLOG recorded
    /// in the capture: exit status 1 if one has another
    #[arg(long, value_name = "GATEWAY|MARK|DEV|recorded")]
    expect: Option<String>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

impl Predict {
    /// Predicts, and prints the answer.
    pub fn run(self) -> Result<Status> {
        let expected = self.expect.as_deref();
        if self.flow.is_given() {
            return self.flow.run(expected, self.json);
        }
        let usage = |what: &str| Err(Usage(what.to_string()).into());
        if !self.sources.is_given() {
            return usage("give a flow, such as tcp 10.0.0.1:5555 198.51.100.1:80, or --pcap, --flows or --conntrack");
        }
        if expected == Some(warnings::RECORDED) && !self.sources.has_capture() {
            return usage("--expect recorded needs --pcap: a capture of NFLOG, which has marks");
        }
        match &self.rule {
            Some(rule) => self.sources.by_rule(rule, expected, self.json),
            None => {
                let host = self.flow.host()?;
                let entrance = self.flow.entrance();
                let other = self.flow.other()?;
                let other = other.as_ref().map(|(host, input)| (host, *input));
                self.sources
                    .by_host(&host, entrance, other, expected, self.json)
            }
        }
    }
}
