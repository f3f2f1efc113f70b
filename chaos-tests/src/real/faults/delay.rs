//! Packets that are late, some of them later than those that were sent after them.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use nfq::{Message, Queue, Verdict};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::loopback::Place;
use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::faults::rules::Rules;
use crate::real::faults::target::{Target, Whom};
use crate::real::network::{Host, UPLINK};

/// How long a packet is held.
const SHORTEST: Duration = Duration::from_millis(40);
const LONGEST: Duration = Duration::from_millis(120);

/// A delay that held fewer packets than this may have held nothing that matters.
const ENOUGH: u64 = 20;

/// A member's packets are late.
#[derive(Debug)]
pub struct Late {
    whom: Whom,
    seed: u64,
    target: Option<Target>,
    held: Vec<Holding>,
}

/// The packets that a host sends, held by a thread of ours.
#[derive(Debug)]
struct Holding {
    rules: Rules,
    is_over: Arc<AtomicBool>,
    released: Arc<AtomicU64>,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Late {
    /// What these members send, by times that this seed draws.
    pub fn new(whom: Whom, seed: u64) -> Self {
        Self {
            whom,
            seed,
            target: None,
            held: Vec::new(),
        }
    }
}

impl Fault for Late {
    fn kind(&self) -> &'static str {
        "packets_delayed"
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        Ok(format!("{}: {SHORTEST:?} to {LONGEST:?}", target.names()))
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        let target = self.target.as_ref().context("nothing was aimed at")?;
        for member in target.members(lab) {
            self.held.push(Holding::begin(member.host(), self.seed)?);
        }
        Ok(())
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let released = self.held.iter();
        let released: u64 = released
            .map(|one| one.released.load(Ordering::Relaxed))
            .sum();
        if released < ENOUGH {
            return Ok(None);
        }
        let mut hit = self.target.iter().flat_map(|target| target.members(lab));
        let member = hit.next().context("nothing was aimed at")?;
        // The kernel answers, but its answer is held like everything that leaves the host.
        let address: SocketAddr = (member.host().address(), Place::CLIENT_PORT).into();
        let start = Instant::now();
        let connected = TcpStream::connect_timeout(&address, LONGEST * 10);
        let took = start.elapsed();
        let proof = || format!("{released} packets were held, a connection took {took:?}");
        Ok((connected.is_ok() && took >= SHORTEST).then(proof))
    }

    fn end(&mut self, _: &Lab) -> Result<()> {
        self.held.drain(..).try_for_each(Holding::end)
    }
}

impl Holding {
    fn begin(host: &Host, seed: u64) -> Result<Self> {
        let queue = host.enter(|| {
            let mut queue = Queue::open()?;
            queue.bind(0)?;
            queue.set_nonblocking(true);
            std::io::Result::Ok(queue)
        })??;
        let (is_over, released) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (ends, counts) = (Arc::clone(&is_over), Arc::clone(&released));
        let thread = thread::spawn(move || hold(queue, seed, &ends, &counts));
        let hooks = vec![format!("OUTPUT -o {UPLINK}")];
        // Without the thread everything passes.
        let rules = Rules::add(host, hooks, "-j NFQUEUE --queue-num 0 --queue-bypass")?;
        Ok(Self {
            rules,
            is_over,
            released,
            thread,
        })
    }

    fn end(self) -> Result<()> {
        self.rules.remove()?;
        self.is_over.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        Ok(ended.map_err(|_| anyhow!("the queue's thread panicked"))??)
    }
}

/// Takes packets and lets each go when its time has come.
fn hold(
    mut queue: Queue,
    seed: u64,
    is_over: &AtomicBool,
    released: &AtomicU64,
) -> std::io::Result<()> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut held: BTreeMap<(Instant, u64), Message> = BTreeMap::new();
    for number in 0.. {
        let ends = is_over.load(Ordering::Relaxed);
        match queue.recv() {
            Ok(packet) => {
                let due = Instant::now() + random.random_range(SHORTEST..LONGEST);
                held.insert((due, number), packet);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
        while let Some(first) = held.first_entry()
            && (ends || first.key().0 <= Instant::now())
        {
            let mut packet = first.remove();
            packet.set_verdict(Verdict::Accept);
            queue.verdict(packet)?;
            released.fetch_add(1, Ordering::Relaxed);
        }
        if ends {
            break;
        }
    }
    queue.unbind(0)
}
