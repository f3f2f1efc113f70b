//! `ipamctl init`: the store's birth.

mod record;

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde::Serialize;
use store::clock::Clock;
use store::etcd::EtcdError;
use store::gate::Refusal;
use store::init::{ARMED_TERM, Birth};
use store::record::StoreRecord;
use store::txn::Etcd;
use tokio::time::timeout;

use self::record::{Record, RecordName, Recorder};
use super::Context;
use crate::output::Output;

/// What `--help` says.
pub const ABOUT: &str = "\
Create the store, once; later calls change nothing.

A store is created by an operator and never by a node, so that an etcd that lost its data cannot \
look like a new one. It is sealed with etcd's Raft term: restoring a snapshot starts the term anew, \
and no address is given out while it is below the seal. For that the term is first raised to 64, by \
moving etcd's leader between its members; name all members in --endpoints. With authentication that \
needs the root role; without it the store is sealed with the term as it is. An etcd of a single \
member has no other to move its leader to. Keep one store in an etcd: raising the term \
for a second one would hide that the first was restored.

With --record-in a ConfigMap of the Kubernetes cluster remembers the store's id, under the key \
store_id. Once it is there nothing is ever created again: this command then only looks whether the \
store is still that one, and fails if it is another or gone. So it can run with every installation. \
It is made if it is not there, and found without an id it stands for a run that was cut off, which \
is finished. That needs the rights to create ConfigMaps there, and to get and update this one.

With -o json: an object with created (whether it was created now), id, prefix, schema, sealed_term, \
epoch and recorded_in (the ConfigMap, or null).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl init --endpoints 10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379
  ipamctl init -o json | jq -r .id     # for store_id in the plugin's configuration
  ipamctl init --record-in kube-system/etcd-ipam-store     # in a pod, or with --kubeconfig";

/// What can be chosen.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// The `ConfigMap` that remembers the store's id: once it does, no store is ever created again
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub record_in: Option<RecordName>,

    /// How to reach the API of the cluster for --record-in; else as the pod that this runs in
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// How long raising the term may take. A move takes a tenth of a second or more.
const RAISE_BUDGET: Duration = Duration::from_mins(1);
/// After how long it is said that this takes a while.
const SILENCE: Duration = Duration::from_secs(1);

/// The store that stands now.
#[derive(Serialize)]
struct Made<'a> {
    created: bool,
    id: &'a str,
    prefix: &'a str,
    schema: u32,
    sealed_term: u64,
    epoch: u64,
    recorded_in: Option<String>,
}

/// Creates the store if it is absent and was never recorded. `raise` raises etcd's Raft term to at
/// least what it is given, where it can, and is only called while there is no store: a raised term
/// would hide that an existing one was restored.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
    raise: impl AsyncFnOnce(u64) -> Result<u64, EtcdError>,
) -> anyhow::Result<()> {
    let Some(name) = &options.record_in else {
        let birth = create(context, output, raise).await?;
        return report(context, output, &birth, None);
    };
    let recorder = Recorder::connect(name, options.kubeconfig.as_ref()).await?;
    let birth = match recorder.claim().await? {
        Record::Of(id) => Birth::Existing(verify(context, output, name, &id).await?),
        Record::Claimed(claim) => {
            let birth = create(context, output, raise).await?;
            recorder.write(*claim, &of(&birth).id).await?;
            birth
        }
    };
    report(context, output, &birth, Some(name))
}

const fn of(birth: &Birth) -> &StoreRecord {
    match birth {
        Birth::Created(store) | Birth::Existing(store) => store,
    }
}

