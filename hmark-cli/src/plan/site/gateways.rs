// SPDX-License-Identifier: GPL-2.0-only

//! The gateways of a plan, and the families that they serve.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use hmark::Family;
use toml::Spanned;

use super::super::file::{self, File, Nexthops};
use super::super::mistake::{Lines, Mistake};
use super::{device, shown, Gateway, Selected};

/// The most gateways: tables and nexthop objects are numbered in blocks of this size.
pub const MOST: usize = 1000;

/// Checks the gateways.
///
/// # Errors
///
/// The first mistake, in the order of the file.
pub fn gateways(file: &File, lines: Lines<'_>) -> Result<Vec<Gateway>, Mistake> {
    let Some(first) = file.gateways.first() else {
        return Err(Mistake {
            line: 0,
            sentence: "there are no gateways: add gateways = [ { name = \"gateway-0\", address4 = \
                       \"10.1.0.10\", device = \"eth1\" } ]"
                .to_string(),
        });
    };
    if file.gateways.len() > MOST {
        return Err(lines.mistake(first, format!("gateways: there are more than {MOST}")));
    }
    let mut gateways = Vec::new();
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut addresses: HashSet<(IpAddr, String)> = HashSet::new();
    for entry in &file.gateways {
        let given = entry.as_ref();
        let gateway = gateway(entry, file, lines)?;
        let name = given.name.as_ref();
        let line = lines.at(given.name.span().start);
        if let Some(other) = names.insert(name, line) {
            let sentence = format!("name: {name} is the name of the gateway in line {other}, too");
            return Err(lines.mistake(&given.name, sentence));
        }
        let own = [
            (gateway.address4.map(IpAddr::V4), &given.address4),
            (gateway.address6.map(IpAddr::V6), &given.address6),
        ];
        for (address, place) in own {
            let (Some(address), Some(place)) = (address, place) else {
                continue;
            };
            if !addresses.insert((address, gateway.device.clone())) {
                let sentence = format!("{address} is the address of two gateways");
                return Err(lines.mistake(place, sentence));
            }
        }
        gateways.push(gateway);
    }
    Ok(gateways)
}

fn gateway(
    entry: &Spanned<file::Gateway>,
    file: &File,
    lines: Lines<'_>,
) -> Result<Gateway, Mistake> {
    let given = entry.as_ref();
    let name = given.name.as_ref();
    let is_fine = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
    if !(1..=63).contains(&name.len()) || !name.chars().all(is_fine) {
        let sentence = "name: give 1 to 63 letters, digits, dots, underscores and hyphens";
        return Err(lines.mistake(&given.name, sentence));
    }
    let own = given.device.as_ref().or(file.device.as_ref());
    let Some(own) = own else {
        let sentence = format!(
            "{name} has no device: add device = \"eth1\" to it, or at the top for all gateways"
        );
        return Err(lines.mistake(entry, sentence));
    };
    if given.address4.is_none() && given.address6.is_none() {
        let sentence = format!("{name} has no address: add address4, address6 or both");
        return Err(lines.mistake(entry, sentence));
    }
    let weight = given.weight.as_ref();
    if let Some(weight) = weight.filter(|weight| *weight.as_ref() > 100) {
        let sentence = "weight: give 0 to 100, which is a full share";
        return Err(lines.mistake(weight, sentence));
    }
    Ok(Gateway {
        name: name.clone(),
        address4: address(given.address4.as_ref(), lines, "address4", "10.1.0.10")?,
        address6: address(given.address6.as_ref(), lines, "address6", "fd00:1::10")?,
        device: device(own, lines, "device", false)?,
        weight: weight.map_or(100, |weight| *weight.as_ref()),
    })
}

fn address<A: std::str::FromStr + Copy + Into<IpAddr>>(
    given: Option<&Spanned<String>>,
    lines: Lines<'_>,
    key: &str,
    example: &str,
) -> Result<Option<A>, Mistake> {
    let Some(given) = given else {
        return Ok(None);
    };
    let mistake = |is: &str| {
        let shown = shown(given.as_ref());
        lines.mistake(
            given,
            format!("{key}: {shown} is {is}: give one such as {example}"),
        )
    };
    let address: A = given
        .as_ref()
        .parse()
        .map_err(|_| mistake("no address of a host"))?;
    let number: IpAddr = address.into();
    if number.is_unspecified() || number.is_multicast() || number.is_loopback() {
        return Err(mistake("no gateway's address"));
    }
    Ok(Some(address))
}

/// The families of the packets that are marked. Each gateway must serve all of them.
///
/// # Errors
///
/// The first gateway that does not.
pub fn families(
    file: &File,
    lines: Lines<'_>,
    gateways: &[Gateway],
    matches: &[Selected],
) -> Result<Vec<Family>, Mistake> {
    let has_any = |family| {
        gateways.iter().any(|gateway| match family {
            Family::Ipv4 => gateway.address4.is_some(),
            Family::Ipv6 => gateway.address6.is_some(),
        })
    };
    let is_named = |family| {
        let nets = |selected: &Selected| {
            let all = selected.sources.iter().chain(&selected.destinations);
            all.map(|address| address.net.family()).collect::<Vec<_>>()
        };
        let mut named = matches.iter().map(nets);
        named.any(|nets| nets.contains(&family) || (nets.is_empty() && has_any(family)))
    };
    let mut families = vec![Family::Ipv4, Family::Ipv6];
    families.retain(|family| is_named(*family));
    let may_share = file.nexthops.as_ref().map(|given| *given.as_ref()) != Some(Nexthops::Family);
    for (gateway, entry) in gateways.iter().zip(&file.gateways) {
        for family in &families {
            let (serves, key) = match family {
                Family::Ipv4 => {
                    let shares = may_share && families.len() > 1 && gateway.address6.is_some();
                    (gateway.address4.is_some() || shares, "address4")
                }
                Family::Ipv6 => (gateway.address6.is_some(), "address6"),
            };
            if !serves {
                let name = &gateway.name;
                let sentence = format!(
                    "{name} has no {key}, but {family} packets are marked: add it, or take {family} \
                     out of every match"
                );
                return Err(lines.mistake(entry, sentence));
            }
        }
    }
    Ok(families)
}
