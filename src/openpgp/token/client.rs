//! The calls of PKCS #11 that signing takes, one at a time over one stream.

use super::Result;
use super::error::Error;
use super::frame::{Link, Received, Wait, framed};
use super::pin::Pin;
use super::wire::{self, Answer, Call, Request, Value};

/// The newest version of the protocol that is spoken here. p11-kit 0.26 has to hear of it, and
/// older ones answer with theirs.
const VERSION: u8 = 2;

/// What p11-kit expects of those who speak its protocol.
const GREETING: &[u8] = b"PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1";

/// The most slots, and the most private keys of a token, that are looked at.
const MOST_SLOTS: u32 = 256;
const MOST_OBJECTS: usize = 1024;

/// `CKM_RSA_PKCS_KEY_PAIR_GEN`, `CKM_RSA_PKCS`
const RSA_KEY_PAIR_GEN: u32 = 0;
const RSA_PKCS: u32 = 1;

/// `CKF_SERIAL_SESSION`, `CKF_RW_SESSION`
const SERIAL_SESSION: u64 = 4;
const RW_SESSION: u64 = 2;

/// Who logs in: `CKU_USER`, and `CKU_CONTEXT_SPECIFIC` for one signature.
#[derive(Clone, Copy)]
pub(super) enum User {
    Owner = 1,
    OneSignature = 2,
}

/// What a token says of itself.
#[derive(Clone, Debug)]
pub(super) struct TokenInfo {
    pub label: String,
    pub manufacturer: String,
    pub model: String,
    pub serial: String,
    pub flags: u64,
}

/// A connection to a token's server.
pub(super) struct Client {
    link: Box<dyn Link>,
    version: u8,
    code: u32,
}

impl Client {
    /// Agrees on a version and begins.
    pub fn open(mut link: Box<dyn Link>) -> Result<Client> {
        link.send(&[VERSION])?;
        let version = match link.receive(Wait::Start)? {
            Received::Version(version) if version <= VERSION => version,
            Received::Version(other) => return Err(Error::Version(other)),
            Received::Frame { .. } => return Err(Error::Garbage("it does not say its version")),
        };
        let mut client = Client { link, version, code: 0 };
        let hello = Request::new(&wire::INITIALIZE).bytes(GREETING).byte(0).bytes(&[0]);
        client.ask_for(hello, Wait::Start, nothing)?;
        Ok(client)
    }