/// The store, if it is the one that is recorded.
async fn verify<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    name: &RecordName,
    id: &str,
) -> anyhow::Result<StoreRecord> {
    let birth = context.store.birth_certificate(context.deadline()).await?;
    let prefix = &context.prefix;
    let Some(store) = birth else {
        bail!(
            "the store {id} that this cluster had is gone, and nothing was created: {name} names \
             it, and etcd has no store under the prefix {prefix}. Pods hold addresses that a new \
             one would give out again. If this is the wrong etcd or prefix, correct that; if etcd \
             has lost its data, restore it from a backup. Only if no pod holds an address any \
             more: delete that ConfigMap, and run this again"
        );
    };
    let store = store.context("the store's birth certificate is damaged; restore its value")?;
    ensure!(
        store.id == id,
        "etcd holds store {} under the prefix {prefix}, but {name} says that this cluster's is \
         {id}; nothing was changed. If this is the wrong etcd or prefix, correct that; if store {id} \
         is gone for good and no pod holds an address of it any more, delete that ConfigMap, and \
         run this again",
        store.id
    );
    match context.store.readiness(context.deadline()).await? {
        Err(Refusal::Frozen(reason)) => output.warn(&frozen(&reason)),
        Err(refusal) => return Err(refusal.into()),
        Ok(_) => {}
    }
    Ok(store)
}

fn frozen(reason: &str) -> String {
    format!("the store is frozen: {reason}")
}

async fn create<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    raise: impl AsyncFnOnce(u64) -> Result<u64, EtcdError>,
) -> anyhow::Result<Birth> {
    match context.store.readiness(context.deadline()).await? {
        Err(Refusal::NotInitialised(_)) => arm(raise, output).await?,
        Err(Refusal::Frozen(reason)) => output.warn(&frozen(&reason)),
        // What else speaks against it, `init` says.
        Ok(_) | Err(_) => {}
    }
    Ok(context.store.init(context.deadline()).await?)
}

fn report<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    birth: &Birth,
    recorded_in: Option<&RecordName>,
) -> anyhow::Result<()> {
    let store = of(birth);
    if store.sealed_term < ARMED_TERM {
        warn_of_weak_seal(store, output);
    }
    let made = Made {
        created: matches!(birth, Birth::Created(_)),
        id: &store.id,
        prefix: &context.prefix,
        schema: store.schema,
        sealed_term: store.sealed_term,
        epoch: store.epoch,
        recorded_in: recorded_in.map(ToString::to_string),
    };
    Ok(output.result(&made, text)?)
}

/// Raises the term. Where that is denied the store is still worth having; where it fails for any
/// other reason, a later call may do it better, and the seal is made only once.
async fn arm(
    raise: impl AsyncFnOnce(u64) -> Result<u64, EtcdError>,
    output: &mut Output<'_>,
) -> anyhow::Result<()> {
    let mut raising = pin!(raise(ARMED_TERM));
    let mut outcome = timeout(SILENCE, raising.as_mut()).await;
    if outcome.is_err() {
        output.note("moving etcd's leader to raise its Raft term; this takes some seconds ...");
        outcome = timeout(RAISE_BUDGET, raising).await;
    }
    match outcome {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error @ EtcdError::Denied { .. })) => {
            output.warn(&format!(
                "etcd's Raft term is not raised before the store is sealed with it, because the \
                 user may not move the leader: {error}"
            ));
            Ok(())
        }
        Ok(Err(error)) => Err(error).context(
            "nothing was created, because etcd's Raft term could not be raised; try again",
        ),
        Err(_) => bail!(
            "nothing was created, because raising etcd's Raft term to {ARMED_TERM} takes longer \
             than {} s; see whether all members are well, and try again",
            RAISE_BUDGET.as_secs()
        ),
    }
}

fn warn_of_weak_seal(store: &StoreRecord, output: &mut Output<'_>) {
    output.warn(&format!(
        "the store is sealed with the Raft term {}, below {ARMED_TERM}: should this etcd be \
         restored from a snapshot, its term may not give that away. An etcd with a single member \
         cannot do better; one with several can, if its store is created with all of them in \
         --endpoints, by a user that may move the leader",
        store.sealed_term
    ));
}

