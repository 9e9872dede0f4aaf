//! What manual pages say beside a command's help: its synopsis with values, examples, and what is
//! outside of it.

use clap::{Arg, ArgAction, Command};

/// Commands, and what each is for. A test parses every one.
const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "keygen",
        &[
            ("Make a key; plugsign asks for everything", "plugsign keygen"),
            (
                "Make the key of an organisation for five years",
                "plugsign keygen --kind org --name 'Acme Releases' --email releases@acme.example --expires 5y",
            ),
        ],
    ),
    ("list", &[("See which keys can sign here", "plugsign list --secret")]),
    (
        "export",
        &[
            (
                "Write the certificate that users verify with",
                "plugsign export releases@acme.example -a -o release-key.asc",
            ),
            (
                "Write the certificate for a Mattermost server",
                "plugsign export --for-server releases@acme.example -o release-key.pub",
            ),
            (
                "Write the signing subkey for a CI",
                "plugsign export --ci releases@acme.example -o ci-secret",
            ),
        ],
    ),
    (
        "import",
        &[
            ("Take a key that gpg exported", "plugsign import key.asc"),
            ("Take the keys of GnuPG's home", "plugsign import --from-gnupg"),
        ],
    ),
    (
        "sign",
        &[
            ("Sign a release folder", "plugsign sign dist/"),
            (
                "Sign one list for any number of files",
                "plugsign sign --list-only --checksums=app_1.0_SHA256SUMS dist/",
            ),
            (
                "Sign a file with the key of a CI, which is in PLUGSIGN_KEY",
                "plugsign sign com.example.plugin-1.2.0.tar.gz",
            ),
        ],
    ),
    (
        "verify",
        &[
            ("Verify a release folder by a certificate", "plugsign verify --key KEYS dist/"),
            (
                "Verify one downloaded file by the signed list beside it",
                "plugsign verify --key KEYS app_1.0_linux_amd64.zip",
            ),
            (
                "Ask what a Mattermost server would say",
                "plugsign verify --as-server --key release-key.pub com.example.plugin-1.2.0.tar.gz",
            ),
        ],
    ),
    ("inspect", &[("See whom a signature names", "plugsign inspect app_1.0.zip.sig")]),
    (
        "trust",
        &[
            ("Trust a publisher in your home", "plugsign trust add release-key.asc"),
            (
                "Let a Mattermost server trust a publisher",
                "plugsign trust add --config /opt/mattermost/config/config.json release-key.pub",
            ),
        ],
    ),
    (
        "check",
        &[(
            "See whether a server would install a plugin",
            "plugsign check com.example.plugin-1.2.0.tar.gz",
        )],
    ),
    (
        "doctor",
        &[("Before a long build, see whether signing will work", "plugsign doctor --min-days 14")],
    ),
    (
        "announce",
        &[(
            "Write all documents of a key",
            "plugsign announce releases@acme.example --out key-docs",
        )],
    ),
    (
        "rotate",
        &[(
            "Make the next signing subkey with the primary key from the vault",
            "plugsign rotate releases@acme.example --primary vault/primary.secret.asc",
        )],
    ),
    ("extend", &[("Extend a key", "plugsign extend releases@acme.example --expires 1y")]),
    (
        "revoke",
        &[(
            "Revoke a key whose passphrase is known to others",
            "plugsign revoke releases@acme.example --reason compromised",
        )],
    ),
    ("passwd", &[("Change the passphrase", "plugsign passwd releases@acme.example")]),
    ("delete", &[("Delete a secret key here", "plugsign delete --secret releases@acme.example")]),
    ("completions", &[("Complete plugsign's commands in this bash", "plugsign completions bash")]),
    ("man", &[("Write all manual pages", "plugsign man --out man1")]),
];

/// Variables of the environment, as docs/environment.md has them: the option in whose place or beside which each stands, if not
/// every command reads it, and what it is.
const ENVIRONMENT: &[(&str, Option<&str>, &str)] = &[
    ("PLUGSIGN_HOME", None, "The home, instead of the data folder."),
    ("XDG_DATA_HOME", None, "The data folder, which has the home. Without it: ~/.local/share."),
    (
        "PLUGSIGN_KEY",
        Some("key_file"),
        "The secret key itself: armored, in base64, or with \\n for its line ends.",
    ),
    (
        "PLUGSIGN_PASSPHRASE",
        Some("passphrase_fd"),
        "The key's passphrase. One line end at its end is dropped.",
    ),
    (
        "PLUGSIGN_NEW_PASSPHRASE",
        Some("new_passphrase_fd"),
        "The passphrase that the key gets. One line end at its end is dropped.",
    ),
    (
        "PLUGSIGN_PRIMARY_PASSPHRASE",
        Some("primary_passphrase_fd"),
        "The passphrase of a lent primary key, if it differs.",
    ),
    (
        "PLUGSIGN_TOKEN_COMMAND",
        Some("token_command"),
        "The shell command that leads to a token, as --token-command has it.",
    ),
    ("P11_KIT_SERVER_ADDRESS", Some("token_command"), "The socket of p11-kit server."),
    ("SOURCE_DATE_EPOCH", Some("key_file"), "The time of signatures, in seconds since 1970."),
    ("GNUPGHOME", Some("from_gnupg"), "GnuPG's home. Without it: ~/.gnupg."),
    ("MM_CONFIG", Some("config"), "Where the server keeps its configuration."),
    ("CI", Some("min_days"), "If set, doctor counts on nobody who types a passphrase."),
    (
        "NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM",
        None,
        "Whether there is colour, as for other programs.",
    ),
];

