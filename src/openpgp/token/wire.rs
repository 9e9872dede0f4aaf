//! Messages: a call's number, what its arguments are like, and the arguments.

use zeroize::Zeroizing;

use super::Result;
use super::error::Error;

/// A call of PKCS #11, with its number and the forms of its arguments in the protocol.
#[derive(Debug)]
pub(super) struct Call {
    /// Its name.
    pub name: &'static str,
    number: u32,
    asked: &'static str,
    answered: &'static str,
}

/// Declares the calls that are made.
macro_rules! calls {
    ($($constant:ident $number:literal $name:literal $asked:literal $answered:literal)*) => {
        $(pub(super) const $constant: Call =
            Call { name: $name, number: $number, asked: $asked, answered: $answered };)*
    };
}

calls! {
    INITIALIZE 1 "C_Initialize" "ayyay" ""
    GET_SLOT_LIST 4 "C_GetSlotList" "yfu" "au"
    GET_TOKEN_INFO 6 "C_GetTokenInfo" "u" "ssssuuuuuuuuuuuvvs"
    OPEN_SESSION 10 "C_OpenSession" "uu" "u"
    LOGIN 18 "C_Login" "uuay" ""
    GET_ATTRIBUTE_VALUE 24 "C_GetAttributeValue" "uufA" "aAu"
    FIND_OBJECTS_INIT 26 "C_FindObjectsInit" "uaA" ""
    FIND_OBJECTS 27 "C_FindObjects" "ufu" "au"
    FIND_OBJECTS_FINAL 28 "C_FindObjectsFinal" "u" ""
    SIGN_INIT 42 "C_SignInit" "uMu" ""
    SIGN 43 "C_Sign" "uayfy" "ay"
    GENERATE_KEY_PAIR 59 "C_GenerateKeyPair" "uMaAaA" "uu"
}

/// An attribute of an object, as it is asked for and as it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(u64),
    /// Anything else.
    Bytes(Vec<u8>),
}

/// How an attribute's value is written. The protocol fixes it by the attribute's number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Flag,
    Number,
    Bytes,
}

/// Returns the form of the attributes that are used here.
fn form(attribute: u32) -> Form {
    match attribute {
        // CKA_CLASS, CKA_KEY_TYPE, CKA_MODULUS_BITS
        0x00 | 0x100 | 0x121 => Form::Number,
        // CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE to CKA_DERIVE, CKA_EXTRACTABLE, CKA_ALWAYS_AUTHENTICATE
        0x01 | 0x02 | 0x103..=0x10C | 0x162 | 0x202 => Form::Flag,
        _ => Form::Bytes,
    }
}

/// A request, as it is written. It may have a PIN in it.
pub(super) struct Request {
    pub call: &'static Call,
    pub message: Zeroizing<Vec<u8>>,
}

impl Request {
    pub fn new(call: &'static Call) -> Request {
        // A PIN must not be left behind by a growing vector.
        let message = Zeroizing::new(Vec::with_capacity(4096));
        let mut request = Request { call, message };
        request.u32(call.number);
        request.array(call.asked.as_bytes());
        request
    }

    fn u32(&mut self, number: u32) {
        self.message.extend(number.to_be_bytes());
    }

    fn array(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.message.extend(bytes);
    }

    /// `u`
    pub fn number(mut self, number: u64) -> Request {
        self.message.extend(number.to_be_bytes());
        self
    }

    /// `y`
    pub fn byte(mut self, byte: u8) -> Request {
        self.message.push(byte);
        self
    }

    /// `ay`
    pub fn bytes(mut self, bytes: &[u8]) -> Request {
        self.message.push(1);
        self.array(bytes);
        self
    }

    /// `ay` of a null pointer: the token asks for the PIN itself.
    pub fn no_bytes(mut self) -> Request {
        self.message.push(1);
        self.u32(u32::MAX);
        self
    }

