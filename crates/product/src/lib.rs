//! A simulated product. It makes what a real one sends, usage events and records of accounts, from a seed and nothing else,
//! and counts exactly what it has made.
//!
//! Invariants:
//! - The stream is a pure function of the seed, the size and the [`Span`]s: no clock, no hash order, no floating point.
//! - [`Record`]s come in the order of `at`, the time at which they are to be sent; no event lies after its `at`, nor before the
//!   start of the product or the sign-up of its user.
//! - [`Truth`] knows all that was handed out, and nothing else: whoever stops in the middle has the truth of the part.
//!
//! One concept a file: `company` names what there is to do, `dice` draws, `pace` spreads events over a span by the rhythm of the week, `world` holds
//! accounts and users, `life` is what happens to them, `usage` what they do, `truth` what comes of it.

mod company;
mod decimal;
mod dice;
mod life;
mod pace;
mod population;
mod product;
mod render;
mod truth;
mod usage;
mod world;

pub use company::Company;
pub use decimal::Decimal;
pub use dice::Dice;
pub use pace::Span;
pub use product::{Launch, Product, Record, Settings, Stream};
pub use truth::{AccountLine, DayLine, Late, Of, Summary, Truth};
pub use world::Status;

use activity::Millis;

/// A minute, in milliseconds.
const MINUTE: i64 = 60_000;
/// An hour, in milliseconds.
const HOUR: i64 = 60 * MINUTE;
/// A day of UTC, in milliseconds.
pub const DAY: i64 = 24 * HOUR;

/// The number of the day of UTC: days since 1970-01-01.
fn day_of(time: Millis) -> i64 {
    time.0.div_euclid(DAY)
}
