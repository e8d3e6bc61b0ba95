//! The ingest role.

use super::admissions::Desk;
use super::schemas::RegistrySchemas;
use super::supervise::{Trouble, Turn, Work};
use super::topics::OwnTopics;
use crate::clock;
use crate::config::Config;
use ::ingest::{Admissions, Ingest, Metrics, NoAdmissions, NoSchemas, Schemas, Settings, Worker};
use catalog::Plan;
use kafka::LogError;
use kafka::rdkafka::{KafkaConfig, RdSourceLog};
use registry::Registry;
use std::sync::Arc;
use std::time::Duration;

/// What an ingest worker is made of.
pub(crate) struct IngestRole {
    kafka: KafkaConfig,
    own: Arc<OwnTopics>,
    activity: String,
    dead_letter: String,
    plan: Arc<Plan>,
    settings: Settings,
    metrics: Metrics,
    wait: Duration,
    /// `None` if no source needs one.
    registry: Option<Arc<Registry>>,
    /// `None` if the catalogue admits no values.
    admissions: Option<Arc<Desk>>,
}

impl IngestRole {
    pub(crate) fn new(
        config: &Config,
        plan: Arc<Plan>,
        own: Arc<OwnTopics>,
        metrics: Metrics,
        registry: Option<Arc<Registry>>,
        admissions: Option<Arc<Desk>>,
    ) -> IngestRole {
        let settings = config.ingest;
        // A turn that waited is over before the next transaction is due.
        let wait = Duration::from_millis((settings.transact_ms.unsigned_abs() / 4).clamp(5, 100));
        IngestRole {
            kafka: config.kafka_config(),
            own,
            activity: config.topics.activity.clone(),
            dead_letter: config.topics.dead_letter.clone(),
            plan,
            settings,
            metrics,
            wait,
            registry,
            admissions,
        }
    }
}

impl Work for IngestRole {
    type Worker = Worker<RdSourceLog>;

    fn build(&mut self) -> Result<Worker<RdSourceLog>, Trouble> {
        self.own.ensure()?;
        let sources: Vec<String> = self.plan.sources.iter().map(|source| source.topic.clone()).collect();
        let log = RdSourceLog::new(&self.kafka, &sources, &self.activity, &self.dead_letter);
        let log = log.map_err(|error| explain(error, &self.plan))?;
        let schemas: Box<dyn Schemas> = match &self.registry {
            Some(registry) => Box::new(RegistrySchemas::new(registry.clone())),
            None => Box::new(NoSchemas),
        };
        let admissions: Box<dyn Admissions> = match &self.admissions {
            Some(desk) => Box::new(desk.open()?),
            None => Box::new(NoAdmissions),
        };
        Ok(Worker::new(log, Ingest::new(self.plan.clone(), self.settings, self.metrics.clone(), schemas, admissions)))
    }

    fn turn(&mut self, worker: &mut Worker<RdSourceLog>) -> Result<Turn, Trouble> {
        worker.turn(&clock::wall, self.wait)?;
        self.admissions.as_ref().map_or(Ok(()), |desk| desk.check())?;
        Ok(Turn::Done)
    }

    fn drain(&mut self, worker: Worker<RdSourceLog>) -> Result<(), Trouble> {
        Ok(worker.drain(&clock::wall)?)
    }
}

/// Says where the name of a missing topic stands.
fn explain(error: LogError, plan: &Plan) -> Trouble {
    let source = match &error {
        LogError::NoTopic { topic, .. } => plan.sources.iter().find(|source| source.topic == *topic),
        _ => None,
    };
    match source {
        Some(source) => Trouble::Final(format!("{error} (source `{}` of the catalogue)", source.name)),
        None => error.into(),
    }
}
