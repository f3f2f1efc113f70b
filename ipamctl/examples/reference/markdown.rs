//! The command line in Markdown: what `--help` says, on one page.

use clap::{Arg, Command, CommandFactory as _};
use ipamctl::cli::Cli;

/// The whole page.
pub(crate) fn reference() -> String {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut page = format!(
        "# Every command of ipamctl\n\n\
         Made from the program itself, and the same as `--help`. The map of it is\n\
         [ipamctl](../ipamctl.md).\n\n\
         {}\n\n## Options of every command\n\n",
        about(&root)
    );
    page.push_str(&options(
        root.get_arguments().filter(|option| option.is_global_set()),
    ));
    for command in root.get_subcommands() {
        page.push_str(&section(command, "ipamctl"));
    }
    page
}

/// A command and those below it.
fn section(command: &Command, parent: &str) -> String {
    let name = format!("{parent} {}", command.get_name());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let mut section = format!(
        "\n## {name}\n\n{}\n\n```text\n{usage}\n```\n",
        about(command)
    );
    let own = options(
        command
            .get_arguments()
            .filter(|option| !option.is_global_set()),
    );
    if !own.is_empty() {
        section.push('\n');
        section.push_str(&own);
    }
    if let Some(examples) = command.get_after_help() {
        let examples = examples.to_string();
        let lines = examples.lines().filter(|line| *line != "Examples:");
        section.push_str("\n```console\n");
        for line in lines {
            section.push_str(line.strip_prefix("  ").unwrap_or(line));
            section.push('\n');
        }
        section.push_str("```\n");
    }
    for below in command.get_subcommands() {
        section.push_str(&self::section(below, &name));
    }
    section
}

fn about(command: &Command) -> String {
    let about = command.get_long_about().or(command.get_about());
    prose(&about.map(ToString::to_string).unwrap_or_default())
}

/// A table of options, or nothing where there are none.
fn options<'a>(options: impl Iterator<Item = &'a Arg>) -> String {
    let of_every_program = |option: &&Arg| !["help", "version"].contains(&option.get_id().as_str());
    let rows: Vec<_> = options.filter(of_every_program).map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let header = "| option | variable | default | meaning |\n|---|---|---|---|\n";
    format!("{header}{}", rows.concat())
}

fn row(option: &Arg) -> String {
    let variable = option.get_env().map(|name| name.to_string_lossy());
    let variable = variable.map(|name| format!("`{name}`")).unwrap_or_default();
    let takes_value = option.get_action().takes_values();
    let defaults = option.get_default_values().iter();
    let defaults: Vec<_> = defaults
        .map(|value| format!("`{}`", value.display()))
        .collect();
    let default = if takes_value {
        defaults.join(", ")
    } else {
        String::new()
    };
    let help = option.get_long_help().or(option.get_help());
    let mut meaning = prose(&help.map(ToString::to_string).unwrap_or_default());
    if takes_value {
        meaning.push_str(&choices(option));
    }
    let meaning = meaning.replace('\n', " ").replace('|', "\\|");
    format!(
        "| `{}` | {variable} | {default} | {meaning} |\n",
        spelling(option)
    )
}

/// `-o, --output <FORMAT>`, `--once` or `<ADDRESS>`.
fn spelling(option: &Arg) -> String {
    // What it prints of an argument that stands by its place is its name alone.
    let full = option.to_string().replace('|', "\\|");
    match option.get_short() {
        Some(short) if option.get_long().is_some() => format!("-{short}, {full}"),
        _ => full,
    }
}

fn choices(option: &Arg) -> String {
    let values = option.get_possible_values();
    let texts: Vec<_> = values
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({help})", value.get_name()),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    if texts.is_empty() {
        return String::new();
    }
    format!(". One of {}", texts.join(", "))
}

/// Text as Markdown shows it unchanged. What stands between backticks does so anyway.
fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let escaped = parts.map(|(number, part)| {
        if number % 2 == 1 {
            return format!("`{part}`");
        }
        part.replace('<', "\\<")
            .replace('*', "\\*")
            .replace('[', "\\[")
    });
    escaped.collect()
}
