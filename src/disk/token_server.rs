//! Where a token's server is: a program that is started, or a socket.
//!
//! A thread reads what the server says, so that a silent one is not waited for longer than it may
//! take. Dropping the connection ends the program.

use std::collections::VecDeque;
use std::env::consts::{ARCH, DLL_EXTENSION};
use std::fmt::Display;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::openpgp::token::{Error, Incoming, Link, Received, Result, TokenUri, Wait};
use crate::text::{Safe, path_text};

/// The program that carries PKCS #11 over a stream.
pub const P11_KIT: &str = "p11-kit";

/// How a token is reached.
#[derive(Clone, Debug, Default)]
pub struct TokenServer {
    /// A command of the user's, for a shell, whose standard input and output lead to the token.
    pub command: Option<String>,
    /// Where a server listens, as p11-kit writes it: `unix:path=/run/p11-kit/pkcs11`.
    pub address: Option<String>,
    /// The variables of the environment that a program which is started does not get.
    pub secret_variables: &'static [&'static str],
    /// How long an answer may take.
    pub patience: Patience,
}

/// How long an answer may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The first one: a program starts, or somebody logs in far away.
    pub start: Duration,
    /// Any other. Somebody may have to touch the token.
    pub call: Duration,
    /// A key that is made. A card takes minutes.
    pub generation: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        let [start, call, generation] = [60, 60, 600].map(Duration::from_secs);
        Patience { start, call, generation }
    }
}

impl TokenServer {
    /// Opens a connection: through the command, else by p11-kit with the module that the URI names,
    /// else over the socket, else by p11-kit with the modules that this machine has.
    ///
    /// # Errors
    ///
    /// [`Error::NoProgram`], [`Error::NoModule`] and [`Error::Unreachable`].
    pub fn connect(&self, uri: &TokenUri) -> Result<Box<dyn Link>> {
        if let Some(line) = &self.command {
            let mut command = Command::new("sh");
            command.arg("-c").arg(line);
            return self.start(command, line);
        }
        let module = module(uri)?;
        match (&self.address, module) {
            (Some(address), None) => self.join(address),
            (_, module) => {
                let mut command = Command::new(P11_KIT);
                command.arg("remote");
                match (&module, uri.slot_id) {
                    // p11-kit knows slots by other numbers than the module, unless it serves
                    // all of it.
                    (Some(module), Some(_)) => command.arg(module),
                    (Some(module), None) => {
                        command.arg("--provider").arg(module).arg(uri.of_token())
                    }
                    (None, _) => command.arg(TokenUri { slot_id: None, ..uri.clone() }.of_token()),
                };
                self.start(command, P11_KIT)
            }
        }
    }

    fn start(&self, mut command: Command, name: &str) -> Result<Box<dyn Link>> {
        for variable in self.secret_variables {
            command.env_remove(variable);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::NoProgram(name.into()),
            _ => Error::Unreachable { place: name.into(), why: error.to_string() },
        })?;
        let said = Arc::new(Mutex::new(VecDeque::new()));
        let mut listener = None;
        if let Some(words) = child.stderr.take() {
            let said = Arc::clone(&said);
            listener = Some(spawn(name, move || listen(words, &said))?);
        }
        let unreachable = || Error::Unreachable { place: name.into(), why: "no pipe".into() };
        let to = child.stdin.take().ok_or_else(unreachable)?;
        let from = child.stdout.take().ok_or_else(unreachable)?;
        let end = End::Program { child, said, listener };
        self.connection(name, Box::new(to), from, end)
    }

    fn join(&self, address: &str) -> Result<Box<dyn Link>> {
        let place = address.to_string();
        let failed = |error: std::io::Error| Error::Unreachable {
            place: place.clone(),
            why: error.to_string(),
        };
        let Some(socket) = address.strip_prefix("unix:path=") else {
            let why = "plugsign reads unix:path=FILE alone".into();
            return Err(Error::Unreachable { place, why });
        };
        let to = self.connect_in_time(socket, &place)?.map_err(failed)?;
        let from = to.try_clone().map_err(failed)?;
        let end = End::Socket(to.try_clone().map_err(failed)?);
        self.connection(&place, Box::new(to), from, end)
    }

    /// Connects to a socket. It would wait for ever for a server whose queue is full.
    fn connect_in_time(&self, socket: &str, place: &str) -> Result<std::io::Result<UnixStream>> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let path = PathBuf::from(socket);
        spawn(place, move || {
            let _ = sender.send(UnixStream::connect(path));
        })?;
        let late = |_| Error::Late(self.patience.start.as_secs());
        receiver.recv_timeout(self.patience.start).map_err(late)
    }

    fn connection(
        &self,
        place: &str,
        to: Box<dyn Write + Send>,
        from: impl Read + Send + 'static,
        end: End,
    ) -> Result<Box<dyn Link>> {
        // One answer at a time: a server that says more than it was asked has to wait.
        let (sender, receiver) = mpsc::sync_channel(1);
        let connection = Connection {
            place: place.into(),
            to: Some(to),
            receiver: Some(receiver),
            end,
            patience: self.patience,
            has_begun: false,
        };
        spawn(place, move || pass_on(from, &sender))?;
        Ok(Box::new(connection))
    }
}

