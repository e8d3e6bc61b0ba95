//! What a catalogue without mistakes means.

use activity::{Bucket, EntityKind, Grain, MetricIndex, Millis, PerGrain, Window};
use catalog::{
    Asks, ClockKind, Condition, Format, Kind, Literal, Measure, Origin, Plan, Skew, Start, TimeField, TimeForm, parse,
};
use proptest::prelude::*;

const MUSIC: &str = include_str!("catalogues/music.yaml");
const BRIEF: &str = include_str!("catalogues/brief.yaml");
const RICH: &str = include_str!("catalogues/rich.yaml");

fn plan(text: &str) -> Plan {
    parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("catalogue.yaml", text)))
}

fn path(names: &[&str]) -> Origin {
    Origin::Path(names.iter().map(|name| (*name).to_owned()).collect())
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn by_grain<T: Copy>(values: [T; 3]) -> PerGrain<T> {
    PerGrain::of(|grain| values[grain as usize])
}

fn text(value: &str) -> Literal {
    Literal::Text(value.to_owned())
}

#[test]
fn a_log_with_names_of_its_own_is_mapped() {
    let plan = plan(MUSIC);
    let [source] = plan.sources.as_slice() else { panic!("one source") };
    assert_eq!((source.name.as_str(), source.topic.as_str()), ("plays", "music.events"));
    assert_eq!((source.clock, source.lateness_ms[Grain::Day]), (ClockKind::Event, 31 * DAY));
    assert_eq!((&source.fields.event, &source.fields.timestamp), (&path(&["page"]), &path(&["ts"])));
    assert_eq!(source.fields.time_form, TimeForm::Millis);
    assert_eq!(source.fields.keys, [("user_id".to_owned(), path(&["userId"]))]);
    assert!(source.fields.properties.is_empty());
    let paid = plan.metric(MetricIndex(1));
    assert_eq!(paid.name, "paid_listeners");
    assert_eq!(paid.events.as_deref(), Some(&["NextSong".to_owned()][..]));
    assert_eq!(
        paid.conditions,
        [Condition { property: vec!["level".to_owned()], asks: Asks::OneOf(vec![text("paid")]) }]
    );
    assert_eq!(paid.windows, [1, 7, 28].map(Window::days));
    assert_eq!((plan.reach(Grain::Day), plan.lateness_ms(Grain::Day)), (28, 31 * DAY));
}

#[test]
fn what_is_left_out_is_native() {
    let plan = plan(BRIEF);
    assert_eq!((plan.calendar.zone_name(), plan.history), ("UTC", by_grain([180, 168, 400])));
    let source = &plan.sources[0];
    assert_eq!((source.clock, source.lateness_ms), (ClockKind::Log, by_grain([10 * MINUTE, 120 * MINUTE, 3 * DAY])));
    assert_eq!((&source.fields.event, &source.fields.timestamp), (&path(&["event"]), &path(&["timestamp"])));
    assert_eq!(
        (source.fields.time_form, &source.fields.properties),
        (TimeForm::Rfc3339, &vec!["properties".to_owned()])
    );
    assert_eq!(source.fields.keys, [("user_id".to_owned(), path(&["user_id"]))]);
    assert_eq!((&plan.metrics[0].measure, &plan.metrics[0].events), (&Measure::Distinct(EntityKind(0)), &None));
}

#[test]
fn a_format_says_where_the_native_fields_are_unless_they_are_mapped() {
    let source = |more: &str| plan(&BRIEF.replace("topic: ", &format!("{more}, topic: "))).sources.remove(0);
    let segment = source("format: segment");
    assert_eq!(segment.format, Format::Segment);
    assert_eq!(segment.fields.keys, [("user_id".to_owned(), path(&["userId"]))]);
    let moment = |name: &str| TimeField { path: vec![name.to_owned()], form: TimeForm::Rfc3339 };
    let original = Some(vec!["originalTimestamp".to_owned()]);
    let skew = Skew { sent_at: moment("sentAt"), received_at: moment("receivedAt"), original };
    assert_eq!(segment.fields.skew, Some(skew));
    let kind = Kind { path: vec!["type".to_owned()], named: "track".to_owned() };
    assert_eq!((&segment.fields.event, segment.fields.kind), (&path(&["event"]), Some(kind)));

    let cloud = source("format: cloudevents, from: latest, fields: { user_id: subject }");
    assert_eq!((cloud.format, cloud.from), (Format::CloudEvents, Some(Start::Latest)));
    assert_eq!(cloud.fields.keys, [("user_id".to_owned(), path(&["subject"]))]);
    assert_eq!(cloud.fields.event_id, [vec!["source".to_owned()], vec!["id".to_owned()]]);
    assert_eq!(cloud.fields.skew, None);

    let object = |format: &str| source(&format!("format: {format}, attributes_of: user")).attributes.unwrap().object;
    assert_eq!(["json", "segment", "cloudevents"].map(object).concat(), ["attributes", "traits", "data"]);

    let native = source("format: json");
    assert_eq!((native.format, native.from), (Format::Json, None));
    assert_eq!(native.fields.skew.map(|skew| skew.sent_at), Some(moment("sent_at")));
    assert_eq!(source("fields: { timestamp: ts }").fields.skew, None, "whoever maps the time maps the others, too");
}

#[test]
fn a_schema_of_the_sources_own_says_whether_clocks_can_be_corrected() {
    let skew = |fields: &[&str], mapped: &str| {
        let text = BRIEF.replace("topic: ", &format!("format: avro, schema: own.avsc{mapped}, topic: "));
        let field = |name: &&str| format!(r#"{{"name":"{name}","type":"string"}}"#);
        let fields = fields.iter().map(field).collect::<Vec<_>>().join(",");
        let schema = |file: &str| {
            assert_eq!(file, "own.avsc");
            Ok(format!(r#"{{"type":"record","name":"Event","fields":[{fields}]}}"#))
        };
        let plan = catalog::parse_with(&text, &schema).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        plan.sources[0].fields.skew.is_some()
    };
    assert!(skew(&["event", "sent_at", "received_at"], ""));
    assert!(!skew(&["event", "sent_at"], ""));
    assert!(skew(&["event"], ", fields: { sent_at: sent, received_at: received }"), "what is mapped is asked for");
}

#[test]
fn every_key_field_of_every_entity_has_an_origin_in_every_source() {
    let plan = plan(RICH);
    let keys = |source: usize| plan.sources[source].fields.keys.clone();
    let named = |name: &str, origin: Origin| (name.to_owned(), origin);
    assert_eq!(
        keys(0),
        [
            named("user_id", path(&["who", "id"])),
            named("account_id", Origin::Constant(text("acme"))),
            named("properties.video_id", path(&["properties", "video_id"])),
        ]
    );
    // Where the properties are the record itself, a key below `properties` is read from the record itself.
    assert_eq!(
        keys(1),
        [
            named("user_id", path(&["user_id"])),
            named("account_id", path(&["account_id"])),
            named("properties.video_id", path(&["video_id"])),
        ]
    );
}

#[test]
fn a_metric_counts_entities_or_events_or_adds_up_a_property() {
    let plan = plan(RICH);
    let measure = |at: usize| &plan.metrics[at].measure;
    assert_eq!(measure(0), &Measure::Distinct(EntityKind(2)));
    assert_eq!(measure(1), &Measure::Count);
    assert_eq!(measure(2), &Measure::Sum { value: vec!["amount".into(), "net".into()], decimals: 2 });
    assert_eq!(measure(3), &Measure::Sum { value: vec!["seconds".into()], decimals: 0 });
    let ids: Vec<String> = plan.sources.iter().map(|source| source.fields.event_id.concat().join("/")).collect();
    assert_eq!(ids, ["meta/id", "event_id"]);
}

#[test]
fn an_entity_is_sharded_by_its_first_key_field_unless_it_says_otherwise() {
    let shards: Vec<_> = plan(RICH).entities.into_iter().map(|entity| (entity.name, entity.shard_by)).collect();
    let expected = [("user", 0), ("account_user", 1), ("viewing", 0)];
    assert_eq!(shards, expected.map(|(name, shard)| (name.to_owned(), shard)));
}

#[test]
fn windows_are_ascending_and_a_lone_item_is_a_list() {
    let plan = plan(RICH);
    let windows: Vec<String> = plan.metrics[0].windows.iter().map(Window::to_string).collect();
    assert_eq!(windows, ["60m", "24h", "1d", "7d", "90d"]);
    assert_eq!(plan.metrics[4].windows, [Window::days(28)]);
    assert_eq!(plan.metrics[4].events.as_deref(), Some(&["read".to_owned()][..]));
}

#[test]
fn a_condition_is_a_path_below_the_properties_and_typed_values() {
    let plan = plan(RICH);
    let [level, plan, nested] = plan.metrics[0].conditions.as_slice() else { panic!("three conditions") };
    assert_eq!((level.property.join("/"), &level.asks), ("level".to_owned(), &Asks::OneOf(vec![text("paid")])));
    let values = vec![text("team"), Literal::Int(2), Literal::Float(2.5), Literal::Bool(true), text("true")];
    assert_eq!(plan.asks, Asks::OneOf(values));
    assert_eq!(nested.property.join("/"), "device/os");
}

#[test]
fn metrics_read_as_sentences() {
    let words = |text, of: fn(catalog::Words) -> String| {
        let plan = plan(text);
        plan.metrics.iter().map(|metric| of(plan.words(metric))).collect::<Vec<_>>()
    };
    assert_eq!(
        words(BRIEF, |words| words.counts),
        ["Every user with any event counts once; two are the same if user_id is equal."]
    );
    assert_eq!(
        words(RICH, |words| words.counts),
        [
            "Every viewing with an event \"watched\" or \"read\" where level is \"paid\" and plan is \"team\" or 2 or 2.5 or \
             true or \"true\" and device.os is \"linux\" counts once; two are the same if properties.video_id and user_id \
             are equal.",
            "Every event \"purchase\" where plan is \"team\" counts, each event_id once.",
            "amount.net of every event \"purchase\" adds up, rounded to 2 decimals each time, each event_id once.",
            "seconds of every event adds up, rounded to a whole number each time, each event_id once.",
            "Every account_user with an event \"read\" counts once; two are the same if user_id and account_id are equal.",
        ]
    );
    assert_eq!(
        words(RICH, |words| words.windows),
        [
            "In the trailing 60 minutes and 24 hours of UTC, and the trailing 1, 7 and 90 days of America/New_York.",
            "In the trailing 60 minutes of UTC, and the trailing 7 days of America/New_York.",
            "In the trailing 1 day of America/New_York.",
            "In the trailing 1 hour of UTC.",
            "In the trailing 28 days of America/New_York.",
        ]
    );
    let late = words(RICH, |words| words.late);
    assert!(late[2].ends_with(": up to 1h in its day if of app; 3d in its day if of web."), "{}", late[2]);
    let alike = "10m in its minute, 2h in its hour and 3d in its day.";
    let same = RICH.replace("lateness: { day: 1h }", "lateness: { day: 3d }");
    assert!(words(&same, |words| words.late)[0].ends_with(alike), "{:?}", words(&same, |words| words.late));
}

/// By hand from the formats: a track is its number, its first bucket, a count of bytes, and a bit a bucket.
#[test]
fn footprint_follows_from_the_formats() {
    // Before the present 27 of 28 days, 3 of lateness, 1 more, and 400 of history.
    let plan = plan(&BRIEF.replace("windows: [1d]", "windows: [1d, 28d]"));
    let footprint = plan.footprint(activity::MetricIndex(0));
    assert_eq!(
        (footprint.once, footprint.always),
        (Some(1 + 3 + 1 + 1), Some(1 + 3 + 1 + (27 + 3 + 1 + 400 + 1_usize).div_ceil(8)))
    );
    assert_eq!((footprint.counters, footprint.steps), (2, 3 + 1 + 400 + 28));
    let counted = self::plan(RICH).footprint(activity::MetricIndex(1));
    assert_eq!((counted.once, counted.always, counted.counters), (None, None, 2));
}

#[test]
fn lateness_that_is_not_given_lies_between_what_is() {
    let lateness = |given: &str| {
        let text = BRIEF.replace("topic: ", &format!("lateness: {given}, topic: "));
        assert_ne!(text, BRIEF);
        let bounds = plan(&text).sources[0].lateness_ms;
        Grain::ALL.map(|grain| bounds[grain] / MINUTE)
    };
    assert_eq!(lateness("{ day: 1h }"), [10, 60, 60]);
    assert_eq!(lateness("{ day: 0d }"), [0, 0, 0]);
    assert_eq!(lateness("{ minute: 5h }"), [300, 300, 3 * 1440]);
    assert_eq!(lateness("{ minute: 5m, hour: 30m, day: 36h }"), [5, 30, 36 * 60]);
    assert!(parse(&BRIEF.replace("topic: ", "lateness: { minute: 5m, hour: 4m }, topic: ")).is_err());
}

#[test]
fn history_is_given_in_days_or_by_grain() {
    assert_eq!(plan(RICH).history, by_grain([180, 48, 90]));
    let days = RICH.replace("{ hour: 2d, day: 90d }", "90d");
    assert_eq!(plan(&days).history, by_grain([180, 168, 90]));
}

#[test]
fn minutes_and_hours_are_those_of_utc_and_their_floors_reach_back_far_enough() {
    let plan = plan(RICH);
    let time = Millis(1_767_240_059_999); // 2026-01-01T04:00:59.999Z
    assert_eq!(plan.bucket(Grain::Minute, time), Bucket(29_454_000));
    assert_eq!(plan.bucket(Grain::Hour, time), Bucket(490_900));
    assert_eq!(plan.bucket(Grain::Minute, Millis(-1)), Bucket(-1));
    assert_eq!(plan.bucket(Grain::Minute, Millis(i64::MAX)), Bucket(i32::MAX));
    assert_eq!(plan.grains(), Grain::ALL);
    // A window of 60, a lateness of 10, one more, and 180 of history.
    assert_eq!(plan.floor(Grain::Minute, time), Bucket(29_454_000 - 59 - 10 - 1 - 180));
    assert_eq!(plan.origin(Grain::Minute, Bucket(5)), Bucket(64));
    assert_eq!(plan.floor(Grain::Hour, time), Bucket(490_900 - 23 - 2 - 1 - 48));
}

#[test]
fn days_are_those_of_the_catalogues_time_zone() {
    let late_evening = Millis(1_767_240_000_000); // 2026-01-01T04:00:00Z
    assert_eq!(plan(BRIEF).calendar.day(late_evening).since(plan(RICH).calendar.day(late_evening)), 1);
}

fn many(section: &str, count: usize, item: &str) -> String {
    let items: String = (0..count).map(|index| format!("  x{index}: {item}\n")).collect();
    BRIEF.replace(&format!("{section}:\n"), &format!("{section}:\n{items}"))
}

#[test]
fn there_are_at_most_64_entities_and_1000_metrics() {
    let metric = "{ type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d] }";
    for (section, most, item) in [("entities", 64, "{ key: user_id }"), ("metrics", 1000, metric)] {
        plan(&many(section, most - 1, item));
        let mistakes = parse(&many(section, most, item)).unwrap_err();
        assert!(mistakes.0.iter().any(|mistake| mistake.what.ends_with("are too many")), "{mistakes}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_a_plan_or_has_mistakes_within_it(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "[ \n\t:,&*!?|>#{}\\[\\]a-z0-9ö.\"'-]{0,6}"), 1..6),
        original in prop::sample::select(vec![MUSIC, BRIEF, RICH]),
    ) {
        let mut text: Vec<char> = original.chars().collect();
        for (at, removed, inserted) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + removed).min(text.len());
            text.splice(start..end, inserted.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(mistakes) = parse(&text) {
            prop_assert!(!mistakes.0.is_empty());
            prop_assert!(!mistakes.render("catalogue.yaml", &text).is_empty());
            for mistake in &mistakes.0 {
                let place = mistake.place.unwrap();
                prop_assert!(place.line >= 1 && place.column >= 1 && place.line <= text.lines().count() + 1);
            }
        }
    }
}

proptest! {
    #[test]
    fn an_event_in_time_is_of_a_bucket_that_is_not_past(
        time in 0i64..2_524_608_000_000,
        late in 0i64..=3 * DAY,
        zone in proptest::sample::select(vec!["America/St_Johns", "Pacific/Apia", "America/New_York", "UTC"]),
    ) {
        let plan = plan(&BRIEF.replace("product: ", &format!("time_zone: {zone}\nproduct: ")));
        // In St. John's clocks were set back over midnight in this one.
        for time in [time, 1_289_097_030_000 + time % (2 * 60 * MINUTE) - 60 * MINUTE] {
            for grain in Grain::ALL.into_iter().filter(|grain| late <= plan.lateness_ms(*grain)) {
                let until = plan.in_time_until(grain, plan.bucket(grain, Millis(time)));
                prop_assert!(until > Millis(time + late), "{grain:?} of {time}");
                prop_assert!(until <= Millis(time + plan.lateness_ms(grain) + 27 * 60 * MINUTE + DAY));
            }
        }
    }
}
