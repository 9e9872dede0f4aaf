//! Why a token could not do something.

use crate::text::Safe;

/// Why a token could not do something. The words of others are foreign text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URI is none that RFC 7512 describes, or asks for what is not done.
    #[error("\"{}\" names no token's key: {why}", Safe::text(uri))]
    Uri {
        /// The URI, without a PIN.
        uri: String,
        /// What is wrong with it.
        why: &'static str,
    },

    /// The program that leads to the token is not installed.
    #[error("{} is not installed here", Safe::text(.0))]
    NoProgram(String),

    /// There is no such PKCS #11 module.
    #[error("there is no PKCS #11 module {}", Safe::text(.0))]
    NoModule(String),

    /// The token cannot be reached.
    #[error("{} cannot be reached: {}", Safe::text(place), Safe::text(why))]
    Unreachable {
        /// The program or the socket.
        place: String,
        /// Why not.
        why: String,
    },

    /// The program that leads to the token speaks another version of the protocol.
    #[error(
        "the token's server speaks version {0} of p11-kit's protocol, and plugsign speaks 0 to 2"
    )]
    Version(u8),

    /// An answer makes no sense.
    #[error("the token's server does not speak p11-kit's protocol: {0}")]
    Garbage(&'static str),

    /// There was no answer in time.
    #[error("the token did not answer within {0} seconds")]
    Late(u64),

    /// The connection ended, and what was to be done is not done.
    #[error("the connection to the token was lost{}", said(.0))]
    Lost(String),

    /// No token is as the URI says.
    #[error("there is no token that \"{}\" names", Safe::text(.0))]
    NoToken(String),

    /// Several tokens are as the URI says.
    #[error("\"{}\" names {} tokens", Safe::text(uri), tokens.len())]
    SeveralTokens {
        /// The URI.
        uri: String,
        /// Their labels and serial numbers.
        tokens: Vec<String>,
    },

    /// The token has no private key that the URI names.
    #[error(
        "the token {} has no private key that \"{}\" names",
        Safe::text(token),
        Safe::text(uri)
    )]
    NoKey {
        /// The token's label.
        token: String,
        /// The URI.
        uri: String,
    },

    /// Several keys of the token are as the URI says.
    #[error("\"{}\" names {} keys of the token", Safe::text(uri), keys.len())]
    SeveralKeys {
        /// The URI.
        uri: String,
        /// What each is called.
        keys: Vec<String>,
    },

    /// The keys that the URI names belong to no certificate here.
    #[error(
        "no signing key of {} is the token's key {}",
        Safe::text(certificates),
        Safe::text(key)
    )]
    OtherKey {
        /// The certificates that were looked at.
        certificates: String,
        /// What the token's key is called.
        key: String,
    },

    /// The key is no RSA key.
    #[error("the token's key {} is no RSA key", Safe::text(.0))]
    NotRsa(String),

    /// The token does not show the key's public numbers.
    #[error("the token does not show the modulus of its key {}", Safe::text(.0))]
    NoNumbers(String),

    /// A key of the token has the label or the ID already.
    #[error("the token has the key {} already", Safe::text(.0))]
    Taken(String),

    /// The token made a key that it would give out.
    #[error("the token made the key {} and would give it out, so it is not used", Safe::text(.0))]
    Exportable(String),

    /// The PIN is wrong. It was tried once.
    #[error("wrong PIN for the token {}{left}", Safe::text(token))]
    WrongPin {
        /// The token's label.
        token: String,
        /// What the token says of the tries that are left, if it does.
        left: &'static str,
    },

    /// The token takes no PIN any more.
    #[error("the PIN of the token {} is locked", Safe::text(.0))]
    PinLocked(String),

    /// The token refuses a call.
    #[error("the token refuses {call}: {}", reason(*code))]
    Refused {
        /// The call's name in PKCS #11.
        call: &'static str,
        /// PKCS #11's number for the reason.
        code: u64,
    },
}

fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {}", Safe::text(words)) }
}

/// Returns the name of a reason (PKCS #11, `CKR_*`), with its number.
fn reason(code: u64) -> String {
    let name = match code {
        0x02 | 0x31 => "it has no memory left",
        0x05 => "general error",
        0x06 => "it failed",
        0x30 => "device error",
        0x32 => "the token was removed",
        0x50 => "it was cancelled, or nobody touched the token",
        0x54 => "it cannot do that",
        0x68 => "this key may not be used for that",
        0x70 | 0x71 => "it has no such mechanism",
        0xA1 | 0xA2 => "the PIN has too few, too many or wrong characters",
        0xA3 => "the PIN has expired",
        0xD0 | 0xD1 => "it does not make such keys",
        0xE0 => "there is no token",
        0xE2 => "the token is write-protected",
        0x101 => "it wants a PIN",
        0x102 => "its PIN was never set",
        _ => return format!("CKR 0x{code:x}"),
    };
    format!("{name} (CKR 0x{code:x})")
}
