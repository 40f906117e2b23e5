// SPDX-License-Identifier: GPL-2.0-only

//! The packets, from one seed. What a router reads before PREROUTING is valid; all else need not
//! be.

use std::net::{IpAddr, SocketAddr};

use packets::protocol::{
    icmp, AH, DCCP, DESTINATION, ESP, GRE, HOP_BY_HOP, ICMP, ICMPV6, NONE, ROUTING, SCTP, TCP, UDP,
    UDPLITE,
};
use packets::{generate, Bytes, Flow, Random};
use testbed::family::Family;

/// An option that routers skip if they do not know it.
const SKIPPED: u8 = 0x1e;

/// The protocols. The last number is assigned to none.
const fn protocols(family: Family) -> [u8; 10] {
    let icmp = icmp(family);
    [TCP, UDP, UDPLITE, SCTP, DCCP, ESP, AH, GRE, icmp, 200]
}

/// The form of an IP packet.
#[derive(Clone, Copy)]
enum Form {
    Plain,
    /// With IPv4 options or IPv6 extension headers.
    Extended,
    FirstFragment,
    LaterFragment,
}

const FORMS: [Form; 4] = [
    Form::Plain,
    Form::Extended,
    Form::FirstFragment,
    Form::LaterFragment,
];

/// `count` packets for namespaces without conntrack: every protocol in every form, quoted by up to
/// two ICMP messages, in turn. Some are spoilt or cut off, and there are random ones among them.
pub fn stateless(family: Family, seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    let protocols = protocols(family);
    let packet = |number: usize| {
        built(|bytes| {
            let (protocol, number) = (number % protocols.len(), number / protocols.len());
            let (form, quotes) = (FORMS[number % FORMS.len()], number / FORMS.len() % 3);
            if random.percent(20) {
                generate::packet(family, bytes, &mut random);
            } else {
                for _ in 0..quotes {
                    let flow = flow(family, icmp(family), &mut random);
                    let form = random.pick(&[Form::Plain, Form::Extended]);
                    headers(form, flow, bytes, &mut random);
                    message(family, bytes, &mut random);
                }
                let flow = flow(family, protocols[protocol], &mut random);
                headers(form, flow, bytes, &mut random);
                bytes.push(&content(flow, &mut random)[0]);
                if random.percent(15) {
                    generate::spoil(bytes, &mut random);
                }
            }
            if random.percent(10) {
                bytes.truncate(random.between(family.header_len(), bytes.len()));
            }
            admit(family, bytes);
        })
    };
    (0..count).map(packet).collect()
}

/// `count` random packets for namespaces without conntrack, most of them of tunnels or errors about one.
pub fn random(family: Family, seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    let packet = |_| {
        built(|bytes| {
            match random.below(4) {
                0 => generate::packet(family, bytes, &mut random),
                _ => generate::packet_v1(family, bytes, &mut random),
            }
            admit(family, bytes);
        })
    };
    (0..count).map(packet).collect()
}

/// Makes valid what a router reads before PREROUTING.
fn admit(family: Family, bytes: &mut Bytes) {
    let packet = bytes.as_mut_slice();
    match family {
        Family::Ipv4 => {
            let words = (packet[0] & 0x0f).max(5);
            let fits = usize::from(words) * 4 <= packet.len();
            packet[0] = 0x40 | if fits { words } else { 5 };
        }
        Family::Ipv6 => {
            packet[0] = 0x60 | (packet[0] & 0x0f);
            // Neither loopback nor multicast, but global unicast.
            for address in [8, 24] {
                packet[address] = 0x20 | (packet[address] & 0x1f);
            }
            // Hop-by-hop options are read early, if they come first.
            match packet.len().checked_sub(48) {
                _ if packet[6] != HOP_BY_HOP => {}
                None => packet[6] = DESTINATION,
                Some(room) => {
                    packet[41] = packet[41].min((room / 8).min(31) as u8);
                    packet[42] = SKIPPED;
                    packet[43] = packet[41] * 8 + 4;
                }
            }
        }
    }
    bytes.finish(family);
}