    /// `fu` and `fy`: room for so many numbers or bytes in the answer.
    pub fn room(mut self, count: u32) -> Request {
        self.u32(count);
        self
    }

    /// `M` without parameters. Before version 2 of the protocol, nothing was said of them in four
    /// bytes. p11-kit 0.26 takes none from anybody.
    pub fn mechanism(mut self, mechanism: u32, version: u8) -> Request {
        self.u32(mechanism);
        if version < 2 {
            self.u32(u32::MAX);
        }
        self
    }

    /// `fA`: these attributes are asked for, each with room for so many bytes.
    pub fn asking(mut self, attributes: &[(u32, u32)]) -> Request {
        self.u32(u32::try_from(attributes.len()).unwrap_or(u32::MAX));
        for (attribute, room) in attributes {
            self.u32(*attribute);
            self.u32(*room);
        }
        self
    }

    /// `aA`
    pub fn attributes(mut self, attributes: &[(u32, Value)]) -> Request {
        self.u32(u32::try_from(attributes.len()).unwrap_or(u32::MAX));
        for (attribute, value) in attributes {
            self.u32(*attribute);
            self.message.push(1);
            match value {
                Value::Flag(flag) => {
                    self.u32(1);
                    self.message.push(u8::from(*flag));
                }
                Value::Number(number) => {
                    self.u32(8);
                    self.message.extend(number.to_be_bytes());
                }
                Value::Bytes(bytes) => {
                    self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                    self.array(bytes);
                }
            }
        }
        self
    }
}

/// An answer, as it is read.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    rest: &'a [u8],
}

const SHORT: Error = Error::Garbage("an answer is too short");

