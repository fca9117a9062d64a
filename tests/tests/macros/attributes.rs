//! One tool with the right gates, however the attributes are written.