/// At least `count` packets for conntrack: flows in both directions, related ICMP errors,
/// fragments that are reassembled, and packets that conntrack refuses to track.
pub fn connections(family: Family, seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    let mut packets = Vec::new();
    for protocol in protocols(family).into_iter().cycle() {
        if packets.len() >= count {
            break;
        }
        let flow = flow(family, protocol, &mut random);
        connection(flow, &mut random, &mut packets);
    }
    packets
}

/// Packets of one connection, and others related to it, in the order in which they are sent.
fn connection(flow: Flow, random: &mut Random, packets: &mut Vec<Vec<u8>>) {
    let (family, back) = (flow.family(), flow.reversed());
    let plain = |flow, content: &[u8]| packet(flow, content, |bytes| bytes.headers(flow, &[]));
    let error = |flow: Flow, quoted: &[u8], random: &mut Random| {
        packet(flow, quoted, |bytes| {
            bytes.headers(flow.with(icmp(family)), &[]);
            message(family, bytes, random);
        })
    };
    let [forth, reply] = content(flow, random);
    let (first, second) = (plain(flow, &forth), plain(back, &reply));
    packets.extend([first.clone(), second.clone(), first.clone()]);
    packets.push(packet(flow, &forth, |bytes| {
        headers(Form::Extended, flow, bytes, random)
    }));
    // Errors from the server's and from the client's side; the last one quotes no connection.
    packets.push(error(back, &first, random));
    packets.push(error(flow, &second, random));
    packets.push(error(back, &first[..first.len() - 4], random));
    let [from, unknown] = [(); 2].map(|()| self::flow(family, UDP, random));
    packets.push(error(from, &plain(unknown, &layer4(unknown)), random));
    // The kernel reassembles these before anything else sees them.
    let (long, id) = ([&forth[..], &[0x77; 96]].concat(), random.u16());
    for (content, offset, more) in [(&long[..48], 0, true), (&long[48..], 6, false)] {
        packets.push(packet(flow, content, |bytes| {
            bytes.fragment(flow, offset, more, id)
        }));
    }
    // A TCP packet with SYN and RST is invalid.
    let mut invalid = layer4(flow.with(TCP));
    invalid[13] = 0x06;
    packets.push(plain(flow.with(TCP), &invalid));
}

/// What follows the IP headers of a flow's first packet, and of the answer to it: mostly a header
/// of the protocol.
fn content(flow: Flow, random: &mut Random) -> [Vec<u8>; 2] {
    if random.percent(25) {
        // Often fewer bytes than a header has.
        let most = random.pick(&[8, 64]);
        return [(); 2].map(|()| built(|bytes| bytes.push_random(random.below(most), random)));
    }
    let forth = layer4(flow);
    let mut reply = layer4(flow.reversed());
    match flow.protocol {
        // SYN and ACK, which acknowledges the number of the first packet.
        TCP => (reply[11], reply[13]) = (2, 0x12),
        // The identifier is the same.
        ICMP => reply = [&[0], &forth[1..]].concat(),
        ICMPV6 => reply = [&[129], &forth[1..]].concat(),
        _ => {}
    }
    [forth, reply]
}

fn layer4(flow: Flow) -> Vec<u8> {
    built(|bytes| bytes.layer4(flow))
}

/// Appends the headers before layer 4.
fn headers(form: Form, flow: Flow, bytes: &mut Bytes, random: &mut Random) {
    let (number, id) = (random.between(1, 4), random.u16());
    match (form, flow.family()) {
        (Form::Plain, _) => bytes.headers(flow, &[]),
        (Form::Extended, Family::Ipv4) => bytes.options(flow, number as u8),
        (Form::Extended, Family::Ipv6) => {
            let mut chain = [(); 4].map(|()| random.pick(&[ROUTING, DESTINATION]));
            // They may only come first.
            if random.percent(50) {
                chain[0] = HOP_BY_HOP;
            }
            let last = match random.below(10) {
                0 => NONE,
                _ => flow.protocol,
            };
            bytes.headers(flow.with(last), &chain[..number]);
        }
        (Form::FirstFragment, _) => bytes.fragment(flow, 0, true, id),
        (Form::LaterFragment, _) => {
            bytes.fragment(flow, random.between(1, 180) as u16, random.percent(50), id);
        }
    }
}

