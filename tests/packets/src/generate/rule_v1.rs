// SPDX-License-Identifier: GPL-2.0-only

//! Rules of revision 1.

use super::super::hmark::rule::{inner, v0, v1};
use super::super::Random;
use super::{port, rule, sharp_rule, TUNNEL_PORTS};

/// A rule of revision 1, which the kernel may have to refuse: most rules have several of its
/// options, and agree with themselves.
pub fn rule_v1(random: &mut Random) -> v1::Info {
    let mut rule = v1::Info::from(match random.below(4) {
        0 => sharp_rule(),
        _ => rule(random),
    });
    for option in [
        v1::flag::MASK,
        v1::flag::FROM,
        v1::flag::WEIGHT,
        v1::flag::KEY,
        v1::flag::INNER,
        v1::flag::INNER,
        v1::flag::REVERSE_ERRORS,
    ] {
        if random.percent(30) {
            rule.masked.v0.flags |= option;
        }
    }
    rule.masked.mark_mask = random.u32();
    rule.from = match random.below(3) {
        0 => random.between(1, 4) as u32,
        // Nearly all marks, if these are few.
        1 => u32::MAX - random.below(8) as u32,
        _ => random.u32(),
    };
    random.fill(&mut rule.key);
    rule.inner = match random.below(3) {
        0 => inner::ALL,
        _ => random.u8(),
    };
    let [gtpu, vxlan, geneve] = TUNNEL_PORTS;
    for (to, usual) in [
        (&mut rule.gtpu_port, gtpu),
        (&mut rule.vxlan_port, vxlan),
        (&mut rule.geneve_port, geneve),
    ] {
        *to = match random.below(8) {
            0 => port(random),
            1 => random.pick(&TUNNEL_PORTS),
            _ => usual,
        };
    }
    if rule.has(v1::flag::WEIGHT) && random.percent(80) {
        rule.masked.v0.hmodulus = random.between(1, 256) as u32;
    }
    fill_weights(&mut rule, random);
    if random.percent(85) {
        mend(&mut rule);
        if random.percent(20) {
            contradict(&mut rule, random);
        }
    }
    rule
}

/// Weights of which none, some or nearly all are less than full.
fn fill_weights(rule: &mut v1::Info, random: &mut Random) {
    let marks = rule.masked.v0.hmodulus.min(v1::WEIGHTS as u32) as usize;
    let less = |random: &mut Random| match random.below(3) {
        0 => random.between(1, 99) as u8,
        1 => random.pick(&[1, 50, 99]),
        _ => 100,
    };
    match random.below(4) {
        // All are out but a few.
        0 => {
            rule.less[..marks].fill(100);
            for _ in 0..random.between(1, 3) {
                rule.less[random.below(marks.max(1))] = less(random);
            }
        }
        1 => random.fill(&mut rule.less[..marks]),
        _ => {
            for _ in 0..random.between(1, 8) {
                rule.less[random.below(marks.max(1))] = less(random);
            }
        }
    }
}

/// Changes a rule so that the kernel accepts it; its flags decide which options it has.
pub fn mend(rule: &mut v1::Info) {
    let v0 = &mut rule.masked.v0;
    v0.flags &= v1::flag::ALL;
    let has = |flags: u32, option: u32| flags & option != 0;
    if has(v0.flags, v0::flag::METHOD_L3) {
        v0.proto_mask = 0;
    }
    if has(v0.flags, v0::flag::SPI_MASK) {
        v0.flags &= !(v0::flag::SPORT_MASK | v0::flag::DPORT_MASK);
    }
    if has(v0.flags, v0::flag::SPI) {
        v0.flags &= !(v0::flag::SPORT | v0::flag::DPORT);
    }
    if has(v0.flags, v0::flag::CT) {
        v0.flags &= !(v1::flag::INNER | v1::flag::REVERSE_ERRORS);
    }
    if has(v0.flags, v1::flag::KEY) {
        v0.flags &= !v0::flag::RND;
    } else {
        rule.key = [0; 16];
    }
    v0.hmodulus = v0.hmodulus.max(1);
    if has(v0.flags, v1::flag::MASK) {
        let (first, len) = (rule.masked.mark_mask % 32, rule.masked.mark_mask / 32);
        let ones = u32::MAX >> (31 - len % (32 - first));
        rule.masked.mark_mask = ones << first;
        v0.hmodulus = ((v0.hmodulus - 1) & ones) + 1;
        let room = u64::from(ones) - u64::from(v0.hmodulus - 1);
        v0.hoffset = ((u64::from(v0.hoffset) % (room + 1)) as u32) << first;
    } else {
        rule.masked.mark_mask = 0;
    }
    if has(v0.flags, v1::flag::WEIGHT) {
        v0.hmodulus = (v0.hmodulus - 1) % v1::WEIGHTS as u32 + 1;
        let (marks, others) = rule.less.split_at_mut(v0.hmodulus as usize);
        others.fill(0);
        marks.iter_mut().for_each(|less| *less %= 101);
        let all_alike = |less: u8| marks.iter().all(|&other| other == less);
        if all_alike(0) || all_alike(100) {
            marks[0] = 50;
        }
    } else {
        rule.less = [0; v1::WEIGHTS];
    }
    rule.from = match has(v0.flags, v1::flag::FROM) {
        true => rule.from.wrapping_sub(1) % v0.hmodulus + 1,
        false => 0,
    };
    mend_tunnels(rule);
    rule.reserved = [0; 5];
}

