// SPDX-License-Identifier: GPL-2.0-only

//! `hmark` as a shell has it: wrong usage, pipes that close, interrupts, colours and completions.

#![cfg(feature = "cli")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};

const HMARK: &str = env!("CARGO_BIN_EXE_hmark");

const BY_RULE: [&str; 5] = ["predict", "--flows", "-", "--rule", "--hmark-mod 4"];

fn hmark(arguments: &[&str]) -> Command {
    let mut command = Command::new(HMARK);
    command.args(arguments).stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A prediction that waits for its flows.
fn waiting() -> Child {
    let mut command = hmark(&BY_RULE);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Gives it a list, and waits for its end.
fn fed(mut child: Child, list: &str) -> Output {
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(list.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn wrong_usage_has_a_status_of_its_own() {
    let wrong: [&[&str]; 11] = [
        &[],
        &["forecast"],
        &["predict"],
        &["predict", "tcp", "10.0.0.1"],
        &["predict", "--rule", "--hmark-mod 0", "--flows", "-"],
        &["scale", "--rule", "--hmark-mod 4"],
        &["check", "--list", "somewhere"],
        &["digest", "--scope", "all"],
        &["save"],
        &["weight"],
        &["watch"],
    ];
    for arguments in wrong {
        let output = hmark(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["predict", "-h"]] {
        let output = hmark(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}");
    }
}

/// With -h, the examples are left out.
#[test]
fn short_help_is_short() {
    for command in [
        &[][..],
        &["predict"],
        &["scale"],
        &["check"],
        &["digest"],
        &["save"],
    ] {
        let help = |option| text(&hmark(&[command, &[option]].concat()).output().unwrap());
        let (short, long) = (help("-h"), help("--help"));
        assert!(
            long.contains("\nExample") && !short.contains("Example"),
            "{short}"
        );
        assert!(short.contains("Usage: hmark"), "{short}");
    }
}

#[test]
fn what_is_no_folder_is_not_saved_into() {
    let output = hmark(&["save", "/dev/null"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "hmark: /dev/null is no folder\n"
    );
}

/// All is as expected of no flow, which tells nothing.
#[test]
fn a_list_without_a_flow_tells_nothing() {
    for list in ["--flows", "--conntrack"] {
        let arguments = [
            "predict",
            list,
            "/dev/null",
            "--rule",
            "--hmark-mod 4",
            "--expect",
            "1",
        ];
        let output = hmark(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(error, "hmark: cannot tell: there is no flow in /dev/null\n");
        assert!(text(&output).ends_with("\nthere is no flow in it\n"));
    }
}

/// What is not looked at, or would not work, on the host at hand: its programs are stand-ins.
#[test]
fn the_running_host_is_asked_for_what_its_rules_do_not_tell() {
    let folder = std::env::temp_dir().join(format!("hmark-live-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let rule = "-A PREROUTING -j HMARK --hmark-mod 3 --hmark-offset 101";
    let table = |rules: &str| format!("*mangle\n:PREROUTING ACCEPT [0:0]\n{rules}\nCOMMIT");
    let chain = "table inet own {\n\tchain a {\n\t\ttype filter hook prerouting priority mangle;\n";
    for (name, says) in [
        ("iptables-save", table(rule)),
        ("ip6tables-save", table(rule)),
        ("iptables-legacy-save", table("")),
        ("ip6tables-legacy-save", table("")),
        ("ip", "[]".to_owned()),
        ("iptables", "--hmark-mod value".to_owned()),
        ("nft", format!("{chain}\t\tmeta mark set 0x7\n\t}}\n}}")),
    ] {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\ncat <<'END'\n{says}\nEND\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let said = |arguments: &[&str]| {
        let output = hmark(arguments).env("PATH", &path).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let flow = said(&["predict", "-i", "eth0", "tcp", "10.0.0.1:1", "192.0.2.1:2"]);
    let grown = said(&["scale", "--mod", "4", "--samples", "1000"]);
    let seeded = said(&["scale", "--rnd", "7", "--samples", "1000"]);
    fs::remove_dir_all(&folder).unwrap();
    let note =
        "note: the table inet own of nft sets marks, and rules of nft itself are not looked at\n";
    assert!(flow.contains(note), "{flow}");
    assert!(
        grown.contains(" of this host has revision 0 of HMARK alone"),
        "{grown}"
    );
    assert_eq!(seeded, "");
}

#[test]
fn reader_that_leaves_ends_it_quietly() {
    let mut child = waiting();
    drop(child.stdout.take());
    let output = fed(child, "tcp,10.0.0.1,1,10.0.0.2,2\n");
    assert_eq!(output.status.code(), Some(0), "{:?}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn error_that_nobody_reads_keeps_its_status() {
    let mut child = waiting();
    drop(child.stderr.take());
    let output = fed(child, "no flow\n");
    assert_eq!(output.status.code(), Some(2), "{:?}", output.status);
}

#[test]
fn interrupt_ends_it_at_once() {
    // Every hash is tried twice, which takes minutes.
    let arguments = ["scale", "--rule", "--hmark-mod 70", "--weight", "3=50"];
    // Programs that a shell runs in the background ignore the signal.
    let mut child = Command::new("env")
        .args(["--default-signal=INT", HMARK])
        .args(arguments)
        .args(["--samples", "4294967296"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    let killed = Command::new("sh")
        .args(["-c", "kill -INT $0", &pid])
        .status();
    assert!(killed.unwrap().success());
    const SIGINT: i32 = 2;
    assert_eq!(child.wait().unwrap().signal(), Some(SIGINT));
}

#[test]
fn colours_are_for_terminals_and_those_who_want_them() {
    let is_coloured = |variables: &[(&str, &str)]| {
        let mut command = hmark(&["--help"]);
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        text(&output).contains('\x1b')
    };
    assert!(!is_coloured(&[]));
    assert!(is_coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn every_command_has_examples() {
    for command in [
        "check", "digest", "predict", "save", "scale", "watch", "weight",
    ] {
        let help = text(&hmark(&[command, "--help"]).output().unwrap());
        let (_, examples) = help.split_once("\nExample").expect(command);
        let called = format!("hmark {command}");
        assert!(examples.contains(&called), "{command}: {help}");
    }
    let help = text(&hmark(&["--help"]).output().unwrap());
    assert!(!help.contains("completions"), "{help}");
}

#[test]
fn every_shell_completes_options() {
    for shell in ["bash", "fish", "zsh"] {
        let output = hmark(&["completions", shell]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let script = text(&output);
        for word in [
            "predict",
            "pcap",
            "scale",
            "from-marks",
            "digest",
            "scope",
            "watch",
            "prometheus",
            "weight",
            "dry-run",
        ] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

/// As bash asks for them: the words before the cursor, of which the last is not complete.
#[test]
fn bash_completes_commands_options_and_files() {
    let folder = std::env::temp_dir().join(format!("hmark-bash-{}", std::process::id()));
    fs::create_dir_all(folder.join("saved")).unwrap();
    fs::write(folder.join("capture.pcap"), "").unwrap();
    let completions = hmark(&["completions", "bash"]).output().unwrap();
    fs::write(folder.join("hmark.bash"), completions.stdout).unwrap();
    let completed = |words: &[&str]| {
        let script = "source ./hmark.bash
            COMP_WORDS=(hmark \"$@\") COMP_CWORD=$#
            function=$(complete -p hmark | sed 's/.*-F \\([^ ]*\\).*/\\1/')
            $function hmark \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"
            echo \"${COMPREPLY[@]}\"";
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script, "bash"])
            .args(words)
            .current_dir(&folder);
        text(&bash.output().unwrap())
    };
    let found = [
        completed(&["pre"]),
        completed(&["predict", "--pc"]),
        completed(&["predict", "--pcap", "capt"]),
        completed(&["predict", "--from", "sav"]),
        completed(&["predict", "--chain", "PRE"]),
        completed(&["check", "--sv"]),
    ];
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(
        found,
        [
            "predict\n",
            "--pcap\n",
            "capture.pcap\n",
            "saved\n",
            "PREROUTING\n",
            "--svg\n"
        ]
    );
}
