//! Plugin bundles made to measure.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A gzip tar that is being made, header by header, so that it can be as wrong as need be.
pub struct Bundle {
    tar: Vec<u8>,
}

pub const MANIFEST: &str = r#"{
  "id": "com.example.plugin", "name": "Example", "version": "1.2.0",
  "min_server_version": "9.0.0", "homepage_url": "https://example.org", "icon_path": "icon.svg",
  "server": {"executables": {"linux-amd64": "server/plugin"}},
  "webapp": {"bundle_path": "webapp/main.js"}
}"#;

pub const FILE_NAME: &str = "com.example.plugin-1.2.0.tar.gz";

impl Bundle {
    pub fn empty() -> Bundle {
        Bundle { tar: Vec::new() }
    }

    /// A bundle that nothing is wrong with, but for this manifest.
    pub fn with(name: &str, manifest: &str) -> Bundle {
        Bundle::empty()
            .folder("p/")
            .file(&format!("p/{name}"), 0o644, manifest.as_bytes())
            .file("p/icon.svg", 0o644, b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>")
            .file("p/server/plugin", 0o755, b"#!/bin/sh\n")
            .file("p/webapp/main.js", 0o644, b"0;\n")
    }

    pub fn good() -> Bundle {
        Bundle::with("plugin.json", MANIFEST)
    }

    pub fn folder(self, name: &str) -> Bundle {
        self.entry(name.as_bytes(), b'5', 0o755, b"")
    }

    pub fn file(self, name: &str, mode: u32, bytes: &[u8]) -> Bundle {
        self.entry(name.as_bytes(), b'0', mode, bytes)
    }

    pub fn entry(mut self, name: &[u8], flag: u8, mode: u32, bytes: &[u8]) -> Bundle {
        self.tar.extend(header(name, flag, mode, bytes.len() as u64));
        self.tar.extend_from_slice(bytes);
        self.tar.resize(self.tar.len().next_multiple_of(512), 0);
        self
    }

    /// Appends bytes as they are.
    pub fn raw(mut self, bytes: &[u8]) -> Bundle {
        self.tar.extend_from_slice(bytes);
        self
    }

    /// Returns the archive without its end.
    pub fn into_tar(self) -> Vec<u8> {
        self.tar
    }

    pub fn gzip(mut self) -> Vec<u8> {
        self.tar.extend([0; 1024]);
        gzip(&self.tar)
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn header(name: &[u8], flag: u8, mode: u32, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    header.as_mut_bytes()[156] = flag;
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    header.as_bytes().to_vec()
}
