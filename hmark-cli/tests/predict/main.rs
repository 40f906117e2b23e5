// SPDX-License-Identifier: GPL-2.0-only

//! `hmark predict` for captures and lists.
#![cfg(feature = "cli")]

mod many;
mod one;
mod recorded;
mod replies;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use hmark_cli::flow::Flow;

const RULE: &str = "--hmark-mod 4 --hmark-offset 100";

/// A file that is removed in the end.
struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("hmark-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A capture of frames, one each second.
fn capture_of(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, link] {
        file.extend(word.to_le_bytes());
    }
    for (frame, second) in frames.iter().zip(1u32..) {
        let len = frame.len() as u32;
        for word in [second, 0, len, len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

fn packet(flow: &str) -> Vec<u8> {
    flow.parse::<Flow>().unwrap().packet().bytes().to_vec()
}

/// A capture of TCP packets, each from another port.
fn pcap(packets: u16) -> Vec<u8> {
    let packet = |port| packet(&format!("tcp 10.0.0.1:{port} 192.0.2.1:80"));
    capture_of(101, &(1..=packets).map(packet).collect::<Vec<_>>())
}

fn predict(arguments: &[&str]) -> (Output, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hmark"))
        .arg("predict")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}
