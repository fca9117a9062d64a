//! Where in the arguments of which tool a schema is being written, for errors.

use countersign_core::tool::Descriptor;

use super::{Dialect, DialectError};

/// A position in the arguments of a tool.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    tool: &'a str,
    dialect: Dialect,
    path: String,
}

impl<'a> Place<'a> {
    pub(super) fn of(descriptor: &'a Descriptor, dialect: Dialect) -> Self {
        Self {
            tool: descriptor.name.as_str(),
            dialect,
            path: String::new(),
        }
    }

    /// The member `name` of the object here.
    pub(super) fn member(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self {
            path: format!("{}{dot}{name}", self.path),
            ..self.clone()
        }
    }

    /// The items of the array here.
    pub(super) fn items(&self) -> Self {
        Self {
            path: format!("{}[]", self.path),
            ..self.clone()
        }
    }

    pub(super) fn is_root(&self) -> bool {
        self.path.is_empty()
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// `reason` continues a sentence that starts with the dialect.
    pub(super) fn error(&self, reason: impl Into<String>) -> DialectError {
        DialectError {
            tool: self.tool.to_owned(),
            dialect: self.dialect,
            parameter: (!self.path.is_empty()).then(|| self.path.clone()),
            reason: reason.into(),
        }
    }
}
