// SPDX-License-Identifier: GPL-2.0-only

//! A single flow.

use super::replies::Changed;
use super::{predict, status};

const HOSTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hosts");
const FLOW: [&str; 3] = ["tcp", "10.0.0.1:5555", "198.51.100.1:80"];

fn run(arguments: &[&str]) -> (i32, String, String) {
    let (output, out, err) = predict(arguments);
    (status(&output), out, err)
}

/// An entry is taken as conntrack prints it, or as docs/gateways.md cuts it out.
#[test]
fn an_entry_is_asked_for_by_an_example() {
    let from = format!("{HOSTS}/gateways/selector-a");
    let with = format!("{HOSTS}/gateways/border");
    let hosts = [
        "--from",
        &from,
        "-i",
        "blades",
        "--with",
        &with,
        "--with-in-interface",
        "internet",
    ];
    let flow = ["tcp", "10.3.0.11:5555", "203.0.113.80:80"];
    let (code, out, _) = run(&[&hosts[..], &flow].concat());
    assert_eq!(code, 3, "{out}");
    let example =
        "--entry 'src=10.3.0.11 dst=203.0.113.80 sport=5555 dport=80 src=203.0.113.80 dst=ADDRESS \
                   sport=80 dport=PORT' is enough\n";
    assert!(out.ends_with(example), "{out}");
    let ends = "src=10.3.0.11 dst=203.0.113.80 sport=5555 dport=80 src=203.0.113.80 dst=198.51.100.1 sport=80 \
                dport=5555";
    for entry in [
        ends,
        &format!("tcp {ends}"),
        &format!("tcp 6 431999 ESTABLISHED {ends} [ASSURED] mark=0 use=1"),
    ] {
        let (code, out, err) = run(&[&hosts[..], &["--entry", entry], &flow].concat());
        assert_eq!(code, 0, "{out}{err}");
    }
    for (entry, error) in [
        (
            "10.3.0.11:5555",
            "\"10.3.0.11:5555\" is no entry of conntrack",
        ),
        ("src=10.3.0.11 dst=203.0.113.80", "there is no sport="),
    ] {
        let (code, _, err) = run(&[&hosts[..], &["--entry", entry], &flow].concat());
        assert_eq!((code, err), (64, format!("hmark: --entry: {error}\n")));
    }
}

/// As of many flows, one whose reply has another mark on the other host is a no.
#[test]
fn a_reply_with_another_mark_is_a_no() {
    let from = format!("{HOSTS}/pre-load-balancer/selector-a");
    let other = Changed::new("selector-s", "--hmark-offset 100", "--hmark-offset 102");
    let with = |other: &str| {
        [&["--from", &from, "--with", other], &FLOW[..]]
            .concat()
            .join(" ")
    };
    let words = |line: &str| run(&line.split(' ').collect::<Vec<_>>());
    let (code, out, _) = words(&with(&format!("{HOSTS}/pre-load-balancer/selector-s")));
    assert_eq!(code, 0, "{out}");
    assert!(out.ends_with("  the mark is that of the flow\n"), "{out}");
    for expected in ["", "--expect 102 "] {
        let (code, out, _) = words(&format!("{expected}{}", with(other.path())));
        assert!(
            out.contains("  the mark is another than that of the flow\n"),
            "{out}"
        );
        assert_eq!(code, 1, "{out}");
    }
    // A gateway of its own, without a rule for it.
    let note = "  note: no ip rule asks for mark 104 (0x68)\n";
    let found = (0..20).find(|port| {
        let flow = ["tcp", &format!("10.0.0.1:{port}"), "198.51.100.1:80"].join(" ");
        let (_, out, _) = words(&format!("--from {from} --with {} {flow}", other.path()));
        out.contains(note)
    });
    assert!(found.is_some());
}

