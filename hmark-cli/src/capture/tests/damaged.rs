// SPDX-License-Identifier: GPL-2.0-only

//! Files that are cut, or lie.

use super::*;

fn pcap() -> Vec<u8> {
    let file = File::pcap(Order::Little, 0xa1b2_c3d4, 101);
    file.packet(0, &[1; 40], 40).packet(0, &[2; 30], 1500).bytes
}

fn pcapng() -> Vec<u8> {
    let file = File::new(Order::Little).section(Order::Little);
    let file = file.interface(101, 0, &[]);
    file.enhanced(0, 0, &[1; 40], 40)
        .enhanced(0, 0, &[2; 30], 1500)
        .bytes
}

/// The file with other bytes from `at` on.
fn with(mut file: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn a_file_that_is_cut_has_the_packets_before() {
    // The least length of a capture, the ends of blocks, and of them that of the first packet's.
    for (file, least, ends, first) in [
        (pcap(), 24, &[24, 80][..], 80),
        (pcapng(), 4, &[28, 48, 120], 120),
    ] {
        let whole = file.len();
        for len in 0..whole {
            let result = read(&file[..len]);
            if len < least {
                let error = result.map(|_| ()).unwrap_err().to_string();
                assert!(error.starts_with("at offset 0: "), "{len}: {error}");
                continue;
            }
            let (frames, cut) = result.unwrap();
            assert_eq!(cut.is_none(), ends.contains(&len), "{len}: {cut:?}");
            if let Some(cut) = cut {
                assert!(cut.offset < len as u64 && cut.lacking > 0);
            }
            // The bytes of a packet may be there without the length at the end of its block.
            let packets = usize::from(len >= first);
            assert!((packets..=packets + 1).contains(&frames.len()), "{len}");
        }
        assert_eq!(read(&file).unwrap().0.len(), 2);
    }
    let (frames, cut) = read(&pcap()[..24 + 56 + 16 + 29]).unwrap();
    let text = "the file is cut in its last packet, at offset 80: it lacks 1 byte";
    assert_eq!((frames.len(), cut.unwrap().to_string().as_str()), (1, text));
}

#[test]
fn other_files_are_named() {
    assert_eq!(error(b""), "at offset 0: the file is empty");
    assert_eq!(
        error(b"abc"),
        "at offset 0: the file is too short for a capture"
    );
    assert_eq!(
        error(b"hello, world, hello, world"),
        "at offset 0: 68 65 6c 6c begins neither pcap nor pcapng"
    );
    assert!(error(&[0x1f, 0x8b, 8, 0, 0, 0]).ends_with("gzip -dc FILE | hmark predict --pcap -"));
    assert_eq!(
        error(&with(pcap(), 4, &[3])),
        "at offset 4: version 3 of pcap is not understood: 2 is"
    );
    assert_eq!(
        error(&with(pcap(), 20, &[105])),
        "at offset 20: link type 105 (IEEE 802.11) is not understood"
    );
}

#[test]
fn lengths_that_cannot_be_are_errors() {
    let huge = u32::MAX.to_le_bytes();
    assert_eq!(
        error(&with(pcap(), 80 + 8, &huge)),
        "at offset 80: a packet with 4294967295 bytes cannot be: the file is damaged here"
    );
    // Even if the header allows for it.
    assert!(read(&with(with(pcap(), 16, &huge), 88, &huge)).is_err());
    let file = pcapng();
    for (len, what) in [(0u32, "0"), (8, "8"), (70, "70")] {
        assert_eq!(
            error(&with(file.clone(), 120 + 4, &len.to_le_bytes())),
            format!("at offset 120: a block with {what} bytes cannot be: the file is damaged here")
        );
    }
    assert_eq!(
        error(&with(file.clone(), 116, &[73])),
        "at offset 116: a block of 72 bytes ends with the length 73"
    );
    assert_eq!(
        error(&with(file.clone(), 48 + 8, &[1])),
        "at offset 48: a packet of interface 1, of which the section has 1"
    );
    assert_eq!(
        error(&with(file.clone(), 48 + 20, &[41])),
        "at offset 48: a block with 72 bytes cannot be: the file is damaged here"
    );
    assert_eq!(
        error(&with(file.clone(), 8, &[0])),
        "at offset 0: a block with 28 bytes cannot be: the file is damaged here"
    );
    assert_eq!(
        error(&with(file.clone(), 12, &[2])),
        "at offset 0: version 2 of pcapng is not understood: 1 is"
    );
    let short = File::new(Order::Little).section(Order::Little);
    let body = short.body().u32(0);
    assert_eq!(
        error(&short.block(6, body).bytes),
        "at offset 28: a block with 16 bytes cannot be: the file is damaged here"
    );
    let short = File::new(Order::Little).section(Order::Little);
    let body = short.body().u32(101);
    assert_eq!(
        error(&short.block(1, body).bytes),
        "at offset 28: a block with 16 bytes cannot be: the file is damaged here"
    );
}

#[test]
fn a_block_of_four_gigabytes_is_not_read_into_memory() {
    let file = File::new(Order::Little).section(Order::Little);
    let file = file.u32(0x0bad).u32(0xffff_fffc).bytes;
    let zeros = io::repeat(0).take(5 << 20);
    let (frames, cut) = read_from(file.chain(zeros)).unwrap();
    assert!(frames.is_empty());
    assert_eq!(cut.unwrap().lacking, 0xffff_fffc - 8 - (5 << 20));
}

#[test]
fn there_are_not_too_many_interfaces() {
    let mut file = File::new(Order::Little).section(Order::Little);
    for _ in 0..=1 << 16 {
        file = file.interface(1, 0, &[]);
    }
    assert!(error(&file.bytes).ends_with("the section has more than 65536 interfaces"));
}

/// Each byte of small files, with each of some values: an answer or an error, and no panic.
#[test]
fn no_byte_makes_it_panic() {
    for file in [pcap(), pcapng()] {
        for place in 0..file.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let lie = with(file.clone(), place, &[byte]);
                let mut capture = match Capture::open(&lie[..]) {
                    Ok(capture) => capture,
                    Err(_) => continue,
                };
                while let Ok(Some(frame)) = capture.next() {
                    let _ = IpPacket::find(frame.link, &frame).map(|packet| packet.raw());
                }
            }
        }
    }
}
