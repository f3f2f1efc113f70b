//! The rules of evidence, row by row and as properties.

mod alive;
mod node_evidence;
mod pod_evidence;
mod world;
