//! Pods as they are deleted.
