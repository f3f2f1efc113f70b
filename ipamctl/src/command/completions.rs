//! `ipamctl completions`: what shells complete.

use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::output::Output;

/// What `--help` says.
pub const ABOUT: &str = "\
Print a script that makes a shell complete commands and flags.

`kubectl` stands for kubectl, which asks an executable called kubectl_complete-ipam somewhere in \
the PATH for completions of `kubectl ipam`. The script is one; it needs bash.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  source <(ipamctl completions bash)
  ipamctl completions zsh >\"${fpath[1]}/_ipamctl\"
  ipamctl completions kubectl >/usr/local/bin/kubectl_complete-ipam
  chmod +x /usr/local/bin/kubectl_complete-ipam";

/// The binary whose commands are completed.
const NAME: &str = "ipamctl";

/// kubectl gives the words after `kubectl ipam` and wants one completion a line, and then a number:
/// 4, no names of files (`ShellCompDirectiveNoFileComp` of spf13/cobra).
const FOR_KUBECTL: &str = r#"#!/usr/bin/env bash
eval "$(kubectl-ipam completions bash)"
COMP_WORDS=(ipamctl "$@") COMP_CWORD=$#
_ipamctl ipamctl "${!#}" "${COMP_WORDS[COMP_CWORD-1]}"
if [ ${#COMPREPLY[@]} != 0 ]; then printf '%s\n' "${COMPREPLY[@]}"; fi
echo :4
"#;

/// What can be chosen.
#[derive(Clone, Copy, Debug, Args)]
pub struct Options {
    /// Who is to complete
    #[arg(value_name = "SHELL")]
    pub shell: Completer,
}

/// Who completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(
    missing_docs,
    reason = "a doc comment would make the help of every value a paragraph"
)]
pub enum Completer {
    Bash,
    Elvish,
    Fish,
    Kubectl,
    Powershell,
    Zsh,
}

/// Prints.
///
/// # Errors
/// Where standard output takes nothing.
pub fn run(output: &mut Output<'_>, options: Options) -> std::io::Result<()> {
    let shell = match options.shell {
        Completer::Bash => Shell::Bash,
        Completer::Elvish => Shell::Elvish,
        Completer::Fish => Shell::Fish,
        Completer::Kubectl => return output.document(FOR_KUBECTL.as_bytes()),
        Completer::Powershell => Shell::PowerShell,
        Completer::Zsh => Shell::Zsh,
    };
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), NAME, &mut script);
    output.document(&script)
}
