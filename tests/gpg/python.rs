//! python-gnupg, with plugsign as its binary and with gpg as its binary.

use std::path::Path;
use std::process::Command;

use crate::common::peers::{missing, peer};
use crate::common::sandbox::{Done, Sandbox};

/// What users of the library do, printed as one line of JSON a step.
const SCRIPT: &str = r#"
import gnupg, json, os, sys
home = os.environ['GNUPGHOME']
for name in ('other', 'empty'): os.mkdir(home + '/' + name, 0o700)
gpg = gnupg.GPG(gpgbinary=sys.argv[1], gnupghome=os.environ['GNUPGHOME'])
gpg.encoding = 'utf-8'
def say(step, **values): print(json.dumps({'step': step, **values}, sort_keys=True))

say('version', new=gpg.version >= (2, 1))
parameters = gpg.gen_key_input(key_type='RSA', key_length=3072, key_usage='sign,cert',
    name_real='Zoë: Tester', name_comment='', name_email='zoe@acme.test', expire_date='1y',
    passphrase='secret words')
key = gpg.gen_key(parameters)
say('gen_key', ok=bool(key), length=len(key.fingerprint or ''), status=key.status)
weak = gpg.gen_key(gpg.gen_key_input(key_type='NOSUCH', name_email='w@acme.test', no_protection=True))
say('gen_key refused', ok=bool(weak))

drop = ('date', 'keyid', 'fingerprint', 'expires', 'keygrip', 'hash', 'updated', 'origin', 'sigs')
def shape(keys):
    return [{name: value for name, value in key.items() if name not in drop} for key in keys]
say('list_keys', keys=shape(gpg.list_keys()))
secret = gpg.list_keys(True)
say('list_keys secret', keys=shape(secret), grip=len(secret[0].get('keygrip', '')), same=secret[0]['fingerprint'] == key.fingerprint)
say('list_keys by name', count=len(gpg.list_keys(keys='zoe@acme.test')), none=len(gpg.list_keys(keys='nobody')))

public = gpg.export_keys(key.fingerprint)
private = gpg.export_keys(key.fingerprint, True, passphrase='secret words')
say('export_keys', public=public.startswith('-----BEGIN PGP PUBLIC KEY BLOCK'),
    private=private.startswith('-----BEGIN PGP PRIVATE KEY BLOCK'))
say('export_keys nobody', text=gpg.export_keys('nobody'))

other = gnupg.GPG(gpgbinary=sys.argv[1], gnupghome=os.environ['GNUPGHOME'] + '/other')
def imported(result):
    return dict(counts=result.counts, same=result.fingerprints[:1] == [key.fingerprint],
        results=[{n: v for n, v in r.items() if n != 'fingerprint'} for r in result.results])
say('import public', **imported(other.import_keys(public)))
say('import public again', **imported(other.import_keys(public)))
say('import private', **imported(other.import_keys(private, passphrase='secret words')))
say('import nothing', count=other.import_keys('no key').count)

def verified(result):
    return dict(valid=result.valid, status=result.status, name=result.username,
        trust=result.trust_text, same=result.fingerprint == key.fingerprint,
        primary=result.pubkey_fingerprint == key.fingerprint,
        expires=result.expire_timestamp, id=bool(result.signature_id))
open('data', 'wb').write(b'a release archive')
for detach, binary in ((True, True), (True, False)):
    signed = gpg.sign('a release archive', keyid=key.fingerprint, passphrase='secret words', detach=detach, binary=binary)
    say('sign', ok=bool(signed), type=signed.type, status=signed.status, same=signed.fingerprint == key.fingerprint)
    open('data.sig', 'wb').write(signed.data)
    say('verify_data', **verified(gpg.verify_data('data.sig', b'a release archive')))
    say('verify_data other', **verified(gpg.verify_data('data.sig', b'another archive')))
    with open('data.sig', 'rb') as file:
        say('verify_file', **verified(gpg.verify_file(file, 'data')))
with open('data', 'rb') as file:
    signed = gpg.sign_file(file, keyid=key.fingerprint, passphrase='secret words', detach=True, output='data.asc')
say('sign_file', ok=bool(signed), written=os.path.exists('data.asc'))
os.system('gpgconf --homedir "$GNUPGHOME" --kill gpg-agent')
signed = gpg.sign('x', keyid=key.fingerprint, passphrase='wrong', detach=True)
say('sign wrong passphrase', ok=bool(signed))
signed = gpg.sign('x', keyid='nobody@acme.test', passphrase='x', detach=True)
say('sign nobody', ok=bool(signed), status=signed.status)
empty = gnupg.GPG(gpgbinary=sys.argv[1], gnupghome=os.environ['GNUPGHOME'] + '/empty')
nobody = empty.verify_data('data.sig', b'a release archive')
say('verify unknown', valid=nobody.valid, status=nobody.status, same=(nobody.key_id or '')[-16:] == key.fingerprint[-16:])
"#;

/// Returns the Python that has the library, in a folder or installed.
fn python(folder: &Path) -> Option<String> {
    let programs = ["/usr/bin/python3", "python3"].map(|program| {
        let found = Command::new(program)
            .args(["-c", "import gnupg; gnupg.GPG"])
            .env("PYTHONPATH", folder)
            .output();
        found.is_ok_and(|output| output.status.success()).then(|| program.to_string())
    });
    programs.into_iter().flatten().next()
}

fn run(desk: &Sandbox, python: &str, folder: &Path, program: &str) -> Done {
    desk.write("script.py", SCRIPT);
    let environment = format!("PYTHONIOENCODING=utf-8 PYTHONPATH='{}'", folder.display());
    desk.must(&format!("{environment} {python} script.py '{program}'"))
}

/// The distribution's, which is years older than that of PyPI.
#[test]
fn every_call_gives_what_gpg_gives() {
    match python(Path::new("")) {
        Some(python) => hold_against_gpg(&python, Path::new("")),
        None => missing("python-gnupg (python3-gnupg), which is not installed"),
    }
}

/// That of PyPI: `pip install --target target/python-gnupg python-gnupg`.
#[test]
fn every_call_of_the_newest_gives_what_gpg_gives() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("python-gnupg");
    match python(&folder).filter(|_| folder.join("gnupg.py").is_file()) {
        Some(python) => hold_against_gpg(&python, &folder),
        None => missing("python-gnupg of PyPI in target/python-gnupg, which is not there"),
    }
}

fn hold_against_gpg(python: &str, folder: &Path) {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let ours = Sandbox::in_place_of_gpg();
    let program = ours.at("bin/gpg").display().to_string();
    let (a, b) = (run(&ours, python, folder, &program), {
        let gpg = peer("gpg").unwrap().display().to_string();
        run(&theirs, python, folder, &gpg)
    });
    let (text_a, text_b) = (a.out(), b.out());
    let (lines_a, lines_b): (Vec<&str>, Vec<&str>) =
        (text_a.lines().collect(), text_b.lines().collect());
    assert_eq!(lines_a.len(), lines_b.len(), "{}\n{}", a.shown(), b.shown());
    for (ours, theirs) in lines_a.iter().zip(&lines_b) {
        assert_eq!(ours, theirs);
    }
    assert!(text_a.contains("verify unknown"), "the script ends: {}", a.shown());
}
