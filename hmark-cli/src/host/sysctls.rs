// SPDX-License-Identifier: GPL-2.0-only

//! Kernel settings: lines of `name = value`, as `sysctl -a` prints them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Result;

/// The folders under `/proc/sys` whose settings decide about packets.
const FOLDERS: [&str; 4] = ["net/ipv4", "net/ipv6", "net/netfilter", "net/vrf"];

/// The longest value in bytes: longer ones are lists that decide nothing.
const LONGEST: usize = 4096;

/// Kernel settings by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sysctls {
    all: BTreeMap<String, String>,
    /// The values of `net.ipv4.conf.DEV.forwarding`: of many flows, each asks for them.
    forwarding: BTreeSet<i64>,
}

impl Sysctls {
    /// Reads lines of `name = value` (or `name=value`, as in `/etc/sysctl.conf`). Other lines are skipped:
    /// `sysctl -a` mixes complaints into its output.
    ///
    /// # Errors
    ///
    /// None today; a text without any setting is one of no settings.
    pub fn read(text: &[u8]) -> Result<Self> {
        let text = String::from_utf8_lossy(text);
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with(['#', ';']));
        let pairs = lines.filter_map(|line| line.split_once('='));
        let pairs = pairs.map(|(name, value)| (normal(name), value.trim().to_string()));
        let mut sysctls = Self {
            all: pairs.collect(),
            forwarding: BTreeSet::new(),
        };
        sysctls.forwarding = sysctls
            .of_devices("net.ipv4.conf.", "forwarding")
            .map(|(_, value)| value)
            .collect();
        Ok(sysctls)
    }

    /// The different values of `net.ipv4.conf.DEV.forwarding`, of all devices but `lo`.
    pub fn forwarding(&self) -> &BTreeSet<i64> {
        &self.forwarding
    }

    /// A setting of each device but `lo`: its full name and its value. `under` is `net.ipv4.conf.` or
    /// `net.ipv6.conf.`.
    pub fn of_devices<'s>(
        &'s self,
        under: &'s str,
        setting: &'s str,
    ) -> impl Iterator<Item = (&'s str, i64)> {
        let all = self.all.range(under.to_owned()..);
        let all = all.take_while(move |(name, _)| name.starts_with(under));
        all.filter_map(move |(name, value)| {
            let (device, own) = name.strip_prefix(under)?.rsplit_once('.')?;
            let is_one = own == setting && !["all", "default", "lo"].contains(&device);
            Some((name.as_str(), value.parse().ok()?)).filter(|_| is_one)
        })
    }

    /// The value of a setting; the name as `sysctl` has it, a dot between its parts.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all.get(&normal(name)).map(String::as_str)
    }

    /// A setting that is a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }
}

/// A name with a dot between its parts. A device with a dot in its own name, `eth0.5`, has a slash there.
fn normal(name: &str) -> String {
    let name = name.trim().trim_start_matches('-');
    let first = name.find(['.', '/']);
    let is_path = first.is_some_and(|at| name.as_bytes().get(at) == Some(&b'/'));
    match is_path {
        false => name.to_string(),
        true => name
            .chars()
            .map(|character| match character {
                '/' => '.',
                '.' => '/',
                other => other,
            })
            .collect(),
    }
}

/// The settings of this host, as lines. Those that cannot be read are left out.
pub(super) fn live() -> String {
    let mut lines = String::new();
    for folder in FOLDERS {
        add(&Path::new("/proc/sys").join(folder), 8, &mut lines);
    }
    lines
}

fn add(folder: &Path, depth: u32, lines: &mut String) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if let Some(depth) = depth.checked_sub(1) {
                add(&path, depth, lines);
            }
            continue;
        }
        let name = path
            .strip_prefix("/proc/sys")
            .unwrap_or(&path)
            .to_string_lossy();
        // Some are for writing only, or for root.
        let value = fs::read_to_string(&path).unwrap_or_default();
        let value = value.trim();
        if !value.is_empty() && value.len() <= LONGEST && !value.contains('\n') {
            lines.push_str(&format!("{} = {value}\n", normal(&name)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_by_any_name() {
        let text = b"# a comment = 1\nnet.ipv4.ip_forward = 1\nnet.ipv4.conf.eth0/5.rp_filter=2\n\
            sysctl: permission denied\nnet/ipv4/conf/eth0.6/rp_filter = -1\n";
        let sysctls = Sysctls::read(text).unwrap();
        assert_eq!(sysctls.number("net.ipv4.ip_forward"), Some(1));
        assert_eq!(sysctls.number("net.ipv4.conf.eth0/5.rp_filter"), Some(2));
        assert_eq!(sysctls.number("net.ipv4.conf.eth0/6.rp_filter"), Some(-1));
        assert_eq!(sysctls.get("a comment"), None);
        let filters: Vec<_> = sysctls.of_devices("net.ipv4.conf.", "rp_filter").collect();
        let names = [
            "net.ipv4.conf.eth0/5.rp_filter",
            "net.ipv4.conf.eth0/6.rp_filter",
        ];
        assert_eq!(filters, [(names[0], 2), (names[1], -1)]);
    }

    #[test]
    fn this_host_has_settings() {
        let sysctls = Sysctls::read(live().as_bytes()).unwrap();
        assert!(sysctls.number("net.ipv4.conf.all.rp_filter").is_some());
    }
}
