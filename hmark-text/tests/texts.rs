// SPDX-License-Identifier: GPL-2.0-only

//! Every text that a user may see: rules saved and listed, errors, warnings, translations, the help.

use hmark::rule::v1::Info;
use hmark::Family::{self, Ipv4, Ipv6};
use hmark_text::{
    help, list, needs, read, save, translate, Declined, Kind, Line, Row, Warning, OPTIONS,
};

fn result(text: &str, family: Family) -> Result<(Info, Option<Warning>), String> {
    read(text, family).map_err(|error| error.to_string())
}

fn rule(text: &str, family: Family) -> Info {
    match result(text, family) {
        Ok((rule, _)) => rule,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn error(text: &str, family: Family) -> String {
    result(text, family).expect_err(text)
}

fn name(option: &Row) -> &str {
    option.name.to_str().unwrap()
}

#[test]
fn saved_and_listed() {
    for (text, family, saved, listed) in [
        (
            "--hmark-mod 4 --hmark-offs 100",
            Ipv4,
            " --hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-sport-mask 0xffff \
             --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 \
             --hmark-mod 4 --hmark-offset 100",
            " HMARK mod 4 + 0x64 src-prefix 32 dst-prefix 32 sport-mask 0xffff \
             dport-mask 0xffff proto-mask 0xffff rnd 0xc175a3b8 ",
        ),
        (
            "--hmark-mod 4294967295 --hmark-offset 0 --hmark-rnd 0 --hmark-tuple SRC,ct \
             --hmark-dst-prefix ffff:: --hmark-spi-mask 0x0a --hmark-spi 1 --hmark-proto-mask 6",
            Ipv6,
            " --hmark-src-prefix 128 --hmark-dst-prefix 16 --hmark-spi-mask 0x0000000a \
             --hmark-spi 0x00000001 --hmark-proto-mask 0x06 --hmark-rnd 0x00000000 \
             --hmark-mod 4294967295 --hmark-offset 0 --hmark-tuple ct",
            " HMARK mod 4294967295 + 0x0 ct, src-prefix  dst-prefix 16 spi-mask 0xa spi 0x1 \
             proto-mask 0x6 rnd 0x0 ",
        ),
        (
            "--hmark-mod 1 --hmark-rnd 1 --hmark-sport 80 --hmark-dport 0 --hmark-tuple p,dport",
            Ipv4,
            " --hmark-dport-mask 0xffff --hmark-sport 0x0050 --hmark-dport 0x0000 \
             --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 1",
            " HMARK mod 1 dport-mask 0xffff sport 0x50 dport 0x0 proto-mask 0xffff rnd 0x1 ",
        ),
        (
            "--hmark-mod 70 --hmark-mask 0x7F00 --hmark-offset 0x100 --hmark-from 64 --hmark-rnd 1 \
             --hmark-weight 69=25,12=50,35=0,64-66=25,0=100,67-68=25,1-2=99 --hmark-tuple ct,sport",
            Ipv4,
            " --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 70 --hmark-offset 256 \
             --hmark-mask 0x7f00 --hmark-from 64 --hmark-weight 1-2=99,12=50,35=0,64-69=25 \
             --hmark-tuple ct",
            " HMARK mod 70 + 0x100 mask 0x7f00 from 64 weight 1-2=99,12=50,35=0,64-69=25 ct, \
             sport-mask 0xffff rnd 0x1 ",
        ),
        (
            "--hmark-reverse-errors --hmark-inner ipip,vxlan:8472,geneve:6081,gtpu \
             --hmark-key 00112233445566778899AABBccddeeff --hmark-mod 4 --hmark-tuple src",
            Ipv6,
            " --hmark-src-prefix 128 --hmark-key 00112233445566778899aabbccddeeff --hmark-mod 4 \
             --hmark-inner gtpu,vxlan:8472,geneve,ipip --hmark-reverse-errors",
            " HMARK mod 4 inner gtpu,vxlan:8472,geneve,ipip reverse-errors src-prefix  \
             key 00112233445566778899aabbccddeeff ",
        ),
        (
            "--hmark-inner gre --hmark-key 00000000000000000000000000000000 --hmark-mod 2 \
             --hmark-tuple proto --hmark-mask 0xc0000000",
            Ipv4,
            " --hmark-proto-mask 0xffff --hmark-key 00000000000000000000000000000000 --hmark-mod 2 \
             --hmark-mask 0xc0000000 --hmark-inner gre",
            " HMARK mod 2 mask 0xc0000000 inner gre proto-mask 0xffff \
             key 00000000000000000000000000000000 ",
        ),
    ] {
        let shown = shown(&rule(text, family), family);
        assert_eq!(shown, [saved, listed], "{text}");
    }
}

/// Weights of 100 are the default: they may be given, and are not stored.
#[test]
fn full_weights_are_dropped() {
    let without = rule("--hmark-mod 70", Ipv4);
    for weights in ["0=100", "0-69=100", "3=100 --hmark-weight 4=100"] {
        let full = rule(&format!("--hmark-mod 70 --hmark-weight {weights}"), Ipv4);
        assert_eq!(full, without, "{weights}");
    }
    let one = rule("--hmark-mod 70 --hmark-weight 0=100,1=50", Ipv4);
    assert_eq!(one, rule("--hmark-mod 70 --hmark-weight 1=50", Ipv4));
}

/// The longest rule fits a line, and iptables-restore takes each of its values, which may have 1023
/// bytes. It refuses a line of 10 KiB.
#[test]
fn the_longest_rule_is_saved_in_full() {
    let weights: Vec<_> = (0..256)
        .map(|mark| format!("{mark}={}", 10 + mark % 2))
        .collect();
    let [first, rest] = [&weights[..100], &weights[100..]].map(|weights| weights.join(","));
    let options = format!(
        "--hmark-mod 256 --hmark-offset 0 --hmark-mask 0xff000000 --hmark-from 256 \
         --hmark-weight {first} --hmark-key {} --hmark-inner \
         gtpu:10000,vxlan:20000,geneve:30000,gre,ipip --hmark-reverse-errors --hmark-tuple src,dst,proto \
         --hmark-sport-mask 1 --hmark-dport-mask 1 --hmark-sport 1 --hmark-dport 1 \
         --hmark-weight {rest}",
        "f".repeat(32)
    );
    let long = rule(&options, Ipv6);
    let [saved, listed] = shown(&long, Ipv6);
    assert_eq!(rule(&saved, Ipv6), long);
    assert!(
        saved.len() > 2_000 && saved.len() < 2_560,
        "{}",
        saved.len()
    );
    assert!(listed.contains(&weights.join(",")) && listed.ends_with("fff "));
    let words: Vec<_> = saved.split(' ').collect();
    assert!(words.iter().all(|word| word.len() < 1_024));
    assert!(words.iter().any(|word| word.len() > 900));
    assert_eq!(saved.matches("--hmark-weight ").count(), 2);
}

/// A rule as it is saved and as it is listed.
fn shown(rule: &Info, family: Family) -> [String; 2] {
    [save, list].map(|show: fn(&Info, Family, &mut Line)| {
        let mut line = Line::new();
        show(rule, family, &mut line);
        line.to_string()
    })
}

/// The stock library may have added such a rule, and shows it so.
#[test]
fn a_netmask_without_length_is_shown_but_not_read() {
    for (mask, family, listed) in [
        ([0xff00_ff00, 0, 0, 0], Ipv4, "4294967295"),
        ([0xffff_0000, 0xffff_0000, 0, 0], Ipv6, "ffff:0:ffff::"),
    ] {
        let mut rule = rule("--hmark-mod 2 --hmark-rnd 1 --hmark-src-prefix 8", family);
        rule.masked.v0.src_mask = mask.map(u32::to_be);
        let expected = [
            " --hmark-src-prefix -1 --hmark-rnd 0x00000001 --hmark-mod 2".to_owned(),
            format!(" HMARK mod 2 src-prefix {listed} rnd 0x1 "),
        ];
        assert_eq!(shown(&rule, family), expected);
        assert!(result(&expected[0], family).is_err());
    }
}

#[test]
fn errors() {
    let bad = |value: &str, option: &str, rest: &str| {
        format!("bad value \"{value}\" for option \"--hmark-{option}\": {rest}")
    };
    let selectors = "give src, dst, sport, dport, spi, proto or ct, separated by commas alone";
    let before = "given before, by itself or in --hmark-tuple";
    for (text, family, expected) in [
        (
            "--hmark-tuple src,colour",
            Ipv4,
            bad("colour", "tuple", selectors),
        ),
        ("--hmark-tuple=", Ipv4, bad("", "tuple", selectors)),
        (
            "--hmark-src-prefix 33",
            Ipv4,
            bad(
                "33",
                "src-prefix",
                "give a prefix length from 0 to 32, such as 24, or its netmask, but no address",
            ),
        ),
        (
            "--hmark-dst-prefix localhost",
            Ipv6,
            bad(
                "localhost",
                "dst-prefix",
                "give a prefix length from 0 to 128, such as 24, or its netmask, but no address",
            ),
        ),
        (
            "--hmark-src-prefix 192.168.1.0",
            Ipv4,
            bad(
                "192.168.1.0",
                "src-prefix",
                "give a prefix length from 0 to 32, such as 24, or its netmask, but no address",
            ),
        ),
        (
            "--hmark-mod 0",
            Ipv4,
            bad("0", "mod", "give a number from 1 to 4294967295"),
        ),
        (
            "--hmark-sport 65536",
            Ipv4,
            bad("65536", "sport", "give a number from 0 to 65535"),
        ),
        (
            "--hmark-offs x\u{1b}[2J",
            Ipv4,
            bad("x?[2J", "offset", "give a number from 0 to 4294967295"),
        ),
        (
            &format!("--hmark-rnd {}", "9".repeat(100)),
            Ipv4,
            bad(&"9".repeat(64), "rnd", "give a number from 0 to 4294967295"),
        ),
        (
            "--hmark-mod 4 --hmark-mod 5",
            Ipv4,
            bad("5", "mod", "given before"),
        ),
        (
            "--hmark-offs 1 --hmark-offset 2",
            Ipv4,
            bad("2", "offset", "given before"),
        ),
        (
            "--hmark-tuple src --hmark-src-prefix 8",
            Ipv4,
            bad("8", "src-prefix", before),
        ),
        (
            "--hmark-src-prefix 8 --hmark-tuple dst,src",
            Ipv4,
            bad("dst,src", "tuple", before),
        ),
        (
            "--hmark-inner gtpu --hmark-inner vxlan",
            Ipv4,
            bad(
                "vxlan",
                "inner",
                "given before: give all tunnels in one list, such as gtpu,vxlan",
            ),
        ),
        (
            "--hmark-mod 5 --hmark-from 4 --hmark-from 5",
            Ipv4,
            bad("5", "from", "given before"),
        ),
        (
            "--hmark-tuple src --hmark-tuple dst",
            Ipv4,
            "option \"--hmark-tuple\" can only be used once".to_owned(),
        ),
        (
            "! --hmark-mod 4",
            Ipv4,
            "option \"--hmark-mod\" cannot be inverted".to_owned(),
        ),
        (
            "--hmark-mod",
            Ipv4,
            "option \"--hmark-mod\" requires an argument".to_owned(),
        ),
        (
            "--hmark-mod 4 --hmark-colour red",
            Ipv4,
            "unknown option \"--hmark-colour\"".to_owned(),
        ),
        (
            "--hmark-sp 1",
            Ipv4,
            "unknown option \"--hmark-sp\"".to_owned(),
        ),
        ("--hmark-mod 4 5", Ipv4, "unknown option \"5\"".to_owned()),
        ("! ! --hmark-mod 4", Ipv4, "unknown option \"!\"".to_owned()),
        ("--hmark-mod 4 !", Ipv4, "unknown option \"!\"".to_owned()),
        (
            "",
            Ipv4,
            "option \"--hmark-mod\" is missing: give the number of marks, from 1 to 4294967295"
                .to_owned(),
        ),
        (
            "--hmark-mod 4 --hmark-tuple spi,sport",
            Ipv4,
            "--hmark-spi-mask (or spi in --hmark-tuple) excludes --hmark-sport-mask and \
             --hmark-dport-mask (or sport and dport): give either"
                .to_owned(),
        ),
        (
            "--hmark-mod 4 --hmark-spi 1 --hmark-dport 1",
            Ipv4,
            "--hmark-spi excludes --hmark-sport and --hmark-dport: give either".to_owned(),
        ),
    ] {
        assert_eq!(error(text, family), expected, "{text}");
    }
}

/// Values of the options of revision 1.
#[test]
fn errors_of_values() {
    let ones = "give a number whose ones in binary are all in one run, such as 0x3f00";
    let weights =
        "give marks, counted from 0, and weights, such as 12=50,64-69=25, separated by commas alone";
    let weight = "give a whole number from 0 to 100 as the weight";
    let order = "give the lower mark of the range first";
    let mark = "give marks from 0 to 255, whatever the offset";
    let one_weight = "give each mark one weight: the rule has another one already";
    let key = "give 32 hexadecimal digits";
    let tunnels = "give gtpu, vxlan, geneve, gre or ipip, separated by commas alone";
    let case = "give the name in small letters";
    let no_port = "give no port: only gtpu, vxlan and geneve have one";
    let port = "give a UDP port from 1 to 65535, such as vxlan:8472";
    let once = "give each tunnel once";
    let [short, long, wrong] = [
        "0".repeat(31),
        "0".repeat(33),
        format!("{}g", "0".repeat(31)),
    ];
    for (option, values, rest) in [
        (
            "mask",
            &["0", "0x3f01", "5", "0xf000000f", "x", "0x100000000", ""][..],
            ones,
        ),
        (
            "from",
            &["0", "-1", "x"],
            "give a number from 1 to 4294967295",
        ),
        (
            "weight",
            &[
                "=",
                "5",
                "=5",
                "-3=5",
                "3-=5",
                "",
                "1:50",
                "1-2-3=4",
                "4294967296=1",
                "a=1",
            ],
            weights,
        ),
        (
            "weight",
            &["12=101", "5=", "1=-1", "1=50%", "1=0.5", "1=5=5", "1=356"],
            weight,
        ),
        ("weight", &["5-3=5"], order),
        (
            "weight",
            &["256=5", "300=5", "1-256=5", "0-4294967295=1"],
            mark,
        ),
        ("key", &[&short, &long, &wrong, "", "0x"], key),
        ("inner", &["", "ip", "gtp", ":1"], tunnels),
        ("inner", &["GRE", "Vxlan:1"], case),
        ("inner", &["gre:1", "gre:47", "ipip:0"], no_port),
        (
            "inner",
            &[
                "vxlan:",
                "vxlan:0",
                "vxlan:65536",
                "vxlan:x",
                "vxlan:1:2",
                "gtpu:-1",
            ],
            port,
        ),
    ] {
        for value in values {
            let text = format!("--hmark-mod 4 --hmark-{option}={value}");
            // A wrong key is not shown: it may nearly be a right one.
            let shown = match option {
                "key" => String::new(),
                _ => format!("\"{value}\" "),
            };
            let expected = format!("bad value {shown}for option \"--hmark-{option}\": {rest}");
            assert_eq!(error(&text, Ipv4), expected, "{text}");
        }
    }
    // Of a list, the wrong element is shown.
    for (option, list, bad, rest) in [
        ("weight", "1=2,3=x,4=5", "3=x", weight),
        ("weight", "1=2,1=3", "1=3", one_weight),
        ("weight", "1=100,1=100", "1=100", one_weight),
        ("weight", "1-5=2,7=1,3-9=2", "3-9=2", one_weight),
        ("weight", "1=2,", "", weights),
        ("weight", ",1=2", "", weights),
        ("weight", "1=2 --hmark-weight 2=3,1=2", "1=2", one_weight),
        ("inner", "gre,gre", "gre", once),
        ("inner", "vxlan,vxlan:1", "vxlan:1", once),
        ("inner", "gre,ip,ipip", "ip", tunnels),
        ("inner", "gre,", "", tunnels),
    ] {
        let found = error(&format!("--hmark-mod 4 --hmark-{option} {list}"), Ipv4);
        let expected = format!("bad value \"{bad}\" for option \"--hmark-{option}\": {rest}");
        assert_eq!(found, expected, "{list}");
    }
}

/// Options of revision 1 that do not go together.
#[test]
fn errors_of_rules() {
    let bad = |value: &str, option: &str, rest: &str| {
        format!("bad value \"{value}\" for option \"--hmark-{option}\": {rest}")
    };
    let key = "0123456789abcdef0123456789abcdef";
    for (text, expected) in [
        (
            "mod 4 --hmark-mask 0x3f00 --hmark-offset 0x4100".to_owned(),
            bad(
                "0x4100",
                "offset",
                "give bits of --hmark-mask alone, which is 0x3f00",
            ),
        ),
        (
            "mod 4 --hmark-mask 0x3f00 --hmark-offset 1".to_owned(),
            bad(
                "0x1",
                "offset",
                "give bits of --hmark-mask alone, which is 0x3f00",
            ),
        ),
        (
            "mod 65 --hmark-mask 0x3f00".to_owned(),
            bad(
                "65",
                "mod",
                "give a number up to 64: --hmark-mask has no room for more marks",
            ),
        ),
        (
            "mod 64 --hmark-mask 0x3f00 --hmark-offs 0x100".to_owned(),
            bad(
                "64",
                "mod",
                "give a number up to 63: --hmark-mask has no room for more marks",
            ),
        ),
        (
            "mod 4294967295 --hmark-mask 0xffffffff --hmark-offset 2".to_owned(),
            bad(
                "4294967295",
                "mod",
                "give a number up to 4294967294: --hmark-mask has no room for more marks",
            ),
        ),
        (
            "mod 4 --hmark-from 5".to_owned(),
            bad(
                "5",
                "from",
                "give a number from 1 to 4, which is --hmark-mod",
            ),
        ),
        (
            "mod 257 --hmark-weight 0=5".to_owned(),
            bad(
                "257",
                "mod",
                "with --hmark-weight, give a number from 1 to 256",
            ),
        ),
        (
            "mod 70 --hmark-weight 69=0,70=50".to_owned(),
            bad(
                "70",
                "weight",
                "the marks of --hmark-mod are counted from 0 to 69",
            ),
        ),
        (
            "mod 70 --hmark-weight 60-90=100".to_owned(),
            bad(
                "70",
                "weight",
                "the marks of --hmark-mod are counted from 0 to 69",
            ),
        ),
        (
            "mod 4 --hmark-weight 0-3=0".to_owned(),
            "--hmark-weight leaves no mark: give one at least a weight over 0".to_owned(),
        ),
        (
            format!("mod 4 --hmark-rnd 1 --hmark-key {key}"),
            "--hmark-key excludes --hmark-rnd: give either".to_owned(),
        ),
        (
            format!("mod 4 --hmark-key {key} --hmark-key {key}"),
            "bad value for option \"--hmark-key\": given before".to_owned(),
        ),
        (
            "mod 4 --hmark-inner vxlan:6081,geneve".to_owned(),
            "--hmark-inner has two tunnels with one UDP port: give each its own".to_owned(),
        ),
        (
            "mod 4 --hmark-inner gre --hmark-tuple ct,src".to_owned(),
            "--hmark-inner excludes ct in --hmark-tuple: give either".to_owned(),
        ),
        (
            "mod 4 --hmark-tuple ct,src --hmark-reverse-errors".to_owned(),
            "--hmark-reverse-errors excludes ct in --hmark-tuple: give either".to_owned(),
        ),
        (
            "mod 4 --hmark-reverse-errors --hmark-reverse-errors".to_owned(),
            "option \"--hmark-reverse-errors\" can only be used once".to_owned(),
        ),
        (
            "mod 4 --hmark-reverse-errors=1".to_owned(),
            "option \"--hmark-reverse-errors\" takes no argument".to_owned(),
        ),
        (
            "mod 4 --hmark-reverse-errors 1".to_owned(),
            "unknown option \"1\"".to_owned(),
        ),
        (
            "mod 4 ! --hmark-reverse-errors".to_owned(),
            "option \"--hmark-reverse-errors\" cannot be inverted".to_owned(),
        ),
        (
            "weight 1=2".to_owned(),
            "option \"--hmark-mod\" is missing: give the number of marks, from 1 to 4294967295"
                .to_owned(),
        ),
    ] {
        assert_eq!(error(&format!("--hmark-{text}"), Ipv4), expected, "{text}");
    }
}

/// Rules at the very limits of what is valid are accepted.
#[test]
fn the_edges_of_rules() {
    for text in [
        "mod 64 --hmark-mask 0x3f00",
        "mod 63 --hmark-mask 0x3f00 --hmark-offs 0x100",
        "mod 1 --hmark-mask 0x80000000 --hmark-offset 0x80000000",
        "mod 4294967295 --hmark-mask 0xffffffff --hmark-offset 1",
        "mod 4 --hmark-from 4",
        "mod 256 --hmark-weight 0-254=0,255=1",
        "mod 4 --hmark-inner vxlan:1,geneve:2,gtpu:65535,gre,ipip",
    ] {
        let (rule, _) = result(&format!("--hmark-{text}"), Ipv4).unwrap();
        assert!(
            needs(&rule, 0).is_some() && needs(&rule, 1).is_none(),
            "{text}"
        );
    }
}

/// An option that the kernel's target does not have is named.
#[test]
fn the_revision_that_a_rule_needs() {
    let rule = rule(
        "--hmark-mod 4 --hmark-reverse-errors --hmark-mask 0xff",
        Ipv4,
    );
    let error = hmark_text::Error::Revision(needs(&rule, 0).unwrap());
    assert_eq!(
        error.to_string(),
        "option \"--hmark-mask\" needs revision 1 of the target, but the xt_HMARK that is loaded has \
         only revision 0: install the module of this library's version, flush all HMARK rules, and run \
         modprobe -r xt_HMARK"
    );
}

#[test]
fn a_refused_option_leaves_the_rule_as_it_was() {
    for option in &OPTIONS {
        let mut rule = Info::default();
        if !option.kind.has_value() {
            continue;
        }
        for value in ["", "src,x", "4294967296", "255.0.255.0", "1=50,2", "gre,ip"] {
            let set = hmark_text::set(&mut rule, option, value.as_bytes(), Ipv4);
            assert!(set.is_err(), "{}: {value}", name(option));
            assert_eq!(rule, Info::default());
        }
    }
}

#[test]
fn each_range_ends_where_it_says() {
    for option in &OPTIONS {
        let taken = |number: u64| {
            let mut rule = Info::default();
            let text = number.to_string();
            let set = hmark_text::set(&mut rule, option, text.as_bytes(), Ipv4);
            assert_eq!(rule.has(option.flag), set.is_ok());
            match &option.kind {
                Kind::Number(field) => set.is_ok().then(|| u64::from((field.get)(&rule))),
                _ => None,
            }
        };
        if let Kind::Number(field) = &option.kind {
            let [first, last] = [*field.range.start(), *field.range.end()].map(u64::from);
            assert_eq!(taken(first), Some(first), "{}", name(option));
            assert_eq!(taken(last), Some(last), "{}", name(option));
            assert_eq!(taken(last + 1), None, "{}", name(option));
            if first > 0 {
                assert_eq!(taken(first - 1), None, "{}", name(option));
            }
        }
    }
}

#[test]
fn warnings() {
    for (text, warns) in [
        ("--hmark-mod 4 --hmark-tuple ct", true),
        ("--hmark-mod 4 --hmark-tuple proto", true),
        ("--hmark-mod 4 --hmark-tuple ct --hmark-proto-mask 1", true),
        ("--hmark-mod 4 --hmark-tuple dst,proto", false),
        ("--hmark-mod 4 --hmark-tuple ct,src", false),
        ("--hmark-mod 4 --hmark-tuple ct --hmark-sport 1", false),
        ("--hmark-mod 4 --hmark-tuple proto --hmark-mask 0xff", true),
        (
            "--hmark-mod 4 --hmark-tuple proto --hmark-key 0123456789abcdef0123456789abcdef",
            false,
        ),
        (
            "--hmark-mod 4 --hmark-tuple ct --hmark-key 0123456789abcdef0123456789abcdef",
            true,
        ),
        ("--hmark-mod 4", false),
    ] {
        let (_, warning) = result(text, Ipv6).unwrap();
        assert_eq!(warning, warns.then_some(Warning::NothingSpreads), "{text}");
    }
    assert_eq!(
        Warning::NothingSpreads.to_string(),
        "without addresses, ports or an SPI, practically all packets get one mark: \
         add src,dst,sport,dport"
    );
    assert_eq!(
        Warning::NftSpreadsByProtocol.to_string(),
        "nft's hash spreads packets by proto, too: HMARK's practically does not"
    );
}

#[test]
fn helped() {
    let mut lines = Vec::new();
    help(&mut |line| lines.push(line.to_string()));
    let text = lines.concat();
    assert_eq!(
        text,
        "\
HMARK target: hashes each packet to one of a range of marks,
a flow and its replies to one
  --hmark-mod N            Number of marks, 1 to 4294967295 (mandatory)
  --hmark-offset N         First mark, 0 to 4294967295 (default 0);
                           also --hmark-offs
  --hmark-mask N           Bits of the mark to set, such as 0x3f00;
                           marks count from its lowest bit on
                           (default 0xffffffff)
  --hmark-from N           Number of marks that there were at first:
                           flows move only to marks added since
  --hmark-weight LIST      Shares of marks in per cent, counted from 0:
                           12=50,35=0,64-69=25 (default 100)
  --hmark-rnd N            Seed of the hash, 32 bits (default 0xc175a3b8)
  --hmark-key HEX          Key of SipHash, 32 hexadecimal digits:
                           who does not know it cannot choose a mark;
                           excludes --hmark-rnd
  --hmark-tuple LIST       What to hash, in full:
                           src,dst,sport,dport,spi,proto,ct
                           (default src,dst,sport,dport,proto
                           if nothing else says)
                           ct hashes the connection's tuple
                           instead of the packet's
  --hmark-inner LIST       Tunnels whose inner packet is hashed:
                           gtpu,vxlan,geneve,gre,ipip; or with
                           another UDP port, as vxlan:8472;
                           excludes ct
  --hmark-reverse-errors   Hash an ICMP error as a reply to the packet
                           that it quotes; excludes ct
To hash some bits of a part only, in place of its name in --hmark-tuple:
  --hmark-src-prefix LEN   Leading bits of the source address:
                           0 to 32 (IPv6: 128), or a netmask
  --hmark-dst-prefix LEN   Leading bits of the destination address: likewise
  --hmark-sport-mask N     Bits of the source port, 0 to 0xffff
  --hmark-dport-mask N     Bits of the destination port, 0 to 0xffff
  --hmark-spi-mask N       Bits of the SPI of AH and ESP, 0 to 0xffffffff;
                           excludes port masks
  --hmark-sport N          Bits set in the source port after its mask,
                           0 to 0xffff
  --hmark-dport N          Bits set in the destination port after its mask,
                           0 to 0xffff
  --hmark-spi N            Bits set in the SPI after its mask,
                           0 to 0xffffffff; excludes ports
  --hmark-proto-mask N     Bits of the protocol number, 0 to 0xffff:
                           they practically never change a mark
Numbers may be decimal, hexadecimal (0x...) or octal (0...).
"
    );
    assert!(text.lines().all(|line| line.len() <= 80));
    for option in &OPTIONS {
        for name in option.names() {
            assert!(text.contains(&format!("--{}", name.to_str().unwrap())));
        }
        if let Some(selector) = option.selector {
            assert!(
                text.contains(&format!("{selector},")) || text.contains(&format!(",{selector}"))
            );
        }
    }
}

#[test]
fn translated() {
    for (text, family, protocol, nft) in [
        (
            "--hmark-mod 4 --hmark-offs 100",
            Ipv4,
            None,
            Some("meta mark set symhash mod 4 offset 100"),
        ),
        (
            "--hmark-mod 4 --hmark-tuple sport --hmark-dport-mask 0xff00 --hmark-rnd 5",
            Ipv6,
            Some(6),
            Some("meta mark set jhash th sport . th dport & 0xff00 mod 4 seed 0x5"),
        ),
        (
            "--hmark-mod 4 --hmark-src-prefix 20 --hmark-rnd 0x01020304",
            Ipv4,
            None,
            Some("meta mark set jhash ip saddr & 255.255.240.0 mod 4 seed 0x1020304"),
        ),
        (
            "--hmark-mod 4 --hmark-src-prefix 20 --hmark-tuple dst --hmark-offset 7",
            Ipv6,
            None,
            Some(
                "meta mark set jhash ip6 saddr & ffff:f000:: . ip6 daddr mod 4 seed 0xc175a3b8 \
                 offset 7",
            ),
        ),
        (
            "--hmark-mod 4 --hmark-tuple src,spi",
            Ipv4,
            Some(50),
            Some("meta mark set jhash ip saddr . esp spi mod 4 seed 0xc175a3b8"),
        ),
        ("--hmark-mod 4 --hmark-tuple ct,src", Ipv4, None, None),
        ("--hmark-mod 4 --hmark-tuple sport", Ipv4, None, None),
        ("--hmark-mod 4 --hmark-mask 0xff", Ipv4, None, None),
        ("--hmark-mod 4 --hmark-from 3", Ipv4, None, None),
        ("--hmark-mod 4 --hmark-weight 0=50", Ipv6, None, None),
        (
            "--hmark-mod 4 --hmark-key 0123456789abcdef0123456789abcdef",
            Ipv4,
            None,
            None,
        ),
        ("--hmark-mod 4 --hmark-inner gre", Ipv4, None, None),
        ("--hmark-mod 4 --hmark-reverse-errors", Ipv4, None, None),
    ] {
        let mut line = Line::new();
        let translated = translate(&rule(text, family), family, protocol, &mut line);
        let expected = nft.map(|_| None).ok_or(Declined);
        assert_eq!(translated, expected, "{text}");
        assert_eq!(line.to_string(), nft.unwrap_or_default(), "{text}");
    }
}

/// Unlike HMARK, nft's hash spreads packets by their protocol, if they may have several.
#[test]
fn a_translation_that_spreads_by_protocol_warns() {
    for (tuple, protocol, warns) in [
        ("src,dst,proto", None, true),
        ("proto", None, true),
        ("src,dst,proto", Some(6), false),
        ("src,dst", None, false),
        ("src,dst,sport,dport,proto", None, false),
    ] {
        let rule = rule(&format!("--hmark-mod 4 --hmark-tuple {tuple}"), Ipv4);
        let translated = translate(&rule, Ipv4, protocol, &mut Line::new());
        let expected = warns.then_some(Warning::NftSpreadsByProtocol);
        assert_eq!(translated, Ok(expected), "{tuple}");
    }
}

/// A new option must not make ambiguous what scripts abbreviate today.
#[test]
fn abbreviations_keep_their_meaning() {
    for (short, full) in [
        ("m 4", "mod 4"),
        ("m 4 --hmark-o 7", "mod 4 --hmark-offset 7"),
        ("m 4 --hmark-r 7", "mod 4 --hmark-rnd 7"),
        ("m 4 --hmark-t src", "mod 4 --hmark-tuple src"),
        ("m 4 --hmark-sr 7", "mod 4 --hmark-src-prefix 7"),
        ("m 4 --hmark-ds 7", "mod 4 --hmark-dst-prefix 7"),
        ("m 4 --hmark-sport- 7", "mod 4 --hmark-sport-mask 7"),
        ("m 4 --hmark-dport- 7", "mod 4 --hmark-dport-mask 7"),
        ("m 4 --hmark-spi- 7", "mod 4 --hmark-spi-mask 7"),
        ("m 4 --hmark-p 7", "mod 4 --hmark-proto-mask 7"),
        ("mo 4 --hmark-rn 7", "mod 4 --hmark-rnd 7"),
        ("m 4 --hmark-ma 0xf", "mod 4 --hmark-mask 0xf"),
        ("m 4 --hmark-re", "mod 4 --hmark-reverse-errors"),
        ("m 4 --hmark-f 3", "mod 4 --hmark-from 3"),
    ] {
        let [short, full] = [short, full].map(|options| rule(&format!("--hmark-{options}"), Ipv4));
        assert_eq!(short, full);
    }
}
