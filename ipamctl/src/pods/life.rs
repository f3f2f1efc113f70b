//! Whether a pod still uses what is to be taken away: the collector's rules, looked at once.

use std::time::SystemTime;

use lease_gc::evidence::{Evidence, Finding, KeepReason, Witness, judge};
use lease_gc::pods::{Opened, Reading, Source as _, SourceError};
use store::address::Address;
use store::inspect::Owner;

/// What is known of the pod behind a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// Something speaks for its being alive: what, for people.
    Alive(String),
    /// Nothing does, but nothing proves the contrary either.
    Unproven(KeepReason),
    /// This proves that it is not.
    Dead(Evidence),
}

/// The pods that live, read whole.
#[derive(Debug)]
pub struct Lives {
    source: Opened,
    reading: Reading,
    cluster: String,
}

impl Lives {
    /// Reads the pods of a cluster that has records in the store.
    ///
    /// # Errors
    /// Where they cannot be read whole, or it is not plausible that these are all.
    pub async fn read(source: Opened, cluster: &str) -> Result<Self, SourceError> {
        let reading = source.read().await?;
        reading.plausible(true)?;
        Ok(Self {
            source,
            reading,
            cluster: cluster.to_owned(),
        })
    }

    /// Looks whether the pod of a record lives. `group` holds all records of its node and network,
    /// and the record among them: only so is it seen whether it was superseded.
    pub async fn of(&self, owner: &Owner, group: &[Owner]) -> Life {
        let of = &owner.attachment.cluster;
        if *of != self.cluster {
            return Life::Alive(format!(
                "it belongs to the cluster {of}, and the pods are those of {}; give --cluster {of} \
                 and its pods",
                self.cluster
            ));
        }
        if is_younger(owner, self.reading.as_of) {
            return Life::Alive(
                "it is not older than the file of pods, which cannot know its pod; write the file \
                 anew"
                    .to_owned(),
            );
        }
        let living = &self.reading.living;
        let findings = judge(group, living, &Witness::default());
        let own = group
            .iter()
            .zip(findings)
            .find(|(one, _)| one.judged.key == owner.judged.key);
        let pod = &owner.record.pod;
        let life = match own.map(|(_, finding)| finding) {
            Some(Finding::Suspect(evidence)) => Life::Dead(evidence),
            Some(Finding::Kept(reason)) => Life::Unproven(reason),
            Some(Finding::Conflict(conflict)) => {
                return Life::Alive(format!(
                    "the pod {}/{} lives and names {} as its own",
                    conflict.namespace, conflict.name, conflict.address
                ));
            }
            Some(Finding::Alive) => {
                return Life::Alive(format!("its pod {}/{} lives", pod.namespace, pod.name));
            }
            None => return Life::Alive("its record was changed just now".to_owned()),
        };
        let listed = living.pod_of_uid(&pod.uid).is_some();
        // It may have been created since the pods were listed.
        if !listed && !pod.namespace.is_empty() && !pod.name.is_empty() {
            let source = &self.source;
            match source.pod_exists(&pod.namespace, &pod.name, &pod.uid).await {
                Ok(false) => {}
                Ok(true) => {
                    return Life::Alive(format!(
                        "its pod {}/{} lives again",
                        pod.namespace, pod.name
                    ));
                }
                Err(error) => return Life::Alive(format!("it cannot be known: {error}")),
            }
        }
        life
    }

    /// An unfinished pod that names an address, as `namespace/name`.
    pub fn user_of(&self, address: Address) -> Option<String> {
        let naming = self.reading.living.naming(address).next()?;
        Some(format!("{}/{}", naming.pod.namespace, naming.pod.name))
    }
}

/// Whether a record may be younger than a file of pods, which says nothing of it then. What comes
/// from the API (`None`) is read after the records.
pub fn is_younger(owner: &Owner, as_of: Option<SystemTime>) -> bool {
    as_of.is_some_and(|as_of| {
        let created = owner.record.created_at();
        created.is_none_or(|created| created >= as_of)
    })
}
