//! The metric catalogue: YAML to a checked plan.
//!
//! [`parse_with()`] is the only way to a [`Plan`], so whoever holds one need not check it again. It reports every [`Mistake`] at
//! once, each where it stands in the text. Nothing here reads a file, a clock or a global: the files that a text names are
//! given by the caller.
//!
//! A text goes through three steps: [`yaml::load`] makes a tree in which every value knows its place; `cursor` reads typed values
//! from the tree and collects mistakes; `parse` knows the words of the language, one file a section. Then [`mod@version`]
//! takes the plan's fingerprint.

pub mod calendar;
mod cursor;
pub mod dimension;
mod filter;
mod footprint;
mod formula;
mod gauge;
mod kinds;
mod moment;
mod parse;
mod plan;
mod schema;
mod source;
pub mod suggest;
mod tree;
pub mod version;
mod words;

pub use calendar::Calendar;
pub use dimension::{AsOf, By, Dimension, Followed, Names, Slice, Taken};
pub use filter::{Gate, Requirement, Verdict};
pub use footprint::Footprint;
pub use formula::{Formula, FormulaIndex, Law, Operand, Shift, Step, Term, Units};
pub use gauge::{Cut, Gauge};
pub use kinds::{Bins, Family, Role};
pub use moment::Moment;
pub use parse::{parse, parse_with};
pub use plan::{Asks, Condition, Entity, Literal, Marks, Measure, Metric, Plan, Rule, Said};
pub use schema::schema;
pub use source::{
    Attributes, ClockKind, Fields, Format, Kind, Origin, Path, Skew, Source, Start, TimeField, TimeForm, Wire,
};
pub use tree::{Better, Goal, NorthStar, Pair, Stage, Standing, Target, Way};
pub use words::{Words, span};
pub use yaml::{Mistake, Mistakes};
