//! What a page says, block by block.

use crate::root;
use std::fs;

/// The blocks of a page that mean something here.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Every catalogue, with the line of its first one.
    pub catalogues: Vec<(usize, String)>,
    /// Every example, in order.
    pub examples: Vec<Example>,
    /// The headings that name a row of metrics, in order.
    pub rows: Vec<Row>,
}

/// A heading `## Row 3: …`, and the examples below it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The row's number.
    pub number: u32,
    /// The headings `### …` below it.
    pub parts: Vec<String>,
    /// Its examples, by their places in the page.
    pub examples: Vec<usize>,
}

/// Events, and what comes out.
#[derive(Clone, Debug)]
pub struct Example {
    /// The line of the page at which what comes out begins.
    pub line: usize,
    /// The catalogue's text.
    pub catalogue: String,
    /// The source of each record, if it is named, and the record.
    pub records: Vec<(Option<String>, String)>,
    /// What comes out.
    pub says: Says,
}

/// What comes out of events.
#[derive(Clone, Debug)]
pub enum Says {
    /// Samples.
    Gauges(Vec<String>),
    /// Samples, those that are 0 left out.
    NonZero(Vec<String>),
    /// The lines of a list that is asked for by these arguments.
    List(String, Vec<String>),
}

impl Page {
    /// Reads a page of Markdown.
    ///
    /// # Errors
    /// Blocks that stand where they mean nothing, or are not closed.
    pub fn read(text: &str) -> Result<Page, String> {
        let (mut page, mut open) = (Page::default(), None::<(usize, String, Vec<String>)>);
        let mut records = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            match (line.strip_prefix("```"), &mut open) {
                (Some(word), None) => open = Some((number + 1, word.trim().to_owned(), Vec::new())),
                (None, Some((_, _, lines))) => lines.push(line.to_owned()),
                (None, None) => page.head(line),
                (Some(_), Some((first, word, lines))) => {
                    page.take(*first, word, std::mem::take(lines), &mut records)?;
                    open = None;
                }
            }
        }
        match open {
            None => Ok(page),
            Some((line, ..)) => Err(format!("line {line}: the block is not closed")),
        }
    }

    fn head(&mut self, line: &str) {
        if let Some(part) = line.strip_prefix("### ") {
            self.rows.iter_mut().last().into_iter().for_each(|row| row.parts.push(part.to_owned()));
        }
        let number = line.strip_prefix("## Row ").and_then(|rest| rest.split(':').next());
        let row = |number| Row { number, parts: Vec::new(), examples: Vec::new() };
        self.rows.extend(number.and_then(|number| number.parse().ok()).map(row));
    }

    fn take(
        &mut self,
        line: usize,
        word: &str,
        lines: Vec<String>,
        records: &mut Vec<(Option<String>, String)>,
    ) -> Result<(), String> {
        let (kind, rest) = word.split_once(' ').map_or((word, None), |(kind, rest)| (kind, Some(rest)));
        let catalogue = || self.catalogues.last().ok_or_else(|| format!("line {line}: there is no catalogue above"));
        match kind {
            "yaml" if lines.first().is_some_and(|line| line.starts_with("version:")) => {
                records.clear();
                self.catalogues.push((line, lines.join("\n")));
            }
            "catalogue" => {
                records.clear();
                let file = lines.concat();
                let text = fs::read_to_string(root().join(&file)).map_err(|e| format!("line {line}: {file}: {e}"))?;
                self.catalogues.push((line, text));
            }
            "events" => {
                catalogue()?;
                records.extend(lines.into_iter().map(|line| (rest.map(str::to_owned), line)));
            }
            "expected" | "accounts" => {
                let catalogue = catalogue()?.1.clone();
                let says = match (kind, rest) {
                    ("accounts", _) => {
                        let (asked, listed) = lines.split_first().ok_or(format!("line {line}: which accounts?"))?;
                        Says::List(asked.clone(), listed.to_vec())
                    }
                    (_, Some("nonzero")) => Says::NonZero(lines),
                    _ => Says::Gauges(lines),
                };
                self.rows.iter_mut().last().into_iter().for_each(|row| row.examples.push(self.examples.len()));
                self.examples.push(Example { line, catalogue, records: records.clone(), says });
            }
            _ => {}
        }
        Ok(())
    }
}