/// Gives tunnels of UDP, if they are followed, each a port of its own.
fn mend_tunnels(rule: &mut v1::Info) {
    if rule.has(v1::flag::INNER) {
        rule.inner &= inner::ALL;
        if rule.inner == 0 {
            rule.inner = inner::GTPU;
        }
    } else {
        rule.inner = 0;
    }
    let mut taken = [0; 3];
    for (place, (bit, port)) in [
        (inner::GTPU, &mut rule.gtpu_port),
        (inner::VXLAN, &mut rule.vxlan_port),
        (inner::GENEVE, &mut rule.geneve_port),
    ]
    .into_iter()
    .enumerate()
    {
        if rule.inner & bit == 0 {
            *port = 0;
            continue;
        }
        while taken.contains(port) {
            *port = port.wrapping_add(1);
        }
        taken[place] = *port;
    }
}

/// Makes one change, which contradicts most rules.
fn contradict(rule: &mut v1::Info, random: &mut Random) {
    let masked = &mut rule.masked;
    match random.below(19) {
        0 => masked.v0.flags ^= 1 << random.below(32),
        1 => masked.v0.flags |= 1 << random.between(21, 31),
        2 => masked.v0.flags |= v1::flag::NEW,
        3 => masked.v0.flags |= v0::flag::CT | v1::flag::INNER,
        4 => masked.v0.flags |= v0::flag::CT | v1::flag::REVERSE_ERRORS,
        5 => masked.v0.flags |= v0::flag::RND | v1::flag::KEY,
        6 => rule.reserved[random.below(5)] = random.u8(),
        7 => masked.mark_mask ^= 1 << random.below(32),
        8 => masked.mark_mask = random.u32(),
        9 => masked.v0.hoffset ^= 1 << random.below(32),
        10 => masked.v0.hoffset = masked.v0.hoffset.wrapping_add(masked.mark_mask / 2 + 1),
        11 => {
            let next = masked.v0.hmodulus.wrapping_add(1);
            masked.v0.hmodulus = random.pick(&[next, 0, 256, 257, u32::MAX]);
        }
        12 => rule.from = random.pick(&[0, 1, masked.v0.hmodulus.wrapping_add(1)]),
        13 => rule.less[random.below(256)] = random.pick(&[0, 1, 100, 101, 255]),
        14 => {
            let marks = masked.v0.hmodulus.min(v1::WEIGHTS as u32) as usize;
            rule.less[..marks].fill(random.pick(&[0, 100]));
        }
        15 => rule.key[random.below(16)] ^= 1,
        16 => rule.inner ^= 1 << random.below(8),
        17 => rule.vxlan_port = random.pick(&[0, rule.gtpu_port, rule.geneve_port]),
        _ => rule.geneve_port = random.pick(&[0, 1, rule.gtpu_port]),
    }
}

/// A valid rule of revision 1 that tells packets apart by nearly everything that can be hashed, and
/// looks into all tunnels on their usual ports. It does not treat both ends alike, so that an error that
/// is hashed in the wrong direction has another mark.
pub const fn sharp_rule_v1() -> v1::Info {
    let [gtpu_port, vxlan_port, geneve_port] = TUNNEL_PORTS;
    let mut v0 = sharp_rule();
    v0.dst_mask[0] = 0xffff_ff00_u32.to_be();
    v0.flags |= v1::flag::INNER | v1::flag::REVERSE_ERRORS;
    v1::Info {
        masked: v1::Masked { v0, mark_mask: 0 },
        from: 0,
        key: [0; 16],
        gtpu_port,
        vxlan_port,
        geneve_port,
        inner: inner::ALL,
        reserved: [0; 5],
        less: [0; v1::WEIGHTS],
    }
}
