//! One tool with the right gates, however the attributes are written.

use countersign::Tool;
use countersign::core::gate::DeclaredGates;

use super::support::run;

mod plain {
    use countersign::{approval, tool};

    /// Tool first.
    #[tool(requires_confirmation, name = "order.tool_first")]
    #[approval(required, pool = "one")]
    #[approval(audit)]
    #[approval(required, pool = "two")]
    pub(super) fn tool_first() {}

    /// Tool last.
    #[approval(required, pool = "one")]
    #[approval(audit)]
    #[approval(required, pool = "two")]
    #[tool(requires_confirmation, name = "order.tool_last")]
    pub(super) fn tool_last() {}

    /// Tool between.
    #[approval(required, pool = "one")]
    #[tool(requires_confirmation, name = "order.tool_between")]
    #[approval(required, pool = "two")]
    #[approval(audit)]
    pub(super) fn tool_between() {}
}

mod renamed {
    use countersign as c;
    use countersign::approval as sign;
    use countersign::tool as t;

    /// Tool first.
    #[t(requires_confirmation, name = "renamed.tool_first")]
    #[c::approval(required, pool = "one")]
    #[sign(audit)]
    #[sign(required, pool = "two")]
    pub(super) fn tool_first() {}

    /// Tool last.
    #[sign(required, pool = "one")]
    #[::countersign::approval(audit)]
    #[sign(required, pool = "two")]
    #[::countersign::tool(requires_confirmation, name = "renamed.tool_last")]
    pub(super) fn tool_last() {}

    /// Through `cfg_attr`.
    #[cfg_attr(test, sign(required, pool = "one"))]
    #[cfg_attr(test, t(requires_confirmation, name = "renamed.cfg"))]
    #[cfg_attr(test, sign(required, pool = "two"), sign(audit))]
    #[cfg_attr(not(test), sign(required, pool = "three"))]
    pub(super) fn cfg() {}

    #[cfg_attr(test, doc = "The path is told.")]
    #[t(crate = crate::attributes::told, requires_confirmation, name = "renamed.path")]
    #[sign(required, pool = "one")]
    #[sign(required, pool = "two")]
    #[sign(audit)]
    pub(super) fn path() {}
}

mod told {
    pub(crate) use countersign::__private;
}

mod instrumented {
    use countersign::{approval, tool};
    use tracing::instrument;

    /// Instrument on top.
    #[instrument]
    #[tool(requires_confirmation, name = "instrumented.top")]
    #[approval(required, pool = "one")]
    #[approval(required, pool = "two")]
    #[approval(audit)]
    pub(super) async fn top(n: u8) -> u8 {
        n
    }

    /// Instrument after the tool.
    #[tool(requires_confirmation, name = "instrumented.after_tool")]
    #[instrument(skip_all)]
    #[approval(required, pool = "one")]
    #[approval(required, pool = "two")]
    #[approval(audit)]
    pub(super) async fn after_tool(n: u8) -> u8 {
        n
    }

    /// Instrument between approvals.
    #[tool(requires_confirmation, name = "instrumented.between")]
    #[approval(required, pool = "one")]
    #[tracing::instrument]
    #[approval(required, pool = "two")]
    #[approval(audit)]
    pub(super) fn between(n: u8) -> u8 {
        n
    }

    /// Instrument last.
    #[approval(required, pool = "one")]
    #[tool(requires_confirmation, name = "instrumented.last")]
    #[approval(required, pool = "two")]
    #[approval(audit)]
    #[tracing::instrument]
    pub(super) fn last(n: u8) -> u8 {
        n
    }

    /// Instrument before the tool, approvals around.
    #[approval(required, pool = "one")]
    #[tracing::instrument]
    #[approval(required, pool = "two")]
    #[approval(audit)]
    #[tool(requires_confirmation, name = "instrumented.before_tool")]
    pub(super) async fn before_tool(n: u8) -> Result<u8, String> {
        Ok(n)
    }

    /// No gate at all.
    #[tool(name = "instrumented.ungated")]
    #[tracing::instrument]
    pub(super) fn ungated(n: u8) -> u8 {
        n
    }
}

#[track_caller]
fn check<T: Tool>(name: &str) {
    let descriptor = T::descriptor();
    assert_eq!(descriptor.name.as_str(), name);
    let DeclaredGates {
        user_input,
        confirmation,
        approvals,
        external,
        audit,
    } = &descriptor.gates;
    assert!(confirmation.is_some() && audit.is_some() && user_input.is_none() && external.is_none());
    let pools: Vec<_> = approvals.iter().map(|it| it.pool.as_str()).collect();
    assert_eq!(pools, ["one", "two"]);
    let linked = countersign::core::tool::linked().filter(|it| it.name == name);
    assert_eq!(linked.count(), 1);
}

#[test]
fn in_any_order() {
    check::<plain::tool_first>("order.tool_first");
    check::<plain::tool_last>("order.tool_last");
    check::<plain::tool_between>("order.tool_between");
}

#[test]
fn under_any_name() {
    check::<renamed::tool_first>("renamed.tool_first");
    check::<renamed::tool_last>("renamed.tool_last");
    check::<renamed::cfg>("renamed.cfg");
    check::<renamed::path>("renamed.path");
}

#[test]
fn with_instrument_anywhere() {
    check::<instrumented::top>("instrumented.top");
    check::<instrumented::after_tool>("instrumented.after_tool");
    check::<instrumented::between>("instrumented.between");
    check::<instrumented::last>("instrumented.last");
    check::<instrumented::before_tool>("instrumented.before_tool");
    assert_eq!(run::<instrumented::top>(r#"{"n":1}"#).unwrap(), "1");
    assert_eq!(run::<instrumented::before_tool>(r#"{"n":1}"#).unwrap(), "1");
    assert_eq!(run::<instrumented::last>(r#"{"n":1}"#).unwrap(), "1");
    assert_eq!(instrumented::ungated(2), 2);
    assert!(instrumented::ungated::descriptor().gates == DeclaredGates::default());
}
