//! What the kubelet asks containerd for a pod's sandbox: the few messages of the Container Runtime Interface
//! (`runtime.v1`) that make it call the plugins, with the fields that matter here.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use chaos_tests::machine::Machine;
use prost::Message;
use tokio::runtime::{Builder, Runtime};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use crate::engine::{IMAGE, eventually};

/// The runtime's service on a node.
pub(crate) struct RuntimeService {
    runtime: Runtime,
    channel: Channel,
}

/// A pod, as the kubelet names it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metadata {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) uid: String,
    #[prost(string, tag = "3")]
    pub(crate) namespace: String,
    /// How many sandboxes the pod had before.
    #[prost(uint32, tag = "4")]
    pub(crate) attempt: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Linux {
    #[prost(string, tag = "1")]
    cgroup_parent: String,
}

#[derive(Clone, PartialEq, Message)]
struct SandboxConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(string, tag = "2")]
    hostname: String,
    #[prost(map = "string, string", tag = "7")]
    annotations: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    linux: Option<Linux>,
}

#[derive(Clone, PartialEq, Message)]
struct RunRequest {
    #[prost(message, optional, tag = "1")]
    config: Option<SandboxConfig>,
}

/// The sandbox of an answer, or the one that is asked about.
#[derive(Clone, PartialEq, Message)]
struct Sandbox {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct Network {
    #[prost(string, tag = "1")]
    ip: String,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(message, optional, tag = "5")]
    network: Option<Network>,
}

#[derive(Clone, PartialEq, Message)]
struct StatusAnswer {
    #[prost(message, optional, tag = "1")]
    status: Option<Status>,
}

/// Whether the runtime, or its network, is ready.
#[derive(Clone, PartialEq, Message)]
struct Condition {
    #[prost(bool, tag = "2")]
    is_met: bool,
}

#[derive(Clone, PartialEq, Message)]
struct RuntimeStatus {
    #[prost(message, repeated, tag = "1")]
    conditions: Vec<Condition>,
}

#[derive(Clone, PartialEq, Message)]
struct RuntimeStatusAnswer {
    #[prost(message, optional, tag = "1")]
    status: Option<RuntimeStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(string, tag = "1")]
    name: String,
}

/// The image of an answer, or the one that is asked about.
#[derive(Clone, PartialEq, Message)]
struct OneImage {
    #[prost(message, optional, tag = "1")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

impl RuntimeService {
    /// Of the containerd that runs on this node, once it is ready and has noticed the sandboxes' image.
    pub(crate) fn of(node: &Machine) -> Result<Self> {
        let socket = node.outside("/run/containerd/containerd.sock");
        let endpoint = Endpoint::from_shared(format!("unix://{}", socket.display()))?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let channel = runtime.block_on(async { endpoint.connect_lazy() });
        let service = Self { runtime, channel };
        eventually(|| {
            let reason = match service.is_ready() {
                Ok(true) => return Ok(Ok(())),
                Ok(false) => "containerd is not ready".to_owned(),
                Err(error) => format!("{error:?}"),
            };
            Ok(Err(reason))
        })?;
        Ok(service)
    }

    fn is_ready(&self) -> Result<bool> {
        let answer: RuntimeStatusAnswer = self.ask("RuntimeService/Status", Nothing {})?;
        let conditions = answer.status.unwrap_or_default().conditions;
        let image = Some(Image {
            name: IMAGE.to_owned(),
        });
        let found: OneImage = self.ask("ImageService/ImageStatus", OneImage { image })?;
        Ok(!conditions.is_empty()
            && conditions.iter().all(|one| one.is_met)
            && found.image.is_some())
    }

    /// Starts a pod's sandbox, with its network; its ID.
    pub(crate) fn run(&self, node: &Machine, pod: Metadata) -> Result<String> {
        let linux = Linux {
            cgroup_parent: format!("/{}", node.cgroup()),
        };
        let config = SandboxConfig {
            hostname: pod.name.clone(),
            metadata: Some(pod),
            annotations: HashMap::new(),
            linux: Some(linux),
        };
        let config = Some(config);
        let sandbox: Sandbox = self.ask("RuntimeService/RunPodSandbox", RunRequest { config })?;
        Ok(sandbox.id)
    }

    /// The sandbox's address, as it becomes the pod's `status.podIP`.
    pub(crate) fn address(&self, sandbox: &str) -> Result<String> {
        let answer: StatusAnswer = self.ask("RuntimeService/PodSandboxStatus", named(sandbox))?;
        let network = answer.status.and_then(|status| status.network);
        Ok(network.context("a sandbox without a network")?.ip)
    }

    /// Ends a sandbox and takes its network down.
    pub(crate) fn stop(&self, sandbox: &str) -> Result<()> {
        self.ask::<_, Nothing>("RuntimeService/StopPodSandbox", named(sandbox))?;
        Ok(())
    }

    fn ask<Q, A>(&self, method: &str, question: Q) -> Result<A>
    where
        Q: Message + Default + 'static,
        A: Message + Default + 'static,
    {
        let path = format!("/runtime.v1.{method}");
        let path = PathAndQuery::from_maybe_shared(path)?;
        let mut service = Grpc::new(self.channel.clone());
        let answer = self.runtime.block_on(async {
            service.ready().await?;
            let codec = ProstCodec::<Q, A>::default();
            let answer = service
                .unary(tonic::Request::new(question), path, codec)
                .await;
            anyhow::Ok(answer?.into_inner())
        });
        answer.with_context(|| method.to_owned())
    }
}

fn named(sandbox: &str) -> Sandbox {
    Sandbox {
        id: sandbox.to_owned(),
    }
}
