//! The window role.

use super::stores::{Stores, Timed};
use super::supervise::{Trouble, Turn, Work};
use super::topics::OwnTopics;
use crate::cli::Role;
use crate::clock;
use crate::config::Config;
use ::window::{Metrics, Settings, Worker};
use catalog::Plan;
use kafka::rdkafka::{KafkaConfig, RdConsumer};
use std::sync::Arc;
use std::time::Duration;

/// How long a turn waits for packs. It ends as soon as there is one.
const WAIT: Duration = Duration::from_millis(200);

/// What a window worker is made of.
pub(crate) struct WindowRole {
    kafka: KafkaConfig,
    stores: Stores,
    own: Arc<OwnTopics>,
    activity: String,
    plan: Arc<Plan>,
    settings: Settings,
    metrics: Metrics,
}

impl WindowRole {
    pub(crate) fn new(
        config: &Config,
        plan: Arc<Plan>,
        own: Arc<OwnTopics>,
        metrics: Metrics,
        stores: Stores,
    ) -> WindowRole {
        WindowRole {
            kafka: config.kafka_config(),
            stores,
            own,
            activity: config.topics.activity.clone(),
            plan,
            settings: config.window,
            metrics,
        }
    }
}

impl Work for WindowRole {
    type Worker = Worker<RdConsumer, Timed>;

    fn build(&mut self) -> Result<Self::Worker, Trouble> {
        let store = self.stores.connect(Role::Window)?;
        self.own.ensure()?;
        let log = RdConsumer::of_activity(&self.kafka, &self.activity)?;
        Ok(Worker::new(log, store, self.plan.clone(), self.settings, self.metrics.clone()))
    }

    /// The worker itself waits for a store that does not answer. It counts the calls.
    fn turn(&mut self, worker: &mut Self::Worker) -> Result<Turn, Trouble> {
        let unanswered = self.metrics.unanswered.get();
        worker.turn(clock::wall(), WAIT)?;
        let answered = self.metrics.unanswered.get() == unanswered;
        Ok(if answered { Turn::Done } else { Turn::Lacking("the state store does not answer") })
    }

    fn drain(&mut self, worker: Self::Worker) -> Result<(), Trouble> {
        Ok(worker.drain()?)
    }
}
