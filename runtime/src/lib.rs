//! Human approval for the functions that language models call.

// Code generated in this crate's own tests names it as everybody else does.
#[allow(unused_extern_crates, reason = "used by tests that declare a tool")]
extern crate self as countersign;

pub use countersign_core as core;
pub use countersign_core::canonical::Canonical;
pub use countersign_core::digest::Digest;
pub use countersign_core::gate;
pub use countersign_core::id::{
    ActorId, CallId, PoolName, RequirementId, Role, RunId, TenantId, ToolName, WorkerId,
};
pub use countersign_core::requirement::{Requirement, RequirementKind};
pub use countersign_core::time::Timestamp;
pub use countersign_core::tool::{CallContext, Descriptor, Tool, Tools};
pub use countersign_macros::{approval, tool};

#[cfg(feature = "runtime")]
mod audited;
#[cfg(feature = "runtime")]
mod call;
#[cfg(feature = "runtime")]
pub mod clock;
#[cfg(feature = "runtime")]
mod desk;
#[cfg(feature = "runtime")]
mod directory;
#[cfg(feature = "runtime")]
mod engine;
#[cfg(feature = "runtime")]
mod error;
#[cfg(feature = "runtime")]
mod identity;
#[cfg(feature = "runtime")]
mod invoke;
#[cfg(feature = "runtime")]
mod judge;
#[cfg(feature = "runtime")]
pub mod policy;
#[cfg(feature = "runtime")]
pub mod registry;
#[cfg(feature = "runtime")]
pub mod schema;
#[cfg(feature = "runtime")]
pub mod store;
#[cfg(all(feature = "runtime", feature = "testing"))]
pub mod testing;
#[cfg(feature = "runtime")]
mod turn;
#[cfg(feature = "runtime")]
mod worker;

#[cfg(feature = "runtime")]
pub use crate::call::{Arguments, CallBuilder, CallFuture, Called};
#[cfg(feature = "runtime")]
pub use crate::desk::{Decided, Decision, Desk, Verdict};
#[cfg(feature = "runtime")]
pub use crate::engine::{Engine, EngineBuilder, LEASE, Waiting};
#[cfg(feature = "runtime")]
pub use crate::error::Error;
#[cfg(feature = "runtime")]
pub use crate::identity::Identity;
#[cfg(feature = "runtime")]
pub use crate::policy::Policy;
#[cfg(feature = "runtime")]
pub use crate::registry::{Registry, Tier};
#[cfg(feature = "runtime")]
pub use crate::worker::{Advanced, Worker};
#[cfg(feature = "runtime")]
pub use countersign_core::call::{Answer, Call, Code, Effect, Event, Outcome, Phase, Refusal, Source};

/// What generated code names.
#[doc(hidden)]
pub mod __private {
    pub use countersign_core::private::*;
    pub use countersign_macros::{
        __countersign_approval_needs_a_tool, __countersign_tool_after_other_attributes,
    };
}

/// What a file with tools in it needs.
pub mod prelude {
    pub use crate::{CallContext, Tool, approval, tool};
    #[cfg(feature = "runtime")]
    pub use crate::{Called, Decision, Engine, Identity, Policy, Registry};
}
