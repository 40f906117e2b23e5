// SPDX-License-Identifier: GPL-2.0-only

//! Random rules of iptables, routing rules and routes, and the flows that meet them. Addresses, ports and
//! marks are few, so that each is met often.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use packets::protocol::{icmp, ESP, SCTP, TCP, UDP};
use packets::{Flow, Random};
use testbed::family::Family;

use super::GATEWAYS;

/// No rules at all, for `iptables-restore`.
pub const EMPTY: &str = "*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n\
                         *mangle\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*nat\nCOMMIT\n";

const MARKS: [u32; 9] = [0, 1, 2, 3, 4, 0x10, 0x11, 0x100, 0x101];
const PORTS: [&str; 5] = ["80", "5060", "1:30000", "40000:65535", "5060:50000"];

/// An address of the router with its prefix length, by the number of the device.
pub fn own(family: Family, device: usize) -> String {
    match family {
        Family::Ipv4 => format!("10.{device}.0.1/24"),
        Family::Ipv6 => format!("fd00:{device}::1/64"),
    }
}

fn gateway(family: Family, random: &mut Random) -> String {
    let number = random.below(GATEWAYS);
    let network = number + 2;
    match family {
        Family::Ipv4 => format!("via 10.{network}.0.9 dev gate{number}"),
        Family::Ipv6 => format!("via fd00:{network}::9 dev gate{number}"),
    }
}

fn source(family: Family, random: &mut Random) -> IpAddr {
    let network = random.pick(&[0, 1, 77]);
    let (a, b) = (random.below(4) as u8, random.between(2, 9) as u8);
    match family {
        Family::Ipv4 => [10, network, a, b].into(),
        Family::Ipv6 => {
            let network = if network == 77 { 0x77 } else { network.into() };
            [0xfd00, network, 0, 0, 0, 0, a.into(), b.into()].into()
        }
    }
}

fn destination(family: Family, random: &mut Random) -> IpAddr {
    let (network, host) = (random.pick(&[100, 101]), random.between(1, 8) as u8);
    match family {
        Family::Ipv4 => [198, 51, network, host].into(),
        Family::Ipv6 => [0x2001, 0xdb8, network.into(), 0, 0, 0, 0, host.into()].into(),
    }
}

/// A flow, of which some go to the router itself.
pub fn flow(family: Family, random: &mut Random) -> Flow {
    let mut port = || match random.percent(40) {
        true => random.pick(&[80, 5060]),
        false => random.u16().max(1),
    };
    let ports = [port(), port()];
    let destination = match random.percent(5) {
        true => match family {
            Family::Ipv4 => Ipv4Addr::new(10, 0, 0, 1).into(),
            Family::Ipv6 => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1).into(),
        },
        false => destination(family, random),
    };
    Flow {
        source: SocketAddr::new(source(family, random), ports[0]),
        destination: SocketAddr::new(destination, ports[1]),
        protocol: random.pick(&[TCP, UDP, UDP, SCTP, icmp(family), ESP]),
    }
}

/// The network of an address, with a random prefix length.
fn network(address: IpAddr, random: &mut Random) -> String {
    match address {
        IpAddr::V4(address) => {
            let length = random.pick(&[32, 31, 30, 29, 24, 16, 8, 0]);
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let network = Ipv4Addr::from_bits(address.to_bits() & mask);
            format!("{network}/{length}")
        }
        IpAddr::V6(address) => {
            let length = random.pick(&[128, 127, 126, 112, 48, 32, 8, 0]);
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            let network = Ipv6Addr::from_bits(address.to_bits() & mask);
            format!("{network}/{length}")
        }
    }
}

fn mark(random: &mut Random) -> String {
    format!("{:#x}", random.pick(&MARKS))
}

/// A mark, in some cases with a mask.
fn masked(random: &mut Random) -> String {
    let mask = random.pick(&["", "", "/0xff", "/0xf", "/0xf00", "/0x3"]);
    format!("{}{mask}", mark(random))
}

fn not(random: &mut Random) -> &'static str {
    match random.percent(25) {
        true => "! ",
        false => "",
    }
}