/// Finds the module that a URI names.
fn module(uri: &TokenUri) -> Result<Option<PathBuf>> {
    if let Some(path) = &uri.module_path {
        let path = PathBuf::from(path);
        return match path.is_file() {
            true => Ok(Some(path)),
            false => Err(Error::NoModule(path_text(&path))),
        };
    }
    let Some(name) = &uri.module_name else { return Ok(None) };
    let missing = || Error::NoModule(name.clone());
    if name.contains('/') {
        return Err(missing());
    }
    let machine = format!("{}-linux-gnu", ARCH);
    let folders =
        ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib", "/Library/OpenSC/lib"];
    let folders = folders.map(PathBuf::from).into_iter();
    let folders = folders.chain([Path::new("/usr/lib").join(machine)]);
    let folders = folders.flat_map(|folder| {
        let below = ["pkcs11", "softhsm", "opensc"].map(|name| folder.join(name));
        below.into_iter().chain([folder])
    });
    // On macOS modules end in .so or .dylib.
    let endings = ["so", DLL_EXTENSION];
    let names = ["lib", ""].map(|prefix| endings.map(|it| format!("{prefix}{name}.{it}")));
    let files =
        folders.flat_map(|folder| names.as_flattened().iter().map(move |it| folder.join(it)));
    files.into_iter().find(|file| file.is_file()).map(Some).ok_or_else(missing)
}

fn spawn(place: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let failed =
        |error: std::io::Error| Error::Unreachable { place: place.into(), why: error.to_string() };
    thread::Builder::new().spawn(work).map_err(failed)
}

/// Passes on what the server says, until it ends or nobody listens.
fn pass_on(from: impl Read, sender: &SyncSender<Result<Received>>) {
    let mut incoming = Incoming::new(from);
    loop {
        let next = incoming.read();
        let is_over = next.is_err();
        if sender.send(next).is_err() || is_over {
            return;
        }
    }
}

/// The most bytes of a program's complaints that are kept.
const MOST_WORDS: usize = 500;

/// Keeps the last words of a program, which may say why it ended.
fn listen(mut words: impl Read, said: &Mutex<VecDeque<u8>>) {
    let mut some = [0; 256];
    while let Ok(count @ 1..) = words.read(&mut some) {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend(some.get(..count).unwrap_or_default());
        let more = said.len().saturating_sub(MOST_WORDS);
        said.drain(..more);
    }
}

/// What has to end with a connection.
enum End {
    Program { child: Child, said: Arc<Mutex<VecDeque<u8>>>, listener: Option<JoinHandle<()>> },
    Socket(UnixStream),
}

struct Connection {
    place: String,
    to: Option<Box<dyn Write + Send>>,
    receiver: Option<Receiver<Result<Received>>>,
    end: End,
    patience: Patience,
    has_begun: bool,
}

impl Connection {
    /// Says why the connection ended, as far as the program did.
    fn lost(&mut self, why: impl Display) -> Error {
        let mut words = why.to_string();
        if let End::Program { child, said, listener } = &mut self.end {
            wait_a_moment(|| {
                is_over(child) && listener.as_ref().is_none_or(JoinHandle::is_finished)
            });
            let said: Vec<u8> =
                said.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
            let said = String::from_utf8_lossy(&said);
            if let Some(last) = said.lines().rev().find(|line| !line.trim().is_empty()) {
                words = Safe::text(last.trim()).to_string();
            }
        }
        match self.has_begun {
            true => Error::Lost(words),
            false if words.is_empty() => {
                Error::Unreachable { place: self.place.clone(), why: "it ended at once".into() }
            }
            false => Error::Unreachable { place: self.place.clone(), why: words },
        }
    }
}

impl Link for Connection {
    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = match &mut self.to {
            Some(to) => to.write_all(bytes).and_then(|()| to.flush()),
            None => Err(ErrorKind::BrokenPipe.into()),
        };
        sent.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => self.lost(""),
            _ => self.lost(error),
        })
    }

    fn receive(&mut self, wait: Wait) -> Result<Received> {
        let time = match wait {
            Wait::Start => self.patience.start,
            Wait::Call => self.patience.call,
            Wait::Generation => self.patience.generation,
        };
        let received = match &self.receiver {
            Some(receiver) => receiver.recv_timeout(time),
            None => Err(RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(Ok(received)) => {
                self.has_begun = true;
                Ok(received)
            }
            Ok(Err(Error::Lost(why))) => Err(self.lost(why)),
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Timeout) => Err(Error::Late(time.as_secs())),
            Err(RecvTimeoutError::Disconnected) => Err(self.lost("")),
        }
    }
}

/// Gives a program that has nothing more to do half a second to end.
fn wait_a_moment(mut is_over: impl FnMut() -> bool) {
    const TRIES: u32 = 50;
    for _ in 0..TRIES {
        if is_over() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn is_over(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The program's input ends, and the thread that reads has nobody to tell.
        self.to = None;
        self.receiver = None;
        match &mut self.end {
            End::Program { child, .. } => {
                wait_a_moment(|| is_over(child));
                let _ = child.kill();
                let _ = child.wait();
            }
            End::Socket(stream) => {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_socket_whose_queue_is_full_is_not_waited_for() {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        // Connections stay in the queue when their other ends are gone.
        let (sender, connected) = mpsc::channel();
        let socket = path.clone();
        thread::spawn(
            move || {
                while UnixStream::connect(&socket).is_ok_and(|_| sender.send(()).is_ok()) {}
            },
        );
        while connected.recv_timeout(Duration::from_millis(500)).is_ok() {}
        let patience = Patience { start: Duration::from_millis(100), ..Patience::default() };
        let server = TokenServer { patience, ..TokenServer::default() };
        let joined = server.join(&format!("unix:path={}", path.display()));
        assert!(matches!(joined, Err(Error::Late(_) | Error::Unreachable { .. })));
        drop(listener);
    }
}
