//! Two thousand files of every size, signed in one call.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::thread;

use crate::common::peers::{Question, go_verdict, rpgp};
use crate::common::random::seed;
use crate::common::sandbox::{Sandbox, signature_of};
use crate::interop::judges::Programs;

/// Numbers that look random: xorshift64*.
pub(crate) struct Random(u64);

impl Random {
    /// Seeded by `PLUGSIGN_TEST_SEED`, or by the clock; the seed is printed.
    pub(crate) fn new() -> Random {
        let seed = seed();
        let test = thread::current().name().unwrap_or("a test").to_owned();
        eprintln!("{test}: PLUGSIGN_TEST_SEED={seed}");
        Random(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

const FILES: usize = 2000;
const MIB: usize = 1024 * 1024;

/// The sizes at which something changes, a few large ones, and the rest anywhere below 64 KiB,
/// small ones as likely as large ones. Some 60 MiB in all.
fn sizes(random: &mut Random) -> Vec<usize> {
    let mut sizes = vec![0, 1, 2, 55, 56, 63, 64, 65, 65_535, 65_536, 65_537, 131_071, 131_072];
    sizes.extend([131_073, 10 * MIB, 10 * MIB - 1, 4 * MIB + 1]);
    sizes.extend((0..4).map(|_| random.below(3 * MIB)));
    while sizes.len() < FILES {
        let bits = random.below(17);
        sizes.push(random.below(1 << bits));
    }
    sizes
}

#[test]
fn gpgv_sqv_go_and_rpgp_accept_all_of_2000_random_files() {
    let mut random = Random::new();
    let plugsign = Sandbox::with_passphrase();
    let key = plugsign.acme_key(&["--no-passphrase"]);
    let folder = plugsign.path("release");
    fs::create_dir(&folder).unwrap();
    let files: Vec<(PathBuf, Vec<u8>)> = sizes(&mut random)
        .into_iter()
        .enumerate()
        .map(|(number, size)| {
            let file = (folder.join(format!("{number:04}.tar.gz")), random.bytes(size));
            fs::write(&file.0, &file.1).unwrap();
            file
        })
        .collect();

    let said = plugsign.call([OsStr::new("sign"), folder.as_os_str()]).run().exits(0);
    assert_eq!(said.out().lines().count(), FILES);
    let certificate = plugsign.certificate(&key);
    let signatures: Vec<Vec<u8>> =
        files.iter().map(|(path, _)| fs::read(signature_of(path)).unwrap()).collect();
    // Of one in 256 the number begins with a zero octet, and the packet has it without.
    let longest = signatures.iter().map(Vec::len).max().unwrap();
    let short = signatures.iter().filter(|signature| signature.len() < longest).count();
    eprintln!("random files: {short} of {FILES} signatures have a shorter number");

    let programs = Programs::new(&certificate);
    thread::scope(|scope| {
        for half in [&files[..FILES / 2], &files[FILES / 2..]] {
            let programs = &programs;
            scope.spawn(move || {
                for (path, _) in half {
                    let signature = signature_of(path);
                    programs.gpgv(&signature, path).unwrap();
                    programs.sqv(&signature, path).unwrap();
                }
            });
        }
    });
    for oracle in [go_verdict(), rpgp()].into_iter().flatten() {
        let questions = files.iter().zip(&signatures).map(|((_, data), signature)| Question {
            key: &certificate,
            signature,
            data,
        });
        let accepted = format!("ACCEPT {}", &key[24..]);
        for (answer, (path, _)) in oracle.ask_all(questions).iter().zip(&files) {
            assert_eq!(*answer, accepted, "{}", path.display());
        }
    }
    let verified = plugsign.call([OsStr::new("verify"), folder.as_os_str()]).run().exits(0);
    assert_eq!(verified.out().lines().filter(|line| line.starts_with("good ")).count(), FILES);
}
