//! Where the demo is shown: a whole terminal, or lines where nobody looks at a terminal.

use super::view::View;
use crate::logging::Kept;
use ratatui::DefaultTerminal;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Paragraph, Row, Table, Wrap};
use std::io::{self, Write};
use std::time::Duration;

/// How wide the table's columns are, but for the last.
const COLUMNS: [u16; 4] = [18, 7, 14, 14];
/// What lies between columns.
const SPACE: u16 = 2;

/// Where the demo is shown.
pub(super) enum Screen {
    /// A terminal that is drawn again and again, with the last log lines at its foot.
    Whole(Box<DefaultTerminal>, Kept),
    /// A line now and then.
    Lines,
}

impl Screen {
    /// The terminal, if stdout is one: `kept` are the log lines then.
    pub(super) fn open(kept: Option<Kept>, view: &View) -> io::Result<Screen> {
        let Some(kept) = kept else {
            writeln!(io::stdout(), "{}\nmetrics: {}\n", view.world, view.url)?;
            return Ok(Screen::Lines);
        };
        Ok(Screen::Whole(Box::new(ratatui::try_init()?), kept))
    }

    /// Shows it, if that is not too often: `is_second` says that a second is over.
    pub(super) fn show(&mut self, view: &View, is_second: bool) -> io::Result<()> {
        match self {
            Screen::Whole(terminal, kept) => terminal.draw(|frame| draw(frame, view, &kept.lines())).map(drop),
            Screen::Lines if is_second => writeln!(io::stdout(), "{}", line(view)),
            Screen::Lines => Ok(()),
        }
    }

    /// Whether somebody has pressed q or Ctrl-C.
    pub(super) fn is_left(&self) -> io::Result<bool> {
        if matches!(self, Screen::Lines) {
            return Ok(false);
        }
        while event::poll(Duration::ZERO)? {
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
                && (key.code == KeyCode::Char('q')
                    || key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Drop for Screen {
    /// Gives the terminal back as it was.
    fn drop(&mut self) {
        if matches!(self, Screen::Whole(..)) {
            ratatui::restore();
        }
    }
}

fn line(view: &View) -> String {
    let mut gauges = String::new();
    for (metric, rows) in view.rows.chunk_by(|a, b| a.metric == b.metric).map(|rows| (&rows[0].metric, rows)) {
        gauges += &format!("   {metric}");
        for row in rows {
            let what = row.part().unwrap_or_else(|| row.window.clone());
            gauges += &format!(" {what} {}", row.value());
        }
    }
    format!("{}   {}\n {gauges}", view.flow(), view.exceptions())
}

fn draw(frame: &mut Frame<'_>, view: &View, log: &[String]) {
    let rows = u16::try_from(view.rows.len()).unwrap_or(u16::MAX);
    let heights = [Constraint::Length(2), Constraint::Length(rows + 4), Constraint::Length(4), Constraint::Fill(1)];
    let [world, gauges, health, foot] = Layout::vertical(heights).areas(frame.area());
    frame.render_widget(Paragraph::new(view.world.as_str()).wrap(Wrap { trim: true }).dim(), world);
    // What the border, the other columns and the space between them leave to the last one.
    let room = gauges.width.saturating_sub(2 + COLUMNS.iter().map(|width| width + SPACE).sum::<u16>());
    let mut before = "";
    let cells = view.rows.iter().map(|row| {
        let metric = match row.part() {
            Some(part) => Text::from(format!("  {part}")),
            None if row.metric == before => Text::default(),
            None => Text::from(row.metric.as_str()).bold(),
        };
        before = &row.metric;
        let number = |text: String| Text::from(text).right_aligned();
        Row::new([
            metric,
            Text::from(row.window.as_str()),
            number(row.value()).bold(),
            number(row.last()),
            Text::from(row.trend(room.into())).cyan(),
        ])
    });
    let heading = Row::new([
        Text::from("metric"),
        Text::from("window"),
        Text::from("with today").right_aligned(),
        Text::from("till yesterday").right_aligned(),
        Text::from("second by second"),
    ]);
    let table = Table::new(cells, COLUMNS.into_iter().chain([room]).map(Constraint::Length))
        .header(heading.style(Style::new().dim()).bottom_margin(1))
        .column_spacing(SPACE)
        .block(
            Block::bordered().title(" North Star Metrics ").title_bottom(Line::from(" days of UTC ").right_aligned()),
        );
    frame.render_widget(table, gauges);
    let pipeline = Block::bordered().title(" Pipeline ");
    let words = [view.flow(), view.exceptions()].map(Line::from);
    frame.render_widget(Paragraph::new(words.to_vec()).block(pipeline), health);
    let mut last = vec![Line::from(format!("metrics: {}   q ends it", view.url))];
    last.extend(log.iter().map(|line| Line::from(line.as_str()).yellow()));
    frame.render_widget(Paragraph::new(last), foot);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::view::Phase;
    use crate::golden;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    /// A view that has seen three seconds.
    fn view() -> View {
        let plan = catalog::parse(crate::demo::CATALOGUE).unwrap();
        let world =
            "A simulated product, whose words are long enough to need a second line on a terminal of the usual width.";
        let mut view = View::new(&plan, "http://127.0.0.1:9464/metrics".to_owned(), world.to_owned());
        (view.phase, view.sent, view.latency) = (Phase::Live, 134_228, Some(0.21));
        for second in 0..3_u8 {
            for (row, start) in view.rows.iter_mut().zip([980.0, 8_700.0, 18_900.0].into_iter().cycle()) {
                (row.now, row.complete) = (Some(start + f64::from(second * 3)), Some(start - 7.0));
            }
            view.live_for = Duration::from_secs(second.into());
            view.a_second_later(300);
        }
        view
    }

    #[test]
    fn terminal_shows_gauges_and_pipeline() {
        let mut terminal = Terminal::new(TestBackend::new(100, 25)).unwrap();
        let log = ["a log line".to_owned()];
        terminal.draw(|frame| draw(frame, &view(), &log)).unwrap();
        let shown: Vec<String> = terminal
            .backend()
            .buffer()
            .content()
            .chunks(100)
            .map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned())
            .collect();
        golden::check("demo-screen.txt", &(shown.join("\n") + "\n"));
    }

    #[test]
    fn lines_show_the_same() {
        golden::check("demo-line.txt", &(line(&view()) + "\n"));
    }
}
