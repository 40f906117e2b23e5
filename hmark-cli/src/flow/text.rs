// SPDX-License-Identifier: GPL-2.0-only

//! A flow as people write it: `tcp 10.0.0.1:5555 198.51.100.1:80`, `icmp 10.0.0.1 10.0.0.2 8/0 id 7`,
//! `esp fd00::1 fd00::2 spi 0x1234`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use anyhow::{bail, ensure, Context, Error, Result};

use super::{Flow, Layer4, Protocol};

impl FromStr for Flow {
    type Err = Error;

    /// Reads a protocol, two ends and, depending on the protocol, more: ports belong to the ends
    /// (`[fd00::1]:80` in IPv6), an SPI or an identifier follows its name, and an ICMP type and code
    /// follow the ends. An ICMP flow without a type is one of echo requests.
    ///
    /// # Errors
    ///
    /// A sentence that says which part is wrong, and how it should be.
    fn from_str(text: &str) -> Result<Self> {
        let mut words = text.split_ascii_whitespace();
        let name = words.next().context("no protocol: \"tcp\", for example")?;
        let protocol = protocol(name)?;
        let mut end = |which| match words.next() {
            Some(word) => self::end(word, protocol),
            None => bail!("no {which} after \"{name}\""),
        };
        let (source, sport) = end("source")?;
        let (destination, dport) = end("destination")?;
        let protocol = match (protocol, destination) {
            // Nobody means IPv4's ICMP between IPv6 addresses.
            (Protocol::ICMP, IpAddr::V6(_)) if name.parse::<u8>().is_err() => Protocol::ICMPV6,
            (protocol, _) => protocol,
        };
        let mut layer4 = match (sport, dport) {
            (Some(source), Some(destination)) => Layer4::Ports {
                source,
                destination,
            },
            _ => Layer4::None,
        };
        if let Some(kind) = protocol.echo_request() {
            layer4 = Layer4::Icmp {
                kind,
                code: 0,
                id: 0,
            };
        }
        while let Some(word) = words.next() {
            match (word, &mut layer4) {
                ("spi", Layer4::None) if protocol.has_spi() => {
                    let spi = words
                        .next()
                        .and_then(number)
                        .context("no SPI after \"spi\"")?;
                    layer4 = Layer4::Spi(spi);
                }
                ("id", Layer4::Icmp { id, .. }) => {
                    let number = words.next().and_then(number);
                    let number = number.and_then(|number| u16::try_from(number).ok());
                    *id = number.context("no identifier from 0 to 65535 after \"id\"")?;
                }
                (word, Layer4::Icmp { kind, code, .. }) => {
                    let (first, second) = word.split_once('/').unwrap_or((word, "0"));
                    let (Ok(first), Ok(second)) = (first.parse(), second.parse()) else {
                        bail!("\"{word}\" is no ICMP type and code, such as 11/0");
                    };
                    (*kind, *code) = (first, second);
                }
                (word, _) => bail!("\"{word}\" has no meaning after the ends of a {protocol} flow"),
            }
        }
        if protocol.has_spi() && layer4 == Layer4::None {
            bail!("the {protocol} flow has no SPI: add spi 0x1234, for example");
        }
        Self::new(protocol, source, destination, layer4)
            .with_context(|| format!("{source} and {destination} are not of one family"))
    }
}

fn protocol(name: &str) -> Result<Protocol> {
    Protocol::named(name).with_context(|| {
        format!("\"{name}\" is no protocol: tcp, udp, sctp, icmp, esp or a number are, for example")
    })
}

/// Address and port of an end; [`None`] for the port if the protocol has none.
fn end(word: &str, protocol: Protocol) -> Result<(IpAddr, Option<u16>)> {
    if !protocol.has_ports() {
        let address = word.parse();
        ensure!(
            address.is_ok() || word.parse::<SocketAddr>().is_err(),
            "{word} has a port, but {protocol} has no ports"
        );
        let address = address.with_context(|| format!("\"{word}\" is no address"))?;
        return Ok((address, None));
    }
    let Ok(end) = word.parse::<SocketAddr>() else {
        match word.parse() {
            Ok(IpAddr::V4(_)) => bail!("{word} has no port: write {word}:80"),
            Ok(IpAddr::V6(_)) => match port_of(word) {
                Some((address, port)) => {
                    bail!("{word} is an address: write [{address}]:{port}, or [{word}]:80 if it is meant")
                }
                None => bail!("{word} has no port: write [{word}]:80"),
            },
            Err(_) => {
                bail!("\"{word}\" is no address and port, such as 10.0.0.1:80 or [fd00::1]:80")
            }
        }
    };
    Ok((end.ip(), Some(end.port())))
}

