// SPDX-License-Identifier: GPL-2.0-only

//! The end-to-end cost of a chain of rules: packets per second that pass it, with HMARK in Rust and
//! in C, with nftables' equivalents, and with plain MARK.

use std::fmt;
use std::fmt::Write as _;

use anyhow::{ensure, Context, Result};
use testbed::command::run_with;
use testbed::family::{Commands, Family};
use testbed::netns::Netns;
use testbed::{install, module};

use crate::effort::Effort;
use crate::pktgen::{self, Traffic};
use crate::progress::Progress;
use crate::report::{Ratio, Row, Table};
use crate::series::Series;

/// Number of rules in a chain, where the number itself is not being measured.
const RULES: usize = 200;

/// Rounds in which each kind of rule has its turn. One more round before them is not counted.
const ROUNDS: usize = 9;

/// Approximate number of target calls in a round, which sets the number of packets to send.
const CALLS: usize = 8_000_000;

/// Source ports of the flows, without the last.
const PORTS: (u16, u16) = (10_000, 11_000);

/// Maximum number of packets in a round.
const MOST_PACKETS: usize = 200_000;

/// The action of a rule on a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ours,
    C,
    Jhash,
    Symhash,
    Mark,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ours => "ours",
            Self::C => "C HMARK",
            Self::Jhash => "nft jhash",
            Self::Symhash => "nft symhash",
            Self::Mark => "MARK",
        })
    }
}

impl Kind {
    /// Loads the module that this kind needs, if it is one of the two HMARK modules.
    fn load(self) -> Result<()> {
        match self {
            Self::Ours => module::load_ours(),
            Self::C => module::load_c(),
            _ => Ok(()),
        }
    }

    /// The program that takes the rules of this kind, and its input for `count` rules.
    fn rules(self, family: Family, count: usize) -> (String, String) {
        let ip = table(family);
        let next = match family {
            Family::Ipv4 => "protocol",
            Family::Ipv6 => "nexthdr",
        };
        let rule = match self {
            Self::Ours | Self::C => {
                "HMARK --hmark-tuple src,dst,sport,dport,proto --hmark-mod 4 --hmark-offset 100 \
                 --hmark-rnd 0xc175a3b8"
                    .to_owned()
            }
            Self::Mark => "MARK --set-xmark 0x64/0xffffffff".to_owned(),
            Self::Jhash => format!(
                "meta mark set jhash {ip} saddr . {ip} daddr . th sport . th dport . {ip} {next} \
                 mod 4 seed 0xc175a3b8 offset 100"
            ),
            Self::Symhash => "meta mark set symhash mod 4 offset 100".to_owned(),
        };
        let mut text = String::new();
        match self {
            Self::Ours | Self::C | Self::Mark => {
                text += "*mangle\n";
                for _ in 0..count {
                    let _ = writeln!(text, "-A PREROUTING -j {rule}");
                }
                text += "COMMIT\n";
                (format!("{}-legacy-restore", family.iptables()), text)
            }
            Self::Jhash | Self::Symhash => {
                let _ = writeln!(text, "table {ip} hmark {{\nchain prerouting {{");
                text += "type filter hook prerouting priority mangle\n";
                for _ in 0..count {
                    let _ = writeln!(text, "{rule}");
                }
                text += "}\n}\n";
                ("nft -f -".to_owned(), text)
            }
        }
    }
}

/// nft's names for the family and for its headers.
fn table(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip6",
    }
}

/// Measures all paths, and how the cost grows with the number of rules.
pub fn run(progress: &mut Progress) -> Result<Table> {
    install::install()?;
    pktgen::load()?;
    let effort = Effort::new(ROUNDS);
    let mut rows = Vec::new();
    for family in Family::ALL {
        for path in [Path::loopback(family)?, Path::router(family)?] {
            let kinds = [Kind::Ours, Kind::C, Kind::Jhash, Kind::Symhash, Kind::Mark];
            rows.extend(path.measure(&kinds, RULES, &effort, progress)?);
        }
    }
    for rules in [1, 10, 100, 1000] {
        let path = Path::loopback(Family::Ipv4)?;
        rows.extend(path.measure(&[Kind::Ours, Kind::C], rules, &effort, progress)?);
    }
    Ok(Table {
        benchmark: "chains",
        title: "Chains: packets that pass a chain of rules of our target, and of others.",
        unit: effort.rate,
        ratio: Ratio::OursByOther,
        rows,
    })
}

/// A path that packets take, through a chain in `PREROUTING` of one namespace.
struct Path {
    name: &'static str,
    traffic: Traffic,
    /// The namespace with the chain.
    marking: Netns,
    /// The namespaces where packets start and end, if these are not the one with the chain.
    ends: Option<[Netns; 2]>,
}

/// Counts and drops the packets that arrive, after they have passed the chain.
const SINK: &str = "table inet sink {
    chain input {
        type filter hook input priority 0
        counter name arrived drop
    }
    counter arrived { }
}
";

impl Path {
    /// Sends packets to the namespace's own address.
    fn loopback(family: Family) -> Result<Self> {
        let namespace = Netns::add("loopback")?;
        namespace.enter(|| run_with("nft -f -", SINK, &[]))?;
        let own = match family {
            Family::Ipv4 => {
                // Packets from the stack itself arrive with a route; these have none.
                namespace.sysctl("ipv4/conf/lo/route_localnet", "1")?;
                namespace.sysctl("ipv4/conf/lo/accept_local", "1")?;
                "127.0.0.1"
            }
            Family::Ipv6 => "::1",
        };
        Ok(Self {
            name: "loopback",
            traffic: Traffic {
                family,
                device: "lo",
                receiver: "00:00:00:00:00:00".to_owned(),
                source: own,
                destination: own,
                ports: PORTS,
            },
            marking: namespace,
            ends: None,
        })
    }

