// SPDX-License-Identifier: GPL-2.0-only

//! Nexthop objects, as `ip -j nexthop` lists them.

use std::net::IpAddr;

use anyhow::Result;
use serde::Deserialize;

/// The nexthop objects of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nexthops(pub Vec<Nexthop>);

/// A nexthop object.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Nexthop {
    /// Its number.
    pub id: u32,
    /// The gateway; [`None`] for a group, a device or a black hole.
    pub gateway: Option<IpAddr>,
    /// The device.
    #[serde(rename = "dev")]
    pub device: Option<String>,
    /// The routing protocol that made it, by its number or its name.
    pub protocol: Option<String>,
}

impl Nexthops {
    /// Reads JSON of `ip -j nexthop`. An empty text is that of a host without nexthop objects.
    ///
    /// # Errors
    ///
    /// If the text is no JSON, or none of nexthop objects.
    pub fn read(text: &[u8]) -> Result<Self> {
        match text.trim_ascii().is_empty() {
            true => Ok(Self::default()),
            false => Ok(Self(serde_json::from_slice(text)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What iproute2 6.1 prints.
    #[test]
    fn objects_are_read() {
        let json = r#"[{"id":7200,"gateway":"fd00:1::10","dev":"north","scope":"link","protocol":"72","flags":[]},
            {"id":9,"group":[{"id":7200}],"flags":[]}]"#;
        let Nexthops(all) = Nexthops::read(json.as_bytes()).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].gateway, Some("fd00:1::10".parse().unwrap()));
        assert_eq!(all[0].protocol.as_deref(), Some("72"));
        assert_eq!((all[1].id, &all[1].device), (9, &None));
        assert_eq!(Nexthops::read(b"\n").unwrap().0, []);
        for text in ["{}", "[{}]", r#"[{"id":-1}]"#, "id 1 via 10.0.0.1"] {
            assert!(Nexthops::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
