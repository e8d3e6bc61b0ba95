//! YAML that people write: read with the place of every value, and what is wrong with it drawn for whoever wrote it.
//!
//! Catalogue and configuration are read by it. [`node`] makes the tree, [`Sink`] collects mistakes, [`suggest`] guesses at
//! what was meant, and [`render`] draws. Nothing here reads a file, a clock or a global.

mod broken;
mod mistake;
pub mod node;
mod report;
mod schema;
pub mod suggest;

pub use mistake::{Mistake, Mistakes, Sink};
pub use node::{Key, Node, Place, Value, load};
pub use report::{Look, Report, render};
pub use schema::schema_of;
