// SPDX-License-Identifier: GPL-2.0-only

//! Ways on the hosts of `docs/`, as iptables and ip saved them.

use std::path::Path;

mod kernel;

use super::*;
use crate::flow::Protocol;

fn host(name: &str) -> Host {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/hosts")
        .join(name);
    Host::saved(&folder).unwrap()
}

fn question(flow: &str, input: Option<&str>) -> Question {
    Question {
        input: input.map(str::to_string),
        ..Question::new(flow.parse().unwrap())
    }
}

/// The gateway of each of many flows is that of its mark, and its reply passes the same one.
#[test]
fn both_directions_of_a_flow_pass_one_gateway() {
    let selectors = ["selector-a", "selector-b", "selector-c"];
    let selectors = selectors.map(|name| host(&format!("pre-load-balancer/{name}")));
    let back = host("pre-load-balancer/selector-s");
    let mut seen = [0; 4];
    for port in 1..=100 {
        for (client, service, network) in [
            (
                format!("10.64.1.1:{port}"),
                "198.51.100.1:80",
                ["10.1.0.1", "10.2.0.1"],
            ),
            (
                format!("[fd00:64:1::1]:{port}"),
                "[2001:db8:100::1]:80",
                ["fd00:1::1", "fd00:2::1"],
            ),
        ] {
            let flow = format!("tcp {client} {service}");
            let ways = selectors
                .each_ref()
                .map(|host| host.way(&question(&flow, None)).unwrap());
            let gateways = ways.each_ref().map(|way| way.gateway().unwrap());
            assert!(
                gateways.iter().all(|gateway| *gateway == gateways[0]),
                "{flow}: {gateways:?}"
            );
            let mark = ways[0].mark.unwrap();
            let number = usize::try_from(mark - 100).unwrap();
            assert_eq!(
                gateways[0].to_string(),
                format!("{}{number}", network[0]),
                "{flow}"
            );
            seen[number] += 1;
            let reply = ways[0].flow.reply().unwrap();
            let reply = back.way(&Question::new(reply)).unwrap();
            assert_eq!(reply.mark, Some(mark), "{flow}");
            assert_eq!(
                reply.gateway().unwrap().to_string(),
                format!("{}{number}", network[1]),
                "{flow}"
            );
        }
    }
    assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
}

#[test]
fn a_device_is_asked_for_where_a_rule_needs_it() {
    let host = host("gateways/selector-b");
    let flow = "tcp 10.3.0.11:1 203.0.113.80:80";
    let way = host.way(&question(flow, None)).unwrap();
    let reason = way.cannot_tell.unwrap().to_string();
    assert!(
        reason.contains("device") && reason.contains("mangle PREROUTING rule 1"),
        "{reason}"
    );
    let way = host.way(&question(flow, Some("blades"))).unwrap();
    assert_eq!(way.gateway(), Some("10.1.0.11".parse().unwrap()));
    // Not to the outside, and so not met, whatever the device.
    let way = host
        .way(&question("tcp 203.0.113.80:80 10.3.0.11:1", None))
        .unwrap();
    assert_eq!(
        (way.mark, way.hop().unwrap().device.as_deref()),
        (Some(0), Some("blades"))
    );
}