const FILES: &[(&str, Option<&str>, &str)] = &[
    (
        "~/.local/share/plugsign/",
        None,
        "The home: keys/ and trusted/ have OpenPGP files, revocations/ has what revokes the keys. Nobody else may read it.",
    ),
    (
        "FILE.sig, FILE.asc",
        Some("armor"),
        "The signature of FILE, binary or armored. With several keys, FILE.KEYID.sig.",
    ),
    ("SHA256SUMS", Some("checksums"), "The list of checksums, as sha256sum reads it."),
    (
        "config.json",
        Some("config"),
        "A server's configuration. The keys are files beside it, named in PluginSettings.SignaturePublicKeyFiles.",
    ),
];

const EXIT_STATUS: [(&str, &str); 7] = [
    ("0", "It is done. For verify: every artifact is good."),
    ("1", "verify, check, doctor and others that judge: it was looked at, and the answer is no."),
    ("2", "The command line makes no sense."),
    (
        "3",
        "It could not be done: a file is missing or unreadable, a key unknown or ambiguous, a passphrase wrong or missing, an output there already.",
    ),
    ("4", "The policy refuses it: a key is too weak, has ended, or is of the wrong kind."),
    ("130", "SIGINT ended it."),
    ("143", "SIGTERM ended it."),
];

/// Returns the examples of a command.
pub fn examples(command: &str) -> &'static [(&'static str, &'static str)] {
    let of = EXAMPLES.iter().find(|(name, _)| *name == command);
    of.map_or(&[], |(_, examples)| examples)
}

/// Writes the synopsis: every option with its value.
pub fn synopsis(command: &Command, name: &str) -> String {
    let mut words = vec![bold(name)];
    let arguments = || command.get_arguments().filter(|arg| !arg.is_hide_set());
    let is_own = |arg: &&Arg| !arg.is_positional() && !arg.is_global_set();
    words.extend(arguments().filter(is_own).map(option));
    if arguments().any(|arg| arg.is_global_set()) {
        words.push("[\\fIglobal options\\fR]".into());
    }
    words.extend(command.get_positionals().map(positional));
    if command.has_subcommands() {
        words.push("\\fICOMMAND\\fR".into());
    }
    format!(".SH SYNOPSIS\n{}\n", words.join(" "))
}

/// Writes the sections behind the options.
pub fn further(command: &Command) -> String {
    let mut text = String::new();
    let examples = examples(command.get_name());
    if !examples.is_empty() {
        text.push_str(".SH EXAMPLES\n");
        for (what, line) in examples {
            text.push_str(&format!(
                "{}:\n.PP\n.RS 4\n.nf\n{}\n.fi\n.RE\n.PP\n",
                roff(what),
                roff(line)
            ));
        }
    }
    text.push_str(&list("ENVIRONMENT", ENVIRONMENT, command));
    text.push_str(&list("FILES", FILES, command));
    text.push_str(".SH \"EXIT STATUS\"\n");
    for (code, what) in EXIT_STATUS {
        text.push_str(&entry(code, what));
    }
    text
}

fn list(title: &str, rows: &[(&str, Option<&str>, &str)], command: &Command) -> String {
    let is_its = |argument: &str| command.get_arguments().any(|arg| arg.get_id() == argument);
    let all = command.has_subcommands();
    let rows = rows.iter().filter(|(_, of, _)| of.is_none_or(|argument| all || is_its(argument)));
    let rows: String = rows.map(|(name, _, what)| entry(name, what)).collect();
    format!(".SH {title}\n{rows}")
}

fn entry(name: &str, what: &str) -> String {
    format!(".TP\n{}\n{}\n", bold(name), roff(what))
}

fn option(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| bold(&format!("-{short}")));
    let long = arg.get_long().map(|long| bold(&format!("--{long}")));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let is_optional = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
    let value = match (arg.get_action().takes_values(), is_optional) {
        (false, _) => String::new(),
        (true, true) => format!("[={}]", value(arg)),
        (true, false) => format!(" {}", value(arg)),
    };
    let many = if matches!(arg.get_action(), ArgAction::Append) { "..." } else { "" };
    let words = format!("{}{value}", names.join("|"));
    if arg.is_required_set() { format!("{words}{many}") } else { format!("[{words}]{many}") }
}

fn positional(arg: &Arg) -> String {
    let many = if matches!(arg.get_action(), ArgAction::Append) { "..." } else { "" };
    let words = value(arg);
    if arg.is_required_set() { format!("{words}{many}") } else { format!("[{words}]{many}") }
}

/// Returns the name of an argument's value, or what values there are.
fn value(arg: &Arg) -> String {
    let possible = arg.get_possible_values();
    if !possible.is_empty() {
        let names = possible.iter().map(|it| roff(it.get_name()));
        return names.collect::<Vec<_>>().join("|");
    }
    let names = arg.get_value_names().unwrap_or_default();
    let names: Vec<String> = names.iter().map(|it| format!("\\fI{}\\fR", roff(it))).collect();
    names.join(" ")
}

fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", roff(text))
}

/// Escapes text for roff, where a backslash, a dash and a line's first dot or quote mean something.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}
