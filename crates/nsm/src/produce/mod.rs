//! `nsm produce`: sends a file of JSON lines to a source's topic.

mod lines;

use crate::cli::Produce;
use crate::config::Config;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::stop::Stop;
use activity::PartitionId;
use catalog::{Format, Plan};
use event::Reader;
use indicatif::MultiProgress;
use kafka::rdkafka::RdProducer;
use lines::Lines;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;
use tracing::warn;

/// How many lines are handed over at once.
const BATCH: usize = 1_000;
/// How many batches may wait to be sent.
const WAITING: usize = 4;
/// How often to look whether a stop was requested.
const TICK: Duration = Duration::from_millis(100);

/// A line with its number, from 1.
type Line = (u64, Vec<u8>);

/// Sends the file's lines, and says how many.
pub(crate) fn produce(config: &Config, plan: &Plan, arguments: &Produce, bars: &MultiProgress) -> Result<(), Failure> {
    let source = source(plan, arguments.source.as_deref()).map_err(Failure::new)?;
    let topic = arguments.topic.clone().unwrap_or_else(|| plan.sources[source].topic.clone());
    if let Format::Avro { .. } = plan.sources[source].format {
        let name = &plan.sources[source].name;
        return Err(Failure::new(format!(
            "source `{name}` reads Avro, and `nsm produce` sends JSON: choose another source"
        )));
    }
    let reader = Reader::new(plan, source);
    let lines = Lines::new(reader, arguments.timestamps, arguments.key.as_deref()).map_err(Failure::new)?;
    let (input, size) = open(&arguments.file)?;
    let mut producer = RdProducer::new(&config.kafka_config()).map_err(Failure::new)?;
    let partitions = producer.partitions(&topic).map_err(Failure::new)?;
    let stop = Stop::default();
    stop.at_signals().map_err(Failure::new)?;
    let mut progress = Progress::new(bars, "lines", size);
    let mut sender = Sender { producer: &mut producer, topic: &topic, partitions, lines: &lines, keyed: false };
    let sent = sender.send(&read_ahead(input), &stop, &mut progress);
    if let (Some(key), false) = (&arguments.key, sender.keyed) {
        warn!("no line has a key in {key}");
    }
    let delivered = producer.flush();
    progress.end(&topic, producer.failed(), stop.is_requested());
    let last = sent?;
    delivered.map_err(Failure::new)?;
    match last {
        End::OfInput => Ok(()),
        End::Interrupted { next } => Err(Failure::new(format!("interrupted: the lines from {next} on were not sent"))),
    }
}

/// The index of the source that the lines are for.
fn source(plan: &Plan, name: Option<&str>) -> Result<usize, String> {
    let names = || plan.sources.iter().map(|source| source.name.as_str());
    let all = || names().collect::<Vec<_>>().join(", ");
    match name {
        None if plan.sources.len() == 1 => Ok(0),
        None => Err(format!("the catalogue has several sources; choose one with --source: {}", all())),
        Some(name) => names().position(|own| own == name).ok_or_else(|| match yaml::suggest::nearest(name, names()) {
            Some(near) => format!("there is no source `{name}`; did you mean `{near}`?"),
            None => format!("there is no source `{name}`; there are {}", all()),
        }),
    }
}

/// The input, and its size if that is known.
fn open(file: &Path) -> Result<(Box<dyn BufRead + Send>, Option<u64>), Failure> {
    if file == Path::new("-") {
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    }
    let failed = |error: io::Error| Failure::new(format!("{}: {error}", file.display()));
    let opened = File::open(file).map_err(failed)?;
    let meta = opened.metadata().map_err(failed)?;
    if meta.is_dir() {
        return Err(Failure::new(format!("{}: it is a folder, not a file of JSON lines", file.display())));
    }
    Ok((Box::new(BufReader::with_capacity(1 << 18, opened)), meta.is_file().then_some(meta.len())))
}

/// Reads on a thread of its own: a read from a terminal or a pipe cannot be interrupted, but left behind.
fn read_ahead(input: Box<dyn BufRead + Send>) -> Receiver<io::Result<Vec<Line>>> {
    let (tell, told) = mpsc::sync_channel(WAITING);
    std::thread::spawn(move || {
        if let Err(error) = read(input, &tell) {
            // Nobody listens if the sending has ended.
            let _ = tell.send(Err(error));
        }
    });
    told
}