/// The address and the port that an IPv6 address was perhaps meant to be.
fn port_of(word: &str) -> Option<(Ipv6Addr, u16)> {
    let (address, port) = word.rsplit_once(':')?;
    Some((address.parse().ok()?, port.parse().ok()?))
}

/// A decimal or, after `0x`, hexadecimal number.
fn number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.protocol)?;
        match self.layer4 {
            Layer4::None => write!(f, "{} {}", self.source, self.destination),
            Layer4::Ports {
                source,
                destination,
            } => {
                let source = SocketAddr::new(self.source, source);
                let destination = SocketAddr::new(self.destination, destination);
                write!(f, "{source} {destination}")
            }
            Layer4::Spi(spi) => write!(f, "{} {} spi {spi:#x}", self.source, self.destination),
            Layer4::Icmp { kind, code, id } => {
                write!(f, "{} {} {kind}/{code}", self.source, self.destination)?;
                match id {
                    0 => Ok(()),
                    id => write!(f, " id {id}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_are_shown_as_they_are_read() {
        for text in [
            "tcp 10.0.0.1:5555 198.51.100.1:80",
            "udp [fd00::1]:0 [2001:db8::1]:65535",
            "sctp 10.0.0.1:1 10.0.0.2:2",
            "icmp 10.0.0.1 10.0.0.2 8/0",
            "icmp 10.0.0.1 10.0.0.2 3/4 id 65535",
            "icmpv6 fd00::1 fd00::2 128/0 id 1",
            "esp 10.0.0.1 10.0.0.2 spi 0xffffffff",
            "ah fd00::1 fd00::2 spi 0x0",
            "gre 10.0.0.1 10.0.0.2",
            "200 fd00::1 fd00::2",
        ] {
            assert_eq!(text.parse::<Flow>().unwrap().to_string(), text);
        }
        let other = |text: &str| text.parse::<Flow>().unwrap().to_string();
        assert_eq!(
            other("6 10.0.0.1:1 10.0.0.2:2"),
            "tcp 10.0.0.1:1 10.0.0.2:2"
        );
        assert_eq!(
            other(" ICMP  fd00::1 fd00::2 "),
            "icmpv6 fd00::1 fd00::2 128/0"
        );
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| text.parse::<Flow>().unwrap_err().to_string();
        for (text, part) in [
            ("", "no protocol"),
            ("tpc 10.0.0.1:1 10.0.0.2:2", "\"tpc\" is no protocol"),
            ("tcp", "no source"),
            ("tcp 10.0.0.1:1", "no destination"),
            ("tcp 10.0.0.1 10.0.0.2:2", "write 10.0.0.1:80"),
            ("tcp fd00::1 10.0.0.2:2", "write [fd00::1]:80"),
            ("tcp 10.0.0.1:65536 10.0.0.2:2", "no address and port"),
            ("tcp 10.0.0.1:1 [fd00::1]:2", "not of one family"),
            ("gre 10.0.0.1:1 10.0.0.2", "gre has no ports"),
            ("gre 10.0.0.1 10.0.0.2 8/0", "no meaning"),
            ("tcp 10.0.0.1:1 10.0.0.2:2 id 3", "no meaning"),
            ("icmp 10.0.0.1 10.0.0.2 256/0", "no ICMP type"),
            ("icmp 10.0.0.1 10.0.0.2 id 65536", "no identifier"),
            ("esp 10.0.0.1 10.0.0.2 spi 0x100000000", "no SPI"),
            ("esp 10.0.0.1 10.0.0.2 spi", "no SPI"),
            ("esp 10.0.0.1 10.0.0.2", "the esp flow has no SPI: add spi"),
            ("51 fd00::1 fd00::2", "the ah flow has no SPI: add spi"),
            (
                "tcp ::1:80 [fd00::1]:2",
                "::1:80 is an address: write [::1]:80",
            ),
            ("tcp fd00::1:2:3 [fd00::1]:2", "write [fd00::1:2]:3"),
        ] {
            let error = error(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
