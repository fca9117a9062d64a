//! What the examples share: files to act on, a script in place of a model, and a driver for their tests.
//!
//! Nothing here is part of the framework. A program of your own has its own database, and a real model.

pub mod books;
#[cfg(feature = "testing")]
pub mod program;
pub mod script;

pub use books::{Books, BooksError};
