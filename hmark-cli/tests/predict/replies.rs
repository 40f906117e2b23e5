// SPDX-License-Identifier: GPL-2.0-only

//! Many flows, and the marks of their replies on another host.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::{capture_of, packet, predict, status, File};

const HOSTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hosts");

fn host(name: &str) -> String {
    format!("{HOSTS}/pre-load-balancer/{name}")
}

/// A host with a text replaced in its rules, in a folder that is removed in the end.
pub struct Changed(PathBuf);

impl Changed {
    pub fn new(name: &str, from: &str, to: &str) -> Self {
        // Tests run side by side, and may change one host alike.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("hmark-{name}-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(host(name)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        let rules = Path::new(&host(name)).join("iptables-save");
        let rules = fs::read_to_string(rules).unwrap();
        assert!(rules.contains(from), "{rules}");
        fs::write(folder.join("iptables-save"), rules.replace(from, to)).unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The arguments for a list's flows on a host, and their replies on another one.
fn of_both<'a>(flows: &'a File, from: &'a str, with: &'a Changed) -> [&'a str; 6] {
    [
        "--flows",
        flows.path(),
        "--from",
        from,
        "--with",
        with.path(),
    ]
}

/// A list of flows to the cluster.
fn list(name: &str) -> File {
    let flows = (1..=400).map(|port| format!("tcp,10.0.0.1,{port},198.51.100.1,80\n"));
    File::new(name, flows.collect::<String>().as_bytes())
}

fn json(arguments: &[&str]) -> Value {
    let (_, json, err) = predict(&[arguments, &["--json"]].concat());
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}{err}"))
}

#[test]
fn hosts_that_agree_send_all_flows_the_same_way() {
    let file = list("agree.csv");
    let (from, with) = (host("selector-a"), host("selector-s"));
    let arguments = ["--flows", file.path(), "--from", &from, "--with", &with];
    let (output, out, err) = predict(&arguments);
    assert_eq!((status(&output), err.as_str()), (0, ""), "{out}");
    let line = "replies on selector-s: 400 flows have the same mark both ways, 0 have not\n";
    assert!(out.contains(line), "{out}");
    // Captures have both directions, of which the first packet is asked for; errors have no reply.
    let frames = [
        packet("tcp 10.0.0.1:1 198.51.100.1:80"),
        packet("tcp 198.51.100.1:80 10.0.0.1:1"),
        packet("icmp 10.0.0.1 198.51.100.1 3/1"),
        packet("esp 10.0.0.1 198.51.100.1 spi 7"),
    ];
    let file = File::new("agree.pcap", &capture_of(101, &frames));
    let arguments = ["--pcap", file.path(), "--from", &from, "--with", &with];
    let replies = &json(&arguments)["replies"];
    assert_eq!(
        (&replies["same"], &replies["different"]),
        (&1.into(), &0.into())
    );
    assert_eq!(replies["without"], 1);
}

#[test]
fn flows_that_part_are_counted_by_their_marks() {
    let file = list("part.csv");
    let from = host("selector-a");
    // The same hash over other marks: the first moves, and the rest stay.
    let other = Changed::new("selector-s", "--hmark-offset 100", "--hmark-offset 101");
    let arguments = of_both(&file, &from, &other);
    let (output, out, err) = predict(&arguments);
    assert_eq!(status(&output), 1, "{out}{err}");
    let warning = "hmark: warning: 400 flows have replies with another mark on ";
    assert!(
        err.starts_with(warning) && err.lines().count() == 1,
        "{err}"
    );
    assert!(out.contains("for example"), "{out}");
    let json = json(&arguments);
    let pairs = json["replies"]["pairs"].as_array().unwrap();
    let mut flows = 0;
    for pair in pairs {
        let mark = pair["mark"].as_u64().unwrap();
        assert_eq!(pair["reply_mark"].as_u64(), Some(mark + 1), "{pair}");
        let example = pair["example"].as_str().unwrap();
        assert!(example.starts_with("tcp 10.0.0.1:"), "{pair}");
        flows += pair["flows"].as_u64().unwrap();
    }
    assert_eq!((pairs.len(), flows), (4, 400));
    // Each single flow has the marks of its pair.
    let example = pairs[0]["example"].as_str().unwrap();
    let words: Vec<_> = example.split(' ').collect();
    let one = ["--from", &from, "--with", other.path(), "--json"];
    let (_, one, _) = predict(&[&one[..], &words].concat());
    let one: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["way"]["mark"], pairs[0]["mark"]);
    assert_eq!(one["reply"]["mark"], pairs[0]["reply_mark"]);
    // A reply that is dropped has no mark.
    let rule = "-A PREROUTING -s 198.51.100.1/32 -j HMARK";
    let other = Changed::new(
        "selector-s",
        rule,
        &format!("-A PREROUTING -j DROP\n{rule}"),
    );
    let arguments = of_both(&file, &from, &other);
    let json = self::json(&arguments);
    assert_eq!(json["replies"]["different"], 400);
    assert!(json["replies"]["pairs"][0]["reply_mark"].is_null());
}

/// Connections that the other host translates are known by their entries alone.
#[test]
fn translated_connections_need_their_entries() {
    let from = format!("{HOSTS}/gateways/selector-a");
    let with = format!("{HOSTS}/gateways/border");
    let hosts = ["--from", &from, "-i", "blades", "--with", &with];
    let hosts = [&hosts[..], &["--with-in-interface", "internet"]].concat();
    let file = File::new("translated.csv", b"tcp,10.3.0.11,5555,203.0.113.80,80\n");
    let (output, out, _) = predict(&[&["--flows", file.path()], &hosts[..]].concat());
    assert_eq!(status(&output), 3, "{out}");
    assert!(
        out.contains("1 flow: cannot tell: rules of border may translate"),
        "{out}"
    );
    let entry = b"tcp 6 431999 ESTABLISHED src=10.3.0.11 dst=203.0.113.80 sport=5555 dport=80 \
        src=203.0.113.80 dst=198.51.100.1 sport=80 dport=5555 [ASSURED] mark=0 use=1\n";
    let file = File::new("translated.txt", entry);
    let (output, out, err) = predict(&[&["--conntrack", file.path()], &hosts[..]].concat());
    assert_eq!(status(&output), 0, "{out}{err}");
    assert!(
        out.contains("replies on border: 1 flow has the same mark both ways"),
        "{out}"
    );
}

#[test]
fn a_rule_alone_has_no_other_host() {
    let file = list("usage.csv");
    let with = host("selector-s");
    let arguments = [
        "--flows",
        file.path(),
        "--rule",
        "--hmark-mod 4",
        "--with",
        &with,
    ];
    assert_eq!(status(&predict(&arguments).0), 64);
}
