// SPDX-License-Identifier: GPL-2.0-only

//! Rules as iptables saves them, and packets on their way through.

use super::*;
use crate::cannot_tell::CannotTell;
use crate::flow::Flow;

/// A text of the table mangle with these lines, and chains `a` to `c`.
fn mangle(lines: &str) -> String {
    format!("*mangle\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:a - [0:0]\n:b - [0:0]\n:c - [0:0]\n{lines}\nCOMMIT\n")
}

fn read(text: &str) -> RuleSet {
    RuleSet::read(text.as_bytes(), Family::Ipv4).unwrap()
}

/// A packet that has left the tables.
#[derive(Debug)]
struct Gone {
    mark: u32,
    /// The place where it was dropped.
    dropped: Option<String>,
}

/// What a packet of a flow that comes in by eth0 leaves with.
fn left(text: &str, flow: &str, state: State) -> Result<Gone, CannotTell> {
    let rules = read(text);
    let flow: Flow = flow.parse().unwrap();
    let subject = Subject {
        flow: &flow,
        is_later_fragment: false,
        is_outline: true,
        is_followed: true,
        input: Some("eth0"),
        output: Some(""),
        tracking: Tracking::of_state(state, &flow),
        is_tracked: rules.tracks_connections(),
        addresses: None,
    };
    let packet = flow.packet();
    let left = walk(&rules, Hook::Prerouting, &subject, &packet, &mut |_| {})?;
    Ok(Gone {
        mark: left.mark,
        dropped: match left.fate {
            Fate::Routed => None,
            Fate::Dropped(place) => Some(place.to_string()),
        },
    })
}

/// HMARK takes an ICMP error for the packet that it quotes, which a flow does not tell.
#[test]
fn an_icmp_error_is_not_marked_by_its_own_headers() {
    let hmark = mangle("-A PREROUTING -p icmp -j HMARK --hmark-mod 4 --hmark-offset 100");
    for kind in ["3/4", "11/0", "5/1"] {
        let error = format!("icmp 10.0.0.1 10.0.0.2 {kind}");
        let reason = left(&hmark, &error, State::Related)
            .unwrap_err()
            .to_string();
        assert!(
            reason.starts_with("the packet that the ICMP error quotes decides"),
            "{reason}"
        );
        // Other rules mark it as they do any packet.
        let other = left(
            &mangle("-A PREROUTING -j MARK --set-mark 7"),
            &error,
            State::Related,
        );
        assert_eq!(other.unwrap().mark, 7);
    }
    let echo = left(&hmark, "icmp 10.0.0.1 10.0.0.2 8/0", State::New).unwrap();
    assert!((100..104).contains(&echo.mark));
}

/// The mark of a new TCP flow after lines of the table mangle.
fn mark(lines: &str) -> Result<u32, String> {
    let left = left(
        &mangle(lines),
        "tcp 10.0.0.1:1000 198.51.100.1:80",
        State::New,
    );
    match left {
        Ok(Gone {
            mark,
            dropped: None,
        }) => Ok(mark),
        Ok(Gone {
            dropped: Some(place),
            ..
        }) => Err(format!("dropped: {place}")),
        Err(reason) => Err(reason.to_string()),
    }
}

#[test]
fn matches_that_are_understood() {
    for (yes, no) in [
        ("-s 10.0.0.0/8", "-s 11.0.0.0/8"),
        ("! -d 10.0.0.0/8", "! -d 198.51.100.0/24"),
        ("-p tcp", "-p udp"),
        ("! -p 17", "! -p 6"),
        ("-i eth+", "-i eth1"),
        ("-i eth0", "! -i eth0"),
        ("! -f", "-f"),
        (
            "-p tcp -m tcp --sport 1000 --dport 80:90",
            "-p tcp -m tcp --sport 1001 --dport 80:90",
        ),
        ("-p tcp --dport :80", "-p tcp ! --dport :80"),
        (
            "-p tcp -m multiport --dports 22,80:81",
            "-p tcp -m multiport ! --ports 22,1000",
        ),
        (
            "-p tcp -m multiport --ports 22,1000",
            "-p tcp -m multiport --sports 22,80",
        ),
        ("-m mark --mark 0x0/0xff", "-m mark ! --mark 0"),
        ("-m connmark --mark 0", "-m connmark --mark 1/1"),
        (
            "-m conntrack --ctstate NEW,RELATED",
            "-m conntrack ! --ctstate NEW",
        ),
        (
            "-m conntrack ! --ctstate DNAT",
            "-m conntrack --ctstate DNAT,ESTABLISHED",
        ),
        ("-m state --state NEW", "-m state --state ESTABLISHED"),
        (
            "-m comment --comment \"a -j DROP\"",
            "-m comment --comment x -p udp",
        ),
        (
            "-m iprange --src-range 10.0.0.1-10.0.0.9",
            "-m iprange --src-range 10.0.0.2-10.0.0.9",
        ),
        // A match that is not understood does not matter if another says no.
        (
            "-p tcp",
            "-p udp -m statistic --mode random --probability 0.5",
        ),
    ] {
        let rule = |condition| format!("-A PREROUTING {condition} -j MARK --set-mark 7");
        assert_eq!(mark(&rule(yes)), Ok(7), "{yes}");
        assert_eq!(mark(&rule(no)), Ok(0), "{no}");
    }
}

