//! The port to a registry of schemas, and how partitions wait for what it says.

use crate::partition::{Progress, Waiting};
use crate::step::Ingest;
use event::{SchemaId, SchemaText};
use kafka::Position;
use std::fmt;
use std::sync::Arc;

/// What is known of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is this.
    Schema(Arc<SchemaText>),
    /// There is none of that id.
    Nothing,
    /// Nobody knows yet; whoever waits for it has to ask again.
    Pending,
}

/// Where schemas are looked up.
///
/// An answer other than [`Found::Pending`] is what the registry itself says: that it cannot be reached says nothing about a
/// schema. What was found once is never another schema later.
pub trait Schemas: fmt::Debug {
    /// What is known of a schema. May wait a little for an answer, but not for a registry that is down.
    fn find(&mut self, id: SchemaId) -> Found;
}

/// For catalogues whose records name no schemas.
#[derive(Clone, Copy, Debug)]
pub struct NoSchemas;

impl Schemas for NoSchemas {
    fn find(&mut self, _: SchemaId) -> Found {
        Found::Nothing
    }
}

impl Ingest {
    /// Asks again for what partitions wait for; whether one of them can go on now.
    pub(crate) fn look_for_answers(&mut self) -> bool {
        let mut goes_on = false;
        for progress in self.partitions.values_mut() {
            let source = usize::from(progress.partition.topic.0);
            match &progress.waiting {
                None => continue,
                Some(Waiting::Values(wanted)) if self.admission.decide(wanted, &mut self.judges) => {}
                Some(Waiting::Values(_)) => continue,
                Some(Waiting::Schema(id)) => match self.schemas.find(*id) {
                    Found::Schema(schema) => self.judges[source].learn(*id, &schema),
                    Found::Nothing => {}
                    Found::Pending => continue,
                },
            }
            progress.waiting = None;
            goes_on = true;
        }
        goes_on
    }

    /// How many partitions wait.
    pub(crate) fn waiting(&self) -> usize {
        self.partitions.values().filter(|progress| progress.waiting.is_some()).count()
    }

    /// Where to read on after a commit: all partitions that are owned, but for those that wait.
    pub(crate) fn reading(&mut self) -> Vec<Position> {
        let reading = self.partitions.values_mut().filter(|progress| progress.waiting.is_none());
        reading.map(Progress::abort).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::Standing;
    use crate::{Metrics, NoAdmissions, Settings};
    use activity::clock::PartitionClock;
    use activity::{Millis, Offset, PartitionId, TopicId};
    use kafka::{Headers, Item, Partition, Record, TopicInfo};
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    const NOW: Millis = Millis(1_750_000_000_000);
    const SCHEMA: &str = r#"{"type":"record","name":"E","fields":[{"name":"event","type":"string"},
        {"name":"user_id","type":"string"},{"name":"timestamp","type":{"type":"long","logicalType":"timestamp-millis"}}]}"#;

    /// A registry whose answers a test changes.
    #[derive(Clone, Debug, Default)]
    struct Told(Rc<RefCell<BTreeMap<SchemaId, Found>>>);

    impl Schemas for Told {
        fn find(&mut self, id: SchemaId) -> Found {
            self.0.borrow().get(&id).cloned().unwrap_or(Found::Pending)
        }
    }

    impl Told {
        fn tell(&self, id: u32, found: Found) {
            self.0.borrow_mut().insert(SchemaId(id), found);
        }
    }

    fn schema() -> Found {
        Found::Schema(Arc::new(SchemaText { schema: SCHEMA.into(), references: Vec::new() }))
    }

    fn partition(id: i32) -> Partition {
        Partition { id: PartitionId(id), ..Partition::default() }
    }

    /// An ingest that owns two partitions.
    fn ingest(told: &Told) -> Ingest {
        let text = "
version: 1
product: test
sources: { usage: { topic: usage, format: avro } }
entities: { user: { key: user_id } }
metrics:
  users: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d] }