impl<'a> Answer<'a> {
    /// Begins with an answer to the call.
    /// Fails with [`Error::Refused`] if that is what it says, with [`Error::Garbage`] if it is none.
    pub fn to(call: &Call, message: &'a [u8]) -> Result<Answer<'a>> {
        const ERROR: u32 = 0;
        let mut answer = Answer { rest: message };
        let number = answer.u32()?;
        let form = answer.array()?.unwrap_or_default();
        if number == ERROR && form == b"u" {
            let code = answer.number()?;
            return Err(Error::Refused { call: call.name, code });
        }
        match number == call.number && form == call.answered.as_bytes() {
            true => Ok(answer),
            false => Err(Error::Garbage("it is the answer to another call")),
        }
    }

    /// Ends with nothing left.
    pub fn end(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::Garbage("an answer is too long")) }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?.first_chunk().ok_or(SHORT)?;
        Ok(u32::from_be_bytes(*bytes))
    }

    fn array(&mut self) -> Result<Option<&'a [u8]>> {
        match self.u32()? {
            u32::MAX => Ok(None),
            length => self.take(length as usize).map(Some),
        }
    }

    /// `u`
    pub fn number(&mut self) -> Result<u64> {
        let bytes = self.take(8)?.first_chunk().ok_or(SHORT)?;
        Ok(u64::from_be_bytes(*bytes))
    }

    /// `y`
    pub fn byte(&mut self) -> Result<u8> {
        self.take(1)?.first().copied().ok_or(SHORT)
    }

    /// `s`: a text that is padded with spaces.
    pub fn padded(&mut self) -> Result<String> {
        let bytes = self.array()?.unwrap_or_default();
        if bytes.len() > 64 {
            return Err(Error::Garbage("a name is too long"));
        }
        let text = String::from_utf8_lossy(bytes);
        Ok(text.trim_end_matches([' ', '\0']).to_string())
    }

    /// `v`
    pub fn version(&mut self) -> Result<()> {
        self.take(2).map(|_| ())
    }

    /// `ay`, or nothing if it did not fit.
    pub fn bytes(&mut self) -> Result<Option<&'a [u8]>> {
        match self.byte()? {
            0 => self.u32().map(|_| None),
            _ => Ok(Some(self.array()?.unwrap_or_default())),
        }
    }

    /// `au`, or how many there are.
    pub fn numbers(&mut self) -> Result<(u32, Vec<u64>)> {
        let is_there = self.byte()? != 0;
        let count = self.u32()?;
        let mut numbers = Vec::new();
        if is_there {
            // Each takes 8 bytes of the message, which is bounded.
            for _ in 0..count {
                numbers.push(self.number()?);
            }
        }
        Ok((count, numbers))
    }

    /// `aA`: in the order that they were asked for. Nothing stands for what the object lacks.
    pub fn attributes(&mut self, asked: &[(u32, u32)]) -> Result<Vec<Option<Value>>> {
        if self.u32()? as usize != asked.len() {
            return Err(Error::Garbage("other attributes were asked for"));
        }
        asked.iter().map(|(attribute, _)| self.attribute(*attribute)).collect()
    }

    fn attribute(&mut self, asked: u32) -> Result<Option<Value>> {
        if self.u32()? != asked {
            return Err(Error::Garbage("other attributes were asked for"));
        }
        if self.byte()? == 0 {
            return Ok(None);
        }
        let length = self.u32()?;
        let value = match form(asked) {
            Form::Flag => Value::Flag(self.byte()? != 0),
            Form::Number => Value::Number(self.number()?),
            Form::Bytes => Value::Bytes(self.array()?.unwrap_or_default().to_vec()),
        };
        // An attribute of no length has no value, whatever stands in its place.
        Ok((length > 0).then_some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As p11-kit 0.24.1 wrote them.
    #[test]
    fn requests_are_written_as_p11_kit_writes_them() {
        let hex = |request: Request| super::super::super::ids::hex(&request.message);
        let label = [(0, Value::Number(3)), (0x102, Value::Bytes(vec![1]))];
        assert_eq!(
            hex(Request::new(&FIND_OBJECTS_INIT).number(17).attributes(&label)).to_lowercase(),
            "0000001a0000000375614100000000000000110000000200000000010000000800000000000000030000010201000000010000000101"
        );
        assert_eq!(
            hex(Request::new(&SIGN_INIT).number(17).mechanism(1, 0).number(3)).to_lowercase(),
            "0000002a00000003754d75000000000000001100000001ffffffff0000000000000003"
        );
        assert_eq!(
            hex(Request::new(&SIGN_INIT).number(17).mechanism(1, 2).number(3)).to_lowercase(),
            "0000002a00000003754d750000000000000011000000010000000000000003"
        );
        assert_eq!(
            hex(Request::new(&LOGIN).number(17).number(1).bytes(b"1234")).to_lowercase(),
            "00000012000000047575617900000000000000110000000000000001010000000431323334"
        );
        assert_eq!(
            hex(Request::new(&SIGN).number(17).bytes(b"hi\n").room(512)).to_lowercase(),
            "0000002b0000000575617966790000000000000011010000000368690a00000200"
        );
        assert_eq!(
            hex(Request::new(&GET_ATTRIBUTE_VALUE).number(17).number(3).asking(&[(0x202, 1)]))
                .to_lowercase(),
            "00000018000000047575664100000000000000110000000000000003000000010000020200000001"
        );
    }

    #[test]
    fn an_error_is_an_answer_to_any_call() {
        let error = [0, 0, 0, 0, 0, 0, 0, 1, b'u', 0, 0, 0, 0, 0, 0, 0, 0xA0];
        let refused = Error::Refused { call: "C_Login", code: 0xA0 };
        assert_eq!(Answer::to(&LOGIN, &error).unwrap_err(), refused);
        assert!(matches!(Answer::to(&LOGIN, &error[..12]), Err(Error::Garbage(_))));
        let other = [0, 0, 0, 18, 0, 0, 0, 0];
        assert!(matches!(Answer::to(&SIGN_INIT, &other), Err(Error::Garbage(_))));
        assert!(Answer::to(&LOGIN, &other).unwrap().end().is_ok());
    }
}
