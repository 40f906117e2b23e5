// SPDX-License-Identifier: GPL-2.0-only

//! The packets that a plan marks.

use hmark::Family;
use toml::Spanned;

use super::super::file::{self, File};
use super::super::mistake::{Lines, Mistake};
use super::{addresses, device, shown, Selected};
use crate::flow::Protocol;
use crate::ruleset::Hook;

/// The most rules that one match may become.
const MOST: usize = 1000;

/// Checks the matches.
///
/// # Errors
///
/// The first mistake, in the order of the file.
pub fn matches(file: &File, lines: Lines<'_>) -> Result<Vec<Selected>, Mistake> {
    if file.matches.is_empty() {
        return Err(Mistake {
            line: 0,
            sentence: "no packets are marked: add [[match]] and, below it, destination = \
                       \"198.51.100.1\" or other keys"
                .to_string(),
        });
    }
    let matches = file.matches.iter().map(|entry| selected(entry, lines));
    matches.collect()
}

fn selected(entry: &Spanned<file::Match>, lines: Lines<'_>) -> Result<Selected, Mistake> {
    let given = entry.as_ref();
    let hook = match &given.chain {
        None => Hook::Prerouting,
        Some(chain) => match chain.as_ref().as_str() {
            "PREROUTING" => Hook::Prerouting,
            "OUTPUT" => Hook::Output,
            _ => {
                let sentence =
                    "chain: give PREROUTING, or OUTPUT for packets of this host itself: \
                                in others a mark comes too late";
                return Err(lines.mistake(chain, sentence));
            }
        },
    };
    let named = |name: &Option<Spanned<String>>, key| {
        let name = name.as_ref();
        name.map(|name| device(name, lines, key, true)).transpose()
    };
    if let (Hook::Output, Some(name)) = (hook, &given.in_interface) {
        let sentence = "in-interface: packets of this host come in by none: take it away, or chain";
        return Err(lines.mistake(name, sentence));
    }
    if let (Hook::Prerouting, Some(name)) = (hook, &given.out_interface) {
        let sentence = "out-interface: before routing nobody knows it: add chain = \"OUTPUT\" for \
                        packets of this host";
        return Err(lines.mistake(name, sentence));
    }
    let selected = Selected {
        hook,
        input: named(&given.in_interface, "in-interface")?,
        output: named(&given.out_interface, "out-interface")?,
        sources: addresses(given.source.as_ref(), lines, "source")?,
        destinations: addresses(given.destination.as_ref(), lines, "destination")?,
        protocol: protocol(given, lines)?,
        port: given.port.as_ref().map(|port| *port.as_ref()),
        ct: given.ct,
    };
    let rules = selected.sources.len().max(1);
    let rules = rules.saturating_mul(selected.destinations.len().max(1));
    if rules > MOST {
        return Err(lines.mistake(entry, format!("match: it is more than {MOST} rules")));
    }
    let is_empty = given.source.is_none()
        && given.destination.is_none()
        && given.in_interface.is_none()
        && given.out_interface.is_none();
    if is_empty {
        let sentence = "match: all packets would be marked, those to this host too: give \
                        destination, source or in-interface";
        return Err(lines.mistake(entry, sentence));
    }
    if ![Family::Ipv4, Family::Ipv6]
        .into_iter()
        .any(|family| selected.is_of(family))
    {
        let sentence = "match: source and destination are of different families";
        return Err(lines.mistake(entry, sentence));
    }
    Ok(selected)
}

/// The protocol's name, in small letters.
fn protocol(given: &file::Match, lines: Lines<'_>) -> Result<Option<String>, Mistake> {
    let has_ports = ["tcp", "udp", "udplite", "sctp", "dccp"];
    let Some(protocol) = &given.protocol else {
        return match &given.port {
            None => Ok(None),
            Some(port) => {
                let sentence = "port: add protocol = \"tcp\", or another that has ports";
                Err(lines.mistake(port, sentence))
            }
        };
    };
    let name = protocol.as_ref().to_ascii_lowercase();
    if Protocol::named(&name).is_none_or(|number| number == Protocol(0)) {
        let shown = shown(protocol.as_ref());
        let sentence = format!(
            "protocol: {shown} is none that is known: give its number, or tcp, udp, sctp, icmp"
        );
        return Err(lines.mistake(protocol, sentence));
    }
    if name == "icmpv6" || name == "ipv6-icmp" {
        let sentence = "protocol: give \"icmp\", which is that of each family";
        return Err(lines.mistake(protocol, sentence));
    }
    match &given.port {
        Some(port) if !has_ports.contains(&name.as_str()) => Err(lines.mistake(
            port,
            format!("port: {name} has none: give tcp, udp, udplite, sctp or dccp by name"),
        )),
        _ => Ok(Some(name)),
    }
}
