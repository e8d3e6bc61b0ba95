//! The topic of proposals, in whose order values are admitted to dimensions: a thread reads it and adds to it.
//!
//! Nothing is read before somebody wants a value to be decided. While the broker gives no answer, whoever wants one waits.

use super::supervise::{Pauses, Trouble};
use super::topics::PATIENCE;
use crate::config::Config;
use crate::failure::Failure;
use ::ingest::{Admissions, Register, Undecided};
use activity::TopicId;
use activity::admission::{Admitted, Proposal};
use catalog::Plan;
use kafka::rdkafka::{KafkaConfig, RdJournal};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::{info, warn};

/// How long a value that turns up for the first time is waited for: a broker that is there answers in less, and then nothing
/// has to be read again.
const ANSWER: Duration = Duration::from_millis(500);

/// Where those who want values to be decided meet the thread that has them decided.
pub(super) struct Desk {
    kafka: KafkaConfig,
    topic: String,
    plan: Arc<Plan>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The topic's identity, once it was asked for.
    topic: Option<TopicId>,
    wanted: BTreeSet<Undecided>,
    admitted: Vec<Admitted>,
    /// Why nothing more can be decided, before somebody changes something.
    broken: Option<String>,
}

/// The desk, if the catalogue admits values.
pub(super) fn start(config: &Config, plan: &Arc<Plan>) -> Result<Option<Arc<Desk>>, Failure> {
    if !plan.admits() {
        return Ok(None);
    }
    let mut kafka = config.kafka_config();
    kafka.request_timeout = kafka.request_timeout.min(PATIENCE);
    let (topic, state, changed) = (config.topics.admitted.clone(), Mutex::default(), Condvar::new());
    let desk = Arc::new(Desk { kafka, topic, plan: plan.clone(), state, changed });
    let serving = desk.clone();
    let thread = std::thread::Builder::new().name("admissions".to_owned()).spawn(move || serving.serve());
    thread.map_err(|error| Failure::new(format!("admissions: no thread: {error}")))?;
    Ok(Some(desk))
}

impl Desk {
    /// Who decides for a worker, as of the topic that there is now.
    pub(super) fn open(self: &Arc<Desk>) -> Result<Decisions, Trouble> {
        let topic = RdJournal::new(&self.kafka, &self.topic).identity()?;
        let before = *self.lock().topic.get_or_insert(topic);
        if before != topic {
            return Err(Trouble::Final(self.made_again(before, topic)));
        }
        Ok(Decisions { desk: self.clone(), topic, waited_for: BTreeSet::new() })
    }

    /// Why nothing more can be decided, if that is so.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        self.lock().broken.clone().map_or(Ok(()), |why| Err(Trouble::Final(why)))
    }

    fn serve(&self) {
        let mut journal = RdJournal::new(&self.kafka, &self.topic);
        let (mut register, mut pauses) = (Register::new(self.plan.clone()), Pauses::default());
        loop {
            let state = self.changed.wait_while(self.lock(), |state| state.wanted.is_empty());
            let wanted: Vec<Undecided> = state.unwrap_or_else(PoisonError::into_inner).wanted.iter().cloned().collect();
            match self.decide(&mut journal, &mut register, &wanted) {
                Ok(()) => {
                    pauses = Pauses::default();
                    self.tell(&register, &wanted);
                }
                Err(Trouble::Passing(why)) => {
                    let pause = pauses.next();
                    warn!(?pause, "{why}; records with new values wait, and it is tried again");
                    std::thread::park_timeout(pause);
                }
                Err(Trouble::Final(why)) => {
                    self.lock().broken = Some(why);
                    return self.changed.notify_all();
                }
            }
        }
    }

    /// Reads on, and proposes what is not decided then.
    fn decide(&self, journal: &mut RdJournal, register: &mut Register, wanted: &[Undecided]) -> Result<(), Trouble> {
        let now = journal.identity()?;
        if let Some(before) = self.lock().topic.filter(|before| *before != now) {
            return Err(Trouble::Final(self.made_again(before, now)));
        }
        self.read(journal, register)?;
        let proposals = register.proposals(wanted);
        if !proposals.is_empty() {
            journal.append(proposals.iter().map(Proposal::encode))?;
            self.read(journal, register)?;
        }
        Ok(())
    }

    fn read(&self, journal: &mut RdJournal, register: &mut Register) -> Result<(), Trouble> {
        for payload in journal.read()? {
            let topic = &self.topic;
            register
                .take(&payload)
                .map_err(|why| Trouble::Final(format!("the topic `{topic}` cannot be read: {why}")))?;
        }
        Ok(())
    }

    fn tell(&self, register: &Register, wanted: &[Undecided]) {
        let mut state = self.lock();
        for Admitted { dimension, number, value } in &register.admitted()[state.admitted.len()..] {
            info!(dimension = self.plan.dimension(*dimension).name, number = number.0, value, "a value is admitted");
        }
        state.admitted = register.admitted().to_vec();
        state.wanted.retain(|of| !wanted.contains(of));
        self.changed.notify_all();
    }

    fn made_again(&self, before: TopicId, now: TopicId) -> String {
        format!(
            "the topic `{}` was made again: its id was {before} and is {now}. Numbers of values that were decided before would be \
             given to others: set a new `group` and a new `topics.activity` to build new state from the source topics",
            self.topic
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The desk as a worker asks it.
pub(super) struct Decisions {
    desk: Arc<Desk>,
    topic: TopicId,
    /// What was waited for without an answer.
    waited_for: BTreeSet<Undecided>,
}

impl Admissions for Decisions {
    fn topic(&self) -> Option<TopicId> {
        Some(self.topic)
    }

    fn decide(&mut self, wanted: &[Undecided], known: usize) -> Vec<Admitted> {
        let mut state = self.desk.lock();
        if state.admitted.len() <= known {
            state.wanted.extend(wanted.iter().cloned());
            self.desk.changed.notify_all();
            let is_new = wanted.iter().any(|of| !self.waited_for.contains(of));
            let patience = if is_new { ANSWER } else { Duration::ZERO };
            let no_news = |state: &mut State| state.admitted.len() <= known && state.broken.is_none();
            let waited = self.desk.changed.wait_timeout_while(state, patience, no_news);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        match state.admitted.get(known..).unwrap_or_default() {
            [] => self.waited_for.extend(wanted.iter().cloned()),
            _ => self.waited_for.clear(),
        }
        state.admitted.get(known..).unwrap_or_default().to_vec()
    }
}

impl fmt::Debug for Decisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decisions").finish_non_exhaustive()
    }
}
