// SPDX-License-Identifier: GPL-2.0-only

//! Captures and lists: the table, the warnings and the exit status.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{pcap, predict, status, File, RULE};

#[test]
fn a_capture_is_a_table_of_marks() {
    let file = File::new("table.pcap", &pcap(400));
    let svg = File::new("table.svg", b"");
    let arguments = ["--pcap", file.path(), "--rule", RULE, "--svg", svg.path()];
    let (output, out, err) = predict(&arguments);
    assert_eq!((status(&output), err.as_str()), (0, ""), "{out}");
    assert!(
        out.contains(": 400 flows, 400 packets, 16000 bytes in 399.0 s\n"),
        "{out}"
    );
    let mark = |line: &str| {
        line.split_ascii_whitespace()
            .next()
            .and_then(|mark| mark.parse().ok())
    };
    let marks: Vec<u32> = out.lines().filter_map(mark).collect();
    assert_eq!(marks, [100, 101, 102, 103], "{out}");
    assert!(out.contains("3 degrees, p = 0."), "{out}");
    let svg = fs::read_to_string(&svg.0).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("flows by mark"));
    // The numbers of the JSON are those of the table.
    let (_, json, _) = predict(&["--pcap", file.path(), "--rule", RULE, "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["version"], &json["flows"]), (&1.into(), &400.into()));
    for share in json["marks"].as_array().unwrap() {
        let line = format!("{} {} {}", share["mark"], share["flows"], share["packets"]);
        let squeezed = |line: &str| line.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            out.lines().any(|row| squeezed(row).starts_with(&line)),
            "{line}: {out}"
        );
    }
}

#[test]
fn a_capture_that_is_cut_has_a_warning_after_the_table() {
    let bytes = pcap(400);
    let file = File::new("cut.pcap", &bytes[..bytes.len() - 7]);
    let (output, out, err) = predict(&["--pcap", file.path(), "--rule", RULE]);
    assert_eq!(status(&output), 1);
    assert!(out.contains(": 399 flows"), "{out}");
    let offset = 24 + 399 * 56;
    let warning = format!(
        "hmark: warning: {}: the file is cut in its last packet, at offset {offset}: it lacks 7 bytes\n",
        file.path()
    );
    assert_eq!(err, warning);
}

#[test]
fn damage_is_one_line_with_its_offset() {
    let mut bytes = pcap(400);
    let offset = 24 + 7 * 56;
    bytes[offset + 8..offset + 12].fill(0xff);
    let file = File::new("damaged.pcap", &bytes);
    let (output, out, err) = predict(&["--pcap", file.path(), "--rule", RULE]);
    assert_eq!(status(&output), 2);
    // What is before it counts.
    assert!(out.contains(": 7 flows"), "{out}");
    let name = file.path();
    let line = format!("hmark: {name}: at offset {offset}: a packet with 4294967295 bytes");
    assert!(err.starts_with(&line) && err.lines().count() == 1, "{err}");
    let text = File::new("text.pcap", b"This is no capture.");
    for (arguments, part) in [
        (
            ["--pcap", text.path()],
            "at offset 0: 54 68 69 73 begins neither",
        ),
        (
            ["--flows", text.path()],
            "line 1: \"This is no capture.\" has no commas",
        ),
        (
            ["--conntrack", text.path()],
            "line 1: \"This is no capture.\" is no entry",
        ),
        (["--pcap", "/nowhere"], "cannot read /nowhere: "),
        (["--pcap", "/"], "cannot read /: it is a folder"),
    ] {
        let (output, out, err) = predict(&[&arguments[..], &["--rule", RULE]].concat());
        assert_eq!((status(&output), out.as_str()), (2, ""), "{err}");
        assert!(err.contains(part) && err.lines().count() == 1, "{err}");
    }
}

#[test]
fn the_expected_mark_decides_the_exit_status() {
    let file = File::new("expect.pcap", &pcap(1));
    let (_, json, _) = predict(&["--pcap", file.path(), "--rule", RULE, "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let marks = json["marks"].as_array().unwrap();
    for share in marks {
        let mark = share["mark"].as_u64().unwrap();
        let expected = i32::from(share["flows"] == 0);
        for text in [mark.to_string(), format!("{mark:#x}")] {
            let (output, _, err) =
                predict(&["--pcap", file.path(), "--rule", RULE, "--expect", &text]);
            assert_eq!(status(&output), expected, "{text}: {err}");
        }
    }
}

#[test]
fn lists_are_read_from_the_standard_input() {
    let file = File::new(
        "list.csv",
        b"tcp,10.0.0.1,1,10.0.0.2,2\nudp,fd00::1,1,fd00::2,2\n",
    );
    let output = Command::new(env!("CARGO_BIN_EXE_hmark"))
        .args(["predict", "--flows", "-", "--rule", RULE])
        .stdin(fs::File::open(&file.0).unwrap())
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(status(&output), 0);
    // Columns that the list does not have are not there.
    assert!(
        out.contains("-: 2 flows\n") && !out.contains("packets"),
        "{out}"
    );
}

#[test]
fn a_wrong_rule_is_told_in_the_words_of_iptables() {
    let file = File::new("rule.pcap", &pcap(1));
    let (output, out, err) = predict(&["--pcap", file.path(), "--rule", "--hmark-mod 0"]);
    assert_eq!((status(&output), out.as_str()), (64, ""));
    assert!(
        err.contains("bad value \"0\" for option \"--hmark-mod\""),
        "{err}"
    );
}

#[test]
fn a_saved_host_has_marks_with_gateways() {
    let flows = (1..=400).map(|port| format!("tcp,10.3.0.11,{port},198.51.100.1,80\n"));
    let file = File::new("host.csv", flows.collect::<String>().as_bytes());
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/hosts/pre-load-balancer/selector-a"
    );
    let arguments = ["--flows", file.path(), "--from", folder];
    let (output, out, err) = predict(&arguments);
    assert_eq!(status(&output), 0, "{out}{err}");
    for mark in 100..104 {
        let is_row = |line: &&str| line.trim_start().starts_with(&mark.to_string());
        let row = out
            .lines()
            .find(is_row)
            .unwrap_or_else(|| panic!("{mark}: {out}"));
        let gateway = row.split_ascii_whitespace().nth(1).unwrap();
        assert!(gateway.parse::<std::net::IpAddr>().is_ok(), "{row}");
    }
}
