//! Tokens as they are seldom met: locked, about to be, with a keypad, with another protocol.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use plugsign::openpgp::token::{Error, Link, Pin, Received, Result, Token, TokenUri, Wait};

/// `CKF_...` of a token.
const INITIALIZED: u64 = 0x400;
const LOGIN_REQUIRED: u64 = 0x4;
const ASKS_ITSELF: u64 = 0x100;
const FEW_TRIES: u64 = 0x1_0000;
const LAST_TRY: u64 = 0x2_0000;
const LOCKED: u64 = 0x4_0000;

/// The calls' numbers in the protocol.
const LOGIN: u32 = 18;
const GENERATE_KEY_PAIR: u32 = 59;

/// A server with one token.
struct Server {
    version: u8,
    /// The token's flags, before and after a login was tried.
    flags: (u64, u64),
    /// The reason why a login is refused, or 0.
    login: u64,
    /// Whether it makes keys that leave it.
    gives_out: bool,
    begun: bool,
    answers: VecDeque<Received>,
    /// The messages that came.
    asked: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Returns a server with these flags, and what it will have been asked.
fn server(flags: u64) -> (Server, Arc<Mutex<Vec<Vec<u8>>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let flags = (flags | INITIALIZED, flags | INITIALIZED);
    let kept = Arc::clone(&asked);
    let answers = VecDeque::new();
    (
        Server {
            version: 0,
            flags,
            login: 0,
            gives_out: false,
            begun: false,
            answers,
            asked: kept,
        },
        asked,
    )
}

fn numbers(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// An answer: the call's number, the forms of what follows, and that.
fn answer(call: u32, forms: &str, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(forms.len()).unwrap();
    [&call.to_be_bytes(), &length.to_be_bytes(), forms.as_bytes(), rest].concat()
}

fn refusal(reason: u64) -> Vec<u8> {
    answer(0, "u", &numbers(&[reason]))
}

impl Server {
    fn answer(&self, call: u32) -> Vec<u8> {
        let tried = self.asked.lock().unwrap().iter().any(|it| call_of(it) == LOGIN);
        let padded = |text: &str, length: usize| {
            [
                &u32::try_from(length).unwrap().to_be_bytes()[..],
                format!("{text:length$}").as_bytes(),
            ]
            .concat()
        };
        match call {
            4 => answer(4, "au", &[&[1, 0, 0, 0, 1][..], &numbers(&[7])].concat()),
            6 => {
                let flags = if tried { self.flags.1 } else { self.flags.0 };
                let names =
                    [padded("Keypad", 32), padded("Acme", 32), padded("M", 16), padded("1", 16)];
                let rest = [numbers(&[flags]), numbers(&[0; 10]), vec![0; 4], padded("", 16)];
                answer(6, "ssssuuuuuuuuuuuvvs", &[names.concat(), rest.concat()].concat())
            }
            10 => answer(10, "u", &numbers(&[1])),
            LOGIN if self.login != 0 => refusal(self.login),
            27 => answer(27, "au", &[0, 0, 0, 0, 0]),
            GENERATE_KEY_PAIR if self.gives_out => answer(59, "uu", &numbers(&[1, 2])),
            GENERATE_KEY_PAIR => refusal(0x70),
            // CKA_SENSITIVE and CKA_EXTRACTABLE of the new key, and no error.
            24 => {
                let flags = [[0, 0, 1, 3, 1, 0, 0, 0, 1, 1], [0, 0, 1, 0x62, 1, 0, 0, 0, 1, 1]];
                answer(24, "aAu", &[&[0, 0, 0, 2][..], &flags.concat(), &numbers(&[0])].concat())
            }
            other => answer(other, "", &[]),
        }
    }
}

/// Returns the number of the call that a message is.
fn call_of(message: &[u8]) -> u32 {
    u32::from_be_bytes(message[..4].try_into().unwrap())
}

impl Link for Server {
    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.begun {
            assert_eq!(bytes, [2], "the newest version that is spoken");
            self.begun = true;
            self.answers.push_back(Received::Version(self.version));
            return Ok(());
        }
        let code = u32::from_be_bytes(bytes[..4].try_into().unwrap());
        let call = call_of(&bytes[12..]);
        self.asked.lock().unwrap().push(bytes[12..].to_vec());
        self.answers.push_back(Received::Frame { code, message: self.answer(call) });
        Ok(())
    }

    fn receive(&mut self, _: Wait) -> Result<Received> {
        self.answers.pop_front().ok_or_else(|| Error::Lost(String::new()))
    }
}

fn found(server: Server) -> Token {
    Token::find(Box::new(server), &TokenUri::default(), true).unwrap()
}

fn pin() -> Pin {
    Pin::new(b"1234".to_vec().into())
}

fn logins(asked: &Mutex<Vec<Vec<u8>>>) -> usize {
    asked.lock().unwrap().iter().filter(|it| call_of(it) == LOGIN).count()
}

#[test]
fn a_token_that_is_locked_gets_no_pin() {
    let (server, asked) = server(LOGIN_REQUIRED | LOCKED);
    let mut token = found(server);
    assert_eq!(token.login(Some(&pin())), Err(Error::PinLocked("Keypad".into())));
    assert_eq!(logins(&asked), 0);
}

#[test]
fn a_wrong_pin_says_what_the_token_says_of_the_tries_that_are_left() {
    for (flags, left) in [
        (0, ""),
        (FEW_TRIES, ", and few tries are left"),
        (FEW_TRIES | LAST_TRY, ", and one try is left"),
        (LOCKED, ", and no try is left"),
    ] {
        let (mut server, asked) = server(LOGIN_REQUIRED);
        server.flags.1 |= flags;
        server.login = 0xA0;
        let wrong = Error::WrongPin { token: "Keypad".into(), left };
        assert_eq!(found(server).login(Some(&pin())), Err(wrong));
        assert_eq!(logins(&asked), 1);
    }
    let (mut server, _) = server(LOGIN_REQUIRED);
    server.login = 0xA4;
    assert_eq!(found(server).login(Some(&pin())), Err(Error::PinLocked("Keypad".into())));
    // Somebody else of this application was faster.
    let (mut server, _) = self::server(LOGIN_REQUIRED);
    server.login = 0x100;
    assert_eq!(found(server).login(Some(&pin())), Ok(()));
}

#[test]
fn the_last_try_is_known_before_it_is_spent() {
    assert!(found(server(LOGIN_REQUIRED | LAST_TRY).0).has_last_try());
    assert!(!found(server(LOGIN_REQUIRED | FEW_TRIES).0).has_last_try());
}

#[test]
fn a_token_with_a_keypad_asks_for_its_pin_itself() {
    let (server, asked) = server(LOGIN_REQUIRED | ASKS_ITSELF);
    let mut token = found(server);
    assert!(!token.wants_pin());
    token.login(None).unwrap();
    // A null pointer in the place of the PIN.
    let asked = asked.lock().unwrap();
    let login = asked.iter().find(|it| call_of(it) == LOGIN).unwrap();
    assert!(login.ends_with(&[1, 0xFF, 0xFF, 0xFF, 0xFF]), "{login:?}");
}

#[test]
fn a_token_that_is_open_is_not_logged_in_to() {
    let (server, asked) = server(0);
    let mut token = found(server);
    assert!(!token.wants_pin());
    token.login(None).unwrap();
    assert_eq!(logins(&asked), 0);
}

#[test]
fn mechanisms_are_framed_by_the_version_that_was_answered() {
    for (version, rest) in [(0, &[0xFF; 4][..]), (1, &[0xFF; 4]), (2, &[])] {
        let (mut server, asked) = server(0);
        server.version = version;
        let refused = found(server).generate("a", b"a", 3072).unwrap_err();
        assert_eq!(refused, Error::Refused { call: "C_GenerateKeyPair", code: 0x70 });
        let asked = asked.lock().unwrap();
        let request = asked.iter().find(|it| call_of(it) == GENERATE_KEY_PAIR).unwrap();
        // The session, CKM_RSA_PKCS_KEY_PAIR_GEN, and seven attributes after it.
        let mechanism = [&numbers(&[1])[..], &[0; 4], rest, &[0, 0, 0, 7]].concat();
        assert!(request[8 + 6..].starts_with(&mechanism), "{version}: {request:?}");
    }
}

#[test]
fn a_newer_version_is_refused() {
    let (mut server, _) = server(0);
    server.version = 3;
    let refused = Token::find(Box::new(server), &TokenUri::default(), false).err();
    assert_eq!(refused, Some(Error::Version(3)));
}

#[test]
fn a_key_that_the_token_would_give_out_is_not_used() {
    let (mut server, _) = server(0);
    server.gives_out = true;
    let refused = found(server).generate("a", b"a", 3072).unwrap_err();
    assert_eq!(refused, Error::Exportable("a".into()));
}
