// SPDX-License-Identifier: GPL-2.0-only

//! `hmark weight` as it is run: rules of both families or none, with their counters, or routes in their
//! place.

#![cfg(feature = "cli")]

mod fake_host;

use std::process::Output;

use fake_host::FakeHost;
use serde_json::Value;

fn border() -> FakeHost {
    FakeHost::new("gateways/border")
}

/// The selector has one rule a family.
fn selector() -> FakeHost {
    FakeHost::new("gateways/selector-a")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one line of an error.
fn error(output: &Output, status: i32) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said.trim_start_matches("hmark: ").trim_end().to_owned()
}

#[test]
fn weights_change_in_both_families_and_counters_stay() {
    let host = border();
    let before = ["rules4", "rules6"].map(|file| host.read(file));
    let output = host.run(&["weight", "1=0"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = text(&output);
    assert!(
        shown.contains("weight     100 -> 0 of 1 (mark 102)\n"),
        "{shown}"
    );
    assert!(shown.contains("moves      33.3"), "{shown}");
    assert!(
        shown.contains("done       IPv4 mangle PREROUTING rule 1, "),
        "{shown}"
    );
    for (file, before) in ["rules4", "rules6"].into_iter().zip(&before) {
        let after = host.read(file);
        assert_eq!(after.lines().count(), before.lines().count());
        for (before, after) in before.lines().zip(after.lines()) {
            match before.contains("-j HMARK") {
                true => {
                    assert!(after.starts_with("[7:700] -A "), "{after}");
                    assert!(
                        after.ends_with(" --hmark-weight 1=0")
                            || after.contains(" --hmark-weight 1=0 "),
                        "{after}"
                    );
                }
                false => assert_eq!(before, after),
            }
        }
    }
    // Once more, and nothing is to be done.
    let restored = host.read("restored4");
    let output = host.run(&["weight", "1=0"]);
    assert!(
        text(&output).ends_with("Nothing changes: the weights are so already.\n"),
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(host.read("restored4"), restored);
    // It comes back.
    let output = host.run(&["weight", "1=100"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(["rules4", "rules6"].map(|file| host.read(file)), before);
}

#[test]
fn dry_run_prints_both_inputs_and_does_nothing() {
    let host = border();
    let before = host.read("rules4");
    let output = host.run(&["weight", "--dry-run", "1=0", "2=50"]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for line in [
        "iptables-restore --noflush --counters --wait=5 <<'END'",
        "ip6tables-restore --noflush --counters --wait=5 <<'END'",
        "*mangle",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let replaced = shown
        .lines()
        .filter(|line| line.starts_with("[7:700] -R "))
        .count();
    assert_eq!(replaced, 5, "{shown}");
    assert_eq!(
        (host.read("restored4"), host.read("rules4")),
        (String::new(), before)
    );
    let answer = host.run(&["weight", "--dry-run", "--json", "1=0"]);
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(
        (&answer["done"], &answer["by"]),
        (&Value::from(false), &Value::from("rules"))
    );
    let share = answer["moved_share"].as_f64().unwrap();
    assert!((share - 1.0 / 3.0).abs() < 0.01, "{share}");
}

#[test]
fn second_family_that_fails_puts_the_first_back() {
    let host = border();
    let before = ["rules4", "rules6"].map(|file| host.read(file));
    host.write("fail6", "");
    let said = error(&host.run(&["weight", "1=0"]), 2);
    assert_eq!(
        said,
        "ip6tables-restore --noflush --counters --wait=5: iptables-restore: the kernel says no; \
         IPv4 was changed, and is put back"
    );
    assert_eq!(["rules4", "rules6"].map(|file| host.read(file)), before);
    assert!(host.read("restored4").matches("-R PREROUTING 1 ").count() == 2);
}

#[test]
fn rules_of_others_are_not_overwritten() {
    let host = border();
    let changed = host.read("rules6").replacen(
        "[7:700] -A PREROUTING",
        "[1:1] -A PREROUTING -j LOG\n[7:700] -A PREROUTING",
        1,
    );
    host.write("later6", &changed);
    let said = error(&host.run(&["weight", "1=0"]), 2);
    assert_eq!(
        said,
        "somebody else has changed IPv6 mangle PREROUTING meanwhile: nothing is done, try again"
    );
    assert_eq!(
        (host.read("restored4"), host.read("restored6")),
        Default::default()
    );
    assert_eq!(host.read("rules6"), changed);
}

#[test]
fn two_at_once_wait_for_each_other() {
    // The lock is for those who may change rules.
    if std::fs::File::options()
        .create(true)
        .append(true)
        .open("/run/hmark.lock")
        .is_err()
    {
        return;
    }
    let host = FakeHost::new("router/router");
    let start = |mark: u32| {
        let mut command = host.hmark(&["weight", &format!("{mark}=50")]);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..4).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    for file in ["rules4", "rules6"] {
        let rules = host.read(file);
        assert_eq!(rules.matches("--hmark-weight 0-3=50").count(), 2, "{rules}");
    }
}

#[test]
fn mistakes_are_one_line() {
    let host = border();
    for (arguments, status, words) in [
        (
            &["weight", "1"][..],
            64,
            "bad value \"1\" for option \"--hmark-weight\"",
        ),
        (&["weight", "1=101"], 64, "bad value \"1=101\""),
        (&["weight", "3=0"], 2, "counted from 0 to 2"),
        (&["weight", "0-2=0"], 2, "--hmark-weight leaves no mark"),
        (
            &["weight", "--chain", "INPUT", "1=0"],
            2,
            "no HMARK rule in INPUT",
        ),
        (
            &["weight", "--number", "9", "1=0"],
            2,
            "--number: 1: IPv4 mangle PREROUTING rule 1",
        ),
    ] {
        let said = error(&host.run(arguments), status);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    assert_eq!(host.run(&["weight"]).status.code(), Some(64));
    host.write("rules4", "no rules");
    let said = error(&host.run(&["weight", "1=0"]), 2);
    assert!(said.starts_with("iptables-save -c: line 1: "), "{said}");
}

/// A selector whose HMARK has no weights.
fn old() -> FakeHost {
    let host = selector();
    for family in ["4", "6"] {
        host.write(&format!("refuse{family}"), "hmark-weight\n");
    }
    host
}

#[test]
fn routes_change_where_hmark_has_no_weights() {
    let host = old();
    let output = host.run(&["weight", "1=0"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = text(&output);
    assert!(
        shown.starts_with("Routes are changed in place of rules: HMARK: no such option.\n"),
        "{shown}"
    );
    assert!(
        shown.contains("out        mark 102: its packets go to the gateway of mark 103\n"),
        "{shown}"
    );
    assert!(shown.contains("moves      33.3"), "{shown}");
    let lost =
        "\nlasts      until the routes' device goes down, or a reboot: then run this again\n";
    assert!(shown.ends_with(lost), "{shown}");
    assert_eq!(
        host.read("routes4"),
        "route replace 0.0.0.0/1 via 10.1.0.13 dev inner table 102 proto 72\n\
         route replace 128.0.0.0/1 via 10.1.0.13 dev inner table 102 proto 72\n"
    );
    let six = host.read("routes6");
    assert!(
        six.contains("route replace ::/1 via ") && six.contains("route replace 8000::/1 via "),
        "{six}"
    );
    assert_eq!(
        (host.read("restored4"), host.read("restored6")),
        Default::default()
    );
    // What it did is what it finds.
    let routes = host.read("ip-route.json");
    let detour = |net: &str| {
        format!(
            r#"{{"dst":"{net}","gateway":"10.1.0.13","dev":"inner","table":"102","protocol":"72","flags":[]}}"#
        )
    };
    let detours = format!("[{},{},", detour("0.0.0.0/1"), detour("128.0.0.0/1"));
    host.write("ip-route.json", &routes.replacen('[', &detours, 1));
    host.write("routes4", "");
    let output = host.run(&["weight", "--family", "4", "1=0"]);
    assert!(text(&output).contains("Nothing changes"), "{output:?}");
    // The stand-in goes, too.
    let output = host.run(&["weight", "--family", "4", "--dry-run", "2=0"]);
    let shown = text(&output);
    assert!(
        shown.contains("route replace 0.0.0.0/1 via 10.1.0.11 dev inner table 102 proto 72\n"),
        "{shown}"
    );
    assert!(
        shown.contains("route replace 0.0.0.0/1 via 10.1.0.11 dev inner table 103 proto 72\n"),
        "{shown}"
    );
    assert!(shown.contains("moves      66.6"), "{shown}");
    let output = host.run(&["weight", "--family", "4", "1=100"]);
    let shown = text(&output);
    assert!(
        shown.contains("back       mark 102\n") && !shown.contains("lasts"),
        "{shown}"
    );
    assert_eq!(
        host.read("routes4"),
        "route del 0.0.0.0/1 table 102 proto 72\nroute del 128.0.0.0/1 table 102 proto 72\n"
    );
}

#[test]
fn routes_of_a_plan_are_no_detours() {
    let host = old();
    for file in ["ip-route.json", "ip6-route.json"] {
        let routes = host
            .read(file)
            .replace(r#""table":"10"#, r#""protocol":"72","table":"10"#);
        assert!(routes.contains(r#""protocol":"72""#), "{routes}");
        host.write(file, &routes);
    }
    let output = host.run(&["weight", "1=0"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        host.read("routes4"),
        "route replace 0.0.0.0/1 via 10.1.0.13 dev inner table 102 proto 72\n\
         route replace 128.0.0.0/1 via 10.1.0.13 dev inner table 102 proto 72\n"
    );
}

#[test]
fn branches_of_a_tree_are_no_tables_of_a_mark() {
    let host = old();
    let rules = host.read("ip-rule.json");
    let branch =
        r#"{"priority":32762,"src":"all","fwmark":"0x66","fwmask":"0xfffffffe","goto":32763},"#;
    let (first, rest) = rules.split_once("},").unwrap();
    host.write("ip-rule.json", &format!("{first}}},{branch}{rest}"));
    let output = host.run(&["weight", "--family", "4", "1=0"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        host.read("routes4"),
        "route replace 0.0.0.0/1 via 10.1.0.13 dev inner table 102 proto 72\n\
         route replace 128.0.0.0/1 via 10.1.0.13 dev inner table 102 proto 72\n"
    );
}

#[test]
fn routes_change_in_both_families_or_none() {
    let host = old();
    host.write("fail-ip6", "");
    let said = error(&host.run(&["weight", "1=0"]), 2);
    assert!(
        said.ends_with("; the IPv4 routes are put back; the IPv6 routes are put back"),
        "{said}"
    );
    assert!(
        host.read("routes4").ends_with(
            "route del 128.0.0.0/1 table 102 proto 72\nroute del 0.0.0.0/1 table 102 proto 72\n"
        ),
        "{}",
        host.read("routes4")
    );
}

#[test]
fn routes_that_cannot_stand_in_are_refused() {
    let host = old();
    for (weights, words) in [
        (
            "1=50",
            "1=50: routes take a mark out (0) or give it back (100), and nothing between",
        ),
        ("0-1=0", ""),
    ] {
        let output = host.run(&["weight", "--dry-run", weights]);
        match words {
            "" => assert_eq!(output.status.code(), Some(0), "{output:?}"),
            words => assert_eq!(error(&output, 2), words),
        }
    }
    let said = error(&host.run(&["weight", "--routes", "0-2=0"]), 2);
    assert!(said.contains("leaves no mark"), "{said}");
    host.write(
        "ip-rule.json",
        r#"[{"priority":10,"src":"all","fwmark":"0x65","table":"101"}]"#,
    );
    let said = error(&host.run(&["weight", "1=0"]), 2);
    assert_eq!(said, "IPv4 mark 102 has no ip rule to a table of its own");
    assert_eq!(host.read("routes4") + &host.read("routes6"), "");
}
