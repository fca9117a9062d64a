//! Human approval for the functions that language models call.

// Code generated in this crate's own tests names it as everybody else does.
#[allow(unused_extern_crates, reason = "used by tests that declare a tool")]
extern crate self as countersign;

pub use countersign_core as core;

#[cfg(feature = "schema")]
pub mod schema;
pub mod store;
pub use countersign_macros::{approval, tool};

pub use countersign_core::tool::{CallContext, Tool, Tools};

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
}
