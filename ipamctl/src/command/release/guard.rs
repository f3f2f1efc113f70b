//! Whether a pod still uses what is to be released: the collector's rules, looked at once.

use std::time::SystemTime;

use lease_gc::evidence::{Finding, Witness, judge};
use lease_gc::pods::Source;
use store::inspect::Owner;

/// What is known of the pod behind a record.
pub(in crate::command) enum Life {
    /// Something speaks for its being alive, so that a release wants to be forced: why.
    Alive(String),
    /// Nothing does: what says so, for people.
    Gone(String),
}

/// Looks whether the pod of a record lives. `cluster` is that whose pods `source` knows.
///
/// # Errors
/// Where the pods cannot be read whole.
pub(in crate::command) async fn life(
    owner: &Owner,
    cluster: &str,
    source: Option<&Source>,
) -> anyhow::Result<Life> {
    let Some(source) = source else {
        return Ok(Life::Alive(
            "it is not known which pods live; say where to look (--kubeconfig FILE, or \
             --pods-from FILE with the output of `kubectl get pods,nodes -A -o json`)"
                .to_owned(),
        ));
    };
    let of = &owner.attachment.cluster;
    if of != cluster {
        return Ok(Life::Alive(format!(
            "it belongs to the cluster {of}, and the pods are those of {cluster}; give \
             --cluster {of} and its pods"
        )));
    }
    let reading = source.read().await?;
    reading.plausible(true)?;
    if is_younger(owner, reading.as_of) {
        return Ok(Life::Alive(
            "it is not older than the file of pods, which cannot know its pod; write the file anew"
                .to_owned(),
        ));
    }
    let finding = judge(
        std::slice::from_ref(owner),
        &reading.living,
        &Witness::default(),
    );
    let gone = match finding.into_iter().next() {
        Some(Finding::Suspect(evidence)) => evidence.meaning().to_owned(),
        Some(Finding::Kept(reason)) => format!(
            "no pod has its uid or names its addresses, but more than that is not known ({})",
            reason.as_str()
        ),
        Some(Finding::Conflict(conflict)) => {
            return Ok(Life::Alive(format!(
                "the pod {}/{} lives and names {} as its own",
                conflict.namespace, conflict.name, conflict.address
            )));
        }
        Some(Finding::Alive) | None => {
            let pod = &owner.record.pod;
            return Ok(Life::Alive(format!(
                "its pod {}/{} lives",
                pod.namespace, pod.name
            )));
        }
    };
    let living = &reading.living;
    let pod = &owner.record.pod;
    let listed = living.pod_of_uid(&pod.uid).is_some();
    // It may have been created since the pods were listed.
    if !listed && !pod.namespace.is_empty() && !pod.name.is_empty() {
        match source.pod_exists(&pod.namespace, &pod.name, &pod.uid).await {
            Ok(false) => {}
            Ok(true) => {
                let alive = format!("its pod {}/{} lives again", pod.namespace, pod.name);
                return Ok(Life::Alive(alive));
            }
            Err(error) => return Ok(Life::Alive(error.to_string())),
        }
    }
    Ok(Life::Gone(gone))
}

/// Whether the record may be younger than what is known of the pods.
fn is_younger(owner: &Owner, as_of: Option<SystemTime>) -> bool {
    let Some(as_of) = as_of else {
        return false;
    };
    owner
        .record
        .created_at()
        .is_none_or(|created| created >= as_of)
}
