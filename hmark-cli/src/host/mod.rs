// SPDX-License-Identifier: GPL-2.0-only

//! A host: all that decides where packets go on it, as it is now or as it was saved.

mod file;
mod links;
mod neighbours;
mod nexthops;
mod part;
mod save;
mod source;
mod sysctls;

use std::path::Path;

use anyhow::{Context, Result};
use hmark::Family;

pub use file::File;
pub use links::{Link, LinkAddress, Links};
pub use neighbours::{Neighbour, Neighbours};
pub use nexthops::{Nexthop, Nexthops};
pub use part::Part;
pub use save::{save, Saved};
pub use source::Source;
pub use sysctls::Sysctls;

use crate::routing::{Routes, RoutingRules};
use crate::ruleset::RuleSet;

/// A host. Each part of it is known, or it is missing, which matters only to those who ask for it.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name, or that of the folder.
    pub name: String,
    /// What is decided for IPv4.
    pub ipv4: Side,
    /// What is decided for IPv6.
    pub ipv6: Side,
    /// Kernel settings.
    pub sysctls: Part<Sysctls>,
    /// Nexthop objects, of both families.
    pub nexthops: Part<Nexthops>,
    /// Neighbours, of both families.
    pub neighbours: Part<Neighbours>,
    /// Devices and their addresses.
    pub links: Part<Links>,
}

/// What a host decides for a family.
#[derive(Clone, Debug)]
pub struct Side {
    /// The rules of iptables or ip6tables.
    pub ruleset: Part<RuleSet>,
    /// Routing rules.
    pub rules: Part<RoutingRules>,
    /// Routes.
    pub routes: Part<Routes>,
}

impl Host {
    /// This host, as it is now. Root is needed for the rules of iptables.
    pub fn live() -> Self {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self::read(name.trim().to_string(), &Source::Live)
    }

    /// The host whose files are in a folder.
    ///
    /// # Errors
    ///
    /// If there is no such folder.
    pub fn saved(folder: &Path) -> Result<Self> {
        let path = folder.canonicalize();
        let path = path.with_context(|| folder.display().to_string())?;
        std::fs::read_dir(&path).with_context(|| folder.display().to_string())?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = name.to_string_lossy().into_owned();
        Ok(Self::read(name, &Source::Folder(folder.to_path_buf())))
    }

    fn read(name: String, source: &Source) -> Self {
        Self {
            name,
            ipv4: Side::read(Family::Ipv4, source),
            ipv6: Side::read(Family::Ipv6, source),
            sysctls: source.part(File::Sysctls, Sysctls::read),
            nexthops: source.part(File::Nexthops, Nexthops::read),
            neighbours: source.part(File::Neighbours, Neighbours::read),
            links: source.part(File::Links, Links::read),
        }
    }

    /// What is decided for a family.
    pub fn side(&self, family: Family) -> &Side {
        match family {
            Family::Ipv4 => &self.ipv4,
            Family::Ipv6 => &self.ipv6,
        }
    }
}

impl Side {
    fn read(family: Family, source: &Source) -> Self {
        let routes = |text: &[u8]| Routes::read(text, family);
        let mut found = source.part(File::Routes(family), routes);
        // Without -4 or -6, `ip -j route show table all` lists both families.
        if family == Family::Ipv6 && matches!(found, Part::Missing(_)) {
            let both = source.part(File::Routes(Family::Ipv4), routes);
            if matches!(&both, Part::Known(routes) if routes.all().next().is_some()) {
                found = both;
            }
        }
        Self {
            ruleset: ruleset(family, source),
            rules: source.part(File::RoutingRules(family), |text| {
                RoutingRules::read(text, family)
            }),
            routes: found,
        }
    }
}

/// The rules of a family. iptables-nft-save warns of tables of iptables-legacy, which it does not print: if
/// they are empty, nothing is missing.
fn ruleset(family: Family, source: &Source) -> Part<RuleSet> {
    let read = |text: &[u8]| Ok(RuleSet::read(text, family)?);
    let mut found = source.part(File::Rules(family), read);
    if let Part::Known(rules) = &mut found {
        if rules
            .missing
            .iter()
            .any(|missing| missing.contains("legacy"))
        {
            if let Part::Known(legacy) = source.part(File::LegacyRules(family), read) {
                if legacy.does_nothing() {
                    rules.missing.retain(|missing| !missing.contains("legacy"));
                }
            }
        }
    }
    found
}
