//! A broker inside this process, for demonstrations: librdkafka's mock cluster, on a free port of 127.0.0.1.
//!
//! What is not real in it: nothing survives the process; a partition keeps the last 100,000 records or 5 MiB; records of aborted
//! transactions can be read; positions that a transaction commits are forgotten; topics are made here, not by admin requests, and
//! cannot be asked for their settings.

use super::closing::Closing;
use super::deliveries::Deliveries;
use super::failure::Site;
use super::settings::create;
use crate::LogError;
use rdkafka::bindings as native;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, Producer};

/// A running broker. It ends when it is dropped; clients should be gone by then.
pub struct Embedded {
    host: Closing<BaseProducer<Deliveries>>,
    site: Site,
}

impl Embedded {
    /// How many records a partition keeps; older ones are forgotten.
    pub const KEPT_RECORDS: u64 = 100_000;

    /// Starts a broker.
    ///
    /// # Errors
    /// If librdkafka cannot.
    pub fn start() -> Result<Embedded, LogError> {
        let site = Site::new("the embedded broker", "embedded");
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1");
        let host: BaseProducer<Deliveries> = create(&config, Deliveries::default(), &site)?;
        // SAFETY: the client is alive, and the cluster that it hosts lives as long.
        unsafe {
            let cluster = native::rd_kafka_handle_mock_cluster(host.client().native_ptr());
            if cluster.is_null() {
                return Err(site.broker("starting", "librdkafka made no mock cluster"));
            }
            // The mock says that broker 0 is the controller, which admin requests go to, but makes brokers from 1 on.
            let added = native::rd_kafka_mock_broker_add(cluster, 0);
            if added != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(site.broker("starting", RDKafkaErrorCode::from(added)));
            }
            // Nobody else joins its groups: there is nobody to wait for.
            native::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
        Ok(Embedded { host: Closing::new("embedded", host), site })
    }

    /// Its bootstrap servers.
    #[must_use]
    pub fn brokers(&self) -> String {
        self.cluster().bootstrap_servers()
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// If there is one of that name.
    pub fn create_topic(&self, name: &str, partitions: u16) -> Result<(), LogError> {
        let made = self.cluster().create_topic(name, i32::from(partitions), 1);
        made.map_err(|error| self.site.broker(format!("making the topic `{name}`"), error))
    }

    fn cluster(&self) -> MockCluster<'_, Deliveries> {
        self.host.client().mock_cluster().expect("it was there at the start")
    }
}