";
        let plan = catalog::parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("test", text)));
        let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
        let (schemas, admissions) = (Box::new(told.clone()), Box::new(NoAdmissions));
        let mut ingest = Ingest::new(Arc::new(plan), Settings::default(), metrics, schemas, admissions);
        let standing = Standing { next: Offset(0), clock: PartitionClock::default(), jump: None };
        let owned = [0, 1].map(|id| Progress::new(partition(id), TopicId::default(), standing));
        ingest.assign(vec![TopicInfo { id: TopicId::default(), partitions: 2 }], TopicId::default(), owned.into());
        ingest
    }

    /// Hands over the next record of a partition, written with a schema.
    fn take(ingest: &mut Ingest, id: i32, offset: i64, schema: u32) {
        // A zigzag LEB128 of the time.
        let mut bits = NOW.0.unsigned_abs() << 1;
        let mut payload = [&[0][..], &schema.to_be_bytes(), b"\x02e\x06ada"].concat();
        while bits > 0x7f {
            payload.push(0x80 | u8::try_from(bits & 0x7f).unwrap());
            bits >>= 7;
        }
        payload.push(u8::try_from(bits).unwrap());
        let (key, payload) = (None, Some(payload.as_slice()));
        let (partition, headers) = (partition(id), Headers::default());
        let record = Record { partition, offset: Offset(offset), timestamp: Some(NOW), key, payload, headers };
        ingest.take(Item::Record(record), &|| NOW);
    }

    fn end(ingest: &mut Ingest, id: i32, next: i64) {
        ingest.take(Item::End(Position { partition: partition(id), next: Offset(next) }), &|| NOW);
    }

    fn next(ingest: &Ingest) -> [i64; 2] {
        [0, 1].map(|id| ingest.partitions[&partition(id)].current.next.0)
    }

    #[test]
    fn a_partition_stands_at_a_record_whose_schema_nobody_knows_yet_and_the_others_go_on() {
        let told = Told::default();
        told.tell(1, schema());
        let mut ingest = ingest(&told);
        take(&mut ingest, 0, 0, 1);
        take(&mut ingest, 0, 1, 2);
        take(&mut ingest, 0, 2, 1);
        end(&mut ingest, 0, 3);
        take(&mut ingest, 1, 0, 1);
        end(&mut ingest, 1, 1);
        assert_eq!((next(&ingest), ingest.waiting()), ([1, 1], 1), "neither what follows nor the end is taken");
        assert!(!ingest.look_for_answers());
        assert_eq!(ingest.seal(NOW).dead_letters, []);
        ingest.commit();
        assert_eq!(ingest.reading(), [Position { partition: partition(1), next: Offset(1) }]);

        told.tell(2, schema());
        assert!(ingest.look_for_answers());
        assert_eq!(ingest.reading().len(), 2);
        take(&mut ingest, 0, 1, 2);
        take(&mut ingest, 0, 2, 1);
        end(&mut ingest, 0, 3);
        assert_eq!((next(&ingest), ingest.waiting()), ([3, 1], 0));
        assert_eq!(ingest.seal(NOW).dead_letters, []);
    }

    #[test]
    fn a_clock_does_not_move_by_a_record_that_waits() {
        let told = Told::default();
        let mut ingest = ingest(&told);
        take(&mut ingest, 0, 0, 2);
        assert_eq!(ingest.partitions[&partition(0)].span(), None);
        let patient = ingest.abort();
        assert_eq!((patient.len(), ingest.waiting()), (2, 0), "it will be met again");
    }

    #[test]
    fn a_record_is_rejected_once_the_registry_says_that_there_is_no_such_schema() {
        let told = Told::default();
        let mut ingest = ingest(&told);
        take(&mut ingest, 0, 0, 9);
        assert_eq!((next(&ingest), ingest.waiting()), ([0, 0], 1));
        told.tell(9, Found::Nothing);
        assert!(ingest.look_for_answers());
        take(&mut ingest, 0, 0, 9);
        assert_eq!((next(&ingest), ingest.waiting()), ([1, 0], 0));
        let letters = ingest.seal(NOW).dead_letters;
        assert!(letters[0].headers.contains(&("reason".into(), "unknown_schema".into())), "{letters:?}");
        ingest.commit();
        // What was believed for a while is not believed for good.
        told.tell(9, schema());
        take(&mut ingest, 0, 1, 9);
        assert_eq!(ingest.seal(NOW).dead_letters, []);
        assert_eq!(next(&ingest), [2, 0]);
    }
}
