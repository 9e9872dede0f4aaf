//! S-expressions, as far as gpg-agent's key files need them.
//!
//! One reader takes both forms, because the canonical form is a part of the advanced one. It reads
//! lists, tokens, quoted strings, `#hex#`, `|base64|` and strings with their length in front
//! (Rivest, <https://people.csail.mit.edu/rivest/Sexp.txt>; gpg-agent's files,
//! agent/keyformat.txt).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// How deep lists may be nested. Those of a key are five deep.
const MAX_DEPTH: usize = 16;

/// The most elements of one expression. A key has about thirty.
const MAX_ELEMENTS: usize = 4_096;

/// An S-expression. It may hold secrets, so it is wiped when dropped and has no Debug.
pub(super) enum Sexp {
    Atom(Zeroizing<Vec<u8>>),
    List(Vec<Sexp>),
}

impl Sexp {
    /// Reads one expression. Only blanks and zeros may follow it, as padding.
    pub(super) fn read(bytes: &[u8]) -> Option<Sexp> {
        let mut reader = SexpReader { rest: bytes, elements: 0 };
        let sexp = reader.element(0)?;
        let is_filler = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
        reader.rest.iter().all(is_filler).then_some(sexp)
    }

    /// Reads the expression that the bytes begin with. Anything may follow.
    pub(super) fn read_first(bytes: &[u8]) -> Option<Sexp> {
        SexpReader { rest: bytes, elements: 0 }.element(0)
    }

    pub(super) fn atom(&self) -> Option<&[u8]> {
        match self {
            Sexp::Atom(atom) => Some(atom),
            Sexp::List(_) => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Sexp]> {
        match self {
            Sexp::List(list) => Some(list),
            Sexp::Atom(_) => None,
        }
    }

    /// Returns the element at a place of a list.
    pub(super) fn get(&self, place: usize) -> Option<&Sexp> {
        self.list()?.get(place)
    }

    /// Returns the first element of a list, which names it.
    pub(super) fn name(&self) -> Option<&[u8]> {
        self.get(0)?.atom()
    }

    /// Returns the place of the list of that name in this one.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.list()?.iter().position(|element| element.name() == Some(name.as_bytes()))
    }

    /// Returns the list of that name in this one.
    pub(super) fn find(&self, name: &str) -> Option<&Sexp> {
        self.get(self.place(name)?)
    }

    /// Returns the value of a list `(name value)` in this one.
    pub(super) fn value(&self, name: &str) -> Option<&[u8]> {
        match self.find(name)?.list()? {
            [_, Sexp::Atom(value)] => Some(value),
            _ => None,
        }
    }

    /// Writes the canonical form.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Sexp::Atom(atom) => {
                out.extend(format!("{}:", atom.len()).as_bytes());
                out.extend(atom.as_slice());
            }
            Sexp::List(list) => {
                out.push(b'(');
                list.iter().for_each(|element| element.write(out));
                out.push(b')');
            }
        }
    }
}

struct SexpReader<'a> {
    rest: &'a [u8],
    elements: usize,
}

