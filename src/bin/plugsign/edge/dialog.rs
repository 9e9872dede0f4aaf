//! The documented dialog of key generation: gpg's questions in gpg's order. It checks every answer
//! and asks again if it is wrong.

use std::io::{self, IsTerminal};
use std::time::{Duration, SystemTime};

use plugsign::openpgp;
use plugsign::openpgp::keygen::{
    KeyKind, KeyPlan, check_comment, check_email, check_name, parse_bits, user_id,
};
use plugsign::openpgp::policy::KeySizeBits;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::validity::parse_validity;
use plugsign::publisher::failure::Failure;

use crate::edge::terminal::Conversation;

/// What the command line said already.
pub struct Asked {
    pub kind: Option<KeyKind>,
    pub bits: Option<KeySizeBits>,
    /// Outside: whether it was given. Inside: how long, or for ever.
    pub validity: Option<Option<Duration>>,
    /// The kind that an empty answer means. gpg's differs from plugsign's.
    pub usual: KeyKind,
}

/// Returns the person to ask, if there is one: at a terminal that is standard input too.
pub fn person() -> Option<Conversation> {
    io::stdin().is_terminal().then(Conversation::open).flatten()
}

/// Asks a person to type a fingerprint, where a stray "y" is not enough.
pub fn types(person: &mut Conversation, question: &str, fingerprint: &str) -> bool {
    let answer = person.ask(question).unwrap_or_default();
    answer.split_whitespace().collect::<String>().eq_ignore_ascii_case(fingerprint)
}

/// Asks for everything else.
pub fn plan(
    person: &mut Conversation,
    asked: Asked,
    created: SystemTime,
) -> Result<KeyPlan, Failure> {
    let kind = asked.kind.map_or_else(|| ask_kind(person, asked.usual), Ok)?;
    let bits = asked.bits.map_or_else(|| ask_bits(person), Ok)?;
    let validity = asked.validity.map_or_else(|| ask_validity(person, created), Ok)?;
    let user_id = ask_user_id(person)?;
    Ok(KeyPlan { kind, bits, user_id, created, validity })
}

fn ask(person: &mut Conversation, question: &str) -> Result<String, Failure> {
    Ok(person.ask(question).ok_or(Failure::Cancelled)?.trim().to_string())
}

fn ask_kind(person: &mut Conversation, usual: KeyKind) -> Result<KeyKind, Failure> {
    person.say("Please select what kind of key you want:\n");
    for (line, kind) in
        [("(1) RSA and RSA", KeyKind::RsaRsa), ("(4) RSA (sign only)", KeyKind::Sign)]
    {
        let mark = if kind == usual { " (default)" } else { "" };
        person.say(&format!("   {line}{mark}\n"));
    }
    loop {
        match ask(person, "Your selection? ")?.as_str() {
            "" => return Ok(usual),
            "4" => return Ok(KeyKind::Sign),
            "1" => return Ok(KeyKind::RsaRsa),
            "2" | "3" => person.say("plugsign makes only RSA keys, no DSA keys.\n"),
            _ => person.say("Invalid selection.\n"),
        }
    }
}

fn ask_bits(person: &mut Conversation) -> Result<KeySizeBits, Failure> {
    person.say("RSA keys may be 3072 or 4096 bits long.\n");
    let parse = |answer: &str| parse_bits(if answer.is_empty() { "3072" } else { answer });
    let bits = ask_checked(person, "What keysize do you want? (3072) ", parse)?;
    person.say(&format!("Requested keysize is {} bits\n", bits.bits()));
    Ok(bits)
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
    let parse =
        |answer: &str| parse_validity(if answer.is_empty() { "0" } else { answer }, created);
    loop {
        let validity = ask_checked(person, "Key is valid for? (0) ", parse)?;
        let words = match validity {
            Some(validity) => format!("Key expires at {}\n", show_time(created + validity)),
            None => "Key does not expire at all\n".into(),
        };
        person.say(&words);
        if is_yes(&ask(person, "Is this correct? (y/N) ")?) {
            return Ok(validity);
        }
    }
}

/// Returns whether an answer is yes.
pub fn is_yes(answer: &str) -> bool {
    answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
}

fn ask_user_id(person: &mut Conversation) -> Result<String, Failure> {
    let as_it_is = |check: fn(&str) -> openpgp::Result<()>| {
        move |answer: &str| check(answer).map(|()| answer.to_string())
    };
    let ask_name = |person: &mut _| ask_checked(person, "Real name: ", as_it_is(check_name));
    let ask_email = |person: &mut _| ask_checked(person, "Email address: ", as_it_is(check_email));
    let ask_comment = |person: &mut _| ask_checked(person, "Comment: ", as_it_is(check_comment));
    person.say("\nA user ID identifies the key: a name, an e-mail address, a comment.\n");
    let mut name = ask_name(person)?;
    let mut email = ask_email(person)?;
    let mut comment = ask_comment(person)?;
    loop {
        let whole = user_id(&name, &comment, &email);
        match &whole {
            Ok(whole) => person.say(&format!("You selected this USER-ID:\n    \"{whole}\"\n\n")),
            Err(error) => person.say(&format!("{error}\n")),
        }
        let answer = ask(person, "Change (N)ame, (C)omment, (E)mail or (O)kay/(Q)uit? ")?;
        match (answer.to_ascii_lowercase().as_str(), whole) {
            ("n", _) => name = ask_name(person)?,
            ("c", _) => comment = ask_comment(person)?,
            ("e", _) => email = ask_email(person)?,
            ("o", Ok(whole)) => return Ok(whole),
            ("q", _) => return Err(Failure::Cancelled),
            _ => {}
        }
    }
}

/// Asks until the answer is valid.
fn ask_checked<T>(
    person: &mut Conversation,
    question: &str,
    parse: impl Fn(&str) -> openpgp::Result<T>,
) -> Result<T, Failure> {
    loop {
        match parse(&ask(person, question)?) {
            Ok(answer) => return Ok(answer),
            Err(error) => person.say(&format!("{error}\n")),
        }
    }
}
