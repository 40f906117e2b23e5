// SPDX-License-Identifier: GPL-2.0-only

//! Lists, right ones and wrong ones.

use std::io::Cursor;

use hmark::{Connection, Ends};

use super::lines::LONGEST;
use super::*;

fn list(text: &[u8], format: Format) -> Vec<Result<Listed, Error>> {
    List::new(Cursor::new(text), format).collect()
}

fn flows(text: &str, format: Format) -> Vec<Listed> {
    list(text.as_bytes(), format)
        .into_iter()
        .map(|listed| listed.unwrap_or_else(|error| panic!("{error}: {text}")))
        .collect()
}

fn error(text: &[u8], format: Format) -> String {
    let mut list = list(text, format);
    let last = list.pop().expect("an error");
    assert!(list.iter().all(Result::is_ok));
    last.expect_err("an error").to_string()
}

fn texts(listed: &[Listed]) -> Vec<String> {
    listed
        .iter()
        .map(|listed| listed.flow.to_string())
        .collect()
}

#[test]
fn columns_have_names_or_the_plain_order() {
    let expected = ["tcp 10.0.0.1:1 10.0.0.2:2", "udp [fd00::1]:3 [fd00::2]:4"];
    for text in [
        "tcp,10.0.0.1,1,10.0.0.2,2\nudp,fd00::1,3,fd00::2,4",
        "dport,destination,sport,source,protocol\n2,10.0.0.2,1,10.0.0.1,tcp\n4,fd00::2,3,fd00::1,17\n",
        "# flows\r\n\r\nPROTO;SRC_IP;Src Port;Dst-IP;dst.port;note\r\nTCP; 10.0.0.1;1;10.0.0.2;2;\r\n\
         udp;fd00::1;3;fd00::2;4;x\r\n",
        "note,proto,src,sport,dst,dport\n\"a,\"\"b\"\",\",tcp,10.0.0.1,1,10.0.0.2,2\nx,udp,fd00::1,3,fd00::2,4",
        "\u{feff}sa,da,pr,sp,dp\n\"10.0.0.1\",\"10.0.0.2\",6,1,2\nfd00::1,fd00::2,17,3,4",
        "ip.src\tipv6.src\tip.dst\tipv6.dst\tip.proto\tipv6.nxt\ttcp.srcport\tudp.srcport\ttcp.dstport\t\
         udp.dstport\n10.0.0.1\t\t10.0.0.2\t\t6\t\t1\t\t2\t\n\tfd00::1\t\tfd00::2\t\t17\t\t3\t\t4\n",
    ] {
        assert_eq!(texts(&flows(text, Format::Csv)), expected, "{text}");
    }
}

#[test]
fn packets_and_bytes_are_counted_if_the_list_has_them() {
    let listed = flows(
        "tcp,10.0.0.1,1,10.0.0.2,2,3,400\ntcp,10.0.0.1,1,10.0.0.2,2\n",
        Format::Csv,
    );
    assert_eq!((listed[0].packets, listed[0].bytes), (Some(3), Some(400)));
    assert_eq!((listed[1].packets, listed[1].bytes), (None, None));
    let named = flows(
        "src,dst,proto,bytes\nfd00::1,fd00::2,icmp,7\nfd00::1,fd00::2,47,-",
        Format::Csv,
    );
    assert_eq!((named[0].packets, named[0].bytes), (None, Some(7)));
    assert_eq!(named[1].bytes, None);
    assert_eq!(
        texts(&named),
        ["icmpv6 fd00::1 fd00::2 128/0", "gre fd00::1 fd00::2"]
    );
}

#[test]
fn wrong_values_are_named_with_their_line() {
    let good = "tcp,10.0.0.1,1,10.0.0.2,2\n";
    for (line, reason) in [
        ("tpc,10.0.0.1,1,10.0.0.2,2", "\"tpc\" is no protocol"),
        (
            "tcp,10.0.0.256,1,10.0.0.2,2",
            "the source \"10.0.0.256\" is no address",
        ),
        ("tcp,10.0.0.1,1,,2", "there is no destination"),
        (
            "tcp,10.0.0.1,65536,10.0.0.2,2",
            "the source port \"65536\" is no number from 0 to 65535",
        ),
        ("tcp,10.0.0.1,1,10.0.0.2", "there is no destination port"),
        (
            "tcp,10.0.0.1,1,fd00::1,2",
            "10.0.0.1 and fd00::1 are not of one family",
        ),
        (
            "tcp,10.0.0.1,1,10.0.0.2,2,-3",
            "\"-3\" is no number of packets",
        ),
        ("tcp,10.0.0.1,1,10.0.0.2,\"2", "a quote is not closed"),
        ("\x1b[2J,10.0.0.1,1,10.0.0.2,2", "\"?[2J\" is no protocol"),
    ] {
        let text = format!("{good}{line}\n{good}");
        assert_eq!(
            error(text.as_bytes(), Format::Csv),
            format!("line 2: {reason}")
        );
    }
    assert!(error(b"hello\n", Format::Csv).contains("no commas"));
    assert!(error(b"a,b,c\n", Format::Csv).contains("no column has the name \"protocol\""));
    let many = format!("tcp,10.0.0.1,1,10.0.0.2,2{}\n", ",".repeat(300));
    assert!(error(many.as_bytes(), Format::Csv).contains("more than 256 columns"));
}

