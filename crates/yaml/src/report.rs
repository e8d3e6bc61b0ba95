//! Draws mistakes with the lines that they stand in.

use crate::mistake::Mistake;
use crate::node::Place;
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents, ThemeStyles,
};
use std::fmt;

/// A text and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the text is called: its file.
    pub file: String,
    /// The text as it may be shown: without secrets, with every character in its place.
    pub text: String,
    /// What is wrong with it.
    pub mistakes: Vec<Mistake>,
}

/// The columns that stand before a line of the text: its number and a bar.
const GUTTER: usize = 8;

/// How a report is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// At how many columns sentences are wrapped.
    pub width: usize,
    /// Whether of a line of the text that is wider only what is around the mistake is shown, as a terminal would break it.
    pub cuts: bool,
    /// With colours, for a terminal.
    pub colours: bool,
}

impl Look {
    /// For files and pipes.
    pub const PLAIN: Look = Look { width: 100, cuts: false, colours: false };
}

/// All mistakes of all reports, one below the other, with an empty line between them.
///
/// # Panics
/// Never: a string can always grow.
#[must_use]
pub fn render(reports: &[Report], look: Look) -> String {
    let theme = match look.colours {
        true => GraphicalTheme { styles: ThemeStyles::ansi(), ..GraphicalTheme::unicode() },
        false => GraphicalTheme::unicode_nocolor(),
    };
    // The line of the mistake is the context: see `read_span`.
    let handler =
        GraphicalReportHandler::new_themed(theme).with_links(false).with_width(look.width).with_context_lines(1);
    let mut drawn = Vec::new();
    for Report { file, text, mistakes } in reports {
        for mistake in mistakes {
            let mut out = String::new();
            handler
                .render_report(
                    &mut out,
                    &Shown { mistake, file, text, limit: look.cuts.then_some(look.width - GUTTER) },
                )
                .expect("a string can always grow");
            drawn.push(trimmed(&out));
        }
    }
    drawn.join("\n")
}

/// Without spaces at the ends of lines, and without empty lines around.
fn trimmed(drawn: &str) -> String {
    let lines = drawn.trim_matches('\n').lines();
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A mistake as miette wants it.
#[derive(Debug)]
struct Shown<'a> {
    mistake: &'a Mistake,
    file: &'a str,
    text: &'a str,
    /// How many characters of a line are shown.
    limit: Option<usize>,
}

impl Shown<'_> {
    /// What is shown of the mistake's line, and the mistake as far as it lies therein, in bytes of the text.
    fn spans(&self, place: Place) -> (SourceSpan, SourceSpan) {
        let before: usize = self.text.split_inclusive('\n').take(place.line.saturating_sub(1)).map(str::len).sum();
        let line = self.text[before..].lines().next().unwrap_or_default();
        let count = line.chars().count();
        // Behind the end there is nothing to point at but the end.
        let column = place.column.saturating_sub(1).min(count.saturating_sub(1));
        // A third of the room is for what stands before, the rest for the mistake and its label.
        let limit = self.limit.unwrap_or(count).min(count);
        let from = column.saturating_sub(limit / 3).min(count - limit);
        let byte = |column: usize| before + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        let (first, last) = (byte(from), byte(from + limit));
        let (start, end) = (byte(column), byte(column.saturating_add(place.width)).min(last));
        ((first, last - first).into(), (start, end - start).into())
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mistake.what)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.mistake.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.mistake.place.is_some().then_some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, span) = self.spans(self.mistake.place?);
        let label = (!self.mistake.path.is_empty()).then(|| self.mistake.path.clone());
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(label, span))))
    }
}

impl SourceCode for Shown<'_> {
    /// With context the whole line of the mistake, otherwise the mistake alone: by its column the place is named. (miette's
    /// own sources name columns in bytes, and give a line only together with its neighbours.)
    fn read_span<'b>(
        &'b self,
        _: &SourceSpan,
        before: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let place = self.mistake.place.ok_or(MietteError::OutOfBounds)?;
        let (line, span) = self.spans(place);
        let (shown, column) = if before > 0 { (line, 0) } else { (span, place.column.saturating_sub(1)) };
        let data = &self.text.as_bytes()[shown.offset()..shown.offset() + shown.len()];
        let line = place.line.saturating_sub(1);
        Ok(Box::new(MietteSpanContents::new_named(self.file.to_owned(), data, shown, line, column, 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str, line: usize, column: usize, width: usize) -> String {
        let place = Place { line, column, width };
        let mistakes = vec![Mistake::new(place, "a.b", "it is wrong", "mend it")];
        render(&[Report { file: "x.yaml".to_owned(), text: text.to_owned(), mistakes }], Look::PLAIN)
    }

    #[test]
    fn mistake_is_drawn_where_it_stands() {
        let drawn = report("é: 1\nüber: [ä, öl]\n", 2, 11, 2);
        let expected = "  × it is wrong
   ╭─[x.yaml:2:11]
 2 │ über: [ä, öl]
   ·           ─┬
   ·            ╰── a.b
   ╰────
  help: mend it
";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn place_past_the_end_is_drawn_at_the_end() {
        for (line, column) in [(1, 9), (2, 1), (7, 7)] {
            assert!(report("a: 1\n", line, column, 3).contains("x.yaml:"), "{line}:{column}");
        }
        assert!(report("", 1, 1, 1).contains("it is wrong"));
    }

    #[test]
    fn mistake_that_is_nowhere_is_drawn_without_a_line() {
        let mistakes = vec![Mistake::nowhere("it cannot be read", "write it")];
        let report = Report { file: "x.yaml".to_owned(), text: String::new(), mistakes };
        assert_eq!(render(&[report], Look::PLAIN), "  × it cannot be read\n  help: write it\n");
    }

    #[test]
    fn colours_are_drawn_only_when_they_are_asked_for() {
        let mistakes = vec![Mistake::new(Place { line: 1, column: 1, width: 1 }, "a", "it is wrong", "mend it")];
        let report = [Report { file: "x.yaml".to_owned(), text: "a: 1".to_owned(), mistakes }];
        assert!(render(&report, Look { width: 80, cuts: true, colours: true }).contains('\u{1b}'));
        assert!(!render(&report, Look::PLAIN).contains('\u{1b}'));
    }

    #[test]
    fn line_that_is_wider_than_the_terminal_is_cut_around_the_mistake() {
        let text = format!("{} wrong {}", "ä".repeat(100), "b".repeat(100));
        let drawn = |column, width, look| {
            let mistakes = vec![Mistake::new(Place { line: 1, column, width }, "a", "it is wrong", "mend it")];
            render(&[Report { file: "x.yaml".to_owned(), text: text.clone(), mistakes }], look)
        };
        let cut = drawn(102, 5, Look { cuts: true, width: 60, ..Look::PLAIN });
        assert!(cut.contains("ä wrong b") && cut.contains("x.yaml:1:102") && cut.contains("──┬──"), "{cut}");
        assert!(cut.lines().all(|line| line.chars().count() <= 60), "{cut}");
        assert!(drawn(102, 5, Look::PLAIN).contains(&text));
        // Wherever it is, and however wide, it is pointed at.
        for (column, width) in [(1, 1), (1, 300), (90, 80), (207, 1), (208, 9)] {
            let cut = drawn(column, width, Look { cuts: true, width: 60, ..Look::PLAIN });
            assert!(cut.contains("╰── a") && cut.lines().all(|line| line.chars().count() <= 66), "{column}: {cut}");
        }
    }
}