impl SexpReader<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// Takes bytes as long as `is_such` accepts them.
    fn run(&mut self, is_such: impl Fn(&u8) -> bool) -> &[u8] {
        let end = self.rest.iter().position(|byte| !is_such(byte)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    fn element(&mut self, depth: usize) -> Option<Sexp> {
        self.elements += 1;
        if depth > MAX_DEPTH || self.elements > MAX_ELEMENTS {
            return None;
        }
        self.run(u8::is_ascii_whitespace);
        let mark = self.peek()?;
        if b"(#|\"".contains(&mark) {
            self.next();
        }
        let atom = match mark {
            b'(' => return self.list(depth).map(Sexp::List),
            b'#' => self.hex()?,
            b'|' => self.base64()?,
            b'"' => self.quoted()?,
            b'0'..=b'9' => self.verbatim()?,
            _ => self.token()?,
        };
        Some(Sexp::Atom(atom))
    }

    fn list(&mut self, depth: usize) -> Option<Vec<Sexp>> {
        let mut list = Vec::new();
        loop {
            self.run(u8::is_ascii_whitespace);
            if self.peek()? == b')' {
                self.next();
                return Some(list);
            }
            list.push(self.element(depth + 1)?);
        }
    }

    /// A string with its length in front: `3:rsa`.
    fn verbatim(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let digits = self.run(u8::is_ascii_digit);
        let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
        if self.next()? != b':' {
            return None;
        }
        let (value, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Zeroizing::new(value.to_vec()))
    }

    fn token(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let token =
            self.run(|byte| byte.is_ascii_alphanumeric() || b"-./_:*+=".contains(byte)).to_vec();
        (!token.is_empty()).then(|| Zeroizing::new(token))
    }

    fn hex(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let text = self.run(|byte| *byte != b'#');
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
        let mut high = None;
        for byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            let digit = char::from(*byte).to_digit(16)? as u8;
            match high.take() {
                None => high = Some(digit),
                Some(high) => bytes.push(high << 4 | digit),
            }
        }
        (self.next() == Some(b'#') && high.is_none()).then_some(bytes)
    }

    fn base64(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let text = self.run(|byte| *byte != b'|');
        let mut compact = Zeroizing::new(Vec::with_capacity(text.len()));
        compact.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
        let bytes = STANDARD.decode(compact.as_slice()).ok().map(Zeroizing::new)?;
        (self.next() == Some(b'|')).then_some(bytes)
    }

    /// A string in quotation marks, with C's escapes.
    fn quoted(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::new());
        loop {
            match self.next()? {
                b'"' => return Some(bytes),
                b'\\' => bytes.extend(self.escape()?),
                byte => bytes.push(byte),
            }
        }
    }

    /// What a backslash and this byte mean. Nothing for a line end.
    fn escape(&mut self) -> Option<Option<u8>> {
        let byte = match self.next()? {
            b'b' => 0x08,
            b't' => b'\t',
            b'v' => 0x0B,
            b'n' => b'\n',
            b'f' => 0x0C,
            b'r' => b'\r',
            b'x' => self.number(2, 16)?,
            first @ b'0'..=b'7' => {
                let first = u16::from(first - b'0') << 6;
                u8::try_from(first + u16::from(self.number(2, 8)?)).ok()?
            }
            same @ (b'"' | b'\'' | b'\\') => same,
            b'\n' => return Some(None),
            _ => return None,
        };
        Some(Some(byte))
    }

    fn number(&mut self, digits: usize, radix: u32) -> Option<u8> {
        let (text, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        u8::from_str_radix(std::str::from_utf8(text).ok()?, radix).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        Sexp::read(text)?.write(&mut out);
        Some(out)
    }

    #[test]
    fn both_forms_say_the_same() {
        let same = b"(11:private-key(3:rsa(1:n2:\x00\xff)(1:e1:\x03)))".to_vec();
        for text in [
            &same[..],
            b"(private-key (rsa (n #00FF#)\n (e #0 3#)))",
            b"( private-key(rsa(n |AP8=|)(e \"\\003\") ) )\n",
            b"(\"private-key\"(rsa(n \"\\x00\\xff\")(1:e \"\\x03\")))\0\0",
        ] {
            assert_eq!(canonical(text).as_ref(), Some(&same), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn quoted_strings_have_escapes_and_raw_bytes() {
        let text = b"\"a\\n\\\"\\\\\\\n\xff\\b\\t\\v\\f\\r\\'\"";
        let sexp = Sexp::read(text).unwrap();
        assert_eq!(sexp.atom(), Some(&b"a\n\"\\\xff\x08\t\x0b\x0c\r'"[..]));
    }

    #[test]
    fn what_is_cut_short_nested_or_overlong_is_refused() {
        for text in [
            &b""[..],
            b"(",
            b")",
            b"(a))",
            b"4294967296:a",
            b"99999999999999999999:a",
            b"5:abc",
            b"5abc",
            b"(a #0#)",
            b"(a #zz#)",
            b"(a #00",
            b"\"\\x0",
            b"\"\\400\"",
            b"\"\\q\"",
            b"\"abc",
            b"|ab",
            b"{a}",
        ] {
            assert!(Sexp::read(text).is_none(), "{}", text.escape_ascii());
        }
        assert!(Sexp::read(&b"(".repeat(10_000)).is_none());
        assert!(Sexp::read(&[b"(".repeat(10_000), b")".repeat(10_000)].concat()).is_none());
        assert!(Sexp::read(&[&b"("[..], &b"a ".repeat(100_000), b")"].concat()).is_none());
    }

    #[test]
    fn values_are_found_by_name() {
        let sexp = Sexp::read(b"(rsa (n #0102#) (e #03# #04#) (comment))").unwrap();
        assert_eq!(sexp.value("n"), Some(&[1, 2][..]));
        assert_eq!(sexp.value("e"), None);
        assert_eq!(sexp.value("comment"), None);
        assert_eq!(sexp.value("d"), None);
        assert_eq!(sexp.name(), Some(&b"rsa"[..]));
    }
}