/// Appends an ICMP header, mostly of an error.
fn message(family: Family, bytes: &mut Bytes, random: &mut Random) {
    let errors: &[u8] = match family {
        Family::Ipv4 => &[3, 4, 5, 11, 12],
        Family::Ipv6 => &[1, 2, 3, 4, 100, 127],
    };
    let kind = match random.below(5) {
        0 => random.u8(),
        _ => random.pick(errors),
    };
    bytes.push(&[kind, random.below(5) as u8, 0, 0, 0, 0, 0, 0]);
}

/// Two ends, some of which appear repeatedly.
fn flow(family: Family, protocol: u8, random: &mut Random) -> Flow {
    let mut end = || {
        let ip: IpAddr = match (family, random.percent(25)) {
            (Family::Ipv4, true) => [10, 0, 0, random.between(1, 8) as u8].into(),
            (Family::Ipv4, false) => {
                // Unicast, but neither loopback nor "this network".
                let first = random.pick(&[1, 10, 126, 128, 192, 223]);
                [first, random.u8(), random.u8(), random.u8()].into()
            }
            (Family::Ipv6, true) => {
                [0x2001, 0xdb8, 0, 0, 0, 0, 0, random.between(1, 8) as u16].into()
            }
            (Family::Ipv6, false) => {
                let mut address = [0; 16];
                random.fill(&mut address);
                address[0] = 0x20 | (address[0] & 0x1f);
                address.into()
            }
        };
        SocketAddr::new(ip, generate::port(random))
    };
    Flow {
        source: end(),
        destination: end(),
        protocol,
    }
}

/// A packet that is in no experiment and marks the end of a chunk.
pub fn sentinel(family: Family) -> Vec<u8> {
    let flow = sentinel_flow(family);
    packet(flow, b"the end of a chunk", |bytes| {
        bytes.headers(flow, &[])
    })
}

/// The address that sends it.
pub fn sentinel_source(family: Family) -> IpAddr {
    sentinel_flow(family).source.ip()
}

fn sentinel_flow(family: Family) -> Flow {
    flow(family, UDP, &mut Random::new(0))
}

/// The packet that has these headers before its content.
fn packet(flow: Flow, content: &[u8], headers: impl FnOnce(&mut Bytes)) -> Vec<u8> {
    built(|bytes| {
        headers(bytes);
        bytes.push(content);
        bytes.finish(flow.family());
    })
}

fn built(build: impl FnOnce(&mut Bytes)) -> Vec<u8> {
    let mut bytes = Bytes::default();
    build(&mut bytes);
    bytes.as_slice().to_vec()
}

#[cfg(test)]
mod test {
    use std::collections::HashMap;

    use hmark::{explain, Found, Subject};

    use super::*;
    use crate::marks;

    /// The least number of packets of each protocol, form and quotation among so many.
    fn least(family: Family, packets: usize) -> usize {
        let header = family.header_len() as u32;
        let mut counts = HashMap::new();
        for packet in stateless(family, crate::SEED, packets) {
            let rule = generate::sharp_rule();
            let explained = explain(family, &packet[..], &rule);
            let Subject::Packet(Found::At(place)) = explained.subject else {
                continue;
            };
            let form = match place.transport.saturating_sub(place.network) > header {
                _ if place.fragment => "fragment",
                true => "extended",
                false => "plain",
            };
            let quoted = match place.network {
                0 => "not quoted",
                at if at == header + 8 => "quoted",
                _ => "quoted behind extensions",
            };
            *counts.entry((place.protocol, form, quoted)).or_insert(0) += 1;
        }
        let count = |key| counts.get(&key).copied().unwrap_or(0);
        let forms = ["plain", "extended", "fragment"];
        let quotations = ["not quoted", "quoted", "quoted behind extensions"];
        let of_protocol = |protocol| {
            let of_form = move |form| quotations.map(|quoted| count((protocol, form, quoted)));
            forms.into_iter().flat_map(of_form)
        };
        protocols(family)
            .into_iter()
            .flat_map(of_protocol)
            .min()
            .unwrap_or(0)
    }

    #[test]
    fn every_protocol_is_found_in_every_form_and_quotation() {
        for family in Family::ALL {
            assert!(least(family, marks::PACKETS) >= 3, "{family}");
            assert!(least(family, marks::FEWER_PACKETS) >= 1, "{family}");
        }
    }
}
