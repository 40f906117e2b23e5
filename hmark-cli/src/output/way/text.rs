// SPDX-License-Identifier: GPL-2.0-only

//! The way of a flow as lines, one for each step.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmark::{Explanation, Family, Found, Subject, Tuple};
use hmark_cli::routing::Next;
use hmark_cli::ruleset::{Hook, Target};
use hmark_cli::way::{Dropped, Step, Way};

use super::{Answer, Reply};

/// All lines of an answer.
pub fn lines(answer: &Answer<'_>) -> Vec<String> {
    let mut lines = vec![head(&answer.host.name, answer.way, answer.input)];
    lines.extend(way(answer.way, "-i"));
    match &answer.reply {
        Reply::None => {}
        Reply::CannotTell(reason) => {
            lines.push(String::new());
            lines.push(format!("reply: cannot tell: {reason}"));
        }
        Reply::ByRule(flow, by_rule) => {
            let mark = match by_rule.reply {
                Some(mark) => format!("mark {}", self::mark(mark)),
                None => "no mark".to_string(),
            };
            let verdict = match answer.agrees() {
                Some(true) => "as the flow",
                _ => "another than the flow: the rule of the way back must be its mirror",
            };
            lines.push(String::new());
            lines.push(format!("reply {flow}"));
            lines.push(format!("  by the same options: {mark}, {verdict}"));
        }
        Reply::On(name, _, reply) => {
            lines.push(String::new());
            lines.push(format!("reply {}", head(name, reply, answer.reply_input)));
            lines.extend(way(reply, "--with-in-interface"));
            lines.extend(answer.agrees().map(|agrees| match agrees {
                true => "  the mark is that of the flow".to_string(),
                false => "  the mark is another than that of the flow".to_string(),
            }));
        }
    }
    if let Some(expected) = &answer.expected {
        let verdict = match answer.is_met {
            Some(true) => "yes",
            Some(false) => "no",
            None => "cannot tell",
        };
        lines.push(String::new());
        lines.push(format!("expected {expected}: {verdict}"));
    }
    lines
}

fn head(host: &str, way: &Way<'_>, input: Option<&str>) -> String {
    let origin = match (way.hook, input) {
        (Hook::Output, _) => "sent by the host itself".to_string(),
        (Hook::Prerouting, Some(device)) => format!("coming in by {device}"),
        (Hook::Prerouting, None) => "coming in by an unknown device".to_string(),
    };
    format!("{} on {host}, {origin}", way.flow)
}

/// The lines of a way, whose device that the packet comes in by is named by `option`.
fn way(way: &Way<'_>, option: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &way.steps {
        lines.extend(self::step(step));
    }
    if let Some(mark) = way.mark {
        if way.steps.is_empty() {
            lines.push(format!(
                "  {}: no rule of raw and mangle marks it",
                way.hook
            ));
        }
        lines.push(format!("  mark {}", self::mark(mark)));
    }
    if let Some(found) = &way.found {
        if way.destination != way.flow.destination {
            lines.push(format!(
                "  translated: the destination is {}",
                way.destination
            ));
        }
        lines.extend(way.note.iter().map(|note| format!("  note: {note}")));
        lines.extend(found.rules.iter().map(|rule| format!("  ip rule {rule}")));
        if let (Some(table), Some(route)) = (found.table, found.route) {
            lines.push(format!("  table {table}: {route}"));
        }
        if way.dropped.is_none() {
            lines.push(format!("  {}", outcome(way, &found.next)));
        }
    }
    lines.extend(way.dropped.iter().map(|dropped| match dropped {
        Dropped::ByRule(place) => format!("  dropped by {place}"),
        Dropped::ByKernel(reason) => format!("  dropped: {reason}"),
    }));
    let reasons = way.cannot_tell.iter();
    lines.extend(reasons.map(|reason| format!("  cannot tell: {}", reason.advised(option))));
    lines
}

fn outcome(way: &Way<'_>, next: &Next<'_>) -> String {
    match next {
        Next::Local => "delivered to the host itself".to_string(),
        Next::Broadcast => "broadcast: delivered to the host itself, or sent to all".to_string(),
        Next::Refused(word) => format!("dropped: {word}"),
        Next::NoRoute => "dropped: there is no route".to_string(),
        Next::Hop(hop) => {
            let device = hop.device.as_deref().unwrap_or("?");
            let note = match hop.has_no_link {
                true => ", which has no link",
                false => "",
            };
            match (hop.gateway, way.gateway()) {
                (Some(gateway), _) => format!("sent to gateway {gateway} on device {device}{note}"),
                (None, _) => format!(
                    "sent to {} itself on device {device}{note}",
                    way.destination
                ),
            }
        }
    }
}

fn step(step: &Step<'_>) -> Vec<String> {
    let met = &step.met;
    let place = met.place;
    let mut lines = vec![format!(
        "  {} {} {}: {}",
        place.table, place.chain, place.rule.number, place.rule.text
    )];
    if let (Target::Hmark(info), Some(explanation)) = (&place.rule.target, &step.explanation) {
        lines.extend(hmark(explanation, info.masked.v0.hmodulus));
    }
    if met.before != met.after {
        let change = format!("    mark    {} -> {}", mark(met.before), mark(met.after));
        lines.push(change);
    }
    lines
}

fn hmark(explanation: &Explanation, marks: u32) -> Vec<String> {
    let Some(steps) = explanation.steps else {
        let reason = match explanation.subject {
            Subject::Connection(_) => "the packet has no connection in conntrack",
            Subject::Packet(_) => "the packet cannot be followed",
        };
        return vec![format!("    the mark stays: {reason}")];
    };
    let of = match explanation.subject {
        Subject::Connection(_) => " of the connection",
        Subject::Packet(Found::Nothing) => ", since there is nothing to hash",
        Subject::Packet(_) => "",
    };
    vec![
        format!("    tuple   {}{of}", tuple(&steps.tuple)),
        format!("    hash    {:#010x}", steps.hash),
        format!(
            "    bucket  {} of 0 to {}",
            steps.bucket,
            marks.saturating_sub(1)
        ),
    ]
}

/// The tuple as it is hashed, masked.
fn tuple(tuple: &Tuple) -> String {
    let [source, destination] = addresses(tuple);
    let (sport, dport) = (tuple.ports >> 16, tuple.ports & 0xffff);
    format!(
        "src {source} dst {destination} sport {sport} dport {dport} proto {}",
        tuple.protocol
    )
}

/// Source and destination of a tuple.
pub(super) fn addresses(tuple: &Tuple) -> [IpAddr; 2] {
    [tuple.src, tuple.dst].map(|address| {
        let words = address.words();
        match tuple.family {
            Family::Ipv4 => {
                let [word, ..] = words;
                IpAddr::V4(Ipv4Addr::from(word.to_ne_bytes()))
            }
            Family::Ipv6 => {
                let mut octets = [0; 16];
                let bytes = words.iter().flat_map(|word| word.to_ne_bytes());
                octets
                    .iter_mut()
                    .zip(bytes)
                    .for_each(|(octet, byte)| *octet = byte);
                IpAddr::V6(Ipv6Addr::from(octets))
            }
        }
    })
}

/// A mark in both notations: iptables shows the second, and people write the first.
fn mark(mark: u32) -> String {
    match mark {
        0..=9 => format!("{mark}"),
        _ => format!("{mark} ({mark:#x})"),
    }
}
