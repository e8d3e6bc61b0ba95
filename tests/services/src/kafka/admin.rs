//! Topics of a broker, through its admin protocol.

use std::time::Duration;

use pollster::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaResult;

use crate::wait::{happens_within, wait_until};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const PROPAGATION_DEADLINE: Duration = Duration::from_secs(30);
/// The controller answers before its own broker has the topic: retry while that settles.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Admin {
    client: AdminClient<DefaultClientContext>,
}

impl Admin {
    /// Does not wait for the broker.
    pub(super) fn connect(bootstrap: &str) -> Admin {
        let client = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("broker.address.family", "v4")
            // The broker may still be starting; a refused connection costs nothing here.
            .set("reconnect.backoff.ms", "10")
            .set("reconnect.backoff.max.ms", "50")
            .create()
            .expect("the settings of the admin client are valid");
        Admin { client }
    }

    pub(super) fn broker_answers(&self) -> bool {
        self.client.inner().fetch_metadata(None, METADATA_TIMEOUT).is_ok_and(|metadata| !metadata.brokers().is_empty())
    }

    #[track_caller]
    pub(super) fn create_topic(&self, name: &str, partitions: i32, config: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in config {
            topic = topic.set(key, value);
        }
        let outcome = block_on(self.client.create_topics([&topic], &options()));
        expect_done(outcome, &format!("topic {name} is not created"));
        let count = usize::try_from(partitions).expect("a topic that was created has partitions");
        wait_until(PROPAGATION_DEADLINE, &format!("leaders of topic {name}"), || self.leaders(name) == Some(count));
    }

    #[track_caller]
    pub(super) fn delete_topic(&self, name: &str) {
        let outcome = block_on(self.client.delete_topics(&[name], &options()));
        expect_done(outcome, &format!("topic {name} is not deleted"));
        let gone = happens_within(PROPAGATION_DEADLINE, || self.leaders(name) == Some(0));
        assert!(gone, "topic {name} is still known to the broker");
    }

    /// How many partitions of the topic have a leader; `None` when the broker does not answer.
    fn leaders(&self, name: &str) -> Option<usize> {
        let metadata = self.client.inner().fetch_metadata(None, METADATA_TIMEOUT).ok()?;
        let leaders = metadata
            .topics()
            .iter()
            .filter(|topic| topic.name() == name)
            .flat_map(|topic| topic.partitions())
            .filter(|partition| partition.leader() >= 0 && partition.error().is_none())
            .count();
        Some(leaders)
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT)).operation_timeout(Some(REQUEST_TIMEOUT))
}

#[track_caller]
fn expect_done(outcome: KafkaResult<Vec<TopicResult>>, failure: &str) {
    for topic in outcome.unwrap_or_else(|e| panic!("{failure}: {e}")) {
        if let Err((_, code)) = topic {
            panic!("{failure}: {code}");
        }
    }
}
