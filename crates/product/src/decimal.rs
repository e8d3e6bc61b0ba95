//! Exact numbers with decimals.

use serde::{Serialize, Serializer};
use std::fmt;

/// A number of units, ten to the power of `decimals` of which are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    /// How many units.
    pub units: i64,
    /// How many decimals it has.
    pub decimals: u32,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, of) = (self.units.unsigned_abs(), 10_u64.pow(self.decimals));
        let sign = if self.units < 0 { "-" } else { "" };
        write!(f, "{sign}{}", whole / of)?;
        match usize::try_from(self.decimals) {
            Ok(0) | Err(_) => Ok(()),
            Ok(places) => write!(f, ".{:0places$}", whole % of),
        }
    }
}

/// A whole number, or one with decimals as text: a double would not be exact.
impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.decimals == 0 { serializer.serialize_i64(self.units) } else { serializer.collect_str(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_out() {
        let written = |units, decimals| Decimal { units, decimals }.to_string();
        assert_eq!([written(1_205, 2), written(-5, 2), written(-1_300, 2)], ["12.05", "-0.05", "-13.00"]);
        assert_eq!([written(-70, 0), written(0, 3)], ["-70", "0.000"]);
    }
}