/// The matches of a rule, each after a blank.
fn matches(family: Family, random: &mut Random) -> String {
    let mut text = String::new();
    let mut add = |not: &str, condition: &str| {
        let _ = write!(text, " {not}{condition}");
    };
    for (option, address) in [
        ("-s", source(family, random)),
        ("-d", destination(family, random)),
    ] {
        if random.percent(30) {
            let network = network(address, random);
            // iptables-nft refuses a rule that no address matches.
            let not = if network.ends_with("/0") {
                ""
            } else {
                not(random)
            };
            add(not, &format!("{option} {network}"));
        }
    }
    if random.percent(50) {
        let icmp = match family {
            Family::Ipv4 => ("icmp", "icmp --icmp-type", ["8", "0", "13"]),
            Family::Ipv6 => ("ipv6-icmp", "icmp6 --icmpv6-type", ["128", "129", "1/3"]),
        };
        let protocol = random.pick(&["tcp", "udp", "sctp", "esp", icmp.0]);
        let is_not = random.percent(10);
        add(if is_not { "! " } else { "" }, &format!("-p {protocol}"));
        match protocol {
            _ if is_not => {}
            "tcp" | "udp" if random.percent(40) => {
                let end = random.pick(&["--sport", "--dport"]);
                add(
                    &format!("-m {protocol} {}", not(random)),
                    &format!("{end} {}", random.pick(&PORTS)),
                );
            }
            "tcp" | "udp" | "sctp" if random.percent(40) => {
                let ends = random.pick(&["--ports", "--sports", "--dports"]);
                let ports = [random.pick(&PORTS), random.pick(&PORTS)].join(",");
                add(
                    &format!("-m multiport {}", not(random)),
                    &format!("{ends} {ports}"),
                );
            }
            protocol if protocol == icmp.0 && random.percent(50) => {
                let (module, option) = icmp.1.split_once(' ').unwrap_or_default();
                let kind = random.pick(&icmp.2);
                add(
                    &format!("-m {module} {}", not(random)),
                    &format!("{option} {kind}"),
                );
            }
            _ => {}
        }
    }
    if random.percent(25) {
        let condition = format!("--mark {}", masked(random));
        add(&format!("-m mark {}", not(random)), &condition);
    }
    if random.percent(12) {
        let states = [
            "NEW",
            "ESTABLISHED",
            "INVALID,UNTRACKED",
            "NEW,RELATED",
            "DNAT",
        ];
        let condition = format!("--ctstate {}", random.pick(&states));
        add(&format!("-m conntrack {}", not(random)), &condition);
    }
    if random.percent(8) {
        let end = random.pick(&["--dst-type", "--src-type"]);
        let kind = random.pick(&["LOCAL", "UNICAST", "MULTICAST"]);
        add(
            &format!("-m addrtype {}", not(random)),
            &format!("{end} {kind}"),
        );
    }
    if random.percent(10) {
        let comment = random.pick(&["x", "\"a b\"", "\"it's \\\"q\\\"\""]);
        add("-m comment ", &format!("--comment {comment}"));
    }
    text
}

/// A target: one of the later chains, one that marks, or one that ends the packet's way in the chain.
fn target(table: &str, later: &[&str], random: &mut Random) -> String {
    if !later.is_empty() && random.percent(30) {
        return format!(
            "{} {}",
            random.pick(&["-j", "-j", "-g"]),
            random.pick(later)
        );
    }
    match random.below(100) {
        0..35 => {
            let tuples = [
                "",
                "--hmark-tuple src ",
                "--hmark-tuple src,dst ",
                "--hmark-tuple src,dst,sport,dport,proto ",
                "--hmark-tuple src,spi ",
                "--hmark-tuple ct,src,dst ",
            ];
            format!(
                "-j HMARK {}--hmark-rnd {:#x} --hmark-mod {} --hmark-offset {}",
                random.pick(&tuples),
                random.u32(),
                random.pick(&[1, 2, 3, 4, 7]),
                random.pick(&[1, 0x10, 0x100])
            )
        }
        35..70 => {
            let option = random.pick(&["--set-mark", "--set-xmark"]);
            match random.percent(60) {
                true => format!("-j MARK {option} {}", masked(random)),
                false => {
                    let option = random.pick(&["--or-mark", "--and-mark", "--xor-mark"]);
                    format!("-j MARK {option} {}", mark(random))
                }
            }
        }
        70..80 => "-j RETURN".to_owned(),
        80..87 => "-j ACCEPT".to_owned(),
        87..90 => "-j DROP".to_owned(),
        90..95 if table == "raw" => "-j CT --notrack".to_owned(),
        _ => String::new(),
    }
}

