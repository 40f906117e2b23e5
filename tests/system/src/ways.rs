// SPDX-License-Identifier: GPL-2.0-only

//! Ways of packets through a router with random rules, routing rules and routes: each leaves by the gateway,
//! with the mark, that the operator's tool says beforehand. Every gateway has a device of its own.

mod random;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{ensure, Context, Result};
use hmark_cli::flow::{Flow, Layer4, Protocol};
use hmark_cli::host::Host;
use hmark_cli::routing::Next;
use hmark_cli::way::{Question, Way};
use libtest_mimic::Trial;
use packets::protocol::{ESP, ICMP, ICMPV6};
use packets::{Bytes, Random};
use testbed::command::run_with;
use testbed::family::Family;
use testbed::netns::Netns;
use testbed::note;
use testbed::side::Side;
use testbed::trial::families;
use testbed::trials;

use crate::backend::Backend;
use crate::nflog::{Logged, Nflog, GROUP};
use crate::{prediction, seed, traffic};

/// Number of random rulesets with their routes, for each family.
const ROUTERS: usize = 16;
/// Number of packets that meet each of them.
const PACKETS: usize = 60;
/// Devices by which packets come in.
const INPUTS: [&str; 2] = ["in0", "in1"];
/// Number of gateways.
const GATEWAYS: usize = 4;
/// The least share of ways that the tool tells, in per cent. It cannot tell those of ESP by rules that look
/// at conntrack's tuple.
const LEAST_TOLD: usize = 95;
/// The most differences that are shown.
const SHOWN: usize = 3;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![families(are_as_predicted)]
}

/// The end of a packet's way.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// It is dropped, or has no route.
    Nowhere,
    /// It comes to the router itself, with this mark.
    Local(u32),
    /// It leaves by this device, with this mark.
    Sent(String, u32),
}

/// A packet, and the device that it comes in by.
struct Sent {
    flow: Flow,
    bytes: Vec<u8>,
    input: usize,
}

/// A router, and its test.
struct Router {
    family: Family,
    random: Random,
    nflog: Nflog,
    inputs: Vec<tun::Device>,
    /// Number of rulesets so far.
    routers: usize,
    /// The flows that conntrack has seen. All that are sent are new.
    used: HashSet<Flow>,
}

fn are_as_predicted(family: Family) -> Result<()> {
    Side::Ours.load_module()?;
    let seed = seed()?;
    let netns = Netns::add("hmark-ways")?;
    let result = netns.enter(|| {
        let mut router = Router::build(family, seed)?;
        let mut counts = BTreeMap::new();
        let mut differences = Vec::new();
        for number in 0..ROUTERS {
            let backend = Backend::ALL[number % Backend::ALL.len()];
            let compared = router.compare(backend, &mut counts, &mut differences);
            compared.with_context(|| format!("router {number} of seed {seed}"))?;
        }
        Ok((counts, differences))
    });
    for backend in Backend::ALL {
        let restore = backend.program(family, "-restore");
        netns.enter(|| run_with(&restore, random::EMPTY, &[]))?;
    }
    testbed::module::unload()?;
    let (counts, differences) = result?;
    let count = |name| counts.get(name).copied().unwrap_or(0);
    let told: usize = ["nowhere", "local", "sent"].into_iter().map(count).sum();
    let unknown: usize = counts.values().sum::<usize>() - told;
    note!("{family}: seed {seed}: {ROUTERS} routers, {told} ways as predicted: {counts:?}");
    ensure!(
        differences.is_empty(),
        "{} ways of seed {seed} are others than predicted:{}",
        differences.len(),
        differences[..differences.len().min(SHOWN)].concat()
    );
    ensure!(
        told * 100 >= (told + unknown) * LEAST_TOLD,
        "the tool tells too few ways: {counts:?}"
    );
    for name in ["nowhere", "local", "sent"] {
        ensure!(count(name) > 0, "no packet is {name}: {counts:?}");
    }
    Ok(())
}