#[test]
fn matches_that_are_not_understood_are_named() {
    for condition in [
        "-m statistic --mode random --probability 0.5",
        "-m limit --limit 5/sec",
        "-p tcp -m tcp --tcp-flags SYN SYN",
        "-p tcp -m tcp --dport http",
        "-m set --match-set x src",
        "-m addrtype --dst-type LOCAL --limit-iface-in",
        "-s example.org",
    ] {
        let place = format!("mangle PREROUTING rule 1 (line 7): {condition} -j MARK --set-mark 7");
        let error = mark(&format!("-A PREROUTING {condition} -j MARK --set-mark 7")).unwrap_err();
        assert!(error.ends_with(&place), "{error}");
        // Nothing depends on it if the rule does nothing.
        let log = format!("-A PREROUTING {condition} -j LOG --log-prefix \"-A x\"");
        assert_eq!(mark(&log), Ok(0), "{condition}");
    }
    let error = mark("-A PREROUTING -j NFQUEUE --queue-num 1").unwrap_err();
    assert!(error.starts_with("the target \"NFQUEUE --queue-num 1\" is not understood"));
    let error = mark("-A PREROUTING -j ELSEWHERE").unwrap_err();
    assert!(error.contains("\"ELSEWHERE\" is not understood"), "{error}");
}

#[test]
fn targets() {
    for (target, expected) in [
        ("MARK --set-xmark 0x5/0xffffffff", 5),
        ("MARK --set-mark 0x1/0x3", 0xf1),
        ("MARK --set-xmark 0xff/0x0f", 0x0f),
        ("MARK --or-mark 0x100", 0x1f2),
        ("MARK --and-mark 0xf", 2),
        ("MARK --xor-mark 0x2", 0xf0),
        ("CONNMARK --restore-mark", 0),
        ("CONNMARK --restore-mark --nfmask 0xf --ctmask 0xf", 0xf0),
        ("HMARK --hmark-mod 1 --hmark-offset 9", 9),
        ("CONTINUE", 0xf2),
    ] {
        let lines = format!("-A PREROUTING -j MARK --set-mark 0xf2\n-A PREROUTING -j {target}");
        assert_eq!(mark(&lines), Ok(expected), "{target}");
    }
    let saved = "-A PREROUTING -j MARK --set-mark 5\n-A PREROUTING -j CONNMARK --save-mark\n\
        -A PREROUTING -j MARK --set-mark 0\n-A PREROUTING -j CONNMARK --restore-mark";
    assert_eq!(mark(saved), Ok(5));
    assert!(mark("-A PREROUTING -j DROP")
        .unwrap_err()
        .starts_with("dropped: mangle PREROUTING"));
    let policy = mangle("").replace("PREROUTING ACCEPT", "PREROUTING DROP");
    let flow = "tcp 10.0.0.1:1 10.0.0.2:2";
    let dropped = left(&policy, flow, State::New).unwrap().dropped;
    assert_eq!(
        dropped.as_deref(),
        Some("mangle PREROUTING: the chain's policy is DROP")
    );
}