    /// Sends packets over a veth pair to a router, and over another pair to their destination.
    fn router(family: Family) -> Result<Self> {
        let [sender, router, receiver] = [
            Netns::add("sender")?,
            Netns::add("router")?,
            Netns::add("receiver")?,
        ];
        sender.ip("link add out address 02:00:00:00:00:01 type veth \
            peer name in address 02:00:00:00:00:02 netns router\n\
            link set out up\n")?;
        router.ip("link add out address 02:00:00:00:00:03 type veth \
            peer name in address 02:00:00:00:00:04 netns receiver\n\
            link set in up\n\
            link set out up\n")?;
        receiver.ip("link set in up\n")?;
        let [source, near, far, destination] = match family {
            Family::Ipv4 => ["10.1.0.1", "10.1.0.2", "10.2.0.1", "10.2.0.2"],
            Family::Ipv6 => ["fd01::1", "fd01::2", "fd02::1", "fd02::2"],
        };
        let (bits, nodad, forwarding) = match family {
            Family::Ipv4 => (24, "", "ipv4/ip_forward"),
            Family::Ipv6 => (64, "nodad", "ipv6/conf/all/forwarding"),
        };
        router.sysctl(forwarding, "1")?;
        router.ip(&format!(
            "address add {near}/{bits} dev in {nodad}\n\
             address add {far}/{bits} dev out {nodad}\n\
             neighbour add {destination} lladdr 02:00:00:00:00:04 dev out\n"
        ))?;
        receiver.ip(&format!(
            "address add {destination}/{bits} dev in {nodad}\n"
        ))?;
        receiver.enter(|| run_with("nft -f -", SINK, &[]))?;
        Ok(Self {
            name: "router",
            traffic: Traffic {
                family,
                device: "out",
                receiver: "02:00:00:00:00:02".to_owned(),
                source,
                destination,
                ports: PORTS,
            },
            marking: router,
            ends: Some([sender, receiver]),
        })
    }

    fn sender(&self) -> &Netns {
        self.ends
            .as_ref()
            .map_or(&self.marking, |[sender, _]| sender)
    }

    fn receiver(&self) -> &Netns {
        self.ends
            .as_ref()
            .map_or(&self.marking, |[_, receiver]| receiver)
    }

    /// Sends packets through `count` rules of each kind in turn, and compares the first kind with
    /// each of the others.
    fn measure(
        &self,
        kinds: &[Kind],
        count: usize,
        effort: &Effort,
        progress: &mut Progress,
    ) -> Result<Vec<Row>> {
        let family = self.traffic.family;
        let packets = (CALLS / count).min(MOST_PACKETS) / effort.less;
        let rounds = effort.rounds;
        progress.phase(&format!(
            "{family} {}: {packets} packets past {count} rules, {rounds} rounds and one to warm up",
            self.name
        ));
        let mut rates = vec![Vec::new(); kinds.len()];
        for round in 0..=rounds {
            progress.step(&format!("round {round} of {rounds}"));
            for turn in 0..kinds.len() {
                // Rotates the order, so that no kind is always first.
                let turn = (turn + round) % kinds.len();
                let rate = self
                    .pass(kinds[turn], count, packets)
                    .with_context(|| format!("{family} {}, {}", self.name, kinds[turn]))?;
                if round > 0 {
                    rates[turn].push(rate / 1000.0);
                }
            }
        }
        let (ours, others) = rates.split_first().context("there is a kind")?;
        Ok(kinds[1..]
            .iter()
            .zip(others)
            .map(|(kind, other)| Row {
                name: format!("{family} {}, {count} rules", self.name),
                of: kind.to_string(),
                series: Series {
                    ours: ours.clone(),
                    other: other.clone(),
                },
                floor: Vec::new(),
            })
            .collect())
    }

    /// Sends packets through rules of one kind, and returns how many passed per second.
    fn pass(&self, kind: Kind, count: usize, packets: usize) -> Result<f64> {
        kind.load()?;
        let (program, rules) = kind.rules(self.traffic.family, count);
        self.marking.enter(|| run_with(&program, &rules, &[]))?;
        self.receiver().run("nft reset counters")?;
        let rate = self.sender().enter(|| self.traffic.send(packets as u32))?;
        let counters = self.receiver().run("nft list counters")?;
        let dropped = counters
            .split_once("packets ")
            .and_then(|(_, rest)| rest.split(' ').find_map(|word| word.parse::<usize>().ok()));
        ensure!(
            dropped.is_some_and(|dropped| dropped >= packets),
            "of {packets} packets, {dropped:?} came through"
        );
        match kind {
            Kind::Jhash | Kind::Symhash => {
                let table = table(self.traffic.family);
                self.marking
                    .run(&format!("nft delete table {table} hmark"))?;
            }
            _ => {
                let iptables = self.traffic.family.iptables();
                self.marking
                    .run(&format!("{iptables}-legacy -t mangle -F"))?;
            }
        }
        Ok(rate)
    }
}