impl Router {
    /// Makes devices, addresses and neighbours, in the namespace of this thread.
    fn build(family: Family, seed: u64) -> Result<Self> {
        let sysctls: &[(&str, &str)] = match family {
            Family::Ipv4 => &[
                ("ipv4/ip_forward", "1"),
                ("ipv4/conf/all/rp_filter", "0"),
                ("ipv4/conf/default/rp_filter", "0"),
                ("netfilter/nf_conntrack_checksum", "0"),
            ],
            Family::Ipv6 => &[
                ("ipv6/conf/all/forwarding", "1"),
                ("ipv6/conf/default/forwarding", "1"),
                ("ipv6/conf/default/accept_dad", "0"),
                ("netfilter/nf_conntrack_checksum", "0"),
            ],
        };
        for (key, value) in sysctls {
            let path = format!("/proc/sys/net/{key}");
            std::fs::write(&path, value).context(path)?;
        }
        let inputs = INPUTS.map(|name| {
            let mut configuration = tun::configure();
            configuration.tun_name(name).up();
            tun::create(&configuration).with_context(|| format!("cannot make {name}"))
        });
        let inputs = inputs.into_iter().collect::<Result<_>>()?;
        let mut batch = String::new();
        for (number, name) in INPUTS.iter().enumerate() {
            let address = random::own(family, number);
            writeln!(batch, "address add {address} dev {name}")?;
        }
        for number in 0..GATEWAYS {
            let address = random::own(family, 2 + number);
            writeln!(
                batch,
                "link add gate{number} type dummy\nlink set gate{number} up\n\
                 address add {address} dev gate{number}"
            )?;
        }
        run_with("ip -batch -", &batch, &[])?;
        Ok(Self {
            family,
            random: Random::new(seed),
            nflog: Nflog::open()?,
            inputs,
            routers: 0,
            used: HashSet::new(),
        })
    }

    /// Compares the ways of packets with those that the tool predicts, under new rules and routes.
    fn compare(
        &mut self,
        backend: Backend,
        counts: &mut BTreeMap<String, usize>,
        differences: &mut Vec<String>,
    ) -> Result<()> {
        let (raw, mangle) = log_rules(self.family);
        for other in Backend::ALL {
            let restore = other.program(self.family, "-restore");
            let rules = match other == backend {
                true => random::rules(self.family, &mut self.random, &raw, &mangle),
                false => random::EMPTY.to_owned(),
            };
            run_with(&restore, &rules, &[]).with_context(|| rules.clone())?;
        }
        // Tables are not used again, so that none must be flushed.
        let first = 100 + 6 * self.routers;
        self.routers += 1;
        let routing = random::routing(self.family, first, &mut self.random);
        let ip = match self.family {
            Family::Ipv4 => "ip -4 -batch -",
            Family::Ipv6 => "ip -6 -batch -",
        };
        run_with(ip, &routing, &[]).with_context(|| routing.clone())?;
        let host = prediction::host(backend)?;
        let packets: Vec<_> = (0..PACKETS).filter_map(|_| self.packet()).collect();
        let ends = self.send(&packets)?;
        for sent in &packets {
            let question = Question {
                input: Some(INPUTS[sent.input].to_owned()),
                ..Question::new(sent.flow)
            };
            let way = host.way(&question)?;
            let real = ends.get(addressed(self.family, &sent.bytes));
            let real = real.unwrap_or(&End::Nowhere);
            let name = match (predicted(&way), real) {
                (Err(reason), _) => format!("not told: {reason}"),
                (Ok(end), real) if end == *real => match end {
                    End::Nowhere => "nowhere".to_owned(),
                    End::Local(_) => "local".to_owned(),
                    End::Sent(..) => "sent".to_owned(),
                },
                (Ok(end), real) => {
                    let Sent { flow, input, .. } = sent;
                    differences.push(format!(
                        "\n{flow} by {}: the tool says {end:x?}, but {real:x?}; {backend}:\n{}\n{routing}",
                        INPUTS[*input],
                        rules_of(&host, self.family)
                    ));
                    "another way".to_owned()
                }
            };
            *counts.entry(name).or_default() += 1;
        }
        Ok(())
    }

