// SPDX-License-Identifier: GPL-2.0-only

//! Parts of a plan's file that are allowed, and hardly meant: they are told, and nothing is refused.

use std::net::IpAddr;

use hmark::Family;

use super::super::file::File;
use super::super::mistake::{Lines, Mistake};
use super::{Gateway, Selected, Site};
use crate::net;
use crate::ruleset::Hook;

/// Sentences about the lines that whoever wrote the file should look at again.
pub fn doubts(site: &Site, file: &File, lines: Lines<'_>) -> Vec<Mistake> {
    let mut all = Vec::new();
    all.extend(unmarked_family(site, file, lines));
    for (place, selected) in site.matches.iter().enumerate() {
        let Some(entry) = file.matches.get(place) else {
            continue;
        };
        let given = entry.as_ref();
        let before = site.matches.get(..place).unwrap_or_default();
        let same = before.iter().position(|other| other.takes_as(selected));
        if let Some(other) = same.and_then(|other| file.matches.get(other)) {
            let other = lines.at(other.span().start);
            let sentence = format!("match: it is for the same packets as that in line {other}");
            all.push(lines.mistake(entry, sentence));
        }
        if let (Some(device), true) = (&given.in_interface, comes_back(site, selected)) {
            let sentence = format!(
                "in-interface: packets that gateways send by {} come back to them: add a destination or a source",
                device.as_ref()
            );
            all.push(lines.mistake(device, sentence));
        }
        if let (Some(destination), Some((gateway, address, net))) =
            (&given.destination, includes(site, selected))
        {
            let sentence = format!(
                "destination: packets to {} itself ({address}), which is in {net}, go to any gateway: leave its \
                 network out",
                gateway.name
            );
            all.push(lines.mistake(destination, sentence));
        }
    }
    all
}

/// Addresses of gateways of a family of which no packet is marked.
fn unmarked_family(site: &Site, file: &File, lines: Lines<'_>) -> Option<Mistake> {
    [(Family::Ipv4, "address4"), (Family::Ipv6, "address6")]
        .into_iter()
        .filter(|(family, _)| !site.families.contains(family))
        .find_map(|(family, key)| {
            let mut gateways = file.gateways.iter().map(|entry| entry.as_ref());
            let address = gateways.find_map(|gateway| match family {
                Family::Ipv4 => gateway.address4.as_ref(),
                Family::Ipv6 => gateway.address6.as_ref(),
            })?;
            let sentence = format!(
                "{key}: no {family} packet is marked, since each match has addresses of the other family alone: \
                 add one of {family} to it, or take {key} away"
            );
            Some(lines.mistake(address, sentence))
        })
}

/// True if a match takes packets that gateways have sent on, whatever their addresses are.
fn comes_back(site: &Site, selected: &Selected) -> bool {
    let Some(input) = &selected.input else {
        return false;
    };
    let is_any = selected.sources.is_empty() && selected.destinations.is_empty();
    let is_own = |gateway: &Gateway| match input.strip_suffix('+') {
        Some(begin) => gateway.device.starts_with(begin),
        None => gateway.device == *input,
    };
    selected.hook == Hook::Prerouting && is_any && site.gateways.iter().any(is_own)
}

/// The first gateway whose own address is in a network of destinations. Networks of all addresses are left
/// out: whoever gives one knows.
fn includes<'s>(
    site: &'s Site,
    selected: &Selected,
) -> Option<(&'s Gateway, IpAddr, crate::net::Net)> {
    let nets = || {
        let given = selected.destinations.iter();
        given.filter(|given| !given.not && given.net.length() > 0)
    };
    site.gateways.iter().find_map(|gateway| {
        let own = [
            gateway.address4.map(IpAddr::V4),
            gateway.address6.map(IpAddr::V6),
        ];
        own.into_iter().flatten().find_map(|address| {
            let mut nets = nets().filter(|given| given.net.family() == net::family(address));
            let given = nets.find(|given| given.net.contains(address))?;
            Some((gateway, address, given.net))
        })
    })
}

impl Selected {
    /// True if it is for the same packets as another one, however they are hashed.
    fn takes_as(&self, other: &Self) -> bool {
        (self.hook, &self.input, &self.output) == (other.hook, &other.input, &other.output)
            && (&self.sources, &self.destinations) == (&other.sources, &other.destinations)
            && (&self.protocol, self.port) == (&other.protocol, other.port)
    }
}
