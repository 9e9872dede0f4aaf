//! `plugsign completions`

use std::io::{self, Write};

use clap::{Arg, Args, ValueHint};
use clap_complete::Shell;
use plugsign::publisher::outcome::Outcome;
use serde::Serialize;

use crate::edge::page::Page;
use crate::edge::report::Words;

/// Print completions for a shell
///
/// For bash: plugsign completions bash > ~/.local/share/bash-completion/completions/plugsign
#[derive(Args)]
pub struct Arguments {
    /// Which shell
    #[arg(ignore_case = true)]
    shell: Shell,
}

pub fn run(arguments: &Arguments, command: clap::Command) -> Script {
    let mut command = hinted(command);
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "plugsign", &mut text);
    let text = String::from_utf8_lossy(&text);
    let script = match arguments.shell {
        Shell::Bash => format!("{text}{BASH}"),
        Shell::Zsh => zsh(&text),
        Shell::Fish => fish(&text),
        _ => text.into_owned(),
    };
    Script { script }
}

/// What clap can hint at and no argument here is: so the scripts have a place to put other words.
const KEY: ValueHint = ValueHint::Username;
const KEY_OR_FILE: ValueHint = ValueHint::Hostname;
const TO_SIGN: ValueHint = ValueHint::ExecutablePath;

/// Hints at what arguments are, by the names of their values.
fn hinted(command: clap::Command) -> clap::Command {
    let is_sign = command.get_name() == "sign";
    let hint = |arg: Arg| {
        let name = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        match name.as_deref() {
            Some("KEY" | "OLDKEY") => arg.value_hint(KEY),
            Some("FILE|KEY") => arg.value_hint(KEY_OR_FILE),
            Some("PATH") if is_sign => arg.value_hint(TO_SIGN),
            _ => arg,
        }
    };
    command.mut_args(hint).mut_subcommands(hinted)
}

/// Lists what names the keys of the home: fingerprints and plain e-mail addresses. A user ID is
/// foreign text, and shells expand what they complete with: so only tame characters pass.
macro_rules! keys {
    () => {
        r"plugsign list 2>/dev/null | sed -n -e 's/^\([0-9A-F]\{40\}\)$/\1/p' -e 's/^  .*<\([A-Za-z0-9._+-]\{1,\}@[A-Za-z0-9.-]\{1,\}\)>.*$/\1/p'"
    };
}

/// clap's function for bash knows nothing of keys, and is asked about all else.
const BASH: &str = concat!(
    "\n_plugsign_keys() {\n    ",
    keys!(),
    r#"
}

_plugsign_with_keys() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" command="" word i
    [[ $cur == "=" ]] && cur=""
    [[ $prev == "=" ]] && prev="${COMP_WORDS[COMP_CWORD-2]}"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        case "$word" in
            --home|--color) ((i++)) ;;
            -*) ;;
            *) command="$word"; break ;;
        esac
    done
    case "$command:$prev" in
        verify:--key|check:--key)
            COMPREPLY=($(compgen -W "$(_plugsign_keys)" -- "$cur") $(compgen -f -- "$cur"))
            return ;;
        *:-u|*:--key|*:--replaces)
            COMPREPLY=($(compgen -W "$(_plugsign_keys)" -- "$cur"))
            return ;;
    esac
    _plugsign "$@"
    [[ $cur == -* || $prev == -* ]] && return
    case "$command" in
        list|export|announce|rotate|extend|revoke|passwd|adduid|revoke-uid|refresh|delete)
            COMPREPLY=($(compgen -W "$(_plugsign_keys)" -- "$cur")) ;;
        sign)
            compopt -o filenames +o default +o bashdefault 2>/dev/null
            local IFS=$'\n'
            COMPREPLY=($(compgen -f -- "$cur" | grep -Ev '\.(sig|asc|sign)$')) ;;
    esac
}

complete -F _plugsign_with_keys -o bashdefault -o default plugsign
"#
);

/// Puts the keys where clap hints at users, before the lines that start the completion.
fn zsh(text: &str) -> String {
    const FUNCTIONS: &str = concat!(
        "_plugsign_keys() {\n    local -a keys\n    keys=(${(f)\"$(",
        keys!(),
        ")\"})\n    compadd -a keys\n}\n\n",
        "_plugsign_keys_or_files() {\n    _plugsign_keys\n    _files\n}\n\n",
        "_plugsign_unsigned() {\n    _files -F '*.(sig|asc|sign)(-.)'\n}\n\n",
    );
    let text = text.replace(":_users'", ":_plugsign_keys'");
    let text = text.replace(":_hosts'", ":_plugsign_keys_or_files'");
    let text = text.replace(":_absolute_command_paths'", ":_plugsign_unsigned'");
    text.replacen("_plugsign() {", &format!("{FUNCTIONS}_plugsign() {{"), 1)
}

/// The same for fish, which gives positional arguments no hint.
fn fish(text: &str) -> String {
    const FUNCTIONS: &str = concat!(
        "function __plugsign_keys\n    ",
        keys!(),
        "\nend\n\nfunction __plugsign_unsigned\n",
        "    __fish_complete_path (commandline -ct) | string match -rv '\\.(sig|asc|sign)(\\t|$)'\n",
        "end\n\n",
    );
    const KEYED: &str =
        "list export announce rotate extend revoke passwd adduid revoke-uid refresh delete";
    let text = text.replace("(__fish_complete_users)", "(__plugsign_keys)");
    let text =
        text.replace("-r -f -a \"(__fish_print_hostnames)\"", "-r -F -a \"(__plugsign_keys)\"");
    format!(
        "{FUNCTIONS}{text}\
         complete -c plugsign -n \"__fish_seen_subcommand_from {KEYED}\" -f -a \"(__plugsign_keys)\"\n\
         complete -c plugsign -n \"__fish_seen_subcommand_from sign\" -f -a \"(__plugsign_unsigned)\"\n"
    )
}

/// A completion script.
#[derive(Serialize)]
pub struct Script {
    script: String,
}

impl Outcome for Script {}

impl Words for Script {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        out.write_all(self.script.as_bytes())
    }
}
