//! What a page says, block by block.

/// The blocks of a page that mean something here.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Every catalogue, with the line of its first one.
    pub catalogues: Vec<(usize, String)>,
    /// Every example, in order.
    pub examples: Vec<Example>,
}

/// Events, and the gauges that come out.
#[derive(Clone, Debug, Default)]
pub struct Example {
    /// The line of the page at which its gauges begin.
    pub line: usize,
    /// The catalogue's text.
    pub catalogue: String,
    /// The source of each record, if it is named, and the record.
    pub records: Vec<(Option<String>, String)>,
    /// The samples.
    pub expected: Vec<String>,
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
                (None, None) => {}
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

    fn take(
        &mut self,
        line: usize,
        word: &str,
        lines: Vec<String>,
        records: &mut Vec<(Option<String>, String)>,
    ) -> Result<(), String> {
        let (kind, source) = word.split_once(' ').map_or((word, None), |(kind, source)| (kind, Some(source)));
        let catalogue = || self.catalogues.last().ok_or_else(|| format!("line {line}: there is no catalogue above"));
        match kind {
            "yaml" if lines.first().is_some_and(|line| line.starts_with("version:")) => {
                records.clear();
                self.catalogues.push((line, lines.join("\n")));
            }
            "events" => {
                catalogue()?;
                records.extend(lines.into_iter().map(|line| (source.map(str::to_owned), line)));
            }
            "expected" => {
                let catalogue = catalogue()?.1.clone();
                self.examples.push(Example { line, catalogue, records: records.clone(), expected: lines });
            }
            _ => {}
        }
        Ok(())
    }
}
