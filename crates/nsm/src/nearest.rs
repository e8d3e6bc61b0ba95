//! Guesses at what was meant.

/// The candidate that a word is most likely a slip of, if any is near: a third of the letters may differ.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips = |candidate: &&str| strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    let nearest = candidates.into_iter().min_by_key(slips)?;
    (slips(&nearest) <= word.chars().count().div_ceil(3)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slip_is_near_and_another_word_is_not() {
        assert_eq!(nearest("brokrs", ["brokers", "properties"]), Some("brokers"));
        assert_eq!(nearest("url", ["timeout", "connect_timeout"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
