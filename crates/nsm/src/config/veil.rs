//! A configuration's text as it may be shown: without what is, or may be, a secret.
//!
//! Invariant: nothing is shown but what is known to be none: the names of settings, values of settings that are no secrets,
//! and the punctuation of YAML. All else is stars, each in the place of a character, so that places stay what they are.
//! A setting that is not known may be a slip of one that is a secret, and comments may hold old ones.

use std::cell::RefCell;
use yaml::Place;

/// The characters that YAML's structure is made of.
const STRUCTURE: &str = "{}[]:,-'\"|>&*!?";

/// What is known to be no secret.
#[derive(Debug, Default)]
pub(super) struct Veil {
    shown: RefCell<Vec<Place>>,
    names: RefCell<Vec<&'static str>>,
}

impl Veil {
    /// What stands at this place may be shown.
    pub(super) fn show(&self, place: Place) {
        self.shown.borrow_mut().push(place);
    }

    /// There is a setting of this name.
    pub(super) fn know(&self, name: &'static str) {
        self.names.borrow_mut().push(name);
    }

    /// The text without secrets. Where it could not be read, names of settings are what stays.
    pub(super) fn over(&self, text: &str, is_read: bool) -> String {
        let lines = text.split('\n').zip(1..);
        lines.map(|(line, number)| self.over_line(line, number, is_read)).collect::<Vec<_>>().join("\n")
    }

    fn over_line(&self, line: &str, number: usize, is_read: bool) -> String {
        let characters: Vec<char> = line.chars().collect();
        let shown = if is_read { self.places(number) } else { self.words(&characters) };
        let mut out = String::with_capacity(line.len());
        for (at, c) in characters.iter().enumerate() {
            let is_shown = shown.iter().any(|(from, to)| (*from..*to).contains(&at));
            let after_space = at == 0 || characters[at - 1].is_whitespace();
            match c {
                '#' if after_space && !is_shown => break,
                c if is_shown || c.is_whitespace() || STRUCTURE.contains(*c) => out.push(*c),
                _ => out.push('*'),
            }
        }
        out
    }

    /// From where to where a line is shown.
    fn places(&self, line: usize) -> Vec<(usize, usize)> {
        let shown = self.shown.borrow();
        let of_line = shown.iter().filter(|place| place.line == line);
        of_line.map(|place| (place.column - 1, place.column - 1 + place.width)).collect()
    }

    /// Where the names of settings stand, each with a colon behind.
    fn words(&self, line: &[char]) -> Vec<(usize, usize)> {
        let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
        let mut words = Vec::new();
        let mut at = 0;
        for word in line.chunk_by(|a, b| is_word(a) == is_word(b)) {
            let end = at + word.len();
            let name: String = word.iter().collect();
            if line.get(end) == Some(&':') && self.names.borrow().contains(&name.as_str()) {
                words.push((at, end));
            }
            at = end;
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_shown() {
        let veil = Veil::default();
        veil.show(Place { line: 1, column: 1, width: 3 });
        veil.show(Place { line: 2, column: 11, width: 2 });
        let text = "url: 'pa#ss' # pä\n  { a: x, 12, 3 }\n# all";
        assert_eq!(veil.over(text, true), "url: '*****' \n  { *: *, 12, * }\n");
    }

    #[test]
    fn names_of_settings_are_shown_in_what_cannot_be_read() {
        let veil = Veil::default();
        veil.know("url");
        veil.know("redis");
        assert_eq!(veil.over("redis: { url: 'url-url, curl:", false), "redis: { url: '***-***, ****:");
    }
}
