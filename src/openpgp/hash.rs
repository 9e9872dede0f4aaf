//! Hashing an artifact once for every judge that wants its digest.
//!
//! A signature hashes the content first and a trailer of its own after it (RFC 9580, section
//! 5.2.4). The content is read once, into one state for each way the judges want it hashed.
//! Each judge then finishes a copy of its state with its own trailer.

use std::io::{self, Read};
use std::sync::mpsc;
use std::thread;

use aws_lc_rs::digest;
use sequoia_openpgp as openpgp;

use super::error::{Error, Result};

/// A hash algorithm of OpenPGP version 4 signatures (RFC 9580, section 9.5).
///
/// All of them can be computed. The judges decide which ones a signature may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum HashAlgorithm {
    Md5 = 1,
    Sha1 = 2,
    Ripemd160 = 3,
    Sha256 = 8,
    Sha384 = 9,
    Sha512 = 10,
    Sha224 = 11,
}

impl HashAlgorithm {
    /// Returns the algorithm with this number, if it is one of ours.
    pub fn from_id(id: u8) -> Option<HashAlgorithm> {
        use HashAlgorithm::{Md5, Ripemd160, Sha1, Sha224, Sha256, Sha384, Sha512};
        let all = [Md5, Sha1, Ripemd160, Sha256, Sha384, Sha512, Sha224];
        all.into_iter().find(|it| it.id() == id)
    }

    /// Returns the algorithm's number.
    pub fn id(self) -> u8 {
        self as u8
    }

    fn context(self) -> Option<Context> {
        let fast = match self {
            HashAlgorithm::Sha224 => &digest::SHA224,
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
            HashAlgorithm::Sha512 => &digest::SHA512,
            HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160 => {
                let algorithm = openpgp::types::HashAlgorithm::from(self.id());
                let builder = algorithm.context().ok()?;
                return Some(Context::Sequoia(builder.for_digest()));
            }
        };
        Some(Context::AwsLc(digest::Context::new(fast)))
    }
}

/// The state of one hash computation.
///
/// SHA-2 runs on AWS-LC. It is as fast as OpenSSL even on processors without SHA instructions,
/// where sequoia's backend takes twice as long. The other hashes that the Mattermost server accepts
/// stay with sequoia, whose SHA-1 detects collision attacks.
#[derive(Clone)]
enum Context {
    AwsLc(digest::Context),
    Sequoia(openpgp::crypto::hash::Context),
}

impl Context {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Context::AwsLc(context) => context.update(bytes),
            Context::Sequoia(context) => context.update(bytes),
        }
    }

    fn into_digest(self) -> Option<Vec<u8>> {
        match self {
            Context::AwsLc(context) => Some(context.finish().as_ref().to_vec()),
            Context::Sequoia(context) => context.into_digest().ok(),
        }
    }
}

/// Returns the digest over some parts, one after the other.
pub(super) fn digest_of(algorithm: HashAlgorithm, parts: &[&[u8]]) -> Option<Vec<u8>> {
    let way = ContentHash { algorithm, text: false };
    let mut hasher = Hasher::new([way]);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finish().digest(way, b"")
}

/// Returns the SHA-1 of some parts, one after the other.
pub(super) fn sha1(parts: &[&[u8]]) -> Result<[u8; 20]> {
    let digest = digest_of(HashAlgorithm::Sha1, parts).and_then(|digest| digest.try_into().ok());
    digest.ok_or_else(|| Error::crypto("hashing")("no SHA-1"))
}

/// How a signature wants the content hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHash {
    /// The hash algorithm.
    pub algorithm: HashAlgorithm,
    /// Whether bare line feeds become CR LF first, as text signatures (type 0x01) have it.
    /// Lines are ended as the Mattermost server does (golang.org/x/crypto/openpgp,
    /// canonical_text.go).
    pub text: bool,
}

impl ContentHash {
    /// SHA-256 over the bytes as they are: what plugsign's own signatures use.
    pub const SHA256: ContentHash = ContentHash { algorithm: HashAlgorithm::Sha256, text: false };
}