/// The routes of `hmark plan` lead IPv4 packets to a gateway's IPv6 address.
#[test]
fn a_gateway_is_known_by_either_address() {
    let rule = "--hmark-offset 100";
    let host = Changed::new("selector-a", rule, rule);
    let edit = |file: &str, change: &dyn Fn(usize, String) -> String| {
        let path = std::path::Path::new(host.path()).join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(
            path,
            (10..14).fold(text, |text, number| change(number, text)),
        )
        .unwrap();
    };
    edit("ip-route.json", &|number, text| {
        let six = format!(r#""via":{{"family":"inet6","host":"fd00:1::{number}"}}"#);
        text.replace(&format!(r#""gateway":"10.1.0.{number}""#), &six)
    });
    let expect = |gateway: &str| {
        let words = ["--from", host.path(), "--expect", gateway];
        run(&[&words[..], &FLOW].concat())
    };
    assert_eq!(expect("fd00:1::12").0, 0);
    assert_eq!(expect("fd00:1::11").0, 1);
    // All neighbours are behind one link-layer address here.
    let (code, out, err) = expect("10.1.0.12");
    assert_eq!(code, 3, "{out}{err}");
    assert!(
        err.contains("the route leads to fd00:1::12")
            && err.contains("--expect fd00:1::12 can be told"),
        "{err}"
    );
    edit("ip-neigh.json", &|number, text| {
        ["10.1.0.", "fd00:1::"].iter().fold(text, |text, net| {
            let begin = format!(r#"{{"dst":"{net}{number}","dev":"north","lladdr":"02:00:00:00:"#);
            text.replace(&format!("{begin}ff:01"), &format!("{begin}00:{number}"))
        })
    });
    let (code, out, err) = expect("10.1.0.12");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.ends_with("expected gateway 10.1.0.12: yes\n"), "{out}");
    assert_eq!(expect("10.1.0.11").0, 1);
    // Nothing is known of this one.
    assert_eq!(expect("10.1.0.99").0, 3);
}

#[test]
fn a_device_that_does_not_exist_is_refused() {
    let from = format!("{HOSTS}/gateways/selector-a");
    let with = format!("{HOSTS}/gateways/border");
    let hosts = ["--from", &from, "--with", &with];
    for (device, error) in [
        (
            ["-i", "nosuch"],
            "-i: selector-a has no device \"nosuch\": it has lo, blades, inner",
        ),
        (["-i", ""], "-i: the name of a device is empty"),
        (
            ["--with-in-interface", "nosuch"],
            "--with-in-interface: border has no device \"nosuch\": it has lo, outer, internet",
        ),
    ] {
        for source in [&FLOW[..], &["--flows", "/dev/null"]] {
            let (code, out, err) = run(&[&hosts[..], &device, source].concat());
            assert_eq!((code, out.as_str()), (64, ""), "{device:?}");
            assert_eq!(err, format!("hmark: {error}\n"));
        }
    }
}

#[test]
fn the_device_is_named_or_asked_for() {
    let from = format!("{HOSTS}/gateways/selector-a");
    let flow = ["tcp", "10.3.0.11:5555", "203.0.113.80:80"];
    let (code, out, _) = run(&[&["--from", &from], &flow[..]].concat());
    assert_eq!(code, 3);
    assert!(
        out.starts_with(
            "tcp 10.3.0.11:5555 203.0.113.80:80 on selector-a, coming in by an unknown device\n"
        ),
        "{out}"
    );
    let advice =
        "  cannot tell: the device that the packet comes in by is not known (give -i DEV): mangle";
    assert!(out.contains(advice), "{out}");
    // On the other host, the way back comes by another option.
    let hosts = ["--from", &from, "--with", &from, "-i", "inner", "--entry"];
    let entry = "src=203.0.113.80 dst=10.3.0.11 sport=80 dport=5555 src=10.3.0.11 dst=203.0.113.80 sport=5555 dport=80";
    let flow = ["tcp", "203.0.113.80:80", "10.3.0.11:5555"];
    let (code, out, _) = run(&[&hosts[..], &[entry], &flow].concat());
    assert_eq!(code, 3);
    assert!(
        out.contains("(give --with-in-interface DEV): mangle"),
        "{out}"
    );
    let (code, out, _) = run(&[
        &["--with-in-interface", "blades"],
        &hosts[..],
        &[entry],
        &flow,
    ]
    .concat());
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains(" on selector-a, coming in by blades\n"),
        "{out}"
    );
}