#[test]
fn lines_are_bounded_and_utf8() {
    let long = vec![b'x'; 10 << 20];
    let first = b"tcp,10.0.0.1,1,10.0.0.2,2\n";
    for format in [Format::Csv, Format::Conntrack] {
        let text = match format {
            Format::Csv => [&first[..], &long].concat(),
            Format::Conntrack => [&b"\n"[..], &long].concat(),
        };
        assert_eq!(
            error(&text, format),
            format!("line 2: it is longer than {LONGEST} bytes")
        );
    }
    // No more than that is read of a line without end.
    let endless = std::io::BufReader::new(std::io::repeat(b'x'));
    let mut unending = List::new(endless, Format::Csv);
    assert!(unending.next().is_some_and(|first| first.is_err()));
    assert_eq!(
        (unending.offset(), unending.next().is_none()),
        (LONGEST as u64, true)
    );
    let latin1 = b"tcp,10.0.0.1,1,10.0.0.2,2\ntcp,\xe9\n";
    assert_eq!(error(latin1, Format::Csv), "line 2: byte 5 is not UTF-8");
    assert!(list(b"", Format::Csv).is_empty());
}

fn tracked(listed: &Listed) -> Option<Connection> {
    listed.entry?.tracking(&listed.flow).ok()?.connection
}

#[test]
fn entries_of_conntrack_have_both_directions() {
    let listed = flows(
        "tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=198.51.100.1 sport=5555 dport=80 packets=3 bytes=180 \
         src=192.168.0.2 dst=203.0.113.1 sport=8080 dport=1024 packets=2 bytes=120 [ASSURED] mark=101 use=1\n\
         ipv6     10 udp      17 29 src=fd00::1 dst=fd00::2 sport=5 dport=6 [UNREPLIED] src=fd00::2 dst=fd00::1 \
         sport=6 dport=5 mark=0 zone=0 use=2\n\
         icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 \
         id=77 mark=0 use=1 id=2871936000\n\
         ipv4     2 unknown  2 599 src=10.0.0.1 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=10.0.0.1 use=2\n\
         [NEW] gre      47 29 src=10.0.0.1 dst=10.0.0.2 srckey=0x0 dstkey=0x0 [UNREPLIED] src=10.0.0.2 \
         dst=10.0.0.1 srckey=0x0 dstkey=0x0\n\
         conntrack v1.4.8 (conntrack-tools): 5 flow entries have been shown.\n",
        Format::Conntrack,
    );
    assert_eq!(
        texts(&listed),
        [
            "tcp 10.0.0.1:5555 198.51.100.1:80",
            "udp [fd00::1]:5 [fd00::2]:6",
            "icmp 10.0.0.1 10.0.0.2 8/0 id 77",
            "igmp 10.0.0.1 224.0.0.22",
            "gre 10.0.0.1 10.0.0.2",
        ]
    );
    assert_eq!((listed[0].packets, listed[0].bytes), (Some(5), Some(300)));
    assert_eq!(listed[1].packets, None);
    // The first one is translated: its ends are the sources of both directions.
    let connection = tracked(&listed[0]).unwrap();
    assert_eq!(listed[0].entry.unwrap().mark, Some(101));
    let ends = [[10, 0, 0, 1], [192, 168, 0, 2]].map(u32::from_ne_bytes);
    assert_eq!(
        connection.ends,
        Ends::Ipv4 {
            original: ends[0],
            reply: ends[1]
        }
    );
    assert_eq!(connection.original_port, 5555u16.to_be());
    assert_eq!(connection.reply_port, 8080u16.to_be());
    for listed in &listed[1..3] {
        assert_eq!(tracked(listed), Some(listed.flow.connection()));
    }
}

#[test]
fn lines_that_are_no_entries_are_named() {
    for (line, reason) in [
        ("<conntrack>", "this is XML: list without -o xml"),
        ("hello world", "\"hello world\" is no entry of conntrack"),
        (
            "src=10.0.0.1 dst=10.0.0.2",
            "\"src=10.0.0.1 dst=10.0.0.2\" is no entry of conntrack",
        ),
        ("tcp 6 10 src=10.0.0.1 dst=x", "dst=x cannot be"),
        ("tcp 6 10 src=10.0.0.1 dst=10.0.0.2", "there is no sport="),
        ("icmp 1 9 src=10.0.0.1 dst=10.0.0.2", "there is no type="),
        (
            "gre 47 10 src=10.0.0.1 dst=10.0.0.2",
            "in the reply's direction there is no src=",
        ),
        (
            "gre 47 10 src=10.0.0.1 dst=10.0.0.2 src=fd00::1 dst=fd00::2",
            "the directions are not of one family",
        ),
    ] {
        let text = format!("\n{line}\n");
        assert_eq!(
            error(text.as_bytes(), Format::Conntrack),
            format!("line 2: {reason}")
        );
    }
}
