// SPDX-License-Identifier: GPL-2.0-only

//! A selector that `hmark plan` sets up for many gateways: flows reach all of them, each by the way that
//! the operator's tool says, and by no other.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::patience::wait;
use testbed::trial::on_uml;
use testbed::{install, note, path};

use crate::cables::Switches;
use crate::capture::Capture;
use crate::clients;
use crate::flow::{Flow, Transport};
use crate::host::Host;
use crate::planned::{gateways, planned};
use crate::prediction;

/// The numbers of gateways: rules in a tree, and as many marks as can have weights.
const COUNTS: [usize; 2] = [70, 256];

/// Flows of each family, for each gateway.
const FLOWS: usize = 16;

/// Seed of the flows.
const SEED: u64 = 0x6d61_6e79;

/// The networks, whose names interfaces have too, but those of gateways.
const FRONT: &str = "front";
const NORTH: &str = "north";

/// The cluster's addresses.
const FOUR: [u8; 4] = [198, 51, 100, 1];
const SIX: [u16; 8] = [0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 1];

const CLIENT: &str = "
    ip link set front up
    ip address add 192.0.2.254/24 dev front
    ip address add 2001:db8:f::254/64 dev front
    for i in $(seq 1 30); do
        ip address add 10.64.1.$i/24 dev lo
        ip address add fd00:64:1::$i/64 dev lo
    done
    ip route add 198.51.100.1 via 192.0.2.1
    ip route add 2001:db8:100::1 via 2001:db8:f::1
    ";

/// All but the plan.
const SELECTOR: &str = "
    ip link set front up
    ip link set north up
    ip address add 192.0.2.1/24 dev front
    ip address add 2001:db8:f::1/64 dev front
    ip address add 10.1.0.1/16 dev north
    ip address add fd00:1::1/64 dev north
    ip route add 10.64.1.0/24 via 192.0.2.254
    ip route add fd00:64:1::/64 via 2001:db8:f::254
    ";

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let trials = |count| {
        on_uml(&format!("{}_{count}", path!(delivers)), move || {
            delivers(count)
        })
    };
    COUNTS.into_iter().flat_map(trials).collect()
}

/// One host stands for all gateways: each has an interface of its own, with a hardware address and addresses
/// that no other interface answers for.
struct Site {
    client: Host,
    selector: Arc<Host>,
    /// The gateways' addresses, of both families, and their numbers.
    places: HashMap<IpAddr, usize>,
    heard: Capture,
    _gateways: Arc<Host>,
    /// The cables exist as long as the switches do.
    _switches: Switches,
}

fn delivers(count: usize) -> Result<()> {
    let site = Site::set_up(count)?;
    let file = format!(
        "device = \"{NORTH}\"\n{}[[match]]\nin-interface = \"{FRONT}\"\n\
         destination = [\"{}\", \"{}\"]\n",
        gateways(0..count, |number| {
            (address4(number).to_string(), address6(number).to_string())
        }),
        IpAddr::from(FOUR),
        IpAddr::from(SIX),
    );
    planned(&[(Arc::clone(&site.selector), file)], || {
        Family::ALL.into_iter().try_for_each(|family| {
            let flows = site.flows(family, count * FLOWS);
            let reached = site.send(&flows)?;
            ensure!(
                reached.len() == count,
                "flows reached {} of {count} gateways",
                reached.len()
            );
            note!(
                "{family}: {} flows reached all of {count} gateways, each the one that the tool says",
                flows.len()
            );
            Ok(())
        })
    })
}

impl Site {
    fn set_up(count: usize) -> Result<Self> {
        install::install()?;
        let name = format!("many{count}");
        let start = |host: &str| Host::start(&name, host);
        let (client, selector) = (start("client")?, start("selector")?);
        let all = Arc::new(start("gateways")?);
        let switches = Switches::install(&name, vec![FRONT, NORTH])?;
        for (host, networks) in [(&client, &[FRONT][..]), (&selector, &[FRONT, NORTH])] {
            for network in networks {
                switches.plug(host, network)?;
            }
        }
        client.run(CLIENT)?;
        selector.run(SELECTOR)?;
        // An interface answers for its own addresses, and no link-local ones come and go.
        all.netns().sysctl("ipv4/conf/all/arp_ignore", "1")?;
        all.netns().sysctl("ipv6/conf/default/addr_gen_mode", "1")?;
        let interfaces: Vec<_> = (0..count).map(|number| format!("gw{number}")).collect();
        switches.plug_all(&all, NORTH, &interfaces)?;
        let mut batch = String::new();
        let mut places = HashMap::new();
        for (number, interface) in interfaces.iter().enumerate() {
            for (address, bits) in [(address4(number), 16), (address6(number), 64)] {
                writeln!(batch, "address add {address}/{bits} dev {interface}")?;
                places.insert(address, number);
            }
        }
        all.netns().ip(&batch)?;
        let interfaces: Vec<_> = interfaces.iter().map(String::as_str).collect();
        Ok(Self {
            client,
            selector: Arc::new(selector),
            places,
            heard: Capture::start(std::slice::from_ref(&all), &interfaces)?,
            _gateways: all,
            _switches: switches,
        })
    }

    fn flows(&self, family: Family, count: usize) -> Vec<Flow> {
        let server: IpAddr = match family {
            Family::Ipv4 => FOUR.into(),
            Family::Ipv6 => SIX.into(),
        };
        let addresses: Vec<IpAddr> = (1..=30)
            .map(|client| match family {
                Family::Ipv4 => [10, 64, 1, client].into(),
                // As the shell writes them: decimal digits are read as hexadecimal ones.
                Family::Ipv6 => {
                    let digits = u16::from(client / 10) * 16 + u16::from(client % 10);
                    [0xfd00, 0x64, 1, 0, 0, 0, 0, digits].into()
                }
            })
            .collect();
        let server = SocketAddr::new(server, Transport::Udp.service());
        clients::choose(Transport::Udp, &addresses, server, count, SEED)
    }

    /// Sends a datagram of each flow, and returns the gateways that they reached.
    fn send(&self, flows: &[Flow]) -> Result<BTreeSet<usize>> {
        let selector = prediction::saved(&self.selector)?;
        self.heard.take()?;
        self.client.netns().enter(|| {
            for flow in flows {
                clients::bind(flow)?.send_to(b"question", &flow.destination.into())?;
            }
            Ok(())
        })?;
        let mut seen: HashMap<Flow, Vec<usize>> = HashMap::new();
        let waited = wait("flows are missing", || {
            for (sighting, packets) in self.heard.take()? {
                let places = std::iter::repeat_n(sighting.interface, packets as usize);
                seen.entry(sighting.flow).or_default().extend(places);
            }
            Ok(flows.iter().all(|flow| seen.contains_key(flow)))
        });
        waited.with_context(|| format!("{} of {} flows seen", seen.len(), flows.len()))?;
        let mut reached = BTreeSet::new();
        for flow in flows {
            let (gateway, _) = prediction::ask(&selector, flow, FRONT)?;
            let place = self.places.get(&gateway).copied();
            let place = place.with_context(|| format!("no gateway has {gateway}"))?;
            ensure!(
                seen[flow] == [place],
                "{flow}: the tool says {place}, seen by {:?}",
                seen[flow]
            );
            reached.insert(place);
        }
        Ok(reached)
    }
}

fn address4(number: usize) -> IpAddr {
    [10, 1, 1, number as u8].into()
}

fn address6(number: usize) -> IpAddr {
    [0xfd00, 1, 0, 0, 0, 0, 1, number as u16].into()
}
