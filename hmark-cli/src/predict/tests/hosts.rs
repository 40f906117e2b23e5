// SPDX-License-Identifier: GPL-2.0-only

//! Predictions by a host's rules and routing.

use std::path::Path;

use super::*;
use crate::host::Host;

/// A host's rules and routing have the last word, as they do for a single flow.
#[test]
fn a_hosts_rules_mark_and_its_routing_sends() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/pre-load-balancer/selector-a");
    let host = Host::saved(&folder).unwrap();
    let flows: Vec<Flow> = (0..200)
        .map(|port| {
            format!("tcp 10.0.0.1:{} 198.51.100.1:80", 1024 + port)
                .parse()
                .unwrap()
        })
        .collect();
    let packets: Vec<_> = flows
        .iter()
        .map(|flow| whole(flow.packet().bytes().to_vec()))
        .collect();
    let mut judge = OfHost::new(&host, None, None);
    let prediction = predict_by(&mut judge, &packets, MOST_FLOWS);
    assert!(
        prediction.cannot_tell.is_empty(),
        "{:?}",
        prediction.cannot_tell
    );
    let mut marked = 0;
    for flow in &flows {
        let way = host.way(&crate::way::Question::new(*flow)).unwrap();
        let Some(mark) = way.mark.filter(|&mark| mark != 0) else {
            continue;
        };
        marked += 1;
        let gateway = way.gateway().map(|gateway| gateway.to_string());
        assert_eq!(judge.gateway(mark), gateway, "{flow}");
        assert!(marks(&prediction).iter().any(|(own, ..)| *own == mark));
    }
    assert_eq!(prediction.spread.whole().flows, marked);
    assert!(marked > 0);
}

/// No list has the SPI of ESP, which most rules hash.
#[test]
fn a_list_does_not_tell_an_spi() {
    let predicted = |rule: &str| {
        let list = "esp,10.0.0.1,,10.0.0.2,\n51,10.0.0.1,,10.0.0.2,\ngre,10.0.0.1,,10.0.0.2,\n";
        let list = List::new(list.as_bytes(), Format::Csv);
        let mut judge = Alone::read(rule).unwrap();
        let (prediction, error) = of_list(list, &mut judge, MOST_FLOWS, &mut |_| {});
        assert!(error.is_none());
        let unknown = prediction.cannot_tell.iter();
        let unknown: Vec<_> = unknown
            .map(|(reason, amount)| (reason.clone(), amount.flows))
            .collect();
        (prediction.spread.whole().flows, unknown)
    };
    assert_eq!(predicted("--hmark-mod 4"), (1, vec![(Reason::Spi, 2)]));
    assert_eq!(
        predicted("--hmark-mod 4 --hmark-tuple src,dst"),
        (3, vec![])
    );
    assert_eq!(
        predicted("--hmark-mod 4 --hmark-sport-mask 0 --hmark-dport-mask 0").0,
        3
    );
}

