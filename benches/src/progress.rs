//! How far the measurement is: a bar on a terminal, lines elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// How far the measurement is.
pub(crate) struct Progress {
    /// `None` where nobody would see it.
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins, with so many steps.
    pub(crate) fn new(steps: usize) -> Progress {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {elapsed}  {msg}");
        let style = style.expect("the template is constant");
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(steps as u64).with_style(style));
        bar.iter().for_each(|bar| bar.enable_steady_tick(Duration::from_millis(250)));
        Progress { bar }
    }

    /// The next step begins.
    pub(crate) fn begin(&self, step: &str) {
        match &self.bar {
            Some(bar) => {
                if !bar.message().is_empty() {
                    bar.inc(1);
                }
                bar.set_message(step.to_owned());
            }
            None => eprintln!("bench: {step}"),
        }
    }

    /// So much of the step is done.
    pub(crate) fn part(&self, done: u64, of: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{done} of {of} events sent"));
        }
    }

    /// Says something that stays.
    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("bench: {text}"),
        }
    }

    /// All is done.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
