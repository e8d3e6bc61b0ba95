//! A simulated product on its way to Kafka.

use crate::failure::Failure;
use activity::{Millis, PartitionId};
use kafka::rdkafka::RdProducer;
use product::{Product, Record, Span, Stream as Of, Truth};

/// Where records go.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) partitions: u16,
}

impl Topic {
    /// The partition of a key, the next one for a copy: what repeats an event takes another way than the event did.
    fn partition(&self, record: &Record) -> PartitionId {
        let place = record.key.bytes().fold(0_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let partition = (place % u64::from(self.partitions) + u64::from(record.is_copy)) % u64::from(self.partitions);
        PartitionId(i32::try_from(partition).expect("there are no more than 65,535 partitions"))
    }
}

/// Sends what a product makes, and stamps every record with the time at which it was to be sent.
pub(crate) struct Stream {
    product: Product,
    producer: RdProducer,
    usage: Topic,
    /// `None` if nobody wants to know what accounts are.
    accounts: Option<Topic>,
    /// Where the product goes on.
    at: Millis,
}

impl Stream {
    pub(crate) fn new(
        product: Product,
        start: Millis,
        producer: RdProducer,
        usage: Topic,
        accounts: Option<Topic>,
    ) -> Stream {
        Stream { product, producer, usage, accounts, at: start }
    }

    /// Lets the product go on until then, and make so many usage records.
    pub(crate) fn go_on(&mut self, until: Millis, records: u64) {
        self.product.go_on(Span { from: self.at, until, records });
        self.at = until.max(self.at);
    }

    /// Sends at most `count` usage records, and the records of accounts that come before them: how many usage records.
    pub(crate) fn send(&mut self, count: u64) -> Result<u64, Failure> {
        let mut sent = 0;
        while sent < count {
            let Some(record) = self.product.next() else { break };
            let topic = match record.stream {
                Of::Usage => Some(&self.usage),
                Of::Accounts => self.accounts.as_ref(),
            };
            if let Some(topic) = topic {
                let (key, payload) = (record.key.as_bytes(), record.payload.as_bytes());
                let partition = topic.partition(&record);
                let taken = self.producer.send(&topic.name, Some(key), payload, Some(record.at), Some(partition));
                taken.map_err(Failure::new)?;
            }
            sent += u64::from(record.stream == Of::Usage);
        }
        Ok(sent)
    }

    /// Waits until everything is delivered.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.producer.flush().map_err(Failure::new)
    }

    /// How many records were given up.
    pub(crate) fn failed(&self) -> u64 {
        self.producer.failed()
    }

    /// What is to be counted in all that was sent.
    pub(crate) fn truth(&self) -> &Truth {
        self.product.truth()
    }
}