/// Rules for `iptables-restore`, after these of the table raw and before these of mangle.
pub fn rules(family: Family, random: &mut Random, raw: &str, mangle: &str) -> String {
    let mut text = String::new();
    for (table, before, after) in [("raw", raw, ""), ("mangle", "", mangle)] {
        let _ = writeln!(text, "*{table}");
        let all = ["PREROUTING", "u0", "u1", "u2", "u3"];
        let chains = match table == "raw" && random.percent(60) {
            true => &all[..0],
            false => &all[..random.between(1, all.len())],
        };
        let policy = match random.percent(5) {
            true => "DROP",
            false => "ACCEPT",
        };
        let _ = writeln!(text, ":PREROUTING {policy} [0:0]");
        for chain in chains.iter().skip(1) {
            let _ = writeln!(text, ":{chain} - [0:0]");
        }
        text.push_str(before);
        for (number, chain) in chains.iter().enumerate() {
            for _ in 0..random.between(1, 8) {
                let matches = matches(family, random);
                let target = target(table, &chains[number + 1..], random);
                let _ = writeln!(text, "-A {chain}{matches} {target}");
            }
        }
        let _ = writeln!(text, "{after}COMMIT");
    }
    text.push_str("*nat\n");
    if random.percent(25) {
        let address = own(family, 2);
        let address = address.split('/').next().unwrap_or_default();
        let _ = writeln!(
            text,
            "-A POSTROUTING -o gate0 -j SNAT --to-source {address}"
        );
    }
    text.push_str("COMMIT\n");
    text
}

/// Routing rules, and routes in six tables from this one on, for `ip -batch`.
pub fn routing(family: Family, first: usize, random: &mut Random) -> String {
    let mut text = String::from("rule flush\nrule add pref 32766 lookup main\n");
    let _ = writeln!(text, "route replace default {}", gateway(family, random));
    for table in first..first + 6 {
        for metric in 1..=random.below(5) {
            let destination = match random.percent(40) {
                true => "default".to_owned(),
                false => network(destination(family, random), random),
            };
            let way = match random.percent(75) {
                true => format!("{destination} {}", gateway(family, random)),
                false => {
                    let kind = random.pick(&["blackhole", "unreachable", "throw", "prohibit"]);
                    format!("{kind} {destination}")
                }
            };
            let _ = writeln!(text, "route add {way} table {table} metric {metric}");
        }
    }
    let mut prefs: Vec<_> = (0..random.between(2, 10))
        .map(|_| random.between(1, 32000))
        .collect();
    prefs.sort_unstable();
    prefs.dedup();
    prefs.push(32766);
    for (number, pref) in prefs.iter().enumerate().take(prefs.len() - 1) {
        let selectors = selectors(family, random);
        let not = match !selectors.is_empty() && random.percent(15) {
            true => "not ",
            false => "",
        };
        let action = match random.below(100) {
            0..10 => format!(
                "lookup main suppress_prefixlength {}",
                random.pick(&[0, 8, 24])
            ),
            10..18 => format!("goto {}", random.pick(&prefs[number + 1..])),
            18..22 => random
                .pick(&["blackhole", "unreachable", "prohibit"])
                .to_owned(),
            22..26 => "nop".to_owned(),
            _ => format!("lookup {}", first + random.below(6)),
        };
        let _ = writeln!(text, "rule add {not}pref {pref}{selectors} {action}");
    }
    text
}

/// The selectors of a routing rule, each after a blank.
fn selectors(family: Family, random: &mut Random) -> String {
    let mut text = String::new();
    if random.percent(60) {
        let mask = random.pick(&["", "/0xff", "/0xf"]);
        let _ = write!(text, " fwmark {}{mask}", mark(random));
    }
    if random.percent(15) {
        let _ = write!(text, " from {}", network(source(family, random), random));
    }
    if random.percent(15) {
        let _ = write!(text, " to {}", network(destination(family, random), random));
    }
    if random.percent(12) {
        let _ = write!(text, " iif {}", random.pick(&["in0", "in1", "lo"]));
    }
    if random.percent(12) {
        let _ = write!(text, " ipproto {}", random.pick(&["tcp", "udp"]));
    }
    if random.percent(10) {
        let _ = write!(text, " dport {}", random.pick(&["80", "5000-6000"]));
    }
    text
}
