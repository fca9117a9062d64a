//! Stories of calls that people decide about: as a table, in shuffled order, and made up by chance; each told
//! to the engine and to a reference model, which must agree after every step.

mod chance;
mod machine;
mod model;
mod stage;
mod story;
mod table;
mod theatre;
