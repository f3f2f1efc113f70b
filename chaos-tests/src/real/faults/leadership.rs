//! A leadership that does not stay anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use crate::raw::{Access, Raw};
use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::member::{Member, View};

/// The pause between two moves.
const PAUSE: Duration = Duration::from_millis(200);

/// A leader that moved less often may have done so by itself.
const ENOUGH: u64 = 5;

/// The leadership is moved from member to member, again and again.
#[derive(Debug, Default)]
pub struct Moved {
    before: Option<View>,
    storm: Option<Storm>,
}

#[derive(Debug)]
struct Storm {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Fault for Moved {
    fn kind(&self) -> &'static str {
        "leader_moved"
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let (leader, view) = lab.cluster.leader()?;
        let what = format!("{} in term {}", leader.name(), view.term);
        self.before = Some(view);
        Ok(what)
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        let all = lab.cluster.members().iter();
        let all: Vec<_> = all.map(Member::endpoint).collect();
        let is_over = Arc::<AtomicBool>::default();
        let ends = Arc::clone(&is_over);
        self.storm = Some(Storm {
            is_over,
            thread: thread::spawn(move || storm(&all, &ends)),
        });
        Ok(())
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let before = self.before.as_ref().context("nothing was aimed at")?;
        let (leader, now) = lab.cluster.leader()?;
        let has_moved = now.term >= before.term + ENOUGH && now.member_id != before.member_id;
        Ok(has_moved.then(|| format!("{} leads in term {}", leader.name(), now.term)))
    }

    fn end(&mut self, _: &Lab) -> Result<()> {
        let Some(storm) = self.storm.take() else {
            return Ok(());
        };
        storm.is_over.store(true, Ordering::Relaxed);
        let ended = storm.thread.join();
        ended.map_err(|_| anyhow!("the storm's thread panicked"))
    }
}

/// Moves the leadership to the next member, until it is told to end.
fn storm(endpoints: &[String], is_over: &AtomicBool) {
    for next in (0..endpoints.len()).cycle() {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        // Whoever does not lead refuses, and a move that fails is followed by another.
        let _ = move_to(endpoints, next);
        thread::sleep(PAUSE);
    }
}

fn move_to(endpoints: &[String], next: usize) -> Result<()> {
    let way = |endpoint: &String| -> Result<Raw> {
        Ok(Raw::new(endpoint, Access::default())?.with_timeout(2 * PAUSE))
    };
    let next = endpoints.get(next).context("no such member")?;
    let status = way(next)?.ask(async |client| client.status().await)?;
    let target = status.header().context("no header")?.member_id();
    for endpoint in endpoints {
        let _ = way(endpoint)?.ask(async |client| client.move_leader(target).await);
    }
    Ok(())
}
