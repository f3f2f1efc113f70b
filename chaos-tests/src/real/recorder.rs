//! Writes down what happens, in the order in which it does.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::history::{Call, Event, History, Run, What};

/// The history of a run that goes on. Whoever sees something tells it at once.
#[derive(Debug)]
pub struct Recorder {
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    history: History,
    /// The same as lines, so that a run that ends badly leaves what it saw.
    file: BufWriter<File>,
    calls: Call,
    faults: u64,
    /// What went wrong with the recording itself.
    trouble: Option<String>,
}

impl Recorder {
    /// A history that begins now, and is kept in this file too.
    pub fn begin(path: &Path, run: Run) -> Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let recorder = Self {
            begun: Instant::now(),
            state: Mutex::new(State {
                history: History::default(),
                file: BufWriter::new(file),
                calls: 0,
                faults: 0,
                trouble: None,
            }),
        };
        recorder.push(What::Run(run));
        Ok(recorder)
    }

    /// This happens now.
    pub fn push(&self, what: What) {
        let mut state = self.state();
        // Taken under the lock: the order of the times is that of the events.
        let at = self.begun.elapsed().as_millis().try_into();
        let event = Event {
            at: at.unwrap_or(u64::MAX),
            what,
        };
        let written = serde_json::to_writer(&mut state.file, &event)
            .map_err(std::io::Error::from)
            .and_then(|()| state.file.write_all(b"\n"));
        if let Err(error) = written {
            state.trouble = Some(format!("the history cannot be written: {error}"));
        }
        state.history.events.push(event);
    }

    /// A number for a new call.
    pub fn next_call(&self) -> Call {
        let mut state = self.state();
        state.calls += 1;
        state.calls
    }

    /// A number for a new fault.
    pub fn next_fault(&self) -> u64 {
        let mut state = self.state();
        state.faults += 1;
        state.faults
    }

    /// What was seen is not all that happened: the run proves nothing.
    pub fn spoil(&self, why: impl Into<String>) {
        self.state().trouble.get_or_insert(why.into());
    }

    /// What makes the history incomplete, if anything does.
    pub fn trouble(&self) -> Option<String> {
        self.state().trouble.clone()
    }

    /// How many events there are.
    pub fn count(&self) -> usize {
        self.state().history.events.len()
    }

    /// How often something happened from this event on for which this holds.
    pub fn count_since(&self, from: usize, holds: impl Fn(&What) -> bool) -> usize {
        let state = self.state();
        let events = state.history.events.iter().skip(from);
        events.filter(|event| holds(&event.what)).count()
    }

    /// What has happened by now.
    pub fn so_far(&self) -> History {
        self.state().history.clone()
    }

    /// The history so far; nothing is left.
    pub fn finish(&self) -> Result<History> {
        let mut state = self.state();
        state.file.flush()?;
        Ok(std::mem::take(&mut state.history))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
