//! The lag as it is seen from outside: what the broker says of the topics' ends, against what the gauges stand for. It is
//! told whether ingest and window are at work or not.

use crate::config::Config;
use crate::failure::Failure;
use crate::stop::Stop;
use catalog::Plan;
use exporter::Metrics;
use kafka::LogError;
use kafka::rdkafka::{KafkaConfig, RdEnds};
use std::time::Duration;
use tracing::debug;

/// How often the broker is asked.
const PERIOD: Duration = Duration::from_secs(5);

/// Who asks for the ends of topics, and shows what is ahead of the gauges.
pub(crate) struct Lag {
    kafka: KafkaConfig,
    sources: Vec<String>,
    activity: String,
    metrics: Metrics,
}

impl Lag {
    pub(crate) fn new(config: &Config, plan: &Plan, metrics: Metrics) -> Lag {
        let sources = plan.sources.iter().map(|source| source.topic.clone()).collect();
        Lag { kafka: config.kafka_config(), sources, activity: config.topics.activity.clone(), metrics }
    }

    /// Asks again and again on a thread of its own, which ends with the process. While the broker gives no answer, the lag is
    /// not known and not shown.
    pub(crate) fn watch(self, stop: Stop) -> Result<(), Failure> {
        let body = move || {
            let mut ends = None;
            while !stop.wait(PERIOD) {
                if let Err(error) = self.show(&mut ends) {
                    debug!(%error, "how far the topics are ahead of the gauges is not known");
                    self.metrics.lag.reset();
                }
            }
        };
        let thread = std::thread::Builder::new().name("lag".to_owned()).spawn(body);
        thread.map(drop).map_err(|error| Failure::new(format!("lag: no thread: {error}")))
    }

    fn show(&self, ends: &mut Option<RdEnds>) -> Result<(), LogError> {
        let ends = match ends {
            Some(ends) => ends,
            none => none.insert(RdEnds::new(&self.kafka)?),
        };
        for topic in &self.sources {
            self.metrics.show_source_lag(topic, &ends.of(topic)?);
        }
        self.metrics.show_activity_lag(&self.activity, &ends.of(&self.activity)?);
        Ok(())
    }
}
