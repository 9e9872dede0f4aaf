//! The armor of what is written (RFC 9580, section 6.2).

use sequoia_openpgp as openpgp;

use super::error::{Error, Result};

/// Armors packets.
pub(super) fn armored(kind: openpgp::armor::Kind, packets: &[u8]) -> Result<Vec<u8>> {
    let write = || -> std::io::Result<Vec<u8>> {
        let mut writer = openpgp::armor::Writer::new(Vec::new(), kind)?;
        std::io::Write::write_all(&mut writer, packets)?;
        writer.finalize()
    };
    write().map_err(Error::crypto("armoring"))
}
