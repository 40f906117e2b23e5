// SPDX-License-Identifier: GPL-2.0-only

//! Both formats, as they should be.

use super::*;

/// A stream that gives its bytes one at a time, with interruptions.
struct Slow<'a>(&'a [u8], bool);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        match self.1 {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => {
                let len = buffer.len().min(1);
                self.0.read(&mut buffer[..len])
            }
        }
    }
}

#[test]
fn pcap_has_two_byte_orders_and_two_units() {
    let frame = [0x45, 1, 2, 3, 4];
    for order in [Order::Little, Order::Big] {
        for (magic, time) in [(0xa1b2_c3d4, 7_000_005_000), (0xa1b2_3c4d, 7_000_000_005)] {
            let file = File::pcap(order, magic, 101);
            let file = file.packet(5, &frame, 1500).packet(0, &[], 0).bytes;
            let expected = [
                Owned {
                    link: 101,
                    bytes: frame.to_vec(),
                    len: 1500,
                    time,
                },
                Owned {
                    link: 101,
                    bytes: Vec::new(),
                    len: 0,
                    time: 7_000_000_000,
                },
            ];
            let (frames, cut) = read(&file).unwrap();
            assert_eq!((&frames[..], cut), (&expected[..], None));
            assert_eq!(read_from(Slow(&file, false)).unwrap().0, expected);
        }
    }
}

#[test]
fn the_checksum_bits_of_a_link_type_are_not_the_link() {
    let file = File::pcap(Order::Little, 0xa1b2_c3d4, 0x5400_0001).bytes;
    assert!(read(&file).unwrap().0.is_empty());
}

#[test]
fn pcapng_has_sections_interfaces_and_other_blocks() {
    let (first, second) = ([1, 2, 3, 4, 5], [6; 64]);
    // Nanoseconds; units of 2^-10 s, a second late.
    let nano = [0, 9, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0];
    let half = [
        0, 9, 0, 1, 0x8a, 0, 0, 0, 0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1,
    ];
    let file = File::new(Order::Big).section(Order::Big);
    let body = file.body().raw(b"any").u32(1);
    let file = file.block(0x0bad, body);
    let file = file.interface(1, 0, &nano).interface(276, 0, &half);
    let file = file.enhanced(1, 512, &first, 9).enhanced(0, 5, &second, 64);
    // An old packet of interface 1, with drops.
    let old = file.body().u16(1).u16(3).u32(0).u32(1024).u32(5).u32(5);
    let file = file.block(2, old.raw(&first));
    // Names, statistics, secrets and a custom block, empty or with what is wrong for their kind.
    let file = [4, 5, 10, 0xbad].into_iter().fold(file, |file, kind| {
        let (empty, odd) = (file.body(), file.body().u32(u32::MAX).raw(&[0xff; 30]));
        file.block(kind, empty).block(kind, odd)
    });
    // Another section in the other byte order has interfaces of its own.
    let file = file.section(Order::Little).interface(101, 4, &[]);
    let file = file.enhanced(0, 3, &second, 64);
    let simple = file.body().u32(64).raw(&second[..4]);
    let file = file.block(3, simple).bytes;
    let frame = |link, bytes: &[u8], len, time| Owned {
        link,
        bytes: bytes.to_vec(),
        len,
        time,
    };
    let expected = [
        frame(276, &first, 9, 1_500_000_000),
        frame(1, &second, 64, 5),
        frame(276, &first, 5, 2_000_000_000),
        frame(101, &second, 64, 3000),
        frame(101, &second[..4], 64, 0),
    ];
    let (frames, cut) = read(&file).unwrap();
    assert_eq!((&frames[..], cut), (&expected[..], None));
    assert_eq!(read_from(Slow(&file, false)).unwrap().0, expected);
}

#[test]
fn times_that_do_not_fit_are_the_last_or_first() {
    let resolutions = [0, 6, 9, 12, 0x7f, 0x80, 0xc0, 0xff];
    for resolution in resolutions {
        let options = [9, 0, 1, 0, resolution, 0, 0, 0, 0, 0, 0, 0];
        let file = File::new(Order::Little).section(Order::Little);
        let file = file.interface(101, 0, &options);
        let file = file.enhanced(0, u64::MAX, &[], 0).enhanced(0, 0, &[], 0);
        let (frames, _) = read(&file.bytes).unwrap();
        let expected = match resolution {
            0 | 6 | 0x80 => u64::MAX,
            9 => u64::MAX,
            12 => u64::MAX / 1000,
            // 2^64 units of 2^-64 s, less one.
            0xc0 => 999_999_999,
            _ => 0,
        };
        assert_eq!(
            (frames[0].time, frames[1].time),
            (expected, 0),
            "{resolution}"
        );
    }
}

#[test]
fn frames_may_be_longer_than_the_window() {
    let long = vec![7; 2_000_000];
    let file = File::new(Order::Little)
        .section(Order::Little)
        .interface(101, 0, &[]);
    let file = file
        .enhanced(0, 0, &long, 2_000_000)
        .enhanced(0, 0, &[1], 1);
    let (frames, cut) = read(&file.bytes).unwrap();
    assert_eq!(cut, None);
    assert!(frames[0].len == 2_000_000 && frames[0].bytes == long);
    assert_eq!(frames[1].bytes, [1]);
    // The same of pcap, whose header allows for it.
    let mut file = File::pcap(Order::Little, 0xa1b2_c3d4, 101);
    file.bytes[16..20].copy_from_slice(&3_000_000u32.to_le_bytes());
    let file = file.packet(0, &long, 2_000_000).packet(0, &[1], 1).bytes;
    let (frames, cut) = read(&file).unwrap();
    assert_eq!(
        (frames.len(), frames[0].bytes.len(), cut),
        (2, 2_000_000, None)
    );
    assert_eq!(frames[1].bytes, [1]);
    let (frames, cut) = read(&file[..file.len() - 20]).unwrap();
    assert_eq!((frames.len(), cut.unwrap().lacking), (0, 3));
}