fn read(mut input: Box<dyn BufRead + Send>, tell: &SyncSender<io::Result<Vec<Line>>>) -> io::Result<()> {
    let mut number = 0;
    loop {
        let mut batch = Vec::new();
        // Whatever is there is sent at once: a pipe may be slow.
        while batch.is_empty() || (batch.len() < BATCH && !input.fill_buf()?.is_empty()) {
            let mut line = Vec::new();
            if input.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            number += 1;
            batch.push((number, line));
        }
        if batch.is_empty() || tell.send(Ok(batch)).is_err() {
            return Ok(());
        }
    }
}

/// Why the sending ended.
enum End {
    OfInput,
    /// The number of the line that was to be sent next.
    Interrupted {
        next: u64,
    },
}

/// Where lines go.
struct Sender<'a> {
    producer: &'a mut RdProducer,
    topic: &'a str,
    /// How many partitions the topic has.
    partitions: u16,
    lines: &'a Lines,
    /// Whether any record had a key.
    keyed: bool,
}

impl Sender<'_> {
    fn send(
        &mut self,
        batches: &Receiver<io::Result<Vec<Line>>>,
        stop: &Stop,
        progress: &mut Progress,
    ) -> Result<End, Failure> {
        let mut next = 1;
        while !stop.is_requested() {
            let batch = match batches.recv_timeout(TICK) {
                Ok(batch) => batch.map_err(|error| Failure::new(format!("the lines cannot be read: {error}")))?,
                Err(RecvTimeoutError::Timeout) => {
                    progress.tick();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(End::OfInput),
            };
            for (number, line) in batch {
                progress.advance(line.len() as u64);
                if let Some(payload) = lines::trimmed(&line) {
                    self.send_line(number, payload, progress)?;
                }
                next = number + 1;
            }
            progress.tick();
        }
        Ok(End::Interrupted { next })
    }

    /// Without a key the partitions take turns: so all of them get as far in time as the lines do, and none holds shard
    /// time back.
    fn send_line(&mut self, number: u64, payload: &[u8], progress: &mut Progress) -> Result<(), Failure> {
        let record = self.lines.record(payload);
        if let Some(complaint) = &record.complaint {
            progress.complain(number, complaint);
        }
        let in_turn = i32::try_from(progress.sent_so_far() % u64::from(self.partitions.max(1))).ok().map(PartitionId);
        let partition = if record.key.is_some() { None } else { in_turn };
        self.keyed |= record.key.is_some();
        let sent = self.producer.send(self.topic, record.key.as_deref(), payload, record.timestamp, partition);
        sent.map_err(|error| Failure::new(format!("line {number}: {error}")))?;
        progress.sent(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn lines_are_numbered_from_one() {
        let text = "a\n\nb";
        let batches = read_ahead(Box::new(Cursor::new(text)));
        let lines: Vec<Line> = batches.iter().flat_map(|batch| batch.unwrap()).collect();
        assert_eq!(lines, [(1, b"a\n".to_vec()), (2, b"\n".to_vec()), (3, b"b".to_vec())]);
    }

    #[test]
    fn long_file_is_read_whole() {
        let text = "x\n".repeat(3 * BATCH + 1);
        let batches = read_ahead(Box::new(Cursor::new(text)));
        assert_eq!(batches.iter().map(|batch| batch.unwrap().len()).sum::<usize>(), 3 * BATCH + 1);
    }

    #[test]
    fn the_only_source_needs_no_name() {
        let text = |sources: &str| {
            format!(
                "version: 1\nproduct: p\nsources: {sources}\nentities: {{ user: {{ key: user_id }} }}\nmetrics:\n  \
                 active: {{ type: simple, measure: {{ agg: count_distinct, entity: user, events: any }}, windows: [1d] }}\n"
            )
        };
        let one = catalog::parse(&text("{ plays: { topic: plays } }")).unwrap();
        assert_eq!(source(&one, None), Ok(0));
        assert!(source(&one, Some("playz")).unwrap_err().contains("did you mean `plays`"));
        let two = catalog::parse(&text("{ plays: { topic: plays }, visits: { topic: visits } }")).unwrap();
        assert_eq!(source(&two, Some("visits")), Ok(1));
        assert!(source(&two, None).unwrap_err().contains("plays, visits"));
    }
}
