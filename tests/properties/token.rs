//! What servers of tokens say, and what they might.

use std::io::Cursor;

use arbitrary::{Error, Unstructured};
use plugsign::openpgp::token::{
    self, Incoming, KeyInToken, Link, Pin, Received, Token, TokenUri, Wait,
};
use plugsign::text::is_unsafe;

use crate::common::property::{bytes, holds, line, several};

/// What the server of a token said in a session that made a key.
const SAID: &[u8] = include_bytes!("../replay/seeds/token/keygen");

/// A stream from a server.
struct Said(Incoming<Cursor<Vec<u8>>>);

impl Link for Said {
    fn send(&mut self, _: &[u8]) -> token::Result<()> {
        Ok(())
    }

    fn receive(&mut self, _: Wait) -> token::Result<Received> {
        self.0.read()
    }
}

/// Has a token make a key, as far as it goes.
fn made_in_token(said: &[u8]) -> token::Result<KeyInToken> {
    let link = Box::new(Said(Incoming::new(Cursor::new(said.to_vec()))));
    let mut token = Token::find(link, &TokenUri::default(), true)?;
    token.login(Some(&Pin::new(b"1234".to_vec().into())))?;
    token.generate("two", b"2", 3072)
}

#[test]
fn a_recorded_session_with_a_token_makes_a_key() {
    let key = made_in_token(SAID).unwrap();
    assert_eq!((key.bits(), key.is_rsa, key.signs), (Some(3072), true, true));
}

#[test]
fn a_server_that_says_anything_else_is_an_error_or_another_key() {
    holds(2_000, 100, |chance| {
        let mut said = SAID.to_vec();
        for _ in 0..chance.int_in_range(1..=3)? {
            let place = chance.choose_index(said.len())?;
            said[place] = chance.arbitrary()?;
        }
        if chance.arbitrary()? {
            said.truncate(chance.choose_index(said.len())?);
            said.extend(bytes(chance, 0..16)?);
        }
        match made_in_token(&said) {
            Ok(key) => assert!(key.bits().is_none_or(|bits| bits <= 8 * 2048)),
            Err(error) => {
                let words = error.to_string();
                assert!(!words.is_empty() && !words.contains(char::is_control), "{words}");
            }
        }
        Ok(())
    });
}

#[test]
fn a_server_of_random_bytes_is_an_error() {
    holds(2_000, 300, |chance| {
        assert!(made_in_token(&bytes(chance, 0..200)?).is_err());
        Ok(())
    });
}

#[test]
fn a_uri_of_a_token_is_written_as_it_is_read() {
    // Half of them ASCII, the rest anything that can be seen.
    let character = |chance: &mut Unstructured<'_>| match chance.arbitrary()? {
        true => Ok(chance.int_in_range(b'!'..=b'~')?.into()),
        false => chance.arbitrary::<char>(),
    };
    holds(2_000, 300, |chance| {
        let token: String = several(chance, 1..21, character)?.into_iter().collect();
        if token.chars().any(|it| is_unsafe(it) || it.is_whitespace()) {
            return Err(Error::IncorrectFormat);
        }
        let uri = TokenUri {
            token: Some(token),
            object: Some(line(chance, "", 1..21)?),
            id: Some(bytes(chance, 0..20)?),
            slot_id: Some(chance.arbitrary()?),
            ..TokenUri::default()
        };
        assert_eq!(TokenUri::parse(&uri.to_string()), Ok(uri));
        Ok(())
    });
}
