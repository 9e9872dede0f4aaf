//! Connections to one token, each with its own login, that sign for several threads.
//!
//! A connection is served one call at a time. So as many signatures are made at once as there are
//! connections. One that is lost is not opened again: that would be another login.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Result;
use super::error::Error;
use super::keys::{KeyInToken, Token};
use super::pin::Pin;
use super::uri::TokenUri;

/// Opens one more connection.
type Open = Box<dyn Fn() -> Result<Token> + Send + Sync>;

/// Connections to one token.
pub struct Pool {
    uri: TokenUri,
    pin: Option<Pin>,
    open: Open,
    most: usize,
    state: Mutex<State>,
    freed: Condvar,
}

/// A connection that is logged in, with the keys as this session calls them.
struct Connection {
    token: Token,
    keys: Vec<KeyInToken>,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    /// How many there are, also those that sign.
    open: usize,
    /// Why no more are opened.
    full: Option<Error>,
    /// Why nothing is signed any more.
    over: Option<Error>,
}

impl Pool {
    /// Begins with a token that is logged in, and looks for the keys that the URI names.
    /// `open` makes up to `most` connections, and finds the same token on each.
    /// Fails as [`Token::keys`] does.
    pub fn new(
        mut first: Token,
        uri: TokenUri,
        pin: Option<Pin>,
        most: usize,
        open: Open,
    ) -> Result<(Arc<Pool>, Vec<KeyInToken>)> {
        let keys = first.keys(&uri)?;
        let idle = vec![Connection { token: first, keys: keys.clone() }];
        let state = State { idle, open: 1, ..State::default() };
        let (state, freed) = (Mutex::new(state), Condvar::new());
        Ok((Arc::new(Pool { uri, pin, open, most, state, freed }), keys))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<Connection> {
        let mut state = self.state();
        loop {
            if let Some(over) = &state.over {
                return Err(over.clone());
            }
            if let Some(connection) = state.idle.pop() {
                return Ok(connection);
            }
            match &state.full {
                None if state.open < self.most => break,
                Some(full) if state.open == 0 => return Err(full.clone()),
                _ => state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        state.open += 1;
        drop(state);
        match self.connect() {
            Ok(connection) => Ok(connection),
            Err(error) => {
                self.lose(error);
                // Those that are open go on.
                self.take()
            }
        }
    }

    fn connect(&self) -> Result<Connection> {
        let mut token = (self.open)()?;
        token.login(self.pin.as_ref())?;
        let keys = token.keys(&self.uri)?;
        Ok(Connection { token, keys })
    }

    fn give(&self, connection: Connection) {
        self.state().idle.push(connection);
        self.freed.notify_one();
    }

    fn lose(&self, error: Error) {
        let mut state = self.state();
        state.open -= 1;
        if matches!(error, Error::WrongPin { .. } | Error::PinLocked(_)) {
            state.over = Some(error.clone());
        }
        state.full.get_or_insert(error);
        drop(state);
        self.freed.notify_all();
    }
}

/// A key in a token, which signs.
#[derive(Clone)]
pub struct TokenKey {
    pool: Arc<Pool>,
    modulus: Vec<u8>,
    asks_each_time: bool,
}

impl TokenKey {
    /// Signs with a key over the pool's connections. Fails with [`Error::NoNumbers`].
    pub fn new(pool: &Arc<Pool>, key: &KeyInToken) -> Result<TokenKey> {
        let (modulus, _) = key.numbers.as_ref().ok_or_else(|| Error::NoNumbers(key.name()))?;
        let (pool, modulus) = (Arc::clone(pool), modulus.clone());
        Ok(TokenKey { pool, modulus, asks_each_time: key.always_authenticate })
    }

    /// Returns whether each signature takes the PIN anew.
    pub fn asks_each_time(&self) -> bool {
        self.asks_each_time
    }

    /// Signs a DigestInfo (RFC 8017, section 9.2), which the token pads.
    ///
    /// # Errors
    ///
    /// What the token says against it. After a wrong PIN, all later ones fail with the same words.
    /// After a lost connection, the other connections go on. Once all are lost, all later ones fail
    /// with the words of the first loss.
    pub(in crate::openpgp) fn sign(&self, info: &[u8]) -> Result<Vec<u8>> {
        let mut connection = self.pool.take()?;
        let is_it = |key: &&KeyInToken| {
            key.numbers.as_ref().is_some_and(|(modulus, _)| *modulus == self.modulus)
        };
        let Connection { token, keys } = &mut connection;
        let Some(key) = keys.iter().find(is_it) else {
            let error =
                Error::NoKey { token: token.label().into(), uri: self.pool.uri.to_string() };
            self.pool.lose(error.clone());
            return Err(error);
        };
        let signed = token.sign(key, info, self.pool.pin.as_ref());
        match &signed {
            Ok(_) | Err(Error::Refused { .. }) => self.pool.give(connection),
            Err(error) => self.pool.lose(error.clone()),
        }
        signed
    }
}

/// It says nothing: there is a PIN in it.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey")
    }
}
