//! What a command said, and how it ended.

use std::fmt;
use std::process::Output;

use super::schema;

/// What a command said, and how it ended.
pub struct Done {
    /// The command, to be shown if an assertion fails.
    pub(super) what: String,
    /// It is plugsign itself, and not a line of shell or another program.
    pub(super) is_ours: bool,
    /// None when it had to be killed.
    pub(super) code: Option<Option<i32>>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Another program's words.
impl From<Output> for Done {
    fn from(output: Output) -> Done {
        Done {
            what: "a command".into(),
            is_ours: false,
            code: Some(output.status.code()),
            stdout: output.stdout,
            stderr: output.stderr,
        }
    }
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.what, self.shown())
    }
}

impl Done {
    /// Returns how it ended and what it said, for a failed assertion.
    pub fn shown(&self) -> String {
        let exit = match self.code {
            Some(code) => format!("exit: {code:?}"),
            None => "it did not end in time".into(),
        };
        let [out, err] = [&self.stdout, &self.stderr].map(|it| String::from_utf8_lossy(it));
        format!("{exit}\nstdout: {out:.2000}\nstderr: {err:.2000}\n")
    }

    /// Asserts the exit code, and that nothing that plugsign says on standard error could steer a
    /// terminal.
    #[track_caller]
    pub fn exits(self, code: i32) -> Done {
        assert_eq!(self.code, Some(Some(code)), "{self:?}");
        if self.is_ours {
            assert_tame(&self.stderr);
        }
        self
    }

    /// Returns the exit code. A command that was killed has none.
    pub fn code(&self) -> Option<i32> {
        self.code.flatten()
    }

    pub fn is_ok(&self) -> bool {
        self.code() == Some(0)
    }

    #[track_caller]
    pub fn out(&self) -> String {
        self.text(&self.stdout)
    }

    #[track_caller]
    pub fn err(&self) -> String {
        self.text(&self.stderr)
    }

    /// What plugsign says is text.
    #[track_caller]
    fn text(&self, bytes: &[u8]) -> String {
        match self.is_ours {
            true => String::from_utf8(bytes.to_vec()).expect("plugsign speaks UTF-8"),
            false => String::from_utf8_lossy(bytes).into_owned(),
        }
    }

    /// Asserts that standard output has some words.
    #[track_caller]
    pub fn prints(self, words: &str) -> Done {
        assert!(self.out().contains(words), "no \"{words}\" on stdout: {self:?}");
        if self.is_ours {
            assert_tame(&self.stdout);
        }
        self
    }

    #[track_caller]
    pub fn prints_nothing(self) -> Done {
        assert!(self.stdout.is_empty(), "{self:?}");
        self
    }

    /// Asserts that standard error has some words.
    #[track_caller]
    pub fn says(self, words: &str) -> Done {
        assert!(self.err().contains(words), "no \"{words}\" on stderr: {self:?}");
        self
    }

    /// Parses standard output as exactly one JSON document, of its command's schema.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_tame(&self.stdout);
        schema::parse(&self.stdout, self.code(), self)
    }
}

/// Asserts that text has no control character but line ends, no C1 one, and nothing that
/// reorders or hides its neighbours.
#[track_caller]
pub fn assert_tame(text: &[u8]) {
    let text = std::str::from_utf8(text).expect("output is UTF-8");
    for character in text.chars() {
        let wild = (character.is_control() && character != '\n')
            || matches!(u32::from(character), 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2069 | 0xFEFF);
        assert!(!wild, "{:?} is shown raw in {text:?}", character);
    }
}
