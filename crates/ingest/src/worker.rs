//! The thin loop: polls the log, steps, and writes what the step says.

use crate::judge::Clock;
use crate::recovery::{RecoveryError, Taking};
use crate::rhythm::Due;
use crate::step::Ingest;
use activity::pack::Jump;
use kafka::{Consumer, LogError, Outcome, Ownership, Partition, Patience, SourceLog};
use std::time::Duration;
use thiserror::Error;
use tracing::{info, warn};

/// Why ingest has to stop. A supervisor may start it anew; nothing is lost.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The log cannot go on.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A partition cannot be taken over.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
}

/// The ingest worker over a log.
#[derive(Debug)]
pub struct Worker<L> {
    log: L,
    ingest: Ingest,
    /// How many partitions are not read because they wait for a schema or a value's number.
    unread: usize,
}

impl<L: SourceLog> Worker<L> {
    /// A worker that has joined nothing yet: the first turn does.
    pub fn new(log: L, ingest: Ingest) -> Worker<L> {
        Worker { log, ingest, unread: 0 }
    }

    /// One turn: waits at most `wait` for records, takes them, and writes what is due by `clock`, which tells wall time.
    ///
    /// # Errors
    /// If the worker has to stop.
    pub fn turn(&mut self, clock: Clock<'_>, wait: Duration) -> Result<(), IngestError> {
        let Worker { log, ingest, .. } = self;
        match log.consumer().poll(wait, &mut |item| ingest.take(item, clock))? {
            Some(Ownership::Assigned(partitions)) => self.take_over(&partitions)?,
            Some(Ownership::Revoked) => self.hand_over(clock)?,
            None => {}
        }
        match self.ingest.due(clock()) {
            Due::Nothing => {}
            Due::Batch => self.transact(clock)?,
            Due::Heartbeat => {
                self.look_around(clock)?;
                self.ingest.beat(clock());
                self.transact(clock)?;
            }
        }
        self.wait_for_answers(clock)?;
        for (partition, paused) in self.ingest.alignment() {
            self.log.consumer().pause(partition, paused)?;
        }
        Ok(())
    }

    /// Writes what is under way and gives everything up: the orderly end.
    ///
    /// # Errors
    /// If the log refuses; then the next owner reads it again.
    pub fn drain(mut self, clock: Clock<'_>) -> Result<(), IngestError> {
        self.hand_over(clock)
    }

    fn take_over(&mut self, partitions: &[Partition]) -> Result<(), IngestError> {
        let topics = self.log.consumer().topics(Patience::Long)?;
        let activity = self.log.activity_topic()?.id;
        let (plan, from_latest) = (&self.ingest.plan, self.ingest.settings.from_latest);
        let admitted = self.ingest.admission.topic();
        let taking = Taking { plan, topics: &topics, activity, admitted, from_latest };
        let taken = taking.recover(&mut self.log, partitions)?;
        for progress in &taken {
            let (partition, next) = (progress.partition.id, progress.current.next);
            let topic = &self.ingest.plan.sources[usize::from(progress.partition.topic.0)].topic;
            match progress.current.jump {
                Some(Jump::FirstStart) => {
                    info!(%topic, %partition, %next, "began a partition that nobody has read before")
                }
                Some(jump) => warn!(%topic, %partition, %next, ?jump, "took a partition over at a jump"),
                None => info!(%topic, %partition, %next, "took a partition over"),
            }
        }
        self.ingest.assign(topics, activity, taken);
        let positions = self.ingest.abort();
        self.unread = 0;
        Ok(self.log.consumer().start(&positions)?)
    }

    /// Lets partitions stand at records that cannot be judged yet, and go on once they can. What was read ahead of them is
    /// thrown away, which costs nothing but to read it again: so they wait even if this process ends.
    fn wait_for_answers(&mut self, clock: Clock<'_>) -> Result<(), IngestError> {
        let goes_on = self.ingest.look_for_answers();
        if goes_on || self.ingest.waiting() != self.unread {
            self.transact(clock)?;
            let reading = self.ingest.reading();
            self.unread = self.ingest.waiting();
            self.log.consumer().start(&reading)?;
        }
        self.ingest.metrics.waiting.set(i64::try_from(self.unread).expect("few partitions"));
        Ok(())
    }

    /// Finishes what is under way before anything is yielded, so that the new owner's packs come after ours.
    fn hand_over(&mut self, clock: Clock<'_>) -> Result<(), IngestError> {
        if !self.ingest.partitions.is_empty() && self.write(clock)? == Outcome::Aborted {
            info!("what was aborted is left to the next owner");
        }
        self.ingest.release();
        self.unread = 0;
        Ok(self.log.consumer().release()?)
    }

    fn transact(&mut self, clock: Clock<'_>) -> Result<(), IngestError> {
        if self.ingest.partitions.is_empty() {
            return Ok(());
        }
        if self.write(clock)? == Outcome::Aborted {
            let positions = self.ingest.abort();
            self.unread = 0;
            self.log.consumer().start(&positions)?;
        }
        Ok(())
    }

    fn write(&mut self, clock: Clock<'_>) -> Result<Outcome, IngestError> {
        let begun = clock();
        let transaction = self.ingest.seal(begun);
        let outcome = self.log.transact(&transaction)?;
        #[expect(clippy::cast_precision_loss, reason = "a transaction takes few milliseconds")]
        let seconds = (clock().0 - begun.0).max(0) as f64 / 1_000.0;
        self.ingest.metrics.transaction_seconds.observe(seconds);
        let label = match outcome {
            Outcome::Committed => {
                self.ingest.commit();
                "committed"
            }
            Outcome::Aborted => {
                warn!("a transaction was aborted: reading again from the committed positions");
                "aborted"
            }
        };
        self.ingest.metrics.transactions.with_label_values(&[label]).inc();
        Ok(outcome)
    }

    /// Asks the broker where partitions end, since only an answer makes one idle, and whether the topics are still the same:
    /// one that was made again goes on at its beginning. A broker that does not answer is asked again with the next
    /// heartbeat.
    fn look_around(&mut self, clock: Clock<'_>) -> Result<(), IngestError> {
        let owned = self.ingest.owned();
        if owned.is_empty() {
            return Ok(());
        }
        match self.log.consumer().topics(Patience::Once) {
            Ok(topics) if self.ingest.are_replaced(&topics) => {
                warn!("a source topic was made again: taking its partitions over anew");
                return self.take_over(&owned);
            }
            Ok(_) => {}
            Err(error) => warn!(%error, "cannot tell whether the source topics are still the same"),
        }
        let asked_at = clock();
        match self.log.consumer().bounds(&owned, Patience::Once) {
            Ok(bounds) => {
                for (partition, bounds) in owned.into_iter().zip(bounds) {
                    self.ingest.learn_end(partition, bounds.stable_end, asked_at);
                }
            }
            Err(error) => warn!(%error, "cannot tell whether partitions are idle: their clocks stand still"),
        }
        Ok(())
    }
}
