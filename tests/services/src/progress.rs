//! How far a long run is: a bar on a terminal, lines elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How far a long run is.
pub struct Progress {
    name: &'static str,
    /// `None` where nobody would see it.
    bar: Option<ProgressBar>,
    steps: usize,
    step: Cell<usize>,
}

impl Progress {
    /// Begins a run of a name, with so many steps.
    pub fn new(name: &'static str, steps: usize) -> Progress {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {elapsed}  {msg}");
        let style = style.expect("the template is constant");
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(steps as u64).with_style(style));
        bar.iter().for_each(|bar| bar.enable_steady_tick(Duration::from_millis(250)));
        Progress { name, bar, steps, step: Cell::new(0) }
    }

    /// The next step begins.
    pub fn begin(&self, what: &str) {
        let step = self.step.get() + 1;
        self.step.set(step);
        match &self.bar {
            Some(bar) => {
                bar.set_position(step as u64);
                bar.set_message(what.to_owned());
            }
            None => eprintln!("{}: {step}/{} {what}", self.name, self.steps),
        }
    }

    /// So far the step is: seen on a terminal alone.
    pub fn part(&self, so_far: &str) {
        self.bar.iter().for_each(|bar| bar.set_message(so_far.to_owned()));
    }

    /// Says something that stays.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{}: {text}", self.name),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}
