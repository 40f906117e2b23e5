// SPDX-License-Identifier: GPL-2.0-only

//! Files of a host that a user may give to `hmark`: rules of iptables, routing rules and routes. Nothing in
//! them makes it panic, and its answers are consistent.

use hmark_cli::cannot_tell::CannotTell;
use hmark_cli::flow::Flow;
use hmark_cli::routing::{lookup, Key, Next, Origin, Routes, RoutingRules};
use hmark_cli::ruleset::{walk, Hook, RuleSet, State, Subject, Tracking};
use hmark_cli::Family;

/// Flows that are sent through each input.
const IPV4: [&str; 3] = [
    "tcp 10.0.0.1:1000 198.51.100.1:80",
    "icmp 10.3.0.11 192.0.2.1 8/0 id 7",
    "esp 10.0.0.1 10.0.0.2 spi 0x1234",
];
const IPV6: [&str; 3] = [
    "udp [fd00::1]:1000 [2001:db8:100::1]:5060",
    "icmpv6 fd00:3::11 2001:db8::1 128/0 id 7",
    "gre fd00::1 fd00::2",
];

fn flows(family: Family) -> impl Iterator<Item = Flow> {
    let texts = match family {
        Family::Ipv4 => IPV4,
        Family::Ipv6 => IPV6,
    };
    texts.into_iter().filter_map(|text| text.parse().ok())
}

/// The family that an input begins with, `4` or `6`, and the rest.
fn family(input: &[u8]) -> Option<(Family, &[u8])> {
    match input.split_first()? {
        (b'4', rest) => Some((Family::Ipv4, rest)),
        (b'6', rest) => Some((Family::Ipv6, rest)),
        _ => None,
    }
}

/// Checks rules as iptables-save writes them, and returns the number of them, and of answers that were found.
///
/// [`None`] if they cannot be read.
///
/// # Panics
/// If something does not hold.
pub fn check_ruleset(input: &[u8]) -> Option<(usize, usize)> {
    let (family, text) = family(input)?;
    let rules = RuleSet::read(text, family);
    // Neither the ends of lines nor counters matter.
    let other = String::from_utf8_lossy(text).replace('\n', "\r\n");
    let other = other.replace("\n-A ", "\n[1:60] -A ");
    let other = RuleSet::read(other.as_bytes(), family);
    let (rules, other) = match (rules, other) {
        (Ok(rules), Ok(other)) => (rules, other),
        (Err(mistake), other) => {
            // A line may only have become too long.
            let line = other.err().map(|other| other.line);
            assert!(line <= Some(mistake.line), "{mistake}");
            return None;
        }
        (Ok(_), Err(mistake)) => {
            assert!(mistake.what.contains("bytes"), "{mistake}");
            return None;
        }
    };
    let mut answers = 0;
    for flow in flows(family) {
        for (hook, state) in [
            (Hook::Prerouting, State::New),
            (Hook::Output, State::Established),
        ] {
            let answer = answer(&rules, &flow, hook, state);
            assert_eq!(
                answer.as_ref().ok(),
                self::answer(&other, &flow, hook, state).as_ref().ok()
            );
            answers += usize::from(answer.is_ok());
        }
    }
    Some((rules.rules().count(), answers))
}

/// The mark and fate of a flow's packet, and the rules that it met.
fn answer(
    rules: &RuleSet,
    flow: &Flow,
    hook: Hook,
    state: State,
) -> Result<(u32, String, Vec<usize>), String> {
    let subject = Subject {
        flow,
        is_later_fragment: false,
        is_outline: false,
        is_followed: true,
        input: Some("eth0"),
        output: Some(""),
        tracking: Tracking::of_state(state, flow),
        is_tracked: rules.tracks_connections(),
        addresses: None,
    };
    let mut met = Vec::new();
    let mut mark = 0;
    let left = walk(rules, hook, &subject, &flow.packet(), &mut |step| {
        assert_eq!(step.before, mark);
        mark = step.after;
        if met.len() < 100 {
            met.push(step.place.rule.number);
        }
    });
    let left = left.map_err(|unclear| CannotTell::from(unclear).to_string())?;
    assert_eq!(left.mark, mark);
    // The place has the line, which is the same, and the text, which may have other blanks at its end.
    let fate = matches!(left.fate, hmark_cli::ruleset::Fate::Routed).to_string();
    Ok((left.mark, fate, met))
}

/// Checks routing rules, the first line of the input, and routes, as `ip -j` prints them; returns the number
/// of routes, and of packets that are sent.
///
/// [`None`] if they cannot be read.
///
/// # Panics
/// If something does not hold.
pub fn check_routing(input: &[u8]) -> Option<(usize, usize)> {
    let (family, text) = family(input)?;
    let at = text.iter().position(|byte| *byte == b'\n')?;
    let (rules, routes) = text.split_at_checked(at)?;
    let rules = RoutingRules::read(rules, family);
    let routes = Routes::read(routes, family);
    let (rules, routes) = (rules.ok()?, routes.ok()?);
    let mut sent = 0;
    for flow in flows(family) {
        for mark in [0, 1, 100, 0x66, u32::MAX] {
            for origin in [Origin::Device(Some("eth0")), Origin::Own, Origin::OwnAgain] {
                let flow = &flow;
                let Ok(found) = lookup(&rules, &routes, &Key { flow, mark, origin }) else {
                    continue;
                };
                sent += usize::from(matches!(found.next, Next::Hop(_)));
                let (Some(table), Some(route)) = (found.table, found.route) else {
                    continue;
                };
                assert!(route.destination.contains(flow.destination), "{route}");
                // No usable route of the table has a longer prefix.
                let better = routes.all().filter(|(other, better)| {
                    *other == table
                        && better.destination.contains(flow.destination)
                        && better.destination.length() > route.destination.length()
                });
                for (_, better) in better {
                    let hops = &better.hops;
                    let is_dead = !hops.is_empty() && hops.iter().all(|hop| hop.is_dead);
                    assert!(is_dead, "{better} is better than {route}");
                }
            }
        }
    }
    Some((routes.all().count(), sent))
}
