//! Container engines that call the plugin, as they are: podman and containerd.

mod containerd;
mod cri;
mod engine;
mod podman;