/// Hashes content in each of the wanted ways at once.
pub struct Hasher {
    states: Vec<HashState>,
}

#[derive(Clone)]
struct HashState {
    way: ContentHash,
    context: Context,
    after_carriage_return: bool,
}

impl Hasher {
    /// Starts hashing in the wanted ways. Duplicates are hashed once. An algorithm that the
    /// cryptographic backend lacks is left out and has no digest in the end.
    pub fn new(wanted: impl IntoIterator<Item = ContentHash>) -> Hasher {
        let mut states: Vec<HashState> = Vec::new();
        for way in wanted {
            if states.iter().all(|state| state.way != way)
                && let Some(context) = way.algorithm.context()
            {
                states.push(HashState { way, context, after_carriage_return: false });
            }
        }
        Hasher { states }
    }

    /// Hashes more of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        for state in &mut self.states {
            state.update(bytes);
        }
    }

    /// Reads the content to its end.
    pub fn read(mut self, mut content: impl Read) -> io::Result<Hashed> {
        let mut buffer = vec![0; PIECE];
        while self.read_piece(&mut content, &mut buffer)? {}
        Ok(self.finish())
    }

    /// Reads the content to its end as [`Hasher::read`] does. If the content is long, one thread
    /// reads ahead while another hashes.
    pub fn read_ahead(mut self, mut content: impl Read + Send) -> io::Result<Hashed> {
        const AHEAD: usize = 4;
        let mut buffer = [0; SHORT_PIECE];
        for _ in 0..SHORT_PIECES {
            if !self.read_piece(&mut content, &mut buffer)? {
                return Ok(self.finish());
            }
        }
        let (give_back, empty) = mpsc::channel();
        let (sender, pieces) = mpsc::channel();
        for _ in 0..AHEAD {
            // The receiver is there, so this succeeds.
            let _ = give_back.send(vec![0; LONG_PIECE]);
        }
        thread::scope(move |scope| {
            let reader = thread::Builder::new().spawn_scoped(scope, move || {
                for mut buffer in empty {
                    let piece = read_some(&mut content, &mut buffer).map(|n| (buffer, n));
                    let is_last = !matches!(piece, Ok((_, 1..)));
                    if sender.send(piece).is_err() || is_last {
                        return;
                    }
                }
            });
            reader?;
            for piece in pieces {
                let (buffer, n) = piece?;
                self.update(buffer.get(..n).unwrap_or_default());
                // After the last piece nobody takes the buffer back.
                let _ = give_back.send(buffer);
            }
            Ok(self.finish())
        })
    }

    /// Hashes one piece. Returns whether there was one.
    fn read_piece(&mut self, content: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
        let n = read_some(content, buffer)?;
        self.update(buffer.get(..n).unwrap_or_default());
        Ok(n > 0)
    }

    /// Ends the content.
    pub fn finish(self) -> Hashed {
        Hashed { states: self.states }
    }
}

/// How much is read at once if one thread reads and hashes.
const PIECE: usize = 64 * 1024;

/// How much is read at once of a file that may be short, and how often. Most files are small, and
/// memory that is used has to be wiped.
const SHORT_PIECE: usize = 16 * 1024;
const SHORT_PIECES: usize = 64;

/// How much is handed over at once between the threads of a long file.
const LONG_PIECE: usize = 256 * 1024;

