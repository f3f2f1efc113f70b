//! Compares the model of etcd with a real server: random requests to both, side by side, and every answer
//! must be the same.
//!
//! One seed is one sequence of requests on a few keys, so that they collide all the time. It begins on a
//! server that holds nothing and has compacted everything, and ends with a comparison of all that there is
//! and of all that a watch tells. A sequence follows from its seed and from nothing else.

mod generate;
mod server;

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::etcd::EtcdServer;
use crate::model::{Model, Version};

use generate::{Known, Request};
use server::Server;

/// How many requests one sequence has, before all is compared.
const REQUESTS: u32 = 60;
/// After so many differences there is no need to look for more.
const ENOUGH: usize = 5;

/// What a comparison has found.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// How many sequences were compared to their end.
    pub sequences: u64,
    /// How many requests were answered by both.
    pub requests: u64,
    /// Sequences that ended early, and why: nobody can know what became of a request.
    pub void: Vec<String>,
    /// Where the two were not the same.
    pub differences: Vec<Difference>,
}

/// Two answers to one question.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The sequence.
    pub seed: u64,
    /// Which of its requests.
    pub number: u32,
    /// What was asked.
    pub request: String,
    /// What the model answered.
    pub model: String,
    /// What etcd answered.
    pub server: String,
}

impl Display for Difference {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            number,
            request,
            model,
            server,
        } = self;
        write!(
            out,
            "seed {seed}, request {number}: {request}\n  model: {model}\n  etcd:  {server}"
        )
    }
}

/// How a sequence ended.
enum Sequence {
    /// The two are the same.
    Same(u32),
    /// They are not.
    Differs(Difference),
    /// A request was not answered, for this reason, so nobody knows what became of it.
    Void(String),
}

/// Compares sequence after sequence with a server that nobody else uses, until the time is over. The
/// server holds nothing of what it held afterwards.
///
/// # Errors
/// If the server cannot be asked at all. A difference is none.
pub fn run(
    server: &EtcdServer,
    version: Version,
    seeds: impl IntoIterator<Item = u64>,
    time: Duration,
) -> Result<Summary> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let began = Instant::now();
        let mut server = Server::connect(&server.endpoint()).await?;
        let mut summary = Summary::default();
        for seed in seeds {
            if began.elapsed() > time || summary.differences.len() >= ENOUGH {
                break;
            }
            match sequence(&mut server, version, seed).await? {
                Sequence::Same(requests) => {
                    summary.sequences += 1;
                    summary.requests += u64::from(requests);
                }
                Sequence::Differs(difference) => summary.differences.push(difference),
                Sequence::Void(why) => summary.void.push(format!("seed {seed}: {why}")),
            }
        }
        Ok(summary)
    })
}

async fn sequence(server: &mut Server, version: Version, seed: u64) -> Result<Sequence> {
    let header = server.empty().await.context("emptying the server")?;
    let mut model = Model::emptied(version, header);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut known = Known::new(header.revision);
    let endpoint = server.endpoint().to_owned();
    let mut compared = 0;
    loop {
        // The last two compare all that there is.
        let request = match compared {
            0..REQUESTS => known.next(&mut rng),
            REQUESTS => Request::all_events(&model),
            _ => Request::State,
        };
        let theirs = match server.ask(&request, &model).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Sequence::Void(format!("{error:#}"))),
        };
        if let Some(lease) = theirs.granted {
            model.number_next_lease(lease);
            known.leases.push(lease);
        }
        let ours = request.ask(&mut model, &endpoint);
        known.revision = model.header().revision;
        compared += 1;
        if ours != theirs.text {
            return Ok(Sequence::Differs(Difference {
                seed,
                number: compared,
                request: request.to_string(),
                model: ours,
                server: theirs.text,
            }));
        }
        if compared > REQUESTS + 1 {
            return Ok(Sequence::Same(compared));
        }
    }
}
