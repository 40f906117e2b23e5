// SPDX-License-Identifier: GPL-2.0-only

//! Link layers, and the IP packets in their frames.

use hmark::Family;

use super::link::NoPacket;
use super::*;

const IPV4: &str = "tcp 10.0.0.1:1 10.0.0.2:2";
const IPV6: &str = "udp [fd00::1]:1 [fd00::2]:2";

fn find(link: u16, frame: &[u8]) -> Result<IpPacket<'_>, NoPacket> {
    let frame = Frame {
        link: LinkType(link),
        bytes: frame,
        len: frame.len() as u64,
        time: 0,
        is_big_endian: false,
    };
    IpPacket::find(LinkType(link), &frame)
}

#[test]
fn each_link_layer_leads_to_its_packet() {
    let (ipv4, ipv6) = (ip(IPV4), ip(IPV6));
    for (packet, kind, families) in [
        (&ipv4, [0x08, 0x00], &[2u32][..]),
        (&ipv6, [0x86, 0xdd], &[10, 23, 24, 28, 30]),
    ] {
        let vlans: [&[u8]; 5] = [
            &[],
            &[0x81, 0, 0x20, 7],
            &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8],
            &[0x91, 0, 0, 7, 0x92, 0, 0, 8, 0x81, 0, 0, 9],
            &[0x81, 0, 0, 7, 0x81, 0, 0, 8, 0x81, 0, 0, 9, 0x81, 0, 0, 10],
        ];
        let mut frames = vec![
            (12, packet.clone()),
            (14, packet.clone()),
            (101, packet.clone()),
        ];
        for vlan in vlans {
            frames.push((1, ethernet(&[vlan, &kind].concat(), packet)));
            let after_first = [vlan.get(2..).unwrap_or_default(), &kind].concat();
            let first = vlan.get(..2).map_or(&kind[..], |first| first);
            let rest = match vlan.is_empty() {
                true => &[][..],
                false => &after_first,
            };
            let cooked = [
                &[0, 4, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0],
                first,
                rest,
                packet,
            ]
            .concat();
            frames.push((113, cooked));
            frames.push((276, [first, &[0; 18], rest, packet].concat()));
        }
        for family in families {
            for head in [family.to_be_bytes(), family.to_le_bytes()] {
                frames.push((0, [&head, &packet[..]].concat()));
                frames.push((108, [&head, &packet[..]].concat()));
            }
        }
        for (link, frame) in &frames {
            let found = find(*link, frame).unwrap_or_else(|no| panic!("{link}: {no}"));
            assert_eq!(found.bytes, &packet[..], "{link}: {frame:x?}");
            assert_eq!(found.len as usize, packet.len());
            // Each shorter frame is no packet, and each longer one is padded.
            for len in 0..frame.len() {
                assert!(find(*link, &frame[..len]).is_err(), "{link}, {len} bytes");
            }
            let padded = [&frame[..], &[0xff; 9]].concat();
            assert_eq!(find(*link, &padded), Ok(found));
        }
    }
    assert_eq!(find(228, &ipv4).unwrap().family, Family::Ipv4);
    assert_eq!(find(229, &ipv6).unwrap().family, Family::Ipv6);
    assert_eq!(find(228, &ipv6), Err(NoPacket::Version));
    assert_eq!(find(229, &ipv4), Err(NoPacket::Version));
}

#[test]
fn other_frames_have_their_reason() {
    let ipv4 = ip(IPV4);
    let reason = |link, frame: &[u8]| find(link, frame).unwrap_err().to_string();
    assert_eq!(reason(1, &ethernet(&[8, 6], &ipv4)), "ARP, not IP");
    assert_eq!(
        reason(1, &ethernet(&[0x81, 0, 0, 1, 8, 6], &ipv4)),
        "ARP, not IP"
    );
    assert_eq!(
        reason(1, &ethernet(&[0x12, 0x34], &ipv4)),
        "not IP: ethertype 0x1234"
    );
    assert_eq!(reason(1, &ethernet(&[0, 46], &ipv4)), "not IP: IEEE 802.3");
    assert_eq!(reason(0, &[0, 0, 0, 7, 0x45]), "not IP: address family 7");
    assert_eq!(
        reason(127, &ipv4),
        "link type 127 (IEEE 802.11) is not understood"
    );
    assert_eq!(reason(9999, &ipv4), "link type 9999 is not understood");
    assert_eq!(
        reason(1, &ethernet(&[8, 0], &ip(IPV6))),
        "no IP version 4 or 6 where it should be"
    );
    let dropped = "the IP header's lengths cannot be: hosts drop it";
    for (place, byte) in [(0, 0x44), (0, 0x4f), (3, 19), (3, 41)] {
        let mut packet = ipv4.clone();
        packet[place] = byte;
        assert_eq!(reason(101, &packet), dropped, "{place}: {byte}");
    }
    let mut packet = ip(IPV6);
    packet[5] += 1;
    assert_eq!(reason(101, &packet), dropped);
}

#[test]
fn packets_without_a_length_are_whole() {
    let mut packet = [ip(IPV4), vec![0; 70_000]].concat();
    packet[2..4].fill(0);
    assert_eq!(find(101, &packet).unwrap().len, 70_040);
    let mut packet = [ip(IPV6), vec![0; 70_000]].concat();
    packet[4..6].fill(0);
    assert_eq!(find(101, &packet).unwrap().len, 70_048);
}

#[test]
fn a_snapped_packet_has_its_whole_length() {
    let mut packet = ip(IPV4);
    packet[2..4].copy_from_slice(&1500u16.to_be_bytes());
    let frame = Frame {
        link: LinkType::RAW,
        bytes: &packet[..22],
        len: 1500,
        time: 0,
        is_big_endian: false,
    };
    let found = IpPacket::find(frame.link, &frame).unwrap();
    assert_eq!((found.bytes.len(), found.len), (22, 1500));
    let (rule, _) = hmark_text::read("--hmark-mod 4", Family::Ipv4).unwrap();
    let raw = found.raw();
    hmark::mark(Family::Ipv4, &raw, &rule);
    assert!(raw.was_cut());
}
