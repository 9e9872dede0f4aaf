//! The documented dialog of key generation: gpg's questions in gpg's order. Every answer is
//! checked, and asked for again if need be.

use std::io::{self, IsTerminal};
use std::time::{Duration, SystemTime};

use plugsign::openpgp;
use plugsign::openpgp::keygen::{
    KeyPlan, Kind, check_comment, check_email, check_name, parse_bits, user_id,
};
use plugsign::openpgp::policy::KeySizeBits;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::validity::parse_validity;
use plugsign::publisher::failure::Failure;

use crate::edge::terminal::Conversation;

/// What the command line said already.
pub struct Asked {
    pub kind: Option<Kind>,
    pub bits: Option<KeySizeBits>,
    /// Outside: whether it was said; inside: for ever, or how long.
    pub validity: Option<Option<Duration>>,
    /// The kind that an empty answer means: gpg's is another than plugsign's.
    pub usual: Kind,
}

/// Returns the person to ask, if there is one: at a terminal that is standard input too.
pub fn person() -> Option<Conversation> {
    io::stdin().is_terminal().then(Conversation::open).flatten()
}

/// Asks for everything else.
pub fn plan(
    person: &mut Conversation,
    asked: Asked,
    created: SystemTime,
) -> Result<KeyPlan, Failure> {
    let kind = match asked.kind {
        Some(kind) => kind,
        None => ask_kind(person, asked.usual)?,
    };
    let bits = match asked.bits {
        Some(bits) => bits,
        None => ask_bits(person)?,
    };
    let validity = match asked.validity {
        Some(validity) => validity,
        None => ask_validity(person, created)?,
    };
    let user_id = ask_user_id(person)?;
    Ok(KeyPlan { kind, bits, user_id, created, validity })
}

fn ask(person: &mut Conversation, question: &str) -> Result<String, Failure> {
    match person.ask(question) {
        Some(answer) => Ok(answer.trim().to_string()),
        None => Err(Failure::Cancelled),
    }
}

fn ask_kind(person: &mut Conversation, usual: Kind) -> Result<Kind, Failure> {
    person.say("Please select what kind of key you want:\n");
    for (line, kind) in [("(1) RSA and RSA", Kind::RsaRsa), ("(4) RSA (sign only)", Kind::Sign)] {
        let mark = if kind == usual { " (default)" } else { "" };
        person.say(&format!("   {line}{mark}\n"));
    }
    loop {
        match ask(person, "Your selection? ")?.as_str() {
            "" => return Ok(usual),
            "4" => return Ok(Kind::Sign),
            "1" => return Ok(Kind::RsaRsa),
            "2" | "3" => person.say("DSA is not accepted, only RSA is.\n"),
            _ => person.say("Invalid selection.\n"),
        }
    }
}

fn ask_bits(person: &mut Conversation) -> Result<KeySizeBits, Failure> {
    person.say("RSA keys may be 3072 or 4096 bits long.\n");
    loop {
        let answer = ask(person, "What keysize do you want? (3072) ")?;
        let bits = if answer.is_empty() { Ok(KeySizeBits::Rsa3072) } else { parse_bits(&answer) };
        match bits {
            Ok(bits) => {
                person.say(&format!("Requested keysize is {} bits\n", bits.bits()));
                return Ok(bits);
            }
            Err(error) => person.say(&format!("{error}\n")),
        }
    }
}

fn ask_validity(
    person: &mut Conversation,
    created: SystemTime,
) -> Result<Option<Duration>, Failure> {
    person.say(
        "Please specify how long the key should be valid.\n         \
         0 = key does not expire\n      \
         <n>  = key expires in n days\n      \
         <n>w = key expires in n weeks\n      \
         <n>m = key expires in n months\n      \
         <n>y = key expires in n years\n",
    );
    loop {
        let answer = ask(person, "Key is valid for? (0) ")?;
        let answer = if answer.is_empty() { "0" } else { answer.as_str() };
        match parse_validity(answer, created) {
            Ok(validity) => {
                match validity {
                    Some(validity) => {
                        let end = show_time(created + validity);
                        person.say(&format!("Key expires at {end}\n"));
                    }
                    None => person.say("Key does not expire at all\n"),
                }
                if is_yes(&ask(person, "Is this correct? (y/N) ")?) {
                    return Ok(validity);
                }
            }
            Err(error) => person.say(&format!("{error}\n")),
        }
    }
}

fn is_yes(answer: &str) -> bool {
    answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
}

fn ask_user_id(person: &mut Conversation) -> Result<String, Failure> {
    person.say("\nA user ID identifies the key: a name, an e-mail address, a comment.\n");
    let mut name = ask_checked(person, "Real name: ", check_name)?;
    let mut email = ask_checked(person, "Email address: ", check_email)?;
    let mut comment = ask_checked(person, "Comment: ", check_comment)?;
    loop {
        let whole = user_id(&name, &comment, &email);
        match &whole {
            Ok(whole) => {
                person.say(&format!("You selected this USER-ID:\n    \"{whole}\"\n\n"));
            }
            Err(error) => person.say(&format!("{error}\n")),
        }
        let answer = ask(person, "Change (N)ame, (C)omment, (E)mail or (O)kay/(Q)uit? ")?;
        match (answer.to_ascii_lowercase().as_str(), whole) {
            ("n", _) => name = ask_checked(person, "Real name: ", check_name)?,
            ("c", _) => comment = ask_checked(person, "Comment: ", check_comment)?,
            ("e", _) => email = ask_checked(person, "Email address: ", check_email)?,
            ("o", Ok(whole)) => return Ok(whole),
            ("q", _) => return Err(Failure::Cancelled),
            _ => {}
        }
    }
}

fn ask_checked(
    person: &mut Conversation,
    question: &str,
    check: fn(&str) -> openpgp::Result<()>,
) -> Result<String, Failure> {
    loop {
        let answer = ask(person, question)?;
        match check(&answer) {
            Ok(()) => return Ok(answer),
            Err(error) => person.say(&format!("{error}\n")),
        }
    }
}
