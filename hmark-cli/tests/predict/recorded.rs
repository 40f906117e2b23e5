// SPDX-License-Identifier: GPL-2.0-only

//! Marks that NFLOG recorded, compared with those that are predicted.

use serde_json::Value;

use super::{capture_of, packet, pcap, predict, status, File, RULE};

const NFLOG: u32 = 239;

/// A frame of NFLOG on a little-endian machine: the mark is left out if it is 0, as the kernel does.
fn frame(packet: &[u8], mark: u32) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 7];
    let mut part = |kind: u16, value: &[u8]| {
        frame.extend((value.len() as u16 + 4).to_le_bytes());
        frame.extend(kind.to_le_bytes());
        frame.extend(value);
        frame.resize(frame.len().next_multiple_of(4), 0);
    };
    part(1, &[8, 0, 0, 0]);
    part(10, b"after\0");
    if mark != 0 {
        part(2, &mark.to_be_bytes());
    }
    part(9, packet);
    frame
}

fn flow(port: u32) -> String {
    format!("tcp 10.0.0.1:{port} 198.51.100.1:80")
}

/// The mark of a flow by the rule.
fn mark(flow: &str) -> u32 {
    let (rule, _) = hmark_text::read(RULE, hmark_cli::Family::Ipv4).unwrap();
    hmark::mark(hmark_cli::Family::Ipv4, &packet(flow)[..], &rule).unwrap()
}

#[test]
fn marks_that_are_as_predicted_are_fine() {
    let frames: Vec<_> = (1..=100)
        .map(|port| frame(&packet(&flow(port)), mark(&flow(port))))
        .collect();
    let file = File::new("recorded.pcap", &capture_of(NFLOG, &frames));
    let arguments = ["--pcap", file.path(), "--expect", "recorded"];
    let (output, out, err) = predict(&[&arguments[..], &["--rule", RULE]].concat());
    assert_eq!((status(&output), err.as_str()), (0, ""), "{out}");
    let line = "marks as they were recorded: 100 packets as predicted, 0 not, 0 cannot be told\n";
    assert!(out.contains(line), "{out}");
    // A host whose rules are the same.
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/hosts/pre-load-balancer/selector-a"
    );
    let (output, out, err) = predict(&[&arguments[..], &["--from", folder]].concat());
    assert_eq!((status(&output), err.as_str()), (0, ""), "{out}");
}

#[test]
fn marks_that_are_not_are_counted_and_the_first_is_named() {
    let mut frames: Vec<_> = (1..=10)
        .map(|port| frame(&packet(&flow(port)), mark(&flow(port))))
        .collect();
    frames[6] = frame(&packet(&flow(7)), 0x77);
    frames[8] = frame(&packet(&flow(9)), 0);
    let file = File::new("differs.pcap", &capture_of(NFLOG, &frames));
    let arguments = ["--pcap", file.path(), "--rule", RULE];
    // That is an error only if it is asked for.
    assert_eq!(status(&predict(&arguments).0), 0);
    let expect = [&arguments[..], &["--expect", "recorded"]].concat();
    let (output, out, err) = predict(&expect);
    assert_eq!(status(&output), 1, "{out}");
    let mark = mark(&flow(7));
    let warning = format!(
        "hmark: warning: 2 of 10 packets were recorded with another mark; the first is packet 7 ({}), with 119 \
         (0x77) in place of {mark} ({mark:#x})\n",
        flow(7)
    );
    assert_eq!(err, warning);
    let (_, json, _) = predict(&[&expect[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    let recorded = &json["recorded"];
    assert_eq!(
        (&recorded["same"], &recorded["different"]),
        (&8.into(), &2.into())
    );
    assert_eq!(recorded["first"]["packet"], 7);
}

/// A packet that no HMARK rule meets may have a mark of other rules.
#[test]
fn marks_of_other_rules_count() {
    let folder = std::env::temp_dir().join(format!("hmark-other-mark-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let rules = format!(
        "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -s 10.0.0.1/32 -j MARK --set-xmark 0x9/0xffffffff\n\
         -A PREROUTING -s 10.0.0.2/32 -j HMARK {RULE}\nCOMMIT\n"
    );
    std::fs::write(folder.join("iptables-save"), rules).unwrap();
    let run = |mark| {
        let capture = capture_of(NFLOG, &[frame(&packet(&flow(1)), mark)]);
        let file = File::new(&format!("other-{mark}.pcap"), &capture);
        let from = folder.to_str().unwrap();
        let arguments = [
            "--pcap",
            file.path(),
            "--from",
            from,
            "--expect",
            "recorded",
        ];
        let (output, _, err) = predict(&arguments);
        (status(&output), err.lines().count())
    };
    let found = (run(9), run(0));
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(found, ((0, 0), (1, 1)));
}

#[test]
fn without_recorded_marks_it_cannot_be_told() {
    let file = File::new("unrecorded.pcap", &pcap(3));
    let arguments = ["--rule", RULE, "--expect", "recorded"];
    let (output, _, err) = predict(&[&["--pcap", file.path()], &arguments[..]].concat());
    assert_eq!(status(&output), 3, "{err}");
    assert!(err.starts_with("hmark: cannot tell: "), "{err}");
    let (output, _, err) = predict(&[&["--flows", file.path()], &arguments[..]].concat());
    assert_eq!(status(&output), 64, "{err}");
}

/// A capture of tcpdump 4.99.3, of pings in a namespace: after `iptables -t mangle -A OUTPUT -j MARK --set-mark
/// 0x65`, the same with `-j NFLOG --nflog-prefix after`, and of IPv6 `-j NFLOG --nflog-size 60` alone.
#[test]
fn a_capture_of_tcpdump_has_its_marks() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/predict/nflog.pcap");
    let rule = ["--rule", "--hmark-mod 1 --hmark-offset 101"];
    let (output, out, err) =
        predict(&[&["--pcap", file, "--expect", "recorded"], &rule[..]].concat());
    assert_eq!(status(&output), 1, "{out}");
    // Packets have their whole length, of which 60 bytes were recorded.
    assert!(out.contains("2 flows, 10 packets, 920 bytes"), "{out}");
    let warning = "4 of 10 packets were recorded with another mark; the first is packet 7 (icmpv6 ::1 ::1 128/0 ";
    assert!(err.contains(warning), "{err}");
}
