// SPDX-License-Identifier: GPL-2.0-only

//! Each mistake is told in one line: its number, and what would be right.

use super::super::Plan;
use super::file;

const GOOD: &str = "\
device = \"north\"
offset = 0x100
gateways = [
  { name = \"a\", address4 = \"10.1.0.10\", address6 = \"fd00:1::10\" },
  { name = \"b\", address4 = \"10.1.0.11\", address6 = \"fd00:1::11\" },
]
[hash]
seed = 7
[[match]]
destination = [\"198.51.100.1\", \"2001:db8:100::1\"]
";

/// What is said of the good file after an edit.
fn said(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    refused(&GOOD.replacen(from, to, 1))
}

fn refused(text: &str) -> String {
    let mistake = Plan::read(text).expect_err(text).to_string();
    assert_eq!(mistake.lines().count(), 1, "{mistake}");
    mistake
}

#[test]
fn a_file_without_mistakes() {
    Plan::read(GOOD).unwrap();
}

#[test]
fn form() {
    let number = "expected a whole number from 0 to 4294967295, such as 50 or 0x3f00";
    let offset = |value: &str| format!("2: offset: this is the {value}, {number}");
    let cases = [
        ("offset = 0x100", "offset = -4", offset("integer `-4`")),
        (
            "offset = 0x100",
            "offset = 0x100000000",
            offset("integer `4294967296`"),
        ),
        (
            "offset = 0x100",
            "offset = 99999999999999999999",
            offset("integer `99999999999999999999`"),
        ),
        ("offset = 0x100", "offset = \"x\"", offset("string \"x\"")),
    ];
    for (from, to, expected) in cases {
        assert_eq!(said(from, to), expected);
    }
    for (from, to, expected) in [
        ("offset = 0x100", "ofset = 4", "2: there is no key ofset here: offset may be meant"),
        ("gateways = [", "gateway = [", "3: there is no key gateway here: gateways may be meant"),
        ("address4", "addr", "4: there is no key addr here: address4 may be meant"),
        ("address4", "address", "4: there is no key address here: address4 may be meant"),
        ("seed = 7", "rnd = 7", "8: there is no key rnd here: seed may be meant"),
        ("[[match]]", "[[matches]]", "9: there is no key matches here: match may be meant"),
        ("[[match]]", "[[match]]\nin_interface = \"a\"", "10: there is no key in_interface here: in-interface may be meant"),
        ("[[match]]", "[[match]]\ninterface = \"a\"", "10: there is no key interface here: in-interface may be meant"),
        ("destination = [", "dest = [", "10: there is no key dest here: destination may be meant"),
        (
            "address4",
            "colour",
            "4: there is no key colour here, only name, address4, address6, device, weight",
        ),
        (
            "[[match]]",
            "[[match]]\nfrom = 4",
            "10: there is no key from here, only chain, in-interface, out-interface, source, destination, \
             protocol, port, ct (keys of the whole plan come before the first line in brackets)",
        ),
        (
            "[[match]]",
            "[[match]]\ngateways = []",
            "10: there is no key gateways here, only chain, in-interface, out-interface, source, destination, \
             protocol, port, ct (keys of the whole plan come before the first line in brackets)",
        ),
        ("[[match]]", "[[match]]\nto = \"10.3.0.0/24\"", "10: there is no key to here, only chain, "),
        ("offset = 0x100", "offset = ", "2: "),
        ("offset = 0x100", "offset = 1\noffset = 2", "3: duplicate key"),
        (
            "name = \"b\", ",
            "",
            "5: a gateway needs a name: add name = \"gateway-0\"",
        ),
        (
            "offset = 0x100",
            "nexthops = \"both\"",
            "2: nexthops: there is no `both`, expected `shared` or `family`",
        ),
        ("[[match]]", "[match]", "9: this is a list: [[match]], with two brackets"),
        (
            "offset = 0x100",
            "sticky = \"yes\"",
            "2: sticky: this is the string \"yes\", expected true or false, without quotes",
        ),
        (
            "[[match]]",
            "[[match]]\nport = 70000",
            "10: port: this is the integer `70000`, expected a whole number up to 65535",
        ),
        (
            "[[match]]",
            "[[match]]\nprotocol = 6",
            "10: protocol: this is the integer `6`, expected a text in quotes, such as \"eth1\"",
        ),
        (
            "seed = 7",
            "tuple = [\"src\"]",
            "8: tuple: this is a list, expected a text in quotes, such as \"eth1\"",
        ),
        (
            "destination = [",
            "destination = [4, ",
            "10: this is the integer `4`, expected a text in quotes",
        ),
        (
            "destination = [\"198.51.100.1\", \"2001:db8:100::1\"]",
            "destination = 4",
            "10: destination: this is the integer `4`, expected a text or a list of texts",
        ),
        (
            "name = \"b\"",
            "weight = \"50\", name = \"b\"",
            "5: weight: this is the string \"50\", expected a whole number",
        ),
        (
            "gateways = [",
            "gateways = [ \"10.1.0.10\",",
            "3: this is the string \"10.1.0.10\", expected { name = \"gateway-0\", address4 = \"10.1.0.10\" }",
        ),
        (
            "gateways = [",
            "gateways = [ [\"a\"],",
            "3: this is a list, expected { name = \"gateway-0\", address4 = \"10.1.0.10\" }",
        ),
        ("\"north\"", "north", "1: a text needs quotes, such as \"eth1\""),
        ("\"north\"", "eth1", "1: a text needs quotes, such as \"eth1\""),
        ("\"north\"", "\"north", "1: the text has no quotation mark at its end"),
        ("\"north\"", "'north", "1: the text has no quotation mark at its end"),
        ("device =", "device:", "1: a key has its value behind ="),
        ("\"north\"", "\"north\";", "1: the value has ended before this: give one key a line"),
        (
            "\"fd00:1::11\" },",
            "\"fd00:1::11\"",
            "6: this is no part of { ... }: a } or a comma is missing before it",
        ),
        ("hash]", "hash]\nhash = 1", "8: "),
    ] {
        let said = said(from, to);
        assert!(said.starts_with(expected), "{said} instead of {expected}");
        for of_rust in ["struct", "u32", "u16", "i128", "field `ga"] {
            assert!(!said.contains(of_rust), "{said}");
        }
    }
    assert_eq!(
        refused(&"#".repeat(1 << 21)),
        "the file has more than 1048576 bytes"
    );
    let deep = format!("name = {}", "[".repeat(100_000));
    assert!(refused(&deep).starts_with("1: "));
}

#[test]
fn marks() {
    for (to, expected) in [
        ("offset = 0", "2: offset: the first gateway would have the mark 0, as all other packets: give offset = 0x2"),
        (
            "mask = 0x3f00\noffset = 1",
            "3: offset: 0x1 has bits outside the mask 0x3f00: give a multiple of 0x100 up to 0x3f00",
        ),
        ("mask = 0x3500", "2: mask: give one run of ones in binary, such as 0x3f00"),
        ("mask = 0", "2: mask: give one run of ones in binary, such as 0x3f00"),
        (
            "mask = 0x3f00\noffset = 0x3f00",
            "3: offset: 2 marks from 0x3f00 on leave the mask 0x3f00: give offset = 0x200",
        ),
        (
            "offset = 0xffffffff",
            "2: offset: 2 marks from 0xffffffff on leave the mask 0xffffffff: give offset = 0x2",
        ),
        ("mask = 0x100", "2: offset: 2 marks from 0x100 on leave the mask 0x100: give mask = 0x300, without an offset"),
    ] {
        assert_eq!(said("offset = 0x100", to), expected, "{to}");
    }
    assert_eq!(
        refused(&file(70, "offset = 100")),
        "2: offset: the marks 0x64 to 0xa9 are in no aligned block without the mark 0, by which a guard \
         tells other packets apart: give offset = 0x80"
    );
    assert_eq!(
        refused(&file(70, "mask = 0x3f00")),
        "2: offset: 70 marks from 0x2000 on leave the mask 0x3f00: give mask = 0xff00, without an offset"
    );
    // What is proposed is right.
    for right in ["offset = 0x80", "mask = 0xff00"] {
        Plan::read(&file(70, right)).unwrap();
    }
}

#[test]
fn gateways() {
    for (from, to, expected) in [
        ("name = \"b\"", "name = \"a\"", "5: name: a is the name of the gateway in line 4, too"),
        ("10.1.0.11", "10.1.0.10", "5: 10.1.0.10 is the address of two gateways"),
        ("fd00:1::11", "fd00:1::10", "5: fd00:1::10 is the address of two gateways"),
        ("10.1.0.11", "10.1.0.0/24", "5: address4: \"10.1.0.0/24\" is no address of a host: give one such as 10.1.0.10"),
        ("10.1.0.11", "fd00::1", "5: address4: \"fd00::1\" is no address of a host: give one such as 10.1.0.10"),
        ("fd00:1::11", "ff02::1", "5: address6: \"ff02::1\" is no gateway's address: give one such as fd00:1::10"),
        (
            "device = \"north\"\n",
            "",
            "3: a has no device: add device = \"eth1\" to it, or at the top for all gateways",
        ),
        ("device = \"north\"", "device = \"a'b\"", "1: device: \"a'b\" is no device: give a name of up to 15 characters, as `ip link` has it"),
        ("name = \"b\"", "name = \"b c\"", "5: name: give 1 to 63 letters, digits, dots, underscores and hyphens"),
        ("name = \"b\"", "weight = 101, name = \"b\"", "5: weight: give 0 to 100, which is a full share"),
        (
            ", address6 = \"fd00:1::11\"",
            "",
            "5: b has no address6, but IPv6 packets are marked: add it, or take IPv6 out of every match",
        ),
        (
            "address4 = \"10.1.0.11\", address6 = \"fd00:1::11\"",
            "weight = 5",
            "5: b has no address: add address4, address6 or both",
        ),
    ] {
        assert_eq!(said(from, to), expected);
    }
    let none = "[[match]]\ndestination = \"10.0.0.1\"";
    assert!(refused(none).starts_with("there are no gateways: add gateways = [ "));
    // Without a shared nexthop, each needs an address of each family.
    let one = GOOD.replace("address4 = \"10.1.0.11\", ", "");
    Plan::read(&one).unwrap();
    assert_eq!(
        refused(&format!("nexthops = \"family\"\n{one}")),
        "6: b has no address4, but IPv4 packets are marked: add it, or take IPv4 out of every match"
    );
}

#[test]
fn matches() {
    let destination = "destination = [\"198.51.100.1\", \"2001:db8:100::1\"]";
    for (to, expected) in [
        (
            "destination = \"nobody\"",
            "10: destination: \"nobody\" is no address: give an address or a network, such as 198.51.100.1 or \
             \"! 10.0.0.0/8\"",
        ),
        ("destination = [\n\"10.0.0.1\",\n\"10.0.0.1\"]", "12: destination: 10.0.0.1/32 is given twice"),
        (
            "source = [\"! 10.0.0.0/8\", \"192.0.2.1\"]",
            "10: source: with \"!\" one IPv4 network is all, since another match would take its packets",
        ),
        (
            "chain = \"FORWARD\"",
            "10: chain: give PREROUTING, or OUTPUT for packets of this host itself: in others a mark comes too \
             late",
        ),
        (
            "out-interface = \"eth0\"",
            "10: out-interface: before routing nobody knows it: add chain = \"OUTPUT\" for packets of this host",
        ),
        (
            "chain = \"OUTPUT\"\nin-interface = \"eth0\"",
            "11: in-interface: packets of this host come in by none: take it away, or chain",
        ),
        ("in-interface = \"a b\"", "10: in-interface: \"a b\" is no device: give a name of up to 15 characters, as `ip link` has it"),
        (
            "",
            "9: match: all packets would be marked, those to this host too: give destination, source or \
             in-interface",
        ),
        (
            "source = \"10.0.0.1\"\ndestination = \"fd00::1\"",
            "9: match: source and destination are of different families",
        ),
        ("in-interface = \"a\"\nport = 80", "11: port: add protocol = \"tcp\", or another that has ports"),
        (
            "in-interface = \"a\"\nport = 80\nprotocol = \"icmp\"",
            "11: port: icmp has none: give tcp, udp, udplite, sctp or dccp by name",
        ),
        (
            "in-interface = \"a\"\nprotocol = \"any\"",
            "11: protocol: \"any\" is none that is known: give its number, or tcp, udp, sctp, icmp",
        ),
        (
            "in-interface = \"a\"\nprotocol = \"icmpv6\"",
            "11: protocol: give \"icmp\", which is that of each family",
        ),
    ] {
        assert_eq!(said(destination, to), expected);
    }
    let none = GOOD.split("[[match]]").next().unwrap();
    assert!(refused(none).starts_with("no packets are marked: add [[match]]"));
}

#[test]
fn numbers() {
    for (key, expected) in [
        (
            "preference = 32761",
            "2: preference: give 1 to 32760: up to 6 rules must come before that of the main table, 32766",
        ),
        (
            "preference = 0",
            "2: preference: give 1 to 32760: up to 6 rules must come before that of the main table, 32766",
        ),
        (
            "table = 252",
            "2: table: 2 tables from 252 on include 0, 253 to 255, or none that exist: give 256 or more",
        ),
        (
            "table = 4294967295",
            "2: table: 2 tables from 4294967295 on include 0, 253 to 255, or none that exist: give 256 or more",
        ),
        (
            "protocol = 4",
            "2: protocol: give a number from 19 to 255 that no routing daemon has (see /etc/iproute2/rt_protos)",
        ),
        ("from = 3", "2: from: give 1 to 2, the number of gateways at first"),
        ("from = 0", "2: from: give 1 to 2, the number of gateways at first"),
        (
            "name = \"North\"",
            "2: name: give 1 to 12 small letters, digits and hyphens, since chains are named after it",
        ),
        ("to = \"10.3.0.0/24\"", "2: to: add a network of IPv6, or leave it out for all"),
        ("to = \"10.3.0\"", "2: to: \"10.3.0\" is no network: give one such as 10.3.0.0/24"),
    ] {
        assert_eq!(said("offset = 0x100", key), expected);
    }
}

#[test]
fn hash_is_told_of_in_the_words_of_the_target() {
    for (to, expected) in [
        (
            "key = \"11\"",
            "8: [hash]: bad value for option \"--hmark-key\": give 32 hexadecimal digits",
        ),
        (
            "tuple = \"ct,src\"",
            "8: [hash]: give ct = true in a match in place of \"ct\"",
        ),
        (
            "tuple = \"src dst\"",
            "8: [hash]: a value has no blanks and no quotes",
        ),
        (
            "seed = 1\nkey = \"00112233445566778899aabbccddeeff\"",
            "9: --hmark-",
        ),
        ("inner = \"vxlan:0\"", "8: [hash]: bad value"),
        ("sport-mask = 0x10000", "8: [hash]: bad value"),
    ] {
        let said = said("seed = 7", to);
        assert!(said.starts_with(expected), "{said} instead of {expected}");
    }
    assert_eq!(
        refused(&GOOD.replace("name =", "weight = 0, name =")),
        "4: --hmark-weight leaves no mark: give one at least a weight over 0"
    );
}
