//! Guesses at what was meant.

/// The candidate that a word is most likely a slip of, if any is near: a third of the letters may differ.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips = |candidate: &&str| strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    let nearest = candidates.into_iter().min_by_key(slips)?;
    (slips(&nearest) <= word.chars().count().div_ceil(3)).then_some(nearest)
}

/// What to say of a word that is none of those that are known.
#[must_use]
pub fn did_you_mean(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write {}", or(known)),
    }
}

/// `` `a`, `b` or `c` ``.
#[must_use]
pub fn or<T: std::fmt::Display>(words: &[T]) -> String {
    either(&words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>())
}

/// `a, b or c`.
#[must_use]
pub fn either(words: &[String]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slip_is_near_and_another_word_is_not() {
        assert_eq!(nearest("brokrs", ["brokers", "properties"]), Some("brokers"));
        assert_eq!(nearest("url", ["timeout", "connect_timeout"]), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(did_you_mean("x", &["agg", "events", "where"]), "write `agg`, `events` or `where`");
    }
}