    /// A packet of a flow that was not sent before; [`None`] if it was.
    fn packet(&mut self) -> Option<Sent> {
        let flow = random::flow(self.family, &mut self.random);
        let mut bytes = Bytes::default();
        bytes.headers(flow, &[]);
        bytes.layer4(flow);
        bytes.finish(self.family);
        let [sport, dport] = [flow.source.port(), flow.destination.port()];
        let layer4 = match flow.protocol {
            ESP => Layer4::Spi((u32::from(sport) << 16) | u32::from(dport)),
            ICMP | ICMPV6 => Layer4::Icmp {
                kind: if flow.protocol == ICMP { 8 } else { 128 },
                code: 0,
                id: sport,
            },
            _ => Layer4::Ports {
                source: sport,
                destination: dport,
            },
        };
        let (source, destination) = (flow.source.ip(), flow.destination.ip());
        let of = |layer4| Flow::new(Protocol(flow.protocol), source, destination, layer4);
        let flow = of(layer4)?;
        // Conntrack does not know an SPI.
        let is_new = self.used.insert(match layer4 {
            Layer4::Spi(_) => of(Layer4::None)?,
            _ => flow,
        });
        is_new.then(|| Sent {
            flow,
            bytes: bytes.as_slice().to_vec(),
            input: self.random.below(INPUTS.len()),
        })
    }

    /// Sends packets, and returns the ends of those that come to one, by [`addressed`].
    fn send(&mut self, packets: &[Sent]) -> Result<HashMap<Vec<u8>, End>> {
        let last = traffic::sentinel(self.family);
        for sent in packets {
            self.inputs[sent.input].write_all(&sent.bytes)?;
        }
        self.inputs[0].write_all(&last)?;
        let mut logged = Vec::new();
        while !logged.iter().any(|one: &Logged| one.packet == last) {
            self.nflog.receive(&mut logged)?;
        }
        logged.retain(|one| one.packet != last);
        let end = |Logged { rule, packet, mark }| {
            let key = addressed(self.family, &packet).to_vec();
            match rule.as_str() {
                "local" => (key, End::Local(mark)),
                _ => (key, End::Sent(rule, mark)),
            }
        };
        Ok(logged.into_iter().map(end).collect())
    }
}

/// The bytes of a packet that routers leave alone: from the addresses on.
fn addressed(family: Family, packet: &[u8]) -> &[u8] {
    match family {
        Family::Ipv4 => &packet[12..],
        Family::Ipv6 => &packet[8..],
    }
}

/// Rules that log the last packet, and rules that log where packets come to.
fn log_rules(family: Family) -> (String, String) {
    let nflog = |name: &str| format!("-j NFLOG --nflog-group {GROUP} --nflog-prefix {name}\n");
    let last = traffic::sentinel_source(family);
    let raw = format!(
        "-A PREROUTING -s {last} {}-A PREROUTING -s {last} -j DROP\n",
        nflog("last")
    );
    let mut mangle = format!("-A INPUT {}", nflog("local"));
    let gates = (0..GATEWAYS).map(|number| format!("gate{number}"));
    for device in gates.chain(INPUTS.map(str::to_owned)) {
        let _ = write!(mangle, "-A FORWARD -o {device} {}", nflog(&device));
    }
    (raw, mangle)
}

/// The end of a way as the tool predicts it, or the reason why it cannot.
fn predicted(way: &Way<'_>) -> Result<End, String> {
    if let Some(unknown) = &way.cannot_tell {
        return Err(unknown.reason.clone());
    }
    let mark = way.mark.unwrap_or(0);
    Ok(match way.found.as_ref().map(|found| &found.next) {
        _ if way.dropped.is_some() => End::Nowhere,
        Some(Next::Local) => End::Local(mark),
        Some(Next::Hop(hop)) => End::Sent(hop.device.clone().unwrap_or_default(), mark),
        _ => End::Nowhere,
    })
}

/// The rules of a host, for a report.
fn rules_of(host: &Host, family: Family) -> String {
    let mut text = String::new();
    let rules = host.side(family).ruleset.get();
    for (table, chain, rule) in rules.into_iter().flat_map(|rules| rules.rules()) {
        let _ = writeln!(text, "{} {} {}", table.name, chain.name, rule.text);
    }
    text
}
