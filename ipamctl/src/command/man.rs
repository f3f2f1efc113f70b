//! `ipamctl man`: manual pages.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::output::Output;

/// What `--help` says.
pub const ABOUT: &str = "\
Print the manual page, or write one page a command: ipamctl.1, ipamctl-ls.1 and so on.

They say what --help says.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl man | man -l -
  ipamctl man --dir /usr/local/share/man/man1";

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Write one page a command into this directory
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Prints or writes.
///
/// # Errors
/// Where a page cannot be written.
pub fn run(output: &mut Output<'_>, options: &Options) -> anyhow::Result<()> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(dir) = &options.dir else {
        return Ok(output.document(&page(&command)?)?);
    };
    std::fs::create_dir_all(dir)
        .and_then(|()| write_all(&command, dir))
        .with_context(|| format!("the manual pages cannot be written to {}", dir.display()))?;
    output.note(&format!("the manual pages are in {}", dir.display()));
    Ok(())
}

fn write_all(command: &Command, dir: &Path) -> io::Result<()> {
    let name = Man::new(command.clone()).get_filename();
    std::fs::write(dir.join(name), page(command)?)?;
    let mut commands = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    commands.try_for_each(|command| write_all(command, dir))
}

/// The page of a command that was built. Its examples are not filled into paragraphs.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let version = command.get_version().unwrap_or_default();
    let man = Man::new(command.clone()).source(format!("etcd-ipam {version}"));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(examples) = command.get_after_help() {
        page.extend(b".SH EXAMPLES\n.nf\n");
        for line in examples
            .to_string()
            .lines()
            .filter(|line| *line != "Examples:")
        {
            page.extend(verbatim(line).bytes());
            page.push(b'\n');
        }
        page.extend(b".fi\n");
    }
    Ok(page)
}

/// A line as roff prints it unchanged (groff(7), "Escapes").
fn verbatim(line: &str) -> String {
    let escaped = line
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq");
    // A dot at the beginning would make the line a request.
    format!("\\&{escaped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_an_example_steers_roff() {
        assert_eq!(verbatim(".x -a 'b\\n'"), "\\&.x \\-a \\(aqb\\en\\(aq");
    }

    #[test]
    fn the_page_of_a_command_has_its_examples() {
        let mut command = Cli::command();
        command.build();
        let gc = command.find_subcommand("gc").unwrap();
        let page = String::from_utf8(page(gc).unwrap()).unwrap();
        assert!(page.contains("\n\\&  ipamctl gc \\-\\-wait 30s"), "{page}");
        assert!(page.contains("IPAMCTL_ENDPOINTS"), "{page}");
    }
}
