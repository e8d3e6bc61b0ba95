//! What many measurements come to.

/// The value in the middle; of an even count the mean of the two.
///
/// # Panics
/// If there is none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The smallest value that at least so many percent of the values do not exceed.
///
/// # Panics
/// If there is none.
pub(crate) fn percentile(values: impl IntoIterator<Item = f64>, percent: usize) -> f64 {
    let sorted = sorted(values);
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    assert!(!values.is_empty(), "nothing was measured");
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_in_any_order() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn percentile_is_the_nearest_rank() {
        let values = || (1..=200).map(f64::from);
        assert_eq!(percentile(values(), 99), 198.0);
        assert_eq!(percentile(values(), 50), 100.0);
        assert_eq!(percentile([7.0], 99), 7.0);
    }
}
