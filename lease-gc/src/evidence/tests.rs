//! The rules of evidence, row by row and as properties.

mod adopting;
mod alive;
mod breaking;
mod build;
mod node_evidence;
mod pod_evidence;
mod properties;
mod remembering;
mod waits;
mod whereabouts;
mod world;
