//! Why a record that is proven dead is not released for now.

use crate::evidence::labels;

labels! {
    /// Why a record is kept although the rules of evidence would have it released, or although
    /// somebody else seems to use its address.
    pub enum Withheld {
        /// Another pod names one of its addresses: an operator must look.
        Conflict = "conflict",
        /// A breaker is open: more died at once than is believed.
        Breaker = "breaker",
        /// The store is frozen.
        Frozen = "frozen",
        /// More are dead than one sweep may release.
        RateCapped = "rate_capped",
        /// A direct look showed the pod alive.
        CameBack = "came_back",
        /// The record changed after it was read.
        Changed = "changed",
        /// It cannot be released by the rules: it names a pod that no API can have, or more
        /// addresses than one transaction takes. An operator must look.
        Unreleasable = "unreleasable",
    }
}
