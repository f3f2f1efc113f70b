//! `ipamctl pod`: what a pod holds.

use anyhow::bail;
use clap::Args;
use store::clock::Clock;
use store::txn::Etcd;

use super::filters::PodName;
use super::listing::Listing;
use super::reading::{Reading, refusal};
use super::{Context, Verdict};
use crate::inventory;
use crate::output::Output;

/// What `--help` says.
pub const ABOUT: &str = "\
Show what every attachment of a pod holds, in every cluster and network, and on every node.

Without a namespace, pods of that name of every namespace are shown. A pod that was deleted and \
created again under its name, such as one of a StatefulSet, may show up twice: with -o json its uid \
tells which is which. The columns, the states and the fields of -o json are those of `ipamctl ls`.

The exit status is 3 if the pod holds nothing; `ipamctl explain` says why it may have got nothing.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl pod shop/web-0
  ipamctl pod -n shop web-0 -o json | jq -r '.[].address'";

/// Which pod.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The pod
    #[arg(value_name = "[NAMESPACE/]NAME")]
    pub pod: PodName,

    /// Its namespace, where NAME says none
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
}

impl Options {
    /// The pod that is meant.
    fn pod(&self) -> anyhow::Result<PodName> {
        match (&self.namespace, &self.pod.namespace) {
            (Some(flag), Some(namespace)) if flag != namespace => {
                bail!("the pod is said to be of the namespace {namespace} and of {flag}; give one")
            }
            (Some(flag), None) => Ok(PodName {
                namespace: Some(flag.clone()),
                name: self.pod.name.clone(),
            }),
            (_, _) => Ok(self.pod.clone()),
        }
    }
}

/// Shows.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<Verdict> {
    let pod = options.pod()?;
    let refusal = refusal(context).await?;
    let all = context.store.keys().all_owners();
    let inventory = inventory::of_records(context, all, |owner| {
        pod.matches(&owner.record.pod.namespace, &owner.record.pod.name)
    })
    .await?;
    let reading = Reading {
        what: "addresses of such a pod",
        is_empty: inventory.is_empty(),
        damaged: inventory.damaged(),
        consequence: "so it is not known whether it is that pod's",
        refusal,
    };
    reading.report(&context.prefix, output)?;
    let listing = Listing {
        inventory: &inventory,
        now: context.store.clock().wall(),
        wanted: |_: &_| true,
    };
    output.result(&listing, Listing::table)?;
    Ok(if inventory.is_empty() {
        Verdict::Negative
    } else {
        Verdict::Done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pod: &str, namespace: Option<&str>) -> anyhow::Result<PodName> {
        let options = Options {
            pod: pod.parse().unwrap(),
            namespace: namespace.map(str::to_owned),
        };
        options.pod()
    }

    #[test]
    fn a_namespace_stands_before_the_name_or_in_a_flag() {
        let web: PodName = "shop/web-0".parse().unwrap();
        assert_eq!(named("shop/web-0", None).unwrap(), web);
        assert_eq!(named("web-0", Some("shop")).unwrap(), web);
        assert_eq!(named("shop/web-0", Some("shop")).unwrap(), web);
        assert_eq!(named("web-0", None).unwrap().namespace, None);
        let error = named("shop/web-0", Some("bank")).unwrap_err().to_string();
        assert!(error.contains("shop") && error.contains("bank"), "{error}");
    }
}
