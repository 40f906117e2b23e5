// SPDX-License-Identifier: GPL-2.0-only

//! HMARK with a mask beside others that keep something in the mark, all in one namespace: none of
//! their bits is ever changed, whatever they are, and they leave HMARK's alone.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use packets::Random;
use socket2::SockRef;
use testbed::command::{run, run_with};
use testbed::family::Family;
use testbed::netns::Netns;
use testbed::{module, note, options, trials};

use crate::backend::Backend;
use crate::nflog::{Logged, Nflog, GROUP};
use crate::trial::backends;
use crate::SEED;

/// Number of packets, each with a mark of its own.
const PACKETS: u16 = 600;

/// The bits of HMARK, and its rule.
const MASK: u32 = 0x3f00;
const OPTIONS: &str = "--hmark-mod 4 --hmark-offset 0x100 --hmark-mask 0x3f00 \
                       --hmark-tuple src,dst,sport,dport,proto --hmark-rnd 0xc175a3b8";

/// The mark of WireGuard's own packets, set by wg-quick, which compares all bits of it.
const WIREGUARD: u32 = 51820;

/// What the others keep in the mark: name, bits, and the values that they have there.
const OTHERS: [(&str, u32, &[u32]); 4] = [
    // KUBE-MARK-MASQ and KUBE-MARK-DROP.
    ("Kubernetes", 0xc000, &[0x4000, 0x8000]),
    // Felix' default of IptablesMarkMask: accepted, passed, two scratch bits, and endpoints.
    (
        "Calico",
        0xffff_0000,
        &[0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0xabc0_0000],
    ),
    // Routed for others, and past the VPN.
    ("Tailscale", 0xff_0000, &[0x4_0000, 0x8_0000]),
    ("WireGuard", u32::MAX, &[WIREGUARD]),
];

/// The port that packets with this value of another one go to.
const FIRST_PORT: u16 = 20_000;

/// A port of packets on which the others set nothing.
const ANY_PORT: u16 = 30_000;

/// The last packet's, which shows that all others were seen.
const LAST_PORT: u16 = 40_000;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![backends(changes_no_bit_of_others)]
}

/// Sends packets with any mark over the loopback device: HMARK marks them in OUTPUT, the others in
/// PREROUTING, and HMARK again between these rules and those by which the others look.
fn changes_no_bit_of_others(family: Family, backend: Backend) -> Result<()> {
    module::load_ours()?;
    let netns = Netns::add("hmark-sharing")?;
    let logged = netns.enter(|| {
        let mut nflog = Nflog::open()?;
        let restore = format!("{} --noflush", backend.program(family, "-restore"));
        run_with(&restore, &rules(), &[])?;
        send(family)?;
        let mut logged = Vec::new();
        let is_last = |one: &Logged| one.rule == "found" && port(family, &one.packet) == LAST_PORT;
        while !logged.iter().any(is_last) {
            nflog.receive(&mut logged)?;
        }
        check_looks(&backend.program(family, "-save"))?;
        run(&format!("{} -t mangle -F", backend.program(family, "")))?;
        Ok(logged)
    })?;
    let rule = options::parse_v1(OPTIONS, family)?;
    let mut marks: BTreeMap<Vec<u8>, BTreeMap<&str, u32>> = BTreeMap::new();
    for one in &logged {
        let of = marks.entry(one.packet.clone()).or_default();
        of.insert(&one.rule, one.mark);
    }
    let (mut packets, mut changed, mut left_alone) = (0, 0, 0);
    for (packet, marks) in &marks {
        let at = |rule| -> Result<u32> { Ok(*marks.get(rule).context("a rule saw it not")?) };
        let ours = hmark::mark(family, &packet[..], &rule).context(OPTIONS)?;
        ensure!(ours & !MASK == 0 && ours & MASK != 0, "{ours:#x}");
        for (before, after) in [("sent", "left"), ("set", "kept")] {
            let (before, after) = (at(before)?, at(after)?);
            let expected = match before {
                WIREGUARD => before,
                _ => (before & !MASK) | ours,
            };
            ensure!(
                after == expected,
                "{before:#x} became {after:#x}, not {expected:#x}"
            );
            changed += usize::from(after != before);
            left_alone += usize::from(before == WIREGUARD);
        }
        // Only bits of theirs are different where they have set some.
        let theirs = at("left")? ^ at("set")?;
        ensure!(theirs & MASK == 0 || at("set")? == WIREGUARD);
        ensure!(at("found")? == at("kept")?, "somebody changes marks");
        packets += 1;
    }
    ensure!(packets == usize::from(PACKETS) + 1, "{packets} packets");
    ensure!(left_alone > 0 && changed > packets / 2);
    note!(
        "{family} {backend}: {packets} packets with any mark, {changed} times marked under the mask \
         {MASK:#x}: no other bit changed; {left_alone} times WireGuard's mark, left alone"
    );
    Ok(())
}

