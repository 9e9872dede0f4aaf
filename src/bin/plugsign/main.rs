//! plugsign: parse, run, show, exit.
//!
//! The clock, the environment and the umask are read here and nowhere else; words reach a
//! person through `terminal` alone.

mod args;
mod commands;
mod edge;
mod gpg;

use std::process::ExitCode;

use plugsign::publisher::failure::Failure;
use zeroize::Zeroize;

use crate::args::Other;
use crate::commands::sopv;
use crate::edge::system;
use crate::edge::terminal::Terminal;
use crate::edge::world::World;

/// Wipes every heap block that is freed, whatever a dependency forgot.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    harden();
    let code = run();
    wipe_stack();
    code
}

/// Overwrites what finished calls left on this thread's stack. Ciphers that unlock keys spill
/// intermediate values there, and nothing else wipes them.
#[inline(never)]
fn wipe_stack() {
    // The deepest of them, RSA, takes a tenth of this.
    let mut below = [0u64; 256 * 1024 / size_of::<u64>()];
    below.zeroize();
    std::hint::black_box(&below);
}

#[inline(never)]
fn run() -> ExitCode {
    let whole = args::whole();
    if let Some((other, global, arguments)) = args::of_another(&whole) {
        return match other {
            Other::Gnupg(personality) => gpg::run(personality, &global, &whole, arguments),
            Other::Sopv => sopv::run(&global, arguments),
        };
    }
    let (cli, command) = match args::parse(whole) {
        Ok(parsed) => parsed,
        Err(error) => return args::explain(error),
    };
    let terminal = Terminal::new(&cli.global);
    let report = edge::signals::install()
        .map_err(|error| Failure::Stream("handle signals", error))
        .and_then(|()| World::read(&cli.global, terminal.clone()))
        .and_then(|world| cli.command.run(&world).map_err(|failure| world.advised(failure)));
    match report {
        Ok(report) => terminal.show(&command, report.as_ref()),
        Err(failure) => terminal.fail(&command, &failure),
    }
}

/// Forbids core dumps, debuggers of the same user, and memory in the swap, as far as the system
/// allows. SECURITY.md says what that is worth.
fn harden() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    system::close_memory();
}
