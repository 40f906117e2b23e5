// SPDX-License-Identifier: GPL-2.0-only

//! Lists of tunnels that a rule looks into: `gtpu,vxlan:8472`.

use hmark::rule::inner;
use hmark::rule::v1::Info;

use crate::line::Line;
use crate::number;

/// The names of tunnels, in the order of their bits in [`Info::inner`].
const NAMES: [&str; 5] = ["gtpu", "vxlan", "geneve", "gre", "ipip"];

/// The standard UDP ports of the first of them (3GPP TS 29.281, RFC 7348, RFC 8926). The others are
/// protocols of their own.
const PORTS: [u16; 3] = [2152, 4789, 6081];

const _: () = assert!(
    inner::GTPU == 1
        && inner::VXLAN == 1 << 1
        && inner::GENEVE == 1 << 2
        && inner::GRE == 1 << 3
        && inner::IPIP == 1 << 4
        && inner::ALL == (1 << NAMES.len()) - 1
);

/// Reads a list and stores it. A name may be followed by a colon and a UDP port.
///
/// # Errors
///
/// The first element that is no tunnel, or one that was there before. The rule is then as it was.
pub fn read<'v>(list: &'v [u8], rule: &mut Info) -> Result<(), &'v [u8]> {
    let (mut kinds, mut ports) = (0, [0; PORTS.len()]);
    for element in list.split(|&byte| byte == b',') {
        add(element, &mut kinds, &mut ports).ok_or(element)?;
    }
    rule.inner = kinds;
    [rule.gtpu_port, rule.vxlan_port, rule.geneve_port] = ports;
    Ok(())
}

/// The mistake in an element of a list.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// No tunnel has this name.
    Name,
    /// The name is not in small letters.
    Case,
    /// There is a port, but the tunnel is not in UDP.
    NoPort,
    /// There is no such port.
    Port,
    /// The list has the tunnel already.
    Second,
}

/// The mistake in an element that [`read`] refused.
pub fn fault(element: &[u8]) -> Fault {
    parse(element).err().unwrap_or(Fault::Second)
}

/// Adds an element of a list.
fn add(element: &[u8], kinds: &mut u8, ports: &mut [u16; PORTS.len()]) -> Option<()> {
    let (place, given) = parse(element).ok()?;
    let kind = 1 << place;
    if *kinds & kind != 0 {
        return None;
    }
    *kinds |= kind;
    if let (Some(port), Some(given)) = (ports.get_mut(place), given) {
        *port = given;
    }
    Some(())
}

/// The place of an element's name among [`NAMES`], and its UDP port, if it has one.
fn parse(element: &[u8]) -> Result<(usize, Option<u16>), Fault> {
    let mut parts = element.splitn(2, |&byte| byte == b':');
    let name = parts.next().unwrap_or_default();
    let mut names = NAMES.iter();
    let place = names.position(|known| known.as_bytes().eq_ignore_ascii_case(name));
    let place = place.ok_or(Fault::Name)?;
    if name.iter().any(u8::is_ascii_uppercase) {
        return Err(Fault::Case);
    }
    match (parts.next(), PORTS.get(place)) {
        (None, standard) => Ok((place, standard.copied())),
        (Some(_), None) => Err(Fault::NoPort),
        (Some(digits), Some(_)) => {
            let port = number::digits(digits).and_then(|port| u16::try_from(port).ok());
            let port = port.filter(|&port| port != 0).ok_or(Fault::Port)?;
            Ok((place, Some(port)))
        }
    }
}

/// Writes the list of a rule's tunnels, with those ports that are not the standard ones.
pub fn write(rule: &Info, line: &mut Line) {
    let ports = [rule.gtpu_port, rule.vxlan_port, rule.geneve_port];
    let mut is_first = true;
    for (place, name) in NAMES.iter().enumerate() {
        if rule.inner & (1 << place) == 0 {
            continue;
        }
        if !is_first {
            line.text(",");
        }
        is_first = false;
        line.text(name);
        match (ports.get(place), PORTS.get(place)) {
            (Some(&port), Some(&standard)) if port != standard => {
                line.text(":").decimal(port.into());
            }
            _ => {}
        }
    }
}