    fn ask<T>(
        &mut self,
        request: Request,
        read: impl FnOnce(Answer<'_>) -> Result<T>,
    ) -> Result<T> {
        self.ask_for(request, Wait::Call, read)
    }

    fn ask_for<T>(
        &mut self,
        request: Request,
        wait: Wait,
        read: impl FnOnce(Answer<'_>) -> Result<T>,
    ) -> Result<T> {
        self.code = self.code.wrapping_add(1);
        let call: &Call = request.call;
        self.link.send(&framed(self.code, &request.message))?;
        match self.link.receive(wait)? {
            Received::Frame { code, message } if code == self.code => {
                read(Answer::to(call, &message)?)
            }
            _ => Err(Error::Garbage("it is no answer to what was asked")),
        }
    }

    /// Returns the slots that have a token.
    pub fn slots(&mut self) -> Result<Vec<u64>> {
        let asking = |room| Request::new(&wire::GET_SLOT_LIST).byte(1).room(room);
        let read = |mut answer: Answer<'_>| {
            let found = answer.numbers()?;
            answer.end().map(|()| found)
        };
        // PKCS #11: asking for their number alone looks for new ones.
        let (count, _) = self.ask(asking(0), read)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let (_, slots) = self.ask(asking(count.min(MOST_SLOTS)), read)?;
        Ok(slots)
    }

    /// Returns what the token in a slot says of itself.
    pub fn token(&mut self, slot: u64) -> Result<TokenInfo> {
        self.ask(Request::new(&wire::GET_TOKEN_INFO).number(slot), |mut answer| {
            let label = answer.padded()?;
            let manufacturer = answer.padded()?;
            let model = answer.padded()?;
            let serial = answer.padded()?;
            let flags = answer.number()?;
            for _ in 0..10 {
                answer.number()?;
            }
            answer.version()?;
            answer.version()?;
            answer.padded()?;
            answer.end()?;
            Ok(TokenInfo { label, manufacturer, model, serial, flags })
        })
    }

    /// Opens a session, in which keys can be made if it may write.
    pub fn session(&mut self, slot: u64, may_write: bool) -> Result<u64> {
        let flags = SERIAL_SESSION | if may_write { RW_SESSION } else { 0 };
        self.ask(Request::new(&wire::OPEN_SESSION).number(slot).number(flags), one_number)
    }

    /// Logs in. Without a PIN, the token asks for it itself.
    pub fn login(&mut self, session: u64, user: User, pin: Option<&Pin>) -> Result<()> {
        let request = Request::new(&wire::LOGIN).number(session).number(user as u64);
        let request = match pin {
            Some(pin) => request.bytes(pin.bytes()),
            None => request.no_bytes(),
        };
        self.ask(request, nothing)
    }

    /// Returns the objects that have these attributes.
    pub fn find(&mut self, session: u64, like: &[(u32, Value)]) -> Result<Vec<u64>> {
        const AT_ONCE: u32 = 64;
        let begin = Request::new(&wire::FIND_OBJECTS_INIT).number(session).attributes(like);
        self.ask(begin, nothing)?;
        let mut found = Vec::new();
        loop {
            let more = Request::new(&wire::FIND_OBJECTS).number(session).room(AT_ONCE);
            let (_, some) = self.ask(more, |mut answer| {
                let some = answer.numbers()?;
                answer.end().map(|()| some)
            })?;
            if some.is_empty() {
                break;
            }
            found.extend(some);
            if found.len() > MOST_OBJECTS {
                return Err(Error::Garbage("the token has too many keys"));
            }
        }
        self.ask(Request::new(&wire::FIND_OBJECTS_FINAL).number(session), nothing)?;
        Ok(found)
    }

    /// Returns attributes of an object, in their order. Each is asked for with room for so many
    /// bytes. Nothing stands for those that it lacks or keeps.
    pub fn attributes<const N: usize>(
        &mut self,
        session: u64,
        object: u64,
        asked: [(u32, u32); N],
    ) -> Result<[Option<Value>; N]> {
        let request = Request::new(&wire::GET_ATTRIBUTE_VALUE).number(session).number(object);
        self.ask(request.asking(&asked), |mut answer| {
            let found = answer.attributes(&asked)?;
            // The reason why some are missing.
            answer.number()?;
            answer.end()?;
            found.try_into().map_err(|_| Error::Garbage("other attributes were asked for"))
        })
    }

    /// Begins a signature with PKCS #1 v1.5 padding.
    pub fn begin_signature(&mut self, session: u64, key: u64) -> Result<()> {
        let begin = Request::new(&wire::SIGN_INIT).number(session);
        self.ask(begin.mechanism(RSA_PKCS, self.version).number(key), nothing)
    }

    /// Ends it: signs a DigestInfo.
    pub fn end_signature(&mut self, session: u64, info: &[u8]) -> Result<Vec<u8>> {
        const ROOM: u32 = 1024;
        let request = Request::new(&wire::SIGN).number(session).bytes(info).room(ROOM);
        self.ask(request, |mut answer| {
            let signature = answer.bytes()?.ok_or(Error::Garbage("a signature is too long"))?;
            let signature = signature.to_vec();
            answer.end().map(|()| signature)
        })
    }

    /// Makes an RSA key. Returns the public and the private object.
    pub fn generate(
        &mut self,
        session: u64,
        public: &[(u32, Value)],
        private: &[(u32, Value)],
    ) -> Result<(u64, u64)> {
        let request = Request::new(&wire::GENERATE_KEY_PAIR)
            .number(session)
            .mechanism(RSA_KEY_PAIR_GEN, self.version)
            .attributes(public)
            .attributes(private);
        self.ask_for(request, Wait::Generation, |mut answer| {
            let pair = (answer.number()?, answer.number()?);
            answer.end().map(|()| pair)
        })
    }
}

fn one_number(mut answer: Answer<'_>) -> Result<u64> {
    let number = answer.number()?;
    answer.end().map(|()| number)
}

fn nothing(answer: Answer<'_>) -> Result<()> {
    answer.end()
}
