// SPDX-License-Identifier: GPL-2.0-only

//! Frames of NFLOG, right and wrong.

use hmark::Family;

use super::link::NoPacket;
use super::*;

const IPV4: &str = "tcp 10.0.0.1:1 10.0.0.2:2";
const IPV6: &str = "udp [fd00::1]:1 [fd00::2]:2";

/// A frame with a header and parts: each with the length that it says it has, its type, and its value.
fn frame(order: Order, family: u8, parts: &[(u16, u16, &[u8])]) -> Vec<u8> {
    let mut file = File::new(order).raw(&[family, 0, 0, 7]);
    for (len, kind, value) in parts {
        file = file.u16(*len).u16(*kind).raw(value);
        file.bytes.resize(file.bytes.len().next_multiple_of(4), 0);
    }
    file.bytes
}

/// A part as it should be.
fn part(kind: u16, value: &[u8]) -> (u16, u16, &[u8]) {
    (value.len() as u16 + 4, kind, value)
}

/// The packet in a frame of which so many bytes were captured.
fn find(order: Order, bytes: &[u8], captured: usize) -> Result<IpPacket<'_>, NoPacket> {
    let frame = Frame {
        link: LinkType::NFLOG,
        bytes: &bytes[..captured],
        len: bytes.len() as u64,
        time: 0,
        is_big_endian: matches!(order, Order::Big),
    };
    IpPacket::find(frame.link, &frame)
}

#[test]
fn packets_have_the_mark_that_was_recorded() {
    for order in [Order::Little, Order::Big] {
        for (family, kind, flow) in [
            (2, [8, 0], IPV4),
            (10, [0x86, 0xdd], IPV6),
            (7, [8, 0], IPV4),
            (5, [0x86, 0xdd], IPV6),
        ] {
            let packet = ip(flow);
            let head = [kind[0], kind[1], 0, 0];
            let (head, prefix) = (part(1, &head), part(10, b"odd length\0"));
            let frame = |mark| frame(order, family, &[head, prefix, mark, part(9, &packet)]);
            let mark = 0x0102_0304u32.to_be_bytes();
            let marked = frame(part(2, &mark));
            let found = find(order, &marked, marked.len()).unwrap();
            assert_eq!((found.bytes, found.mark), (&packet[..], Some(0x0102_0304)));
            // The kernel leaves out a mark of 0.
            let unmarked = frame(part(11, &[0; 4]));
            let found = find(order, &unmarked, unmarked.len()).unwrap();
            assert_eq!((found.bytes, found.mark), (&packet[..], Some(0)));
        }
    }
    // A file's byte order is that of the machine.
    let frame = frame(Order::Big, 2, &[part(9, &ip(IPV4))]);
    for (magic, link) in [(0xa1b2_c3d4, 239), (0xa1b2_3c4d, 239)] {
        let file = File::pcap(Order::Big, magic, link).packet(0, &frame, frame.len() as u32);
        let mut capture = Capture::open(&file.bytes[..]).unwrap();
        let found = capture.next().unwrap().unwrap();
        assert!(IpPacket::find(found.link, &found).is_ok());
    }
    let file = File::new(Order::Little).section(Order::Big);
    let file = file.interface(239, 0, &[]);
    let file = file.enhanced(0, 0, &frame, frame.len() as u32).bytes;
    let mut capture = Capture::open(&file[..]).unwrap();
    let found = capture.next().unwrap().unwrap();
    assert!(IpPacket::find(found.link, &found).is_ok());
}

/// A rule may record the first bytes alone (`--nflog-size`), and a capture may leave out the end.
#[test]
fn packets_that_are_not_whole_have_their_length() {
    let mut packet = [ip(IPV4), vec![7; 1460]].concat();
    packet[2..4].copy_from_slice(&1500u16.to_be_bytes());
    let sized = frame(Order::Little, 2, &[part(9, &packet[..24])]);
    let found = find(Order::Little, &sized, sized.len()).unwrap();
    assert_eq!((found.bytes, found.len), (&packet[..24], 1500));
    let whole = frame(Order::Little, 2, &[part(9, &packet)]);
    let found = find(Order::Little, &whole, 8 + 24).unwrap();
    assert_eq!((found.bytes, found.len), (&packet[..24], 1500));
    // Without a length in the IP header, as large packets have it, it is as long as it was recorded.
    packet[2..4].fill(0);
    let large = frame(Order::Little, 2, &[part(9, &packet)]);
    let found = find(Order::Little, &large, large.len()).unwrap();
    assert_eq!(found.len, 1500);
    assert_eq!(found.family, Family::Ipv4);
}

#[test]
fn what_cannot_be_has_its_reason() {
    let packet = ip(IPV4);
    let payload = part(9, &packet);
    let find = |family, parts: &[(u16, u16, &[u8])]| {
        let frame = frame(Order::Little, family, parts);
        find(Order::Little, &frame, frame.len()).unwrap_err()
    };
    // Lengths that a part cannot have.
    for len in [0, 1, 3, 300, 0xffff] {
        assert_eq!(
            find(2, &[(len, 10, &[]), payload]),
            NoPacket::Nflog,
            "{len}"
        );
    }
    assert_eq!(find(2, &[part(2, &[0; 3]), payload]), NoPacket::Nflog);
    assert_eq!(find(2, &[part(2, &[0; 8]), payload]), NoPacket::Nflog);
    assert_eq!(find(2, &[part(1, &[8]), payload]), NoPacket::Nflog);
    assert_eq!(find(2, &[]), NoPacket::Short);
    assert_eq!(find(2, &[part(9, &[])]), NoPacket::Short);
    assert_eq!(find(3, &[payload]), NoPacket::AddressFamily(3));
    assert_eq!(find(7, &[payload]), NoPacket::AddressFamily(7));
    let arp = part(1, &[8, 6, 0, 0]);
    assert_eq!(find(7, &[arp, payload]), NoPacket::Ethertype(0x0806));
    assert_eq!(find(10, &[payload]), NoPacket::Version);
    // More parts than there are types.
    let many = [&[part(11, &[0; 4]); 64][..], &[payload]].concat();
    assert_eq!(find(2, &many), NoPacket::Short);
    let mut version = frame(Order::Little, 2, &[payload]);
    version[1] = 1;
    assert_eq!(
        self::find(Order::Little, &version, version.len()),
        Err(NoPacket::Nflog)
    );
}

/// Whatever is missing of a frame, there is a packet or a reason.
#[test]
fn frames_that_are_cut_are_read_as_far_as_they_go() {
    let packet = ip(IPV4);
    let mark = 7u32.to_be_bytes();
    let parts = [part(1, &[8, 0, 0, 0]), part(2, &mark), part(9, &packet)];
    let frame = frame(Order::Little, 2, &parts);
    for captured in 0..frame.len() {
        let found = find(Order::Little, &frame, captured);
        let has_header = captured >= 4 + 8 + 8 + 4 + 20;
        assert_eq!(found.is_ok(), has_header, "{captured}");
        assert!(found.is_ok_and(|found| found.mark == Some(7)) || !has_header);
        // As a whole frame of this length, whose last part says that it is longer.
        let whole = find(Order::Little, &frame[..captured], captured);
        assert!(whole.is_err(), "{captured}");
    }
}