/// A reply at the border carries other addresses than the selector's packet, and gets its mark.
#[test]
fn an_entry_of_conntrack_tells_the_ends_of_a_translated_connection() {
    let (selector, border) = (host("gateways/selector-a"), host("gateways/border"));
    let mut without = 0;
    for port in 1000..1100 {
        let flow = format!("tcp 10.3.0.11:{port} 203.0.113.80:80");
        let forth = selector.way(&question(&flow, Some("blades"))).unwrap();
        let line = format!(
            "tcp 6 9 SYN_SENT src=10.3.0.11 dst=203.0.113.80 sport={port} dport=80 \
            src=203.0.113.80 dst=198.51.100.1 sport=80 dport=77 mark=0 use=1"
        );
        let entry = Entry::read(&line, Protocol::TCP).unwrap();
        let mut back = question("tcp 203.0.113.80:80 198.51.100.1:77", Some("internet"));
        let untranslated = border.way(&back).unwrap();
        without += u32::from(untranslated.mark == forth.mark);
        assert!(matches!(untranslated.found.unwrap().next, Next::Local));
        back.entry = Some(entry);
        let way = border.way(&back).unwrap();
        assert_eq!(way.mark, forth.mark, "{flow}");
        let last = |way: &Way<'_>| {
            way.gateway()
                .unwrap()
                .to_string()
                .split_off("10.1.0.".len())
        };
        assert_eq!(last(&way), last(&forth), "{flow}");
        // Without the entry, in a state that has one.
        (back.entry, back.state) = (None, Some(State::Established));
        let reason = border.way(&back).unwrap().cannot_tell.unwrap().to_string();
        assert!(
            reason.starts_with("it is not known whether the connection is translated"),
            "{reason}"
        );
    }
    assert!(without < 60, "{without}");
    let mut other = question("tcp 203.0.113.80:81 198.51.100.1:77", Some("internet"));
    let line = "src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1";
    other.entry = Some(Entry::read(line, Protocol::TCP).unwrap());
    assert!(border
        .way(&other)
        .unwrap_err()
        .to_string()
        .contains("neither direction"));
}

#[test]
fn a_routers_own_packets_are_routed_twice() {
    let host = host("router/router");
    let mut lines = [0, 0];
    for port in 2001..=2100 {
        let way = host
            .way(&question(
                &format!("tcp 192.0.2.2:{port} 203.0.113.80:80"),
                None,
            ))
            .unwrap();
        assert_eq!(way.hook, Hook::Output);
        let mark = way.mark.unwrap();
        let device = way.hop().unwrap().device.as_deref();
        match mark {
            201..=203 => assert_eq!(device, Some("line-a")),
            204 => assert_eq!(device, Some("line-b")),
            mark => panic!("{mark}"),
        }
        lines[usize::from(mark == 204)] += 1;
    }
    assert!(lines[0] > 50 && lines[1] > 10, "{lines:?}");
    // Those to the network of the first line meet a rule for line+, and the route of the main table.
    let way = host
        .way(&question("tcp 192.0.2.2:1 192.0.2.1:80", None))
        .unwrap();
    assert_eq!(way.found.unwrap().table, Some("main"));
    // To the lan, no rule marks.
    let way = host
        .way(&question("tcp 10.4.0.1:1 10.4.0.11:80", None))
        .unwrap();
    assert_eq!(way.mark, Some(0));
}

#[test]
fn a_missing_file_is_only_missed_where_it_is_needed() {
    let folder = crate::scratch::folder("way");
    std::fs::create_dir_all(&folder).unwrap();
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/pre-load-balancer/selector-a");
    for file in ["iptables-save", "ip-rule.json"] {
        std::fs::copy(source.join(file), folder.join(file)).unwrap();
    }
    let host = Host::saved(&folder).unwrap();
    let way = host
        .way(&question("tcp 10.64.1.1:5555 198.51.100.1:80", None))
        .unwrap();
    assert_eq!(way.mark, Some(102));
    let reason = way.cannot_tell.unwrap().to_string();
    assert!(
        reason.ends_with("ip-route.json, the output of `ip -j -4 route show table all`"),
        "{reason}"
    );
    let way = host
        .way(&question("tcp [fd00::1]:1 [2001:db8:100::1]:80", None))
        .unwrap();
    assert!(way
        .cannot_tell
        .unwrap()
        .to_string()
        .contains("ip6tables-save"));
    std::fs::write(folder.join("iptables-save"), "*mangle\n").unwrap();
    let error = Host::saved(&folder)
        .unwrap()
        .way(&question("tcp 10.0.0.1:1 10.0.0.2:2", None))
        .unwrap_err();
    assert!(error
        .to_string()
        .ends_with("iptables-save: line 1: the table mangle has no COMMIT: the text is cut"));
    std::fs::remove_dir_all(&folder).unwrap();
}