fn text(made: &Made<'_>) -> String {
    let headline = if made.created {
        "The store was created."
    } else {
        "The store exists already; nothing was changed."
    };
    let recorded = match &made.recorded_in {
        Some(name) => format!("  recorded in   {name}\n"),
        None => String::new(),
    };
    format!(
        "{headline}\n  id            {}\n  prefix        {}\n  sealed term   {}\n  epoch         {}\n{recorded}",
        made.id, made.prefix, made.sealed_term, made.epoch
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Format;
    use crate::testing::{FakeEtcd, context, json, ran};

    fn denied() -> EtcdError {
        EtcdError::Denied {
            endpoint: "a:1".into(),
            reason: "permission denied".into(),
        }
    }

    #[tokio::test]
    async fn the_term_is_raised_before_the_store_is_sealed_and_never_again() {
        let context = context(FakeEtcd::of(&[]));
        let etcd = context.store.etcd();
        let made = ran(Format::Json, async |output| {
            run(&context, output, &Options::default(), async |term| {
                etcd.set_term(term);
                Ok(term)
            })
            .await
        })
        .await;
        let first = json(&made);
        assert_eq!(first["created"], true);
        assert_eq!(first["sealed_term"], 64);
        assert_eq!(first["epoch"], 0);
        assert_eq!(made.err, "");

        let again = ran(Format::Json, async |output| {
            run(&context, output, &Options::default(), async |_| {
                panic!("raised for an existing store")
            })
            .await
        })
        .await;
        let again = json(&again);
        assert_eq!(again["created"], false);
        assert_eq!(again["id"], first["id"]);
    }

    #[tokio::test]
    async fn a_restored_store_is_refused_and_its_term_left_alone() {
        let store = r#"{"schema":1,"id":"s1","sealed_term":64,"epoch":0}"#;
        let context = context(FakeEtcd::of(&[("/etcd-ipam/v1/meta/store", store)]));
        let made = ran(Format::Table, async |output| {
            run(&context, output, &Options::default(), async |_| {
                panic!("raised for a restored store")
            })
            .await
        })
        .await;
        assert!(made.outcome.unwrap_err().to_string().contains("restored"));
        assert_eq!(made.out, "");
    }

    #[tokio::test]
    async fn a_denied_raise_makes_a_store_all_the_same() {
        let context = context(FakeEtcd::of(&[]));
        let made = ran(Format::Table, async |output| {
            run(&context, output, &Options::default(), async |_| {
                Err(denied())
            })
            .await
        })
        .await;
        made.outcome.unwrap();
        assert!(
            made.out.starts_with("The store was created.\n"),
            "{}",
            made.out
        );
        assert!(made.err.contains("permission denied"), "{}", made.err);
        assert!(
            made.err.contains("the Raft term 2, below 64"),
            "{}",
            made.err
        );
    }

    #[tokio::test]
    async fn a_raise_that_fails_otherwise_makes_nothing() {
        let context = context(FakeEtcd::of(&[]));
        let made = ran(Format::Table, async |output| {
            run(&context, output, &Options::default(), async |_| {
                Err(EtcdError::Unreachable("a:1".into()))
            })
            .await
        })
        .await;
        assert!(made.outcome.is_err());
        assert!(context.store.etcd().is_empty());
    }

    #[tokio::test]
    async fn a_frozen_store_exists() {
        let store = r#"{"schema":1,"id":"s1","sealed_term":2,"epoch":0}"#;
        let context = context(FakeEtcd::of(&[
            ("/etcd-ipam/v1/meta/store", store),
            ("/etcd-ipam/v1/meta/freeze", r#"{"reason":"drill"}"#),
        ]));
        let made = ran(Format::Table, async |output| {
            run(&context, output, &Options::default(), async |_| {
                panic!("raised for a frozen store")
            })
            .await
        })
        .await;
        assert!(
            made.out.starts_with("The store exists already"),
            "{}",
            made.out
        );
        assert!(made.err.contains("drill"), "{}", made.err);
    }
}
