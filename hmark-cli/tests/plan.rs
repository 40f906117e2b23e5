// SPDX-License-Identifier: GPL-2.0-only

//! `hmark plan`, run as people run it: what it prints and writes, and its exit status.

#![cfg(feature = "cli")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const GOOD: &str = "\
device = \"north\"
gateways = [
  { name = \"gateway-0\", address4 = \"10.1.0.10\", address6 = \"fd00:1::10\" },
  { name = \"gateway-1\", address4 = \"10.1.0.11\", address6 = \"fd00:1::11\" },
]
[[match]]
destination = [\"198.51.100.1\", \"2001:db8:100::1\"]
";

/// A folder of a test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hmark-plan-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn hmark(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hmark"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads none of it has ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_mistake_is_one_line_with_file_and_line() {
    let folder = Folder::new("mistake");
    for (name, bytes, expected) in [
        (
            "a.toml",
            GOOD.replace("gateway-1", "gateway-0").into_bytes(),
            "a.toml:4: name: gateway-0 is the name",
        ),
        (
            "b.toml",
            b"[[match]]\n".to_vec(),
            "b.toml: there are no gateways: add",
        ),
        (
            "c.toml",
            b"a = 1\nb = \"\xff\"\n".to_vec(),
            "c.toml:2: this is not UTF-8",
        ),
    ] {
        let file = folder.file(name, bytes);
        let output = hmark(&["plan", &file], "");
        let said = text(&output.stderr);
        assert!(
            said.contains(expected) && said.lines().count() == 1,
            "{said}"
        );
        assert_eq!((status(&output), output.stdout.len()), (Some(2), 0));
    }
    let output = hmark(&["plan", "/nonexistent"], "");
    assert!(text(&output.stderr).starts_with("hmark: cannot read /nonexistent: "));
    assert_eq!(status(&output), Some(2));
}

#[test]
fn a_script_is_printed() {
    let output = hmark(&["plan", "-"], GOOD);
    assert_eq!(status(&output), Some(0));
    let script = text(&output.stdout);
    assert!(
        script.starts_with("#!/bin/sh\n# 2 gateways by hmark plan -.\n"),
        "{script}"
    );
    assert!(
        script.contains("\nid 7201 via fd00:1::11 dev north'\n"),
        "{script}"
    );
    let remove = hmark(&["plan", "--remove", "-"], GOOD);
    assert!(text(&remove.stdout).contains("\nNEXTHOPS=''\n"));
}

#[test]
fn what_is_hardly_meant_is_told_beside_the_script() {
    let doubtful = GOOD.replace("198.51.100.1", "10.1.0.0/24");
    let output = hmark(&["plan", "-"], &doubtful);
    assert_eq!(status(&output), Some(0));
    let said = text(&output.stderr);
    assert!(
        said.starts_with(
            "hmark: note: -:7: destination: packets to gateway-0 itself (10.1.0.10), which is in "
        ),
        "{said}"
    );
    assert!(text(&output.stdout).contains("-d 10.1.0.0/24 "));
    let output = hmark(&["plan", "--json", "-"], &doubtful);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["notes"].as_array().unwrap().len(), 1);
}

#[test]
fn files_are_written() {
    let folder = Folder::new("files");
    let file = folder.file("cluster.toml", GOOD);
    for (format, name) in [
        ("files", "ip6.batch"),
        ("networkd", "north.network.d/50-hmark-plan.conf"),
    ] {
        let to = folder.0.join(format).to_str().unwrap().to_owned();
        let output = hmark(&["plan", "--format", format, &file, &to], "");
        assert_eq!(status(&output), Some(0));
        assert!(text(&output.stdout).contains(&format!("{to}/{name}\n")));
        let written = fs::read_to_string(Path::new(&to).join(name)).unwrap();
        assert!(written.contains("7201"), "{written}");
        // A file is in the way of the folder.
        let output = hmark(&["plan", "--format", format, &file, &file], "");
        assert!(text(&output.stderr).starts_with("hmark: cannot write "));
        assert_eq!(status(&output), Some(2));
    }
}

#[test]
fn wrong_usage() {
    for arguments in [
        &["plan"][..],
        &["plan", "--format", "files", "-"],
        &["plan", "-", "/tmp"],
        &["plan", "--from", "router", "-"],
        &["plan", "--diff", "--remove", "-"],
        &["plan", "--json", "--remove", "-"],
    ] {
        let output = hmark(arguments, GOOD);
        assert_eq!(status(&output), Some(64), "{arguments:?}");
    }
}

#[test]
fn a_saved_host_is_compared() {
    // It was saved before nexthops were.
    let output = hmark(&["plan", "--diff", "--from", "router/router", "-"], GOOD);
    assert_eq!(status(&output), Some(3));
    let said = text(&output.stdout);
    assert!(
        said.starts_with(
            "router: there is no device north, by which the gateway gateway-0 is to be reached\n\
             --- router\n+++ -\n@@ ip -4 rule @@\n+7200: from all fwmark 0x100 lookup 7200\n"
        ),
        "{said}"
    );
    assert!(
        text(&output.stderr).contains("cannot tell all: there is no router/router/ip-nexthop.json")
    );
    // A preference that the tutorial's rules have.
    let taken = format!("preference = 201\n{GOOD}");
    let output = hmark(&["plan", "--diff", "--from", "router/router", "-"], &taken);
    assert_eq!(status(&output), Some(2));
    let said = text(&output.stdout);
    assert!(
        said.starts_with(
            "router: the preference 201 of IPv4 is taken: 201: from all fwmark 0xc9 lookup 201"
        ),
        "{said}"
    );
    let output = hmark(
        &["plan", "--diff", "--json", "--from", "router/router", "-"],
        GOOD,
    );
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&answer["version"], &answer["equal"]),
        (&1.into(), &false.into())
    );
    assert_eq!(answer["differences"][0]["of"], "ip -4 rule");
    assert_eq!(answer["notes"].as_array().unwrap().len(), 1);
}
