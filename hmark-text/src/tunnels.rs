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

/// Adds an element of a list.
fn add(element: &[u8], kinds: &mut u8, ports: &mut [u16; PORTS.len()]) -> Option<()> {
    let mut parts = element.splitn(2, |&byte| byte == b':');
    let name = parts.next()?;
    let place = NAMES.iter().position(|known| known.as_bytes() == name)?;
    let kind = 1 << place;
    if *kinds & kind != 0 {
        return None;
    }
    *kinds |= kind;
    match (parts.next(), ports.get_mut(place)) {
        (None, None) => {}
        (None, Some(port)) => *port = *PORTS.get(place)?,
        (Some(number), port) => {
            let number = u16::try_from(number::digits(number)?).ok()?;
            *port? = Some(number).filter(|&number| number != 0)?;
        }
    }
    Some(())
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