/// HMARK marks packets of no flow, too: with the hash of nothing, or not at all.
#[test]
fn rules_of_a_host_mark_packets_of_no_flow() {
    let folder = crate::scratch::folder("no-flow");
    std::fs::create_dir_all(&folder).unwrap();
    let rule = "-j HMARK --hmark-tuple src,dst --hmark-mod 1 --hmark-offset 7 --hmark-rnd 1";
    let read = |matches: &str| {
        let text =
            format!("*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {matches}{rule}\nCOMMIT\n");
        for name in ["iptables-save", "ip6tables-save"] {
            std::fs::write(folder.join(name), &text).unwrap();
        }
        Host::saved(&folder).unwrap()
    };
    // Destination options that are longer than the packet.
    let mut options = packet("udp [fd00::1]:1 [fd00::2]:2");
    (options[6], options[40], options[41]) = (60, 17, 200);
    // An error that quotes nothing.
    let error = packet("icmp 192.0.2.1 10.0.0.1 3/1");
    let packets = [whole(options), whole(error)];
    let host = read("");
    let mut judge = OfHost::new(&host, Some(crate::ruleset::Hook::Prerouting), None);
    let prediction = predict_by(&mut judge, &packets, MOST_FLOWS);
    assert_eq!(marks(&prediction), [(7, 0, 1)]);
    assert_eq!(prediction.unmarked.len(), 1);
    // The protocol behind such options is not known, and that of the error is.
    let host = read("-p 1 ");
    let mut judge = OfHost::new(&host, Some(crate::ruleset::Hook::Prerouting), None);
    let prediction = predict_by(&mut judge, &packets, MOST_FLOWS);
    assert_eq!(
        (prediction.cannot_tell.len(), prediction.unmarked.len()),
        (1, 1)
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The answer of a translated connection has other ends, so that packets of one direction alone are no sign
/// of a new connection.
#[test]
fn translated_connections_are_not_guessed() {
    let folder = crate::scratch::folder("translated");
    std::fs::create_dir_all(&folder).unwrap();
    let text = "*mangle\n:PREROUTING ACCEPT [0:0]\n\
        -A PREROUTING -j HMARK --hmark-tuple ct,src,dst --hmark-mod 1 --hmark-offset 7 --hmark-rnd 1\nCOMMIT\n\
        *nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
        -A POSTROUTING -j MASQUERADE\nCOMMIT\n";
    std::fs::write(folder.join("iptables-save"), text).unwrap();
    let host = Host::saved(&folder).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let tcp = "tcp 10.0.0.1:1 10.0.0.2:2";
    let mut more = packet(tcp);
    more[33] = 0x10;
    let syn = packet(tcp);
    let udp = packet("udp 10.0.0.1:1 10.0.0.2:2");
    let mut judge = OfHost::new(&host, Some(crate::ruleset::Hook::Prerouting), None);
    let prediction = predict_by(
        &mut judge,
        &[whole(syn), whole(more), whole(udp)],
        MOST_FLOWS,
    );
    assert_eq!(marks(&prediction), [(7, 1, 1)]);
    let unknown = prediction.cannot_tell.iter();
    let unknown: u64 = unknown.map(|(_, amount)| amount.packets).sum();
    assert_eq!(unknown, 2, "{:?}", prediction.cannot_tell);
}

#[test]
fn packets_without_their_ports_meet_a_hosts_rules() {
    let flow = "tcp 10.0.0.1:1 10.0.0.2:2";
    let ipv6 = "udp [fd00::1]:1 [fd00::2]:2";
    let snapped = [
        (packet(flow)[..20].to_vec(), 40),
        (packet(ipv6)[..40].to_vec(), 48),
    ];
    let hmark =
        "-j HMARK --hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-mod 1000 --hmark-rnd 0x1";
    let predict = |matches: &str| {
        let folder = crate::scratch::folder("cut");
        std::fs::create_dir_all(&folder).unwrap();
        for (file, hmark) in [
            ("iptables-save", hmark.to_owned()),
            ("ip6tables-save", hmark.replace(" 32", " 128")),
        ] {
            // An address is one of a single family.
            let matches = match file == "ip6tables-save" {
                true => matches.replace("192.0.2.1/32", "fd00::3/128"),
                false => matches.to_owned(),
            };
            let rule = format!("-A PREROUTING {matches} {hmark}");
            let text = format!("*mangle\n:PREROUTING ACCEPT [0:0]\n{rule}\nCOMMIT\n");
            std::fs::write(folder.join(file), text).unwrap();
        }
        let host = Host::saved(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        predict_by(&mut OfHost::new(&host, None, None), &snapped, MOST_FLOWS)
    };
    let rule = "--hmark-tuple src,dst --hmark-mod 1000 --hmark-rnd 1";
    let mut expected = [(mark_of(rule, flow), 0, 1), (mark_of(rule, ipv6), 0, 1)];
    expected.sort();
    let prediction = predict("! -s 192.0.2.1/32");
    assert_eq!(marks(&prediction), expected, "{:?}", prediction.cannot_tell);
    for matches in ["-p tcp --dport 2", "-m conntrack --ctstate NEW"] {
        let prediction = predict(matches);
        assert!(marks(&prediction).is_empty(), "{matches}");
        assert!(!prediction.cannot_tell.is_empty(), "{matches}");
    }
}

/// Each packet is counted with the rule that ends its way, in words about that rule.
#[test]
fn reasons_name_their_rules() {
    let folder = crate::scratch::folder("reasons");
    std::fs::create_dir_all(&folder).unwrap();
    let text = "*mangle\n:PREROUTING ACCEPT [0:0]\n\
        -A PREROUTING -s 10.0.0.1/32 -m limit --limit 5/sec -j MARK --set-mark 1\n\
        -A PREROUTING -s 10.0.0.2/32 -m limit --limit 5/sec -j MARK --set-mark 1\n\
        -A PREROUTING -s 10.0.0.3/32 -j DROP\n\
        -A PREROUTING -s 10.0.0.4/32 -j DROP\n\
        -A PREROUTING -s 10.0.0.5/32 -j NFQUEUE --queue-num 1\nCOMMIT\n";
    std::fs::write(folder.join("iptables-save"), text).unwrap();
    let host = Host::saved(&folder).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    // Of the first rule most, and in turns.
    let mut packets = Vec::new();
    for port in 1..=20 {
        for source in (1..=6).filter(|source| port <= 21 - source) {
            let flow = format!("tcp 10.0.0.{source}:{port} 198.51.100.1:80");
            packets.push(whole(packet(&flow)));
        }
        packets.push(whole(packet(&format!("tcp [fd00::1]:{port} [fd00::2]:80"))));
    }
    let mut judge = OfHost::new(&host, Some(crate::ruleset::Hook::Prerouting), None);
    let prediction = predict_by(&mut judge, &packets, MOST_FLOWS);
    let place = |number: usize, rule: &str| {
        format!(
            "mangle PREROUTING rule {number} (line {}): {rule}",
            number + 2
        )
    };
    let limit = |number: usize| {
        let source = format!("-s 10.0.0.{number}/32");
        let rule = format!("{source} -m limit --limit 5/sec -j MARK --set-mark 1");
        let unknown = "the match \"-m limit --limit 5/sec\" is not understood";
        format!("{unknown}: {}", place(number, &rule))
    };
    let queue = "the target \"NFQUEUE --queue-num 1\" is not understood";
    let queued = place(5, "-s 10.0.0.5/32 -j NFQUEUE --queue-num 1");
    let unknown = reasons(&prediction.cannot_tell);
    let of_rules = unknown.iter().cloned();
    let of_rules: Vec<_> = of_rules
        .filter(|(words, _)| words.contains("mangle"))
        .collect();
    assert_eq!(
        of_rules,
        [
            (limit(1), 20),
            (limit(2), 19),
            (format!("{queue}: {queued}"), 16)
        ]
    );
    // There is no ip6tables-save.
    assert_eq!(unknown.len(), 4, "{unknown:?}");
    let drop = |number: usize| place(number, &format!("-s 10.0.0.{number}/32 -j DROP"));
    assert_eq!(
        reasons(&prediction.unmarked),
        [
            (format!("dropped: {}", drop(3)), 18),
            (format!("dropped: {}", drop(4)), 17),
            ("no HMARK rule is met".to_owned(), 15)
        ]
    );
}
