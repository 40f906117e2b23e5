// SPDX-License-Identifier: GPL-2.0-only

//! The files that `hmark plan` writes for a router with many gateways.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use testbed::command::run;
use testbed::family::{Commands, Family};
use testbed::install;

/// The folder that the tool writes to.
const FOLDER: &str = "/run/hmark-bench-plan";

/// A plan of one family.
pub struct Plan {
    pub family: Family,
    /// How many gateways there are, each with a mark.
    pub gateways: usize,
    /// A nexthop object for each gateway, for `ip -batch`.
    pub nexthops: String,
    /// Routes and routing rules, likewise.
    pub routing: String,
    /// The rules that mark packets, for `iptables-restore`.
    pub rules: String,
}

impl Plan {
    /// Has the tool write the plan for `gateways` gateways.
    ///
    /// # Errors
    /// If the tool was not built, or fails.
    pub fn new(family: Family, gateways: usize) -> Result<Self> {
        let mut text = String::from("device = \"out\"\ngateways = [\n");
        let key = match family {
            Family::Ipv4 => "address4",
            Family::Ipv6 => "address6",
        };
        for number in 0..gateways {
            let address = address(family, number);
            let _ = writeln!(
                text,
                "  {{ name = \"gateway-{number}\", {key} = \"{address}\" }},"
            );
        }
        let _ = writeln!(
            text,
            "]\n[[match]]\ndestination = \"{}\"",
            destination(family)
        );
        let folder = Path::new(FOLDER);
        fs::create_dir_all(folder)?;
        let file = folder.join("plan.toml");
        fs::write(&file, text)?;
        let tool = install::target_folder().join("release/hmark");
        run(&format!(
            "{} plan --format files {} {FOLDER}",
            tool.display(),
            file.display()
        ))?;
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))
        };
        let digit = match family {
            Family::Ipv4 => 4,
            Family::Ipv6 => 6,
        };
        let plan = Self {
            family,
            gateways,
            nexthops: read("nexthops.batch")?,
            routing: read(&format!("ip{digit}.batch"))?,
            rules: read(&format!("{}.rules", family.iptables()))?,
        };
        let leaves = plan.linear().matches(" lookup ").count();
        ensure!(
            leaves == gateways,
            "{leaves} routing rules look up the tables of {gateways} gateways"
        );
        Ok(plan)
    }

    /// Whether its routing rules are a tree behind a guard.
    pub fn is_tree(&self) -> bool {
        self.routing.contains(" goto ")
    }

    /// Its routes, and its routing rules without guard and tree: a rule for each mark.
    pub fn linear(&self) -> String {
        let lines = self.routing.lines();
        let kept = lines.filter(|line| !line.starts_with("rule ") || line.contains(" lookup "));
        kept.flat_map(|line| [line, "\n"]).collect()
    }

    /// The number of a gateway's nexthop object.
    ///
    /// # Errors
    /// If the plan has none for it.
    pub fn nexthop(&self, gateway: usize) -> Result<u32> {
        let mut numbers = self.nexthops.lines().filter_map(|line| {
            let words = line.strip_prefix("nexthop add id ")?;
            words.split(' ').next()?.parse().ok()
        });
        let number = numbers.nth(gateway);
        number.with_context(|| format!("gateway {gateway} has no nexthop"))
    }
}

/// The address of a gateway, of fewer than 256.
pub fn address(family: Family, gateway: usize) -> String {
    match family {
        Family::Ipv4 => format!("10.2.1.{gateway}"),
        Family::Ipv6 => format!("fd02::1:{gateway:x}"),
    }
}

/// The address that all packets are sent to.
pub fn destination(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "198.51.100.1",
        Family::Ipv6 => "2001:db8:100::1",
    }
}
