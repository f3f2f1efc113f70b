//! The one place that writes, results to standard output and everything else to standard error,
//! and that asks.

mod progress;
mod table;

use std::io::{self, BufRead, Write};

use anyhow::bail;
use serde::Serialize;

pub use lease_gc::report::Count;

pub use self::progress::Progress;
pub use self::table::{Align, Growing, Table};

use crate::cli::Format;
use crate::text::printable;

/// What a result looks like to people.
pub trait Text {
    /// Writes it, line by line.
    fn write(&self, out: &mut dyn Write) -> io::Result<()>;
}

impl Text for String {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.as_bytes())
    }
}

/// Where a command says what it found.
pub struct Output<'a> {
    format: Format,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    answers: Option<&'a mut dyn BufRead>,
}

impl<'a> Output<'a> {
    /// Results go to `out` in that format, everything else to `err`.
    pub fn new(format: Format, out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self {
            format,
            out,
            err,
            answers: None,
        }
    }

    /// Somebody is there who can be asked, and answers line by line.
    #[must_use]
    pub fn asking(self, answers: &'a mut dyn BufRead) -> Self {
        Self {
            answers: Some(answers),
            ..self
        }
    }

    /// What results look like.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Prints a result: `value` for programs, or what `text` makes of it for people.
    pub fn result<T: Serialize, P: Text>(
        &mut self,
        value: &T,
        text: impl FnOnce(&T) -> P,
    ) -> io::Result<()> {
        let mut out = io::BufWriter::new(&mut *self.out);
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, value)?;
                out.write_all(b"\n")?;
            }
            Format::Table => text(value).write(&mut out)?,
        }
        out.flush()
    }

    /// Prints a result that has a form of its own, whatever the format.
    pub fn document(&mut self, text: &[u8]) -> io::Result<()> {
        self.out.write_all(text)?;
        self.out.flush()
    }

    /// Where results go that are not one document, such as an export.
    pub fn stream(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// A bar for what takes a while, of so many `things` in all, where it is known how many.
    pub fn progress(&self, things: &'static str, total: Option<u64>) -> Progress {
        match self.format {
            Format::Table => Progress::shown(things, total),
            Format::Json => Progress::hidden(),
        }
    }

    /// Prints one of many results as soon as it is known: on a line of its own.
    pub fn line<T: Serialize>(
        &mut self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        let mut line = match self.format {
            Format::Json => serde_json::to_string(value)?,
            Format::Table => text(value),
        };
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }

    /// Says something that is no result.
    pub fn note(&mut self, text: &str) {
        self.say("", text);
    }

    /// Says what may need somebody's attention.
    pub fn warn(&mut self, text: &str) {
        self.say("warning: ", text);
    }

    /// Says why the command was not done.
    pub fn error(&mut self, error: &anyhow::Error) {
        self.say("error: ", &format!("{error:#}"));
    }

    /// Asks whether something may be done that cannot be taken back. `yes` was said before.
    ///
    /// # Errors
    /// Where nobody is there to answer, or the answer is no.
    pub fn confirm(&mut self, question: &str, yes: bool) -> anyhow::Result<()> {
        if yes {
            return Ok(());
        }
        let Some(answers) = &mut self.answers else {
            bail!(
                "nothing was done: nobody is there to be asked (standard input is no terminal); \
                 --yes answers in advance"
            );
        };
        write!(self.err, "{} [y/N] ", printable(question))?;
        self.err.flush()?;
        let mut answer = String::new();
        answers.read_line(&mut answer)?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => bail!("nothing was done: the answer was not yes"),
        }
    }

    fn say(&mut self, kind: &str, text: &str) {
        // Who closed standard error does not want to know.
        let _ = writeln!(self.err, "{kind}{}", printable(text));
    }
}

/// Whether it failed because nobody reads the results any more, such as after `| head`.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_told_from_other_failures() {
        for format in [Format::Json, Format::Table] {
            let mut err = Vec::new();
            let mut out = Closed;
            let mut output = Output::new(format, &mut out, &mut err);
            let long = "x".repeat(100_000);
            let error = output.result(&long, Clone::clone).unwrap_err();
            assert!(is_closed_pipe(&error.into()));
            let error = output.line(&long, Clone::clone).unwrap_err();
            assert!(is_closed_pipe(&error.into()));
        }
        assert!(!is_closed_pipe(&anyhow::anyhow!("no etcd")));
    }

    #[test]
    fn only_a_yes_confirms() {
        for (answer, yes) in [
            ("y\n", true),
            ("yes\n", true),
            ("\n", false),
            ("", false),
            ("no\n", false),
            ("yesterday\n", false),
        ] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut answers = answer.as_bytes();
            let mut output = Output::new(Format::Table, &mut out, &mut err).asking(&mut answers);
            let confirmed = output.confirm("Release 10.0.0.1?", false);
            assert_eq!(confirmed.is_ok(), yes, "{answer:?}");
            assert_eq!(err, b"Release 10.0.0.1? [y/N] ");
        }
    }

    #[test]
    fn where_nobody_can_be_asked_only_a_yes_in_advance_will_do() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = Output::new(Format::Table, &mut out, &mut err);
        let refused = output.confirm("Sure?", false).unwrap_err();
        assert!(refused.to_string().contains("--yes"), "{refused}");
        output.confirm("Sure?", true).unwrap();
        assert_eq!(err, b"");
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = Output::new(Format::Table, &mut out, &mut err);
        output.warn("a key \u{1b}[2J\nerror: all is lost");
        let text = String::from_utf8(err).unwrap();
        assert_eq!(text, "warning: a key \\u{1b}[2J\\nerror: all is lost\n");
    }
}
