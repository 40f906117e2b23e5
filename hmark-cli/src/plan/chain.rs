// SPDX-License-Identifier: GPL-2.0-only

//! The chains of a plan, of iptables or ip6tables.

use hmark::Family;

use super::site::{Address, Selected, Site, Tuple};
use crate::ruleset::Hook;

/// The rules of a family's chains in the table `mangle`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chains(pub Vec<Chain>);

/// A chain of the plan's own, to which one of the kernel's jumps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// The chain that jumps to it.
    pub hook: Hook,
    /// Its rules, without `-A` and its name.
    pub rules: Vec<String>,
}

/// The name of a plan's chain.
pub fn name(site: &Site, hook: Hook) -> String {
    match hook {
        Hook::Prerouting => format!("HMARK-{}", site.name),
        Hook::Output => format!("HMARK-{}-out", site.name),
    }
}

/// Both hooks, in the order in which chains are listed.
pub const HOOKS: [Hook; 2] = [Hook::Prerouting, Hook::Output];

/// The chains of a family; a chain without rules is none.
pub fn chains(site: &Site, family: Family) -> Chains {
    let chains = HOOKS.into_iter().map(|hook| Chain {
        name: name(site, hook),
        hook,
        rules: rules(site, family, hook),
    });
    Chains(chains.filter(|chain| !chain.rules.is_empty()).collect())
}

fn rules(site: &Site, family: Family, hook: Hook) -> Vec<String> {
    let mut rules = Vec::new();
    let matches: Vec<&Selected> = site
        .matches
        .iter()
        .filter(|selected| selected.hook == hook && selected.is_of(family))
        .collect();
    if site.sticky && hook == Hook::Prerouting {
        rules.extend(from_outside(site));
    }
    for selected in matches {
        for words in words(selected, family) {
            rules.extend(marked(site, selected, family, &words));
        }
    }
    rules
}

/// The rules that mark packets of a match.
fn marked(site: &Site, selected: &Selected, family: Family, words: &str) -> Vec<String> {
    let target = |tuple| {
        // The options were read once before, when the file was checked.
        let options = site.target(family, tuple).unwrap_or_default();
        format!("-j HMARK {options}")
    };
    let bits = site.marks.bits();
    let is_new = match site.sticky {
        true => format!("-m mark --mark 0x0/{bits:#x} "),
        false => String::new(),
    };
    let all = match selected.ct {
        true => target(Tuple::Connection),
        false => target(Tuple::Packet),
    };
    let all = vec![format!("{words}{is_new}{all}")];
    // By its connection, an identifier of an IPv6 ping counts as a port, and by its packet it does not.
    let may_be_ping = selected.protocol.as_deref().is_none_or(|own| own == "icmp");
    let has_pings = selected.ct && family == Family::Ipv6 && may_be_ping && site.hash.has_ports();
    let pings = ["128", "129"]
        .into_iter()
        .filter(|_| has_pings)
        .map(|kind| {
            let protocol = match selected.protocol {
                Some(_) => "",
                None => "-p ipv6-icmp ",
            };
            let target = target(Tuple::Portless);
            format!("{words}{protocol}-m icmp6 --icmpv6-type {kind} {is_new}{target}")
        });
    let keep =
        |what| format!("{words}-j CONNMARK --{what}-mark --nfmask {bits:#x} --ctmask {bits:#x}");
    match site.sticky {
        // The last mark counts.
        false => all.into_iter().chain(pings).collect(),
        true => {
            let choice = pings.chain(all);
            let mut rules = vec![keep("restore")];
            rules.extend(choice);
            rules.push(keep("save"));
            rules
        }
    }
}

/// Connections that come in by a gateway which has a device of its own are answered by it.
fn from_outside(site: &Site) -> Vec<String> {
    let is_alone = |device: &String| {
        let mut gateways = site.gateways.iter().filter(|own| own.device == *device);
        let is_one = gateways.next().is_some() && gateways.next().is_none();
        let mut inputs = site.matches.iter().map(|selected| &selected.input);
        let prefix = |input: &String| match input.strip_suffix('+') {
            Some(begin) => device.starts_with(begin),
            None => input == device,
        };
        is_one && !inputs.any(|input| input.as_ref().is_some_and(prefix))
    };
    let bits = site.marks.bits();
    let gateways = site.gateways.iter().zip(site.marks.all());
    gateways
        .filter(|(gateway, _)| is_alone(&gateway.device))
        .map(|(gateway, mark)| {
            let device = &gateway.device;
            format!(
                "-i {device} -m connmark --mark 0x0/{bits:#x} -j CONNMARK --set-xmark {mark:#x}/{bits:#x}"
            )
        })
        .collect()
}

/// The words of a match for a family, one rule each, with a blank at their end.
fn words(selected: &Selected, family: Family) -> Vec<String> {
    let mut all = Vec::new();
    let own = |addresses: &[Address]| -> Vec<Option<Address>> {
        let own = addresses.iter().filter(|own| own.net.family() == family);
        let own: Vec<_> = own.copied().map(Some).collect();
        match own.is_empty() {
            true => vec![None],
            false => own,
        }
    };
    let destinations = own(&selected.destinations);
    for source in own(&selected.sources) {
        for destination in &destinations {
            let mut words = String::new();
            for (option, address) in [("-s", &source), ("-d", destination)] {
                if let Some(Address { net, not }) = address {
                    let not = if *not { "! " } else { "" };
                    words.push_str(&format!("{not}{option} {net} "));
                }
            }
            for (option, device) in [("-i", &selected.input), ("-o", &selected.output)] {
                if let Some(device) = device {
                    words.push_str(&format!("{option} {device} "));
                }
            }
            if let Some(protocol) = &selected.protocol {
                let protocol = match (protocol.as_str(), family) {
                    ("icmp", Family::Ipv6) => "ipv6-icmp",
                    (other, _) => other,
                };
                words.push_str(&format!("-p {protocol} "));
                if let Some(port) = selected.port {
                    words.push_str(&format!("-m {protocol} --dport {port} "));
                }
            }
            all.push(words);
        }
    }
    all
}

impl Chain {
    /// Its rules as lines for iptables-restore.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.rules
            .iter()
            .map(|rule| format!("-A {} {rule}", self.name))
    }
}

impl Chains {
    /// The table as iptables-restore takes it, with the jumps to the chains.
    pub fn restore(&self) -> String {
        self.table("")
    }

    /// The table as iptables-save writes it.
    pub fn saved(&self) -> String {
        let kernels = HOOKS.map(|hook| format!(":{hook} ACCEPT [0:0]\n"));
        self.table(&kernels.concat())
    }

    fn table(&self, kernels: &str) -> String {
        let mut text = format!("*mangle\n{kernels}");
        for chain in &self.0 {
            text.push_str(&format!(":{} - [0:0]\n", chain.name));
        }
        for chain in &self.0 {
            for line in chain.lines() {
                text.push_str(&line);
                text.push('\n');
            }
        }
        for chain in &self.0 {
            text.push_str(&format!("-A {} -j {}\n", chain.hook, chain.name));
        }
        text.push_str("COMMIT\n");
        text
    }
}
