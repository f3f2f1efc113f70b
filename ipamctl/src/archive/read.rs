//! Reads an archive, whole or not at all.

use std::io::BufRead;

use super::{Counts, FORMAT, Header, Line, VERSION};

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file itself cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is something else.
    #[error("line 1 is not the header of an export of ipamctl; is --from right?")]
    NotOurs,
    /// A newer program wrote it.
    #[error("the export's version is {0}, and this program reads {VERSION}: upgrade ipamctl")]
    Version(u64),
    /// A line is not what belongs there.
    #[error("line {line} cannot be read: {reason}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The last line is missing.
    #[error(
        "the export is cut off after line {0}: its last line, {{\"kind\":\"end\", …}}, is missing"
    )]
    CutOff(u64),
    /// Something follows the last line.
    #[error("something follows the export's end, in line {0}")]
    Beyond(u64),
    /// Lines were lost or added.
    #[error(
        "the export's end tells of other lines than there are: {told:?}, and there are {found:?}"
    )]
    Miscounted {
        /// What the end says.
        told: Counts,
        /// What there is.
        found: Counts,
    },
}

/// Reads an archive to its end: `each` is given what it holds, with the numbers of the lines and
/// without the end.
///
/// # Errors
/// [`ArchiveError`]; nothing that `each` was given counts then.
pub fn read(from: impl BufRead, mut each: impl FnMut(u64, Line)) -> Result<Header, ArchiveError> {
    let mut texts = (1_u64..).zip(from.split(b'\n'));
    let header = match texts.next() {
        Some((_, text)) => header(&text?)?,
        None => return Err(ArchiveError::NotOurs),
    };
    let (mut counts, mut end) = (Counts::default(), None);
    let mut last = 1;
    for (number, text) in texts {
        let text = text?;
        if end.is_some() {
            return Err(ArchiveError::Beyond(number));
        }
        let read = serde_json::from_slice(&text);
        let line: Line = read.map_err(|error| ArchiveError::Line {
            line: number,
            reason: error.to_string(),
        })?;
        counts.count(&line);
        last = number;
        match line {
            Line::End(told) => end = Some(told),
            line => each(number, line),
        }
    }
    match end {
        None => Err(ArchiveError::CutOff(last)),
        Some(told) if told != counts => Err(ArchiveError::Miscounted {
            told,
            found: counts,
        }),
        Some(_) => Ok(header),
    }
}

/// The version is looked at first: a later one may have another header.
fn header(text: &[u8]) -> Result<Header, ArchiveError> {
    let value: serde_json::Value =
        serde_json::from_slice(text).map_err(|_| ArchiveError::NotOurs)?;
    if value.get("format").and_then(serde_json::Value::as_str) != Some(FORMAT) {
        return Err(ArchiveError::NotOurs);
    }
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version != u64::from(VERSION) => Err(ArchiveError::Version(version)),
        _ => serde_json::from_value(value).map_err(|error| ArchiveError::Line {
            line: 1,
            reason: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Writer;

    fn archive() -> Vec<u8> {
        let header = Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            store_id: "s1".to_owned(),
            prefix: "/etcd-ipam".to_owned(),
            revision: 7,
            exported: "2026-11-20T12:00:00Z".to_owned(),
            program: "0.1.0".to_owned(),
            frozen: None,
        };
        let mut bytes = Vec::new();
        let mut writer = Writer::begin(&mut bytes, &header).unwrap();
        let cluster = Line::Cluster {
            cluster: "west".to_owned(),
            uid: "u".to_owned(),
        };
        writer.write(&cluster).unwrap();
        let damaged = Line::damaged("/k".to_owned(), b"\xff", "no".to_owned());
        writer.write(&damaged).unwrap();
        writer.end().unwrap();
        bytes
    }

    fn with(change: impl FnOnce(&mut Vec<String>)) -> String {
        let text = String::from_utf8(archive()).unwrap();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        change(&mut lines);
        let text = lines.join("\n");
        read(text.as_bytes(), |_, _| ()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut numbers = Vec::new();
        let header = read(archive().as_slice(), |number, _| numbers.push(number)).unwrap();
        assert_eq!(header.revision, 7);
        assert_eq!(numbers, [2, 3]);
    }

    #[test]
    fn an_archive_that_is_cut_off_anywhere_is_not_read() {
        let whole = archive();
        for length in 0..whole.len() - 1 {
            let part = whole.get(..length).unwrap();
            assert!(read(part, |_, _| ()).is_err(), "{length}");
        }
    }

    #[test]
    fn an_error_says_where_and_what() {
        for (error, part) in [
            (with(|lines| lines[0] = "{}".to_owned()), "--from"),
            (
                with(|lines| lines[0] = lines[0].replace("\"version\":1", "\"version\":2")),
                "version is 2",
            ),
            (with(|lines| lines[1].push('}')), "line 2"),
            (
                with(|lines| lines[2] = "{\"kind\":\"new\"}".to_owned()),
                "line 3",
            ),
            (with(|lines| drop(lines.remove(1))), "other lines"),
            (with(|lines| drop(lines.pop())), "cut off after line 3"),
            (with(|lines| lines.push(lines[1].clone())), "line 5"),
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