#[test]
fn chains_are_called_and_left() {
    let set = |chain: &str, mark: u32| format!("-A {chain} -j MARK --or-mark {mark}\n");
    let jump = |from: &str, how: &str, to: &str| format!("-A {from} {how} {to}\n");
    let lines = |parts: &[String]| mark(&parts.concat());
    // a returns to PREROUTING, and b is left in the middle.
    assert_eq!(
        lines(&[
            jump("PREROUTING", "-j", "a"),
            set("PREROUTING", 8),
            set("a", 1),
            jump("a", "-j", "b"),
            set("a", 4),
            set("b", 2),
            "-A b -j RETURN\n".into(),
            set("b", 16)
        ]),
        Ok(15)
    );
    // From b, which was gone to, a packet returns to the caller of a.
    assert_eq!(
        lines(&[
            jump("PREROUTING", "-j", "a"),
            set("PREROUTING", 8),
            jump("a", "-g", "b"),
            set("a", 1),
            set("b", 2)
        ]),
        Ok(10)
    );
    // There is no caller of a built-in chain.
    assert_eq!(
        lines(&[
            jump("PREROUTING", "-g", "a"),
            set("PREROUTING", 8),
            set("a", 1)
        ]),
        Ok(1)
    );
    assert_eq!(
        lines(&[
            jump("PREROUTING", "-j", "a"),
            set("PREROUTING", 8),
            "-A a -j ACCEPT\n".into()
        ]),
        Ok(0)
    );
    assert_eq!(
        lines(&["-A PREROUTING -j RETURN\n".into(), set("PREROUTING", 1)]),
        Ok(0)
    );
    let circle = lines(&[
        jump("PREROUTING", "-j", "a"),
        jump("a", "-j", "b"),
        jump("b", "-j", "a"),
    ]);
    assert!(circle.unwrap_err().contains("in a circle"));
    let gone = lines(&[
        jump("PREROUTING", "-j", "a"),
        jump("a", "-g", "b"),
        jump("b", "-g", "a"),
    ]);
    assert!(gone.unwrap_err().contains("more than"));
}

#[test]
fn ct_hashes_the_connection_if_there_is_one() {
    const CT: &str =
        "HMARK --hmark-tuple ct,src,dst,sport,dport,proto --hmark-mod 5000 --hmark-offset 1";
    let plain = mark("-A PREROUTING -j HMARK --hmark-mod 5000 --hmark-offset 1").unwrap();
    assert_ne!(plain, 0);
    let tracked = "-A PREROUTING -m conntrack --ctstate INVALID -j DROP\n";
    assert_eq!(mark(&format!("{tracked}-A PREROUTING -j {CT}")), Ok(plain));
    let error = mark(&format!("-A PREROUTING -j {CT}")).unwrap_err();
    assert!(
        error.starts_with("no rule of the text makes the kernel track"),
        "{error}"
    );

    let raw = |target: &str| {
        format!("*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j {target}\nCOMMIT\n")
    };
    let after = |text: String, state| {
        let left = left(&text, "tcp 10.0.0.1:1000 198.51.100.1:80", state);
        left.map(|left| left.mark).map_err(|reason| reason.reason)
    };
    let rules = mangle(&format!("{tracked}-A PREROUTING -j {CT}"));
    // There is no connection in raw, nor after NOTRACK.
    assert_eq!(after(raw(CT) + &mangle(tracked), State::New), Ok(0));
    assert_eq!(after(raw("NOTRACK") + &rules, State::New), Ok(0));
    assert_eq!(after(raw("CT --notrack") + &rules, State::New), Ok(0));
    assert_eq!(after(raw("CT --zone 1") + &rules, State::New), Ok(plain));
    let nat = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.9\nCOMMIT\n";
    assert!(after(rules.clone() + nat, State::New)
        .unwrap_err()
        .starts_with("DNAT translates"));
    assert!(after(rules + nat, State::Established)
        .unwrap_err()
        .contains("translated"));
}

/// Only a template tells revisions 0 and 1 apart that have the same options.
#[test]
fn a_template_is_hashed_by_revision_0_alone() {
    let text = |options: &str| {
        let rule =
            "-A PREROUTING -j HMARK --hmark-tuple ct,src,dst --hmark-mod 5000 --hmark-offset 9";
        format!("*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CT --zone 1\n{rule} {options}\nCOMMIT\n")
    };
    let mark = |options| {
        left(&text(options), "tcp 10.0.0.1:1 10.0.0.2:2", State::New)
            .unwrap()
            .mark
    };
    assert_ne!(mark(""), 0);
    assert_eq!(mark("--hmark-mask 0xffffffff"), 0);
}

