// SPDX-License-Identifier: GPL-2.0-only

//! `hmark watch` as it is run: what it prints, and that nothing is left when it ends.

#![cfg(feature = "cli")]

mod fake_host;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fake_host::{list, FakeHost};
use serde_json::Value;

fn host() -> FakeHost {
    let host = FakeHost::new("gateways/border");
    host.write("list.json", &list());
    host
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Waits until something is so.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process is there, and no zombie.
fn is_running(pid: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("status"));
    match status {
        Ok(status) => !status.lines().any(|line| line.starts_with("State:\tZ")),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(_) => true,
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let script = format!("kill -{name} $0");
    let killed = Command::new("sh").args(["-c", &script, &pid]).status();
    assert!(killed.unwrap().success());
}

#[test]
fn once_is_a_table_of_marks() {
    let host = host();
    let output = host.run(&["watch", "--once", "--interval", "0.1"]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let heads = shown
        .lines()
        .filter(|line| line.starts_with("mark  packets/s  bytes/s"));
    assert_eq!(heads.count(), 2, "{shown}");
    assert!(shown.contains("\nIPv4: 0 packets/s"), "{shown}");
    assert!(
        shown.contains("Marks of no HMARK rule: 101 (5 packets)"),
        "{shown}"
    );
    for gateway in ["10.2.0.11", "10.2.0.12", "10.2.0.13"] {
        assert!(shown.contains(gateway), "{shown}");
    }
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    let asked = host.read("nft.input");
    assert!(asked.starts_with("add table inet hmark-watch-"), "{asked}");
    assert!(
        asked.contains("{ flags owner; }") && asked.contains("{ 101, 102, 103 }"),
        "{asked}"
    );
    wait("nft runs on", || !is_running(&host.read("nft.pid")));
}

#[test]
fn json_has_all_figures() {
    let host = host();
    let output = host.run(&["watch", "--json", "--interval", "0.1"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&answer["version"], &answer["command"]),
        (&Value::from(1), &Value::from("watch"))
    );
    let mark = &answer["families"][0]["marks"][1];
    assert_eq!(
        (&mark["mark"], &mark["packets"]),
        (&Value::from(102), &Value::from(330))
    );
    assert_eq!(
        (&mark["table"], &mark["gateway"]),
        (&Value::from("102"), &Value::from("10.2.0.12"))
    );
    let expected = mark["expected_share"].as_f64().unwrap();
    assert!((expected - 1.0 / 3.0).abs() < 1e-6);
}

#[test]
fn marks_whose_packets_are_lost_are_status_1() {
    let host = host();
    host.write(
        "ip-neigh.json",
        r#"[{"dst":"10.2.0.12","dev":"outer","state":["FAILED"]}]"#,
    );
    let output = host.run(&["watch", "--once", "--interval", "0.1"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output).contains("failed"), "{output:?}");
    host.write("ip-rule.json", "[]");
    let output = host.run(&["watch", "--once", "--interval", "0.1"]);
    assert!(text(&output).contains("no ip rule"), "{output:?}");
}

#[test]
fn neighbours_are_those_of_the_end() {
    for (later, text_then, expected, status) in [
        (
            "later-neigh.json",
            r#"[{"dst":"10.2.0.12","dev":"outer","state":["FAILED"]}]"#,
            "failed",
            1,
        ),
        (
            "later4",
            "*mangle\nCOMMIT\n",
            "note: the HMARK rules changed meanwhile",
            0,
        ),
    ] {
        let host = host();
        host.write(later, text_then);
        let output = host.run(&["watch", "--once", "--interval", "0.1"]);
        let said = text(&output) + &String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("10.2.0.12"), "{said}");
        assert_eq!(output.status.code(), Some(status), "{said}");
    }
}

#[test]
fn metrics_are_written_anew_and_removed_at_the_end() {
    let host = host();
    let file = host.folder.join("hmark.prom");
    let name = file.to_str().unwrap();
    let mut child = host
        .hmark(&[
            "watch",
            "--prometheus",
            "--output",
            name,
            "--interval",
            "0.1",
        ])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait("no metrics", || file.exists());
    let metrics = fs::read_to_string(&file).unwrap();
    assert!(
        metrics.contains(
            "hmark_mark_packets_total{family=\"ipv4\",mark=\"102\",gateway=\"10.2.0.12\"} 330\n"
        ),
        "{metrics}"
    );
    fs::write(&file, "old").unwrap();
    wait("old metrics", || {
        fs::read_to_string(&file).is_ok_and(|text| text != "old")
    });
    signal(&child, "TERM");
    const SIGTERM: i32 = 15;
    assert_eq!(child.wait().unwrap().signal(), Some(SIGTERM));
    let left = fs::read_dir(&host.folder).unwrap().flatten();
    let left: Vec<_> = left
        .map(|file| file.file_name())
        .filter(|name| name.to_string_lossy().contains("prom"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    wait("nft runs on", || !is_running(&host.read("nft.pid")));
}

#[test]
fn nft_ends_with_it_however_it_ends() {
    for name in ["INT", "KILL", "HUP"] {
        let host = host();
        let mut child = host
            .hmark(&["watch", "--once", "--interval", "600"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait("no nft", || host.read("nft.input").contains("list table"));
        signal(&child, name);
        child.wait().unwrap();
        wait("nft runs on", || !is_running(&host.read("nft.pid")));
    }
}

/// A shell on a terminal of 80 columns and 12 rows: it prints the terminal's settings, runs the tool, and
/// prints them again.
fn on_terminal(host: &FakeHost) -> Child {
    let hmark = env!("CARGO_BIN_EXE_hmark");
    let folder = host.folder.display();
    let tool = format!("echo \\$\\$ > {folder}/hmark.pid; exec {hmark} watch --interval 0.2");
    let inside = format!("stty cols 80 rows 12; stty -a; sh -c \"{tool}\"; stty -a; echo left");
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("script")
        .args(["-qfec", &format!("sh -c '{inside}'"), "/dev/null"])
        .env("PATH", format!("{}/bin:{path}", host.folder.display()))
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The screens of a terminal until it is closed, and whether its settings were the same before and after.
fn screens(child: Child) -> (Vec<String>, bool) {
    let output = child.wait_with_output().unwrap();
    let shown = text(&output);
    let (before, rest) = shown.split_once("\x1b[?1049h").expect(&shown);
    let (screens, after) = rest.rsplit_once("\x1b[?1049l").expect(&shown);
    let settings = |text: &str| {
        let begin = text.find("speed ").expect(&shown);
        let lines = text[begin..].lines();
        let lines = lines.take_while(|line| !line.contains("left"));
        lines
            .map(|line| line.trim().to_owned())
            .filter(|line| line.contains("icanon") || line.contains("intr"))
            .collect::<Vec<_>>()
    };
    let is_same = settings(before) == settings(after) && !settings(after).is_empty();
    (
        screens.split("\x1b[H").map(str::to_owned).collect(),
        is_same,
    )
}

#[test]
fn screen_fits_the_terminal_which_is_as_it_was() {
    use std::io::Write;
    let host = host();
    host.write(
        "ip-neigh.json",
        r#"[{"dst":"10.2.0.12","dev":"outer","state":["FAILED"]}]"#,
    );
    let mut child = on_terminal(&host);
    // The second list is of a second look.
    wait("no screen", || {
        host.read("nft.input").matches("list table").count() > 3
    });
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"q").unwrap();
    keys.flush().unwrap();
    wait("nft runs on", || !is_running(&host.read("nft.pid")));
    drop(keys);
    let (screens, is_same) = screens(child);
    assert!(is_same, "the settings of the terminal are others");
    let last = screens.last().unwrap();
    let lines: Vec<&str> = last.split("\r\n").collect();
    assert_eq!(lines.len(), 12, "{last:?}");
    assert!(lines[0].starts_with("hmark watch: "), "{last:?}");
    assert!(
        last.contains("\x1b[31m 102 ") && last.contains("-- 1 to 10 of "),
        "{last:?}"
    );
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    for name in ["TERM", "HUP", "INT"] {
        let host = host();
        let mut child = on_terminal(&host);
        wait("no screen", || {
            host.read("nft.input").matches("list table").count() > 2
        });
        let keys = child.stdin.take();
        let pid = host.read("hmark.pid");
        let killed = Command::new("sh")
            .args(["-c", &format!("kill -{name} {pid}")])
            .status();
        assert!(killed.unwrap().success());
        wait("nft runs on", || !is_running(&host.read("nft.pid")));
        drop(keys);
        let (_, is_same) = screens(child);
        assert!(is_same, "{name}");
    }
}

#[test]
fn faults_are_one_line() {
    let host = host();
    let said = |arguments: &[&str], status: i32| {
        let output = host.run(arguments);
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    let once = ["watch", "--once", "--interval", "0.1"];
    assert!(said(&["watch"], 64).contains("this is no terminal"));
    host.write("nft.error", "Operation not permitted (you must be root)\n");
    assert_eq!(
        said(&once, 2),
        "hmark: nft: Operation not permitted (you must be root)\n"
    );
    fs::remove_file(host.folder.join("nft.error")).unwrap();
    host.write("list.json", "{\"nftables\": []}\n");
    assert!(said(&once, 2).contains("nft's list has no set packets0"));
    host.write("rules4", "");
    host.write("rules6", "");
    assert!(said(&once, 2).contains("no HMARK rule marks packets here"));
    for arguments in [
        &["watch", "--once", "--interval", "0"][..],
        &["watch", "--once", "--interval", "x"],
        &["watch", "--output", "file"],
        &["watch", "--once", "--prometheus"],
    ] {
        assert_eq!(host.run(arguments).status.code(), Some(64), "{arguments:?}");
    }
}
