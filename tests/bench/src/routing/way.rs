// SPDX-License-Identifier: GPL-2.0-only

//! Ways by which a router chooses a gateway, and the commands that set each up.

use std::fmt;

use anyhow::{Context, Result};
use testbed::command::run_with;
use testbed::family::{Commands, Family};
use testbed::netns::Netns;

use super::group;
use super::plan::{destination, Plan};

/// The number of the nexthop group, which no gateway's has.
const GROUP: u32 = 1;

/// Buckets of a resilient group for each gateway.
const BUCKETS: usize = 16;

/// How a gateway is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is not: a single route to the first one, with neither marks nor routing rules.
    One,
    /// By a group of nexthops, which the kernel walks up to the one whose share the hash is in.
    Ecmp,
    /// By a group whose nexthops are found in a table of buckets.
    Resilient,
    /// By HMARK, and a routing rule for each mark.
    Linear,
    /// By HMARK and the routing rules of `hmark plan`.
    Planned,
    /// By nft's `jhash` with a map to the same marks, and the routing rules of `hmark plan`.
    Jhash,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::One => "one gateway",
            Self::Ecmp => "ECMP",
            Self::Resilient => "resilient ECMP",
            Self::Linear => "linear rules",
            Self::Planned => "guard and tree",
            Self::Jhash => "nft jhash",
        })
    }
}

impl Way {
    /// The ways that differ for a plan: few marks have linear rules by plan, too.
    pub fn all(plan: &Plan) -> Vec<Self> {
        let all = [
            Self::One,
            Self::Ecmp,
            Self::Resilient,
            Self::Linear,
            Self::Planned,
            Self::Jhash,
        ];
        let all = all.into_iter();
        all.filter(|way| *way != Self::Planned || plan.is_tree())
            .collect()
    }

    /// How many gateways it spreads flows over.
    pub fn gateways(self, plan: &Plan) -> usize {
        match self {
            Self::One => 1,
            _ => plan.gateways,
        }
    }

    /// Sets up a router that has its addresses and neighbours.
    ///
    /// # Errors
    /// If a command fails.
    pub fn set_up(self, plan: &Plan, router: &Netns) -> Result<()> {
        let family = plan.family;
        let digit = match family {
            Family::Ipv4 => "4",
            Family::Ipv6 => "6",
        };
        let ip = |batch: &str| {
            router.enter(|| run_with(&format!("ip -{digit} -batch -"), batch, &[]).map(drop))
        };
        let all_by = |nexthop: u32| ip(&format!("route add default nhid {nexthop}\n"));
        router.ip(&plan.nexthops)?;
        match self {
            Self::One => all_by(plan.nexthop(0)?)?,
            Self::Ecmp | Self::Resilient => {
                let members: Vec<_> = (0..plan.gateways)
                    .map(|gateway| plan.nexthop(gateway))
                    .collect::<Result<_>>()?;
                let buckets = (plan.gateways * BUCKETS) as u16;
                let buckets = Some(buckets).filter(|_| self == Self::Resilient);
                router.enter(|| group::add(GROUP, &members, buckets))?;
                all_by(GROUP)?;
            }
            Self::Linear => ip(&plan.linear())?,
            Self::Planned | Self::Jhash => ip(&plan.routing)?,
        }
        match self {
            Self::One => {}
            // By addresses and ports, as HMARK.
            Self::Ecmp | Self::Resilient => {
                router.sysctl(&format!("{}/fib_multipath_hash_policy", family.name()), "1")?;
            }
            Self::Linear | Self::Planned => {
                let restore = format!("{}-restore --noflush", family.iptables());
                router.enter(|| run_with(&restore, &plan.rules, &[]))?;
            }
            Self::Jhash => {
                let rules = jhash(plan)?;
                router.enter(|| run_with("nft -f -", &rules, &[]))?;
            }
        }
        Ok(())
    }
}

/// The rule of nft that stands in for that of HMARK.
fn jhash(plan: &Plan) -> Result<String> {
    let (ip, next) = match plan.family {
        Family::Ipv4 => ("ip", "protocol"),
        Family::Ipv6 => ("ip6", "nexthdr"),
    };
    let to = destination(plan.family);
    let marks = plan.routing.lines().filter_map(|line| {
        let (rule, _) = line.split_once(" lookup ")?;
        rule.split_once("from all fwmark ").map(|(_, mark)| mark)
    });
    let map: Vec<_> = marks
        .enumerate()
        .map(|(bucket, mark)| format!("{bucket} : {mark}"))
        .collect();
    let modulus = Some(map.len()).filter(|modulus| *modulus == plan.gateways);
    let modulus = modulus.context("a gateway has no mark")?;
    Ok(format!(
        "table {ip} hmark {{\n\
         chain prerouting {{\n\
         type filter hook prerouting priority mangle\n\
         {ip} daddr {to} meta mark set jhash {ip} saddr . {ip} daddr . th sport . th dport . {ip} {next} \
         mod {modulus} seed 0xc175a3b8 map {{ {} }}\n\
         }}\n}}\n",
        map.join(", ")
    ))
}
