//! How far the run is: a bar on a terminal, lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How far the run is.
pub(crate) struct Progress {
    /// `None` where nobody would see it.
    bar: Option<ProgressBar>,
    steps: usize,
    step: usize,
}

impl Progress {
    /// Begins, with so many steps.
    pub(crate) fn new(steps: usize) -> Progress {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {elapsed}  {msg}");
        let style = style.expect("the template is constant");
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(steps as u64).with_style(style));
        bar.iter().for_each(|bar| bar.enable_steady_tick(Duration::from_millis(250)));
        Progress { bar, steps, step: 0 }
    }

    /// The next step begins.
    pub(crate) fn begin(&mut self, what: &str) {
        self.step += 1;
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.step as u64);
                bar.set_message(what.to_owned());
            }
            None => eprintln!("faults: {}/{} {what}", self.step, self.steps),
        }
    }

    /// Says something that stays.
    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("faults: {text}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}