/// HMARK's rules, and those of the others: they set their values on some packets, and look for them
/// before and after HMARK.
fn rules() -> String {
    let hmark = format!("-p udp -m mark ! --mark {WIREGUARD} -j HMARK {OPTIONS}");
    let log = |name| format!("-p udp -j NFLOG --nflog-group {GROUP} --nflog-prefix {name}");
    let mut text = format!(
        "*mangle\n\
         -A OUTPUT {}\n-A OUTPUT {hmark}\n-A OUTPUT {}\n",
        log("sent"),
        log("left")
    );
    for (port, (mask, value)) in (FIRST_PORT..).zip(values()) {
        let _ = writeln!(
            text,
            "-A PREROUTING -p udp --dport {port} -j MARK --set-xmark {value:#x}/{mask:#x}"
        );
    }
    let looks = values().fold(String::new(), |mut looks, (mask, value)| {
        let _ = writeln!(
            looks,
            "-A PREROUTING -p udp -m mark --mark {value:#x}/{mask:#x}"
        );
        looks
    });
    let _ = write!(
        text,
        "-A PREROUTING {}\n{looks}-A PREROUTING {hmark}\n-A PREROUTING {}\n{looks}-A PREROUTING \
         {}\nCOMMIT\n",
        log("set"),
        log("kept"),
        log("found")
    );
    text
}

/// The values of the others, with the bits that each is kept in.
fn values() -> impl Iterator<Item = (u32, u32)> {
    let each = |&(_, mask, values): &(&str, u32, &'static [u32])| {
        values.iter().map(move |value| (mask, *value))
    };
    OTHERS.iter().flat_map(each)
}

/// Checks that each look of the others found as many packets after HMARK as before, and some.
fn check_looks(save: &str) -> Result<()> {
    let saved = run(&format!("{save} -c -t mangle"))?;
    let looks = saved.lines().filter_map(|line| {
        let (counts, rule) = line.split_once("] -A PREROUTING -p udp -m mark --mark ")?;
        Some((rule, counts.trim_start_matches('[').split_once(':')?.0))
    });
    let looks: Vec<_> = looks.collect();
    let kinds = values().count();
    ensure!(looks.len() == 2 * kinds, "not all rules are there: {saved}");
    let (before, after) = looks.split_at(kinds);
    ensure!(
        before == after,
        "{before:?} before HMARK, {after:?} after it"
    );
    for (rule, count) in before {
        ensure!(*count != "0", "no packet for {rule}");
    }
    Ok(())
}

/// Sends the packets, each from a socket with a random mark or one of the others'.
fn send(family: Family) -> Result<()> {
    let lo: IpAddr = match family {
        Family::Ipv4 => Ipv4Addr::LOCALHOST.into(),
        Family::Ipv6 => Ipv6Addr::LOCALHOST.into(),
    };
    let mut random = Random::new(SEED);
    let kinds = values().count() as u16;
    let values: Vec<_> = values().map(|(_, value)| value).collect();
    for number in 0..=PACKETS {
        let mark = match number % 3 {
            0 => random.pick(&values),
            _ => random.u32(),
        };
        let port = match number {
            PACKETS => LAST_PORT,
            _ if number % 2 == 0 => ANY_PORT,
            _ => FIRST_PORT + random.below(usize::from(kinds)) as u16,
        };
        let socket = UdpSocket::bind(SocketAddr::new(lo, 1024 + number))?;
        SockRef::from(&socket).set_mark(mark)?;
        // Nobody listens, and the error is of no interest.
        let to = SocketAddr::new(lo, port);
        socket
            .send_to(&[0], to)
            .with_context(|| format!("to {to}"))?;
    }
    Ok(())
}

/// The port that a datagram goes to; 0 for anything else.
fn port(family: Family, packet: &[u8]) -> u16 {
    let at = family.header_len() + 2;
    let bytes = packet.get(at..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u16::from_be_bytes(*bytes))
}
