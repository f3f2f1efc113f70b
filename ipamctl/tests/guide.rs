//! The guide names every command.

use clap::CommandFactory as _;
use ipamctl::cli::Cli;

const GUIDE: &str = include_str!("../../docs/ipamctl.md");

/// The names of all commands, those below `node` with it.
fn commands(of: &clap::Command) -> Vec<String> {
    let mut names = Vec::new();
    for command in of.get_subcommands() {
        let name = command.get_name();
        names.push(name.to_owned());
        names.extend(commands(command).iter().map(|sub| format!("{name} {sub}")));
    }
    names
}

#[test]
fn the_guide_names_every_command() {
    let all = commands(&Cli::command());
    assert!(all.iter().any(|name| name == "node install"), "{all:?}");
    for name in all {
        let named = ["`", "ipamctl "]
            .iter()
            .any(|before| GUIDE.contains(&format!("{before}{name}")));
        assert!(named, "docs/ipamctl.md does not name the command {name}");
    }
}
