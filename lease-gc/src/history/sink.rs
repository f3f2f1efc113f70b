//! Where the history's lines go.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read as _, Result, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use store::address::Address;

use super::Output;
use super::tenancy::Tenancy;

/// How much of the file's end is read to see what was written last (bytes).
const TAIL: u64 = 1 << 20;

/// What takes lines.
pub(super) struct Sink {
    to: To,
    last_revision: Option<i64>,
    /// The lines of the last revisions, which may be told again.
    known: HashSet<(i64, String, Address)>,
}

enum To {
    /// Only ever appended to.
    File(File),
    Output(Output),
}

impl Sink {
    /// What is told again is written again.
    pub(super) fn output(output: Output) -> Self {
        Self {
            to: To::Output(output),
            last_revision: None,
            known: HashSet::new(),
        }
    }

    /// A file with lines of `cluster`, created if need be. A last line that was torn by a crash is
    /// cut off: its revision was not recorded, so it is told again.
    pub(super) fn file(path: &Path, cluster: &str) -> Result<Self> {
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        let size = file.metadata()?.len();
        let skipped = size.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(skipped))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let whole = tail
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let torn = u64::try_from(tail.len() - whole).unwrap_or_default();
        if torn > 0 {
            file.set_len(size - torn)?;
        }
        tail.truncate(whole);
        let lines: Vec<Tenancy> = tail
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .filter(|line: &Tenancy| line.cluster == cluster)
            .collect();
        Ok(Self {
            to: To::File(file),
            last_revision: lines.iter().map(|line| line.revision).max(),
            known: lines.iter().map(Tenancy::key).collect(),
        })
    }

    /// The greatest revision that a line is about.
    pub(super) const fn last_revision(&self) -> Option<i64> {
        self.last_revision
    }

    /// Appends those of the lines that are not there yet, in one write; returns how many.
    pub(super) fn write(&mut self, lines: &[Tenancy]) -> Result<usize> {
        let new: Vec<&Tenancy> = lines
            .iter()
            .filter(|line| !self.known.contains(&line.key()))
            .collect();
        let mut text = Vec::new();
        for line in &new {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        match &mut self.to {
            To::File(file) => file.write_all(&text)?,
            To::Output(output) => output(&text)?,
        }
        Ok(new.len())
    }

    /// Makes sure that a power cut loses nothing that was written.
    pub(super) fn sync(&self) -> Result<()> {
        match &self.to {
            To::File(file) => file.sync_data(),
            To::Output(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(revision: i64, address: &str) -> Tenancy {
        Tenancy {
            address: address.parse().unwrap(),
            space: "default".into(),
            cluster: "c".into(),
            node: "n1".into(),
            network: "net".into(),
            container: "x".into(),
            interface: "eth0".into(),
            pod: store::record::Pod::default(),
            from: "2026-11-20T12:00:00Z".into(),
            until: "2026-11-20T12:05:00Z".into(),
            why: "released".into(),
            revision,
        }
    }

    #[test]
    fn what_is_told_again_is_not_written_again() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("history");
        let mut sink = Sink::file(&path, "c").unwrap();
        assert_eq!(sink.last_revision(), None);
        let (one, two) = (line(7, "10.0.0.1"), line(7, "10.0.0.2"));
        assert_eq!(sink.write(std::slice::from_ref(&one)).unwrap(), 1);

        let mut again = Sink::file(&path, "c").unwrap();
        assert_eq!(again.last_revision(), Some(7));
        assert_eq!(again.write(&[one, two]).unwrap(), 1);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert_eq!(Sink::file(&path, "other").unwrap().last_revision(), None);
    }

    #[test]
    fn a_torn_line_is_cut_off_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("history");
        Sink::file(&path, "c")
            .unwrap()
            .write(&[line(7, "10.0.0.1"), line(8, "10.0.0.2")])
            .unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();

        let mut sink = Sink::file(&path, "c").unwrap();
        assert_eq!(sink.last_revision(), Some(7));
        sink.write(&[line(8, "10.0.0.2")]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
    }
}
