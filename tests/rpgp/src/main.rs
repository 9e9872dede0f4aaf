//! Says what rPGP says: a program that the tests ask.
//!
//! ```text
//! rpgp -batch      triples on standard input, a line for each on standard output
//! rpgp -describe   certificates on standard input, a line for each on standard output
//! ```
//!
//! A triple is the key file, the signature file and the data, each behind its length in four
//! octets, big-endian. Its answer is `ACCEPT <key ID>` or `REFUSE <message>`, and `PANIC <message>`
//! if the library panics. `tests/go/verdict.go` speaks the same way.

use std::env;
use std::io::{self, BufWriter, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use pgp::composed::{Deserializable, DetachedSignature, SignedPublicKey};
use pgp::errors::Error;
use pgp::packet::{KeyFlags, Signature};
use pgp::types::{KeyDetails, PublicParams};
use rsa::traits::PublicKeyParts;

/// Reads a certificate, armored or not, and verifies all its bindings.
fn certificate(file: &[u8]) -> Result<SignedPublicKey, Error> {
    let (key, _) = SignedPublicKey::from_reader_single(file)?;
    key.verify_bindings()?;
    Ok(key)
}

/// Says which key of a certificate made a signature of this data.
fn verdict([key, signature, data]: [&[u8]; 3]) -> Result<String, Error> {
    let key = certificate(key)?;
    let (signature, _) = DetachedSignature::from_reader_single(signature)?;
    let by_primary = signature.verify(&key, data).map(|()| key.legacy_key_id());
    let by_any = key.public_subkeys.iter().fold(by_primary, |verdict, subkey| {
        verdict.or_else(|_| signature.verify(subkey, data).map(|()| subkey.legacy_key_id()))
    });
    Ok(format!("ACCEPT {}", by_any?.to_string().to_uppercase()))
}

/// Says what a certificate is: its primary key, the self-signatures of its user IDs, its subkeys
/// with their bindings.
fn description([file]: [&[u8]; 1]) -> Result<String, Error> {
    let key = certificate(file)?;
    let mut said = format!("{:X} {}", key.fingerprint(), key_in_short(&key.primary_key));
    for user in &key.details.users {
        said += "; user ID";
        said += &user.signatures.iter().map(signature_in_short).collect::<String>();
    }
    for subkey in &key.public_subkeys {
        said += &format!("; subkey {}", key_in_short(&subkey.key));
        said += &subkey.signatures.iter().map(signature_in_short).collect::<String>();
    }
    Ok(said)
}

fn key_in_short(key: &impl KeyDetails) -> String {
    let kind = match key.public_params() {
        PublicParams::RSA(rsa) => format!("RSA e={}", rsa.key.e()),
        _ => format!("{:?}", key.algorithm()),
    };
    format!("{:?} {kind}", key.version())
}

fn signature_in_short(signature: &Signature) -> String {
    let hash = signature.hash_alg().map_or("no hash".to_owned(), |hash| hash.to_string());
    let ends = if signature.key_expiration_time().is_some() { " expires" } else { "" };
    format!(", {hash}{}{ends}", flags_in_short(signature.key_flags()))
}

fn flags_in_short(flags: KeyFlags) -> String {
    let all = [
        (flags.certify(), " certify"),
        (flags.sign(), " sign"),
        (flags.encrypt_comms(), " encrypt-communications"),
        (flags.encrypt_storage(), " encrypt-storage"),
        (flags.authentication(), " authenticate"),
        (flags.shared(), " shared"),
        (flags.group(), " group"),
    ];
    all.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name).collect()
}

/// Reads one file behind its length, or nothing at the end.
fn read_file(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if input.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    input.read_exact(&mut length[1..])?;
    let mut file = vec![0; u32::from_be_bytes(length) as usize];
    input.read_exact(&mut file)?;
    Ok(Some(file))
}

/// Answers questions of so many files each, to the end of the input.
fn answer<const FILES: usize>(
    answer: fn([&[u8]; FILES]) -> Result<String, Error>,
) -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut output = BufWriter::new(io::stdout().lock());
    let mut files = Vec::new();
    while let Some(file) = read_file(&mut input)? {
        files.push(file);
        let Ok(question) = <&[Vec<u8>; FILES]>::try_from(&files[..]) else { continue };
        let question = question.each_ref().map(|file| &file[..]);
        let said = match catch_unwind(AssertUnwindSafe(|| answer(question))) {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => format!("REFUSE {error}"),
            Err(_) => "PANIC of the library, see standard error".to_owned(),
        };
        writeln!(output, "{}", said.replace('\n', " "))?;
        files.clear();
    }
    if !files.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    output.flush()
}

fn main() -> ExitCode {
    let done = match env::args().nth(1).as_deref() {
        Some("-batch") => answer(verdict),
        Some("-describe") => answer(description),
        _ => Err(io::Error::other("usage: rpgp -batch | rpgp -describe")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rpgp: {error}");
            ExitCode::from(2)
        }
    }
}