/// Reads what comes at once, and goes on after a signal.
fn read_some(content: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match content.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl HashState {
    fn update(&mut self, bytes: &[u8]) {
        if !self.way.text {
            self.context.update(bytes);
            return;
        }
        let mut start = 0;
        for (i, &byte) in bytes.iter().enumerate() {
            if byte == b'\n' && !self.after_carriage_return {
                self.context.update(&bytes[start..i]);
                self.context.update(b"\r\n");
                start = i + 1;
            }
            // As in the server: the second of two carriage returns starts no line end, and a line
            // feed behind them is a bare one.
            self.after_carriage_return = byte == b'\r' && !self.after_carriage_return;
        }
        self.context.update(&bytes[start..]);
    }
}

/// Content that has been hashed, ready for any number of trailers.
pub struct Hashed {
    states: Vec<HashState>,
}

impl Hashed {
    /// Returns the digest of the content followed by the trailer. Returns nothing if this way was
    /// not asked for at the start.
    pub fn digest(&self, way: ContentHash, trailer: &[u8]) -> Option<Vec<u8>> {
        let state = self.states.iter().find(|state| state.way == way)?;
        let mut context = state.context.clone();
        context.update(trailer);
        context.into_digest()
    }

    /// Returns whether other content is the same, by what both were hashed with.
    pub fn is_same(&self, other: &Hashed) -> bool {
        let is_same = |state: &HashState| {
            let digest = self.digest(state.way, b"");
            digest.is_some() && digest == other.digest(state.way, b"")
        };
        self.states.iter().all(is_same)
    }

    /// Returns the content with a trailer behind it, hashed in one of the ways, for judges that
    /// try one trailer after the other.
    pub fn followed_by(&self, way: ContentHash, trailer: &[u8]) -> Option<Hashed> {
        let mut state = self.states.iter().find(|state| state.way == way)?.clone();
        state.context.update(trailer);
        Some(Hashed { states: vec![state] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailer_follows_the_content() {
        let mut hasher = Hasher::new([ContentHash::SHA256]);
        hasher.update(b"a");
        hasher.update(b"b");
        let digest = hasher.finish().digest(ContentHash::SHA256, b"c").unwrap();
        // FIPS 180-2, appendix B.1: SHA-256 of "abc".
        let abc = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        assert_eq!(super::super::ids::hex(&digest), abc);
    }

    #[test]
    fn text_lines_end_in_cr_lf_wherever_the_pieces_are_cut() {
        let text = ContentHash { algorithm: HashAlgorithm::Sha256, text: true };
        let input = b"a\nb\r\nc\r\r\n\nd\r";
        let canonical = b"a\r\nb\r\nc\r\r\r\n\r\nd\r";
        let expected = digest_of(HashAlgorithm::Sha256, &[canonical]).unwrap();
        for cut in 0..input.len() {
            let mut hasher = Hasher::new([text]);
            hasher.update(&input[..cut]);
            hasher.update(&input[cut..]);
            assert_eq!(hasher.finish().digest(text, b"").unwrap(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn reading_ahead_changes_nothing() {
        let digest = |hashed: Hashed| hashed.digest(ContentHash::SHA256, b"").unwrap();
        const SHORT: usize = SHORT_PIECES * SHORT_PIECE;
        for length in [0, 1, SHORT_PIECE, SHORT, SHORT + 1, SHORT + 8 * LONG_PIECE + 7] {
            let content: Vec<u8> = (0..length).map(|i| (i * 7 / 5) as u8).collect();
            let start = || Hasher::new([ContentHash::SHA256]);
            let plain = start().read(content.as_slice()).unwrap();
            let ahead = start().read_ahead(content.as_slice()).unwrap();
            assert_eq!(digest(ahead), digest(plain), "{length} bytes");
        }
    }

    #[test]
    fn reading_ahead_ends_at_an_error() {
        struct Failing(usize);
        impl Read for Failing {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::UnexpectedEof)?;
                Ok(buffer.len())
            }
        }
        for pieces in [0, 1, SHORT_PIECES, SHORT_PIECES + 1, SHORT_PIECES + 2, SHORT_PIECES + 14] {
            let result = Hasher::new([ContentHash::SHA256]).read_ahead(Failing(pieces));
            assert_eq!(result.err().map(|e| e.kind()), Some(io::ErrorKind::UnexpectedEof));
        }
    }

    #[test]
    fn a_way_that_was_not_asked_for_has_no_digest() {
        let text = ContentHash { algorithm: HashAlgorithm::Sha256, text: true };
        assert!(Hasher::new([ContentHash::SHA256]).finish().digest(text, b"").is_none());
    }
}
