// SPDX-License-Identifier: GPL-2.0-only

//! A host: all that decides where packets go on it, as it is now or as it was saved.

mod file;
mod links;
mod neighbours;
mod nexthops;
mod part;
pub mod program;
mod save;
mod source;
mod sysctls;

use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
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

/// The most devices that an error names.
const MOST_DEVICES: usize = 16;

/// A host. Each part of it is known, or it is missing, which matters only to those who ask for it.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name, or that of the folder.
    pub name: String,
    /// The folder that its files are in; [`None`] for this host.
    pub folder: Option<PathBuf>,
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
            folder: match source {
                Source::Live => None,
                Source::Folder(folder) => Some(folder.clone()),
            },
            ipv4: Side::read(Family::Ipv4, source),
            ipv6: Side::read(Family::Ipv6, source),
            sysctls: source.part(File::Sysctls, |text| {
                let sysctls = Sysctls::read(text)?;
                let has_any = sysctls.get("net.ipv4.ip_forward").is_some();
                ensure!(
                    has_any,
                    "there is no net.ipv4.ip_forward in it, as `sysctl -a` has it"
                );
                Ok(sysctls)
            }),
            nexthops: source.part(File::Nexthops, Nexthops::read),
            neighbours: source.part(File::Neighbours, Neighbours::read),
            links: source.part(File::Links, |text| {
                let links = Links::read(text)?;
                ensure!(!links.0.is_empty(), "there is no device in it, not even lo");
                Ok(links)
            }),
        }
    }

    /// Checks that there is a device of this name, if the host's devices are known.
    ///
    /// # Errors
    ///
    /// A sentence with the devices that there are.
    pub fn check_device(&self, name: &str) -> Result<(), String> {
        if name.is_empty() {
            return Err("the name of a device is empty".to_owned());
        }
        let links = match self.links.get() {
            Some(links) if !links.0.is_empty() && links.find(name).is_none() => links,
            _ => return Ok(()),
        };
        let names: Vec<&str> = links.0.iter().map(|link| link.name.as_str()).collect();
        let shown = names.get(..MOST_DEVICES).unwrap_or(&names).join(", ");
        let more = match names.len() > MOST_DEVICES {
            true => ", ...",
            false => "",
        };
        let name = crate::flow::shown(name);
        Err(format!(
            "{} has no device \"{name}\": it has {shown}{more}",
            self.name
        ))
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
                // A host without any rule has an empty list.
                ensure!(!text.trim_ascii().is_empty(), "it is empty");
                RoutingRules::read(text, family)
            }),
            routes: found,
        }
    }
}

/// The rules of a family. Those of iptables-legacy count, too, if another iptables is the default:
/// iptables-nft-save does not print them, and warns of them, if at all, on the standard error.
fn ruleset(family: Family, source: &Source) -> Part<RuleSet> {
    let mut found = source.part(File::Rules(family), |text| {
        Ok((RuleSet::read(text, family)?, is_of_legacy(text)))
    });
    if let Part::Known((rules, false)) = &mut found {
        let read = |text: &[u8]| Ok(RuleSet::read(text, family)?);
        if let Part::Known(legacy) = source.part(File::LegacyRules(family), read) {
            rules.missing.retain(|missing| !missing.contains("legacy"));
            if !legacy.does_nothing() {
                rules
                    .missing
                    .push("those of iptables-legacy are others".to_owned());
            }
        }
    }
    match found {
        Part::Known((rules, _)) => Part::Known(rules),
        Part::Missing(reason) => Part::Missing(reason),
        Part::Broken(what) => Part::Broken(what),
    }
}

/// Whether iptables-legacy-save wrote a text, which says so by not naming nf_tables.
fn is_of_legacy(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines();
    lines.any(|line| {
        let by = line.strip_prefix("# Generated by ");
        by.is_some_and(|by| by.starts_with("ip") && !by.contains("(nf_tables)"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules of iptables-legacy are told from those of the default iptables, which does not print them.
    #[test]
    fn rules_of_iptables_legacy_count() {
        let nft = "# Generated by iptables-save v1.8.11 (nf_tables) on Sat\n*mangle\nCOMMIT\n";
        let drops =
            "# Generated by iptables-save v1.8.11 on Sat\n*raw\n:PREROUTING DROP [0:0]\nCOMMIT\n";
        let accepts = "*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n";
        let warning =
            "# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n";
        let folder = crate::scratch::folder("legacy");
        std::fs::create_dir_all(&folder).unwrap();
        for (default, legacy, is_missing) in [
            (nft, Some(drops), true),
            (nft, Some(accepts), false),
            (nft, None, false),
            // No table of nf_tables.
            ("", Some(drops), true),
            // The default is iptables-legacy.
            (drops, Some(drops), false),
            (&(nft.to_owned() + warning), Some(accepts), false),
            (&(nft.to_owned() + warning), Some(drops), true),
            (&(nft.to_owned() + warning), None, true),
        ] {
            let path = |file: File| folder.join(file.name());
            std::fs::write(path(File::Rules(Family::Ipv4)), default).unwrap();
            let legacy_path = path(File::LegacyRules(Family::Ipv4));
            let _ = std::fs::remove_file(&legacy_path);
            if let Some(legacy) = legacy {
                std::fs::write(&legacy_path, legacy).unwrap();
            }
            let host = Host::saved(&folder).unwrap();
            let rules = host.side(Family::Ipv4).ruleset.known().unwrap();
            let missing = &rules.missing;
            assert_eq!(
                !missing.is_empty(),
                is_missing,
                "{default} {legacy:?}: {missing:?}"
            );
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