#[test]
fn text_with_a_mistake() {
    for (text, line, part) in [
        ("-A x", 1, "no table has begun"),
        ("COMMIT", 1, "without a table"),
        ("*mangle\n:a - [0:0]", 1, "no COMMIT"),
        ("*mangle\n*raw", 2, "no COMMIT"),
        ("*raw\nCOMMIT\n*raw\nCOMMIT", 3, "twice"),
        ("*raw\n:a - [0:0]\n:a - [0:0]", 3, "twice"),
        ("*raw\n:a YES [0:0]", 2, "no policy"),
        ("*raw\n-A a -j DROP", 2, "no chain a"),
        ("*raw\n:a -\n-A a -s", 3, "-s has no value"),
        ("*raw\n:a -\n-A a -j DROP -j DROP", 3, "two targets"),
        ("*raw\n:a -\n-A a --comment \"x", 3, "not closed"),
        ("*raw\n:a -\n-A a !", 3, "nothing follows"),
        ("*raw\n:a -\n-A a x", 3, "belongs to no option"),
        ("*raw\n:a -\n-A a --x y", 3, "belongs to no match"),
        ("*raw\n:a -\n-I a 3 -j DROP", 3, "no place 3"),
        ("*raw\n:a -\n-D a 1", 3, "no line of saved rules"),
        ("*raw\n:a -\n-A a -j HMARK --hmark-mod 0", 3, "hmark-mod"),
        ("{\"nftables\": []}", 1, "no table has begun"),
    ] {
        let mistake = RuleSet::read(text.as_bytes(), Family::Ipv4).unwrap_err();
        assert_eq!(mistake.line, line, "{text}: {mistake}");
        assert!(mistake.what.contains(part), "{text}: {mistake}");
    }
    let long = format!(
        "*raw\n:a -\n-A a -m comment --comment {}\nCOMMIT",
        "x".repeat(10_000_000)
    );
    let mistake = RuleSet::read(long.as_bytes(), Family::Ipv4).unwrap_err();
    assert_eq!(mistake.to_string(), "line 3: it has more than 65536 bytes");
    assert!(RuleSet::read(
        b"*raw\n:a -\n-A a -m comment --comment \xff\nCOMMIT",
        Family::Ipv4
    )
    .is_ok());
}

#[test]
fn lines_of_all_kinds() {
    let text = "# Generated by iptables-save v1.8.9 (nf_tables)\r\n*mangle\n:PREROUTING - [0:0]\n\
        [1:60] -A PREROUTING -m comment --comment \"[0:0] -A\" -j MARK --set-mark 1 -c 1 60\n\
        -6 -A PREROUTING -j DROP\n-4 -A PREROUTING -j LOG\n-I PREROUTING -j ACCEPT\n-I PREROUTING 2 -j RETURN\n\
        -N a\n-A a -6 -j DROP\n-P PREROUTING DROP\n-A PREROUTING -j HMARK -p tcp --dport 80 --hmark-mod=4\nCOMMIT\n";
    let rules = read(text);
    let table = rules.table("mangle").unwrap();
    let chain = table.chain("PREROUTING").unwrap();
    assert_eq!(chain.policy, Some(Policy::Drop));
    let texts: Vec<_> = chain
        .rules
        .iter()
        .map(|rule| (rule.number, rule.text.as_str()))
        .collect();
    let expected = [
        (1, "-I PREROUTING -j ACCEPT"),
        (2, "-I PREROUTING 2 -j RETURN"),
        (
            3,
            "-m comment --comment \"[0:0] -A\" -j MARK --set-mark 1 -c 1 60",
        ),
        (4, "-4 -A PREROUTING -j LOG"),
        (5, "-j HMARK -p tcp --dport 80 --hmark-mod=4"),
    ];
    assert_eq!(texts, expected);
    assert!(table.chain("a").unwrap().rules.is_empty());
    let last = chain.rules.last().unwrap();
    assert!(matches!(last.target, Target::Hmark(_)));
    assert_eq!(last.matches.len(), 3, "{:?}", last.matches);
}

#[test]
fn rules_that_the_text_does_not_have() {
    let warning =
        "# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n";
    let text = mangle("") + warning;
    let reason = left(&text, "tcp 10.0.0.1:1 10.0.0.2:2", State::New)
        .unwrap_err()
        .reason;
    assert!(reason.contains("does not have all rules"), "{reason}");
}
