//! When gauges are shown, and when they are absent.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod support;

use activity::admission::Admitted;
use activity::fence::Fence;
use activity::header::Header;
use activity::{CatalogVersion, DimensionIndex, DimensionValue, Incarnation, Millis, Offset, Shard};
use exporter::Pages;
use state::{Commit, MemoryStore, Store, StoreError, Stored, Verdict};
use std::sync::{Arc, Mutex};
use support::{CATALOGUE, Harness, NOW};

#[test]
fn every_window_is_shown_as_of_the_unfinished_day_and_the_last_complete_one() {
    let mut harness = Harness::new();
    let expected = "\
# HELP nsm_users Users \\\\ of the product
# TYPE nsm_users gauge
nsm_users{window=\"1d\",complete=\"false\"} 2
nsm_users{window=\"1d\",complete=\"true\"} 2
nsm_users{window=\"7d\",complete=\"false\"} 4
nsm_users{window=\"7d\",complete=\"true\"} 2
# HELP northstar_gauges_next_offset The activity offset that the North Star gauges of this page stand for, by shard.
# TYPE northstar_gauges_next_offset gauge
northstar_gauges_next_offset{shard=\"0\"} 5
northstar_gauges_next_offset{shard=\"1\"} 5
# HELP northstar_gauges_as_of_timestamp_seconds Shard time: what the North Star gauges of this page are as of.
# TYPE northstar_gauges_as_of_timestamp_seconds gauge
northstar_gauges_as_of_timestamp_seconds 1728043200
";
    assert_eq!(harness.text(NOW).as_deref(), Some(expected));
    assert!(harness.withheld().is_empty());
}

/// Two users of day 20,000, two of the day before, and four of both.
#[test]
fn formulas_are_shown_after_the_metrics_and_only_where_they_have_a_value() {
    let formulas = "  sticky: { type: ratio, numerator: { metric: users, window: 1d }, denominator: { metric: users, window: 7d } }
  growth:
    type: derived
    expr: 100 * (now - before) / before
    metrics: { now: users, before: { metric: users, offset: 1d } }
    windows: 7d
";
    let mut harness = Harness::of(&format!("{CATALOGUE}{formulas}"));
    let text = harness.text(NOW).unwrap();
    let shown: Vec<&str> = text.lines().skip_while(|line| !line.contains("nsm_sticky")).take(7).collect();
    let expected = [
        "# HELP nsm_sticky users in 1d over users in 7d, as of the same time; nothing where the denominator is 0.",
        "# TYPE nsm_sticky gauge",
        "nsm_sticky{window=\"7d\",complete=\"false\"} 0.5",
        "nsm_sticky{window=\"7d\",complete=\"true\"} 1",
        "# HELP nsm_growth 100 * (now - before) / before, where now is users and before is users 1d earlier, as of the same \
         time; nothing where a denominator is 0.",
        "# TYPE nsm_growth gauge",
        // Of the last complete day there is none: nobody was there before.
        "nsm_growth{window=\"7d\",complete=\"false\"} 100",
    ];
    assert_eq!(shown, expected);
    assert!(!text.contains("nsm_growth{window=\"7d\",complete=\"true\"}"), "{text}");
}

/// Where there is no counter, nobody was counted; unless the day is not kept any more.
#[test]
fn a_formula_is_not_told_by_days_that_some_shard_has_let_go_of() {
    let formula =
        "  before: { type: derived, expr: was, metrics: { was: { metric: users, offset: 3d } }, windows: 7d }\n";
    let mut harness = Harness::of(&format!("{CATALOGUE}{formula}"));
    let shown = |text: Option<Arc<str>>| text.unwrap().matches("nsm_before{").count();
    assert_eq!(shown(harness.text(NOW)), 2);
    // 400 days of history, 3 of lateness, and one more: the first day that is kept is the second before this one.
    let header = Header { time: Some(Millis(NOW.0 + 402 * 86_400_000)), ..harness.header() };
    harness.write(1, harness.fence(6), &header);
    assert_eq!(shown(harness.text(NOW)), 0);
}

/// Shards learn of values one after the other.
#[test]
fn slices_of_admitted_values_are_shown_once_a_shard_names_them() {
    let catalogue = CATALOGUE
        .replace("metrics:", "dimensions: { surface: { from: surface, values: [web], limit: 3 } }\nmetrics:")
        .replace("[1d, 7d]", "[1d]\n    by: surface");
    let mut harness = Harness::of(&catalogue);
    let shown = |text: Option<Arc<str>>| {
        let text = text.unwrap();
        let labels = text.lines().filter(|line| line.starts_with("nsm_users_by_surface") && line.contains("\"true\""));
        labels.map(|line| line.split('"').nth(5).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(shown(harness.text(NOW)), ["__none__", "web", "__other__"]);
    let admitted = |number, value: &str| Admitted {
        dimension: DimensionIndex(0),
        number: DimensionValue(number),
        value: value.into(),
    };
    let header = Header { admitted: vec![admitted(2, "a\\b")], ..harness.header() };
    harness.write(1, harness.fence(6), &header);
    assert_eq!(shown(harness.text(NOW)), ["__none__", "web", "a\\\\b", "__other__"]);
    let header = Header { admitted: vec![admitted(2, "a\\b"), admitted(3, "tv")], ..harness.header() };
    harness.write(0, harness.fence(6), &header);
    assert_eq!(shown(harness.text(NOW)), ["__none__", "web", "a\\\\b", "tv", "__other__"]);
}

#[test]
fn a_shard_of_which_nothing_is_stored_hides_all() {
    let mut harness = Harness::new();
    harness.store = MemoryStore::default();
    harness.is_absent_for(NOW, "absent");
}

#[test]
fn a_shard_that_is_rebuilding_hides_all() {
    let mut harness = Harness::new();
    let header = Header { rebuild_until: Some(Offset(9)), ..harness.header() };
    harness.write(1, harness.fence(6), &header);
    harness.is_absent_for(NOW, "rebuilding");
}

#[test]
fn a_shard_of_another_catalogue_hides_all() {
    let mut harness = Harness::new();
    let fence = Fence { catalogue: CatalogVersion(1), ..harness.fence(6) };
    harness.write(0, fence, &harness.header());
    harness.is_absent_for(NOW, "other_catalogue");
}

#[test]
fn a_store_that_went_back_hides_all_until_it_has_caught_up() {
    let mut harness = Harness::new();
    let older = harness.store.clone();
    harness.write(1, harness.fence(8), &harness.header());
    assert!(harness.text(NOW).is_some());
    harness.store = older;
    harness.is_absent_for(NOW, "went_back");
    harness.write(1, harness.fence(7), &harness.header());
    harness.is_absent_for(NOW, "went_back");
    harness.write(1, harness.fence(8), &harness.header());
    assert!(harness.text(NOW).is_some());
}

#[test]
fn gauges_vanish_when_their_last_pack_is_too_old_even_if_nobody_reads_again() {
    let mut harness = Harness::new();
    let shown = harness.board.refresh(&mut harness.store, Millis(NOW.0 + 10_000)).unwrap();
    assert!(shown.at(Millis(NOW.0 + 10_000)).is_some());
    assert_eq!(shown.at(Millis(NOW.0 + 10_001)), None);
    harness.is_absent_for(Millis(NOW.0 + 10_001), "stale");
}

#[test]
fn a_pack_from_a_time_that_has_not_come_hides_all() {
    let mut harness = Harness::new();
    harness.is_absent_for(Millis(NOW.0 - 10_001), "stale");
    let shown = harness.board.refresh(&mut harness.store, Millis(NOW.0 - 9_000)).unwrap();
    assert!(shown.at(Millis(NOW.0 + 1_000)).is_some() && shown.at(Millis(NOW.0 + 1_001)).is_none());
}

#[test]
fn shards_that_keep_no_day_in_common_hide_all() {
    let mut harness = Harness::new();
    // 400 days of history, 3 of lateness, and one more: the day before this one is not kept there.
    let header = Header { time: Some(Millis(NOW.0 + 404 * 86_400_000)), ..harness.header() };
    harness.write(1, harness.fence(6), &header);
    harness.is_absent_for(NOW, "apart");
}

#[test]
fn shards_that_keep_days_in_common_but_no_hours_leave_only_the_hours_out() {
    let mut harness = Harness::of(&CATALOGUE.replace("[1d, 7d]", "[24h, 1d, 7d]"));
    assert!(harness.text(NOW).unwrap().contains("window=\"24h\""));
    // 7 days of history, 2 hours of lateness, and one more.
    for (ahead, is_shown) in [(7 * 24 + 2, true), (7 * 24 + 3, false)] {
        let header = Header { time: Some(Millis(NOW.0 + ahead * 3_600_000)), ..harness.header() };
        harness.write(1, harness.fence(6 + ahead), &header);
        let text = harness.text(NOW).unwrap();
        assert_eq!(text.contains("window=\"24h\""), is_shown, "{ahead} hours ahead: {text}");
        assert!(text.contains("window=\"7d\""), "{text}");
    }
}

#[test]
fn a_source_partition_not_heard_of_hides_all() {
    let mut harness = Harness::new();
    let header = Header { time: None, ..harness.header() };
    harness.write(0, harness.fence(6), &header);
    harness.is_absent_for(NOW, "no_time");
}

#[test]
fn a_store_that_does_not_answer_hides_all() {
    struct Down;
    impl Store for Down {
        fn stored(&mut self, _: Shard) -> Result<Option<Stored>, StoreError> {
            unreachable!()
        }
        fn records(
            &mut self,
            _: Shard,
            _: Incarnation,
            _: &[activity::EntityKey],
        ) -> Result<state::Read<Vec<Option<Vec<u8>>>>, StoreError> {
            unreachable!()
        }
        fn snapshot(&mut self, _: Shard) -> Result<Option<state::Snapshot>, StoreError> {
            Err(StoreError::Unreachable { address: "redis".into(), reason: "time-out".into() })
        }
        fn commit(&mut self, _: Shard, _: &Commit) -> Result<Verdict, StoreError> {
            unreachable!()
        }
        fn portion(&mut self, _: Shard, _: Incarnation, _: u32) -> Result<state::Read<state::Entities>, StoreError> {
            unreachable!()
        }
        fn portions(&self) -> u32 {
            unreachable!()
        }
        fn discard(&mut self, _: Shard, _: Incarnation) -> Result<(), StoreError> {
            unreachable!()
        }
    }
    let mut harness = Harness::new();
    assert!(harness.text(NOW).is_some());
    assert!(harness.board.refresh(&mut Down, NOW).is_none());
    assert_eq!(harness.withheld(), ["store"]);
}

#[tokio::test]
async fn pages_serve_gauges_own_metrics_and_readiness() {
    let harness = Harness::new();
    let (gauges, unready) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(Some("window: no store".to_owned()))));
    let pages = Pages {
        registry: harness.registry.clone(),
        dead: Arc::new(|| None),
        lists: None,
        gauges: {
            let gauges = gauges.clone();
            Arc::new(move || gauges.lock().unwrap().clone())
        },
        unready: {
            let unready = unready.clone();
            Arc::new(move || unready.lock().unwrap().clone())
        },
    };
    let (tell, told) = tokio::sync::oneshot::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let listening = move |address| tell.send(address).unwrap();
    let server = tokio::spawn(exporter::serve("127.0.0.1:0".parse().unwrap(), pages, listening, async {
        stopped.await.unwrap();
    }));
    let address = told.await.unwrap();
    let pages = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let get = |page: &str| {
            let mut answer = agent.get(format!("http://{address}/{page}")).call().unwrap();
            (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
        };
        let before = (get("metrics").1, get("readyz"), get("livez"));
        *gauges.lock().unwrap() = Some(Arc::from("nsm_users 3\n"));
        *unready.lock().unwrap() = None;
        (before, get("metrics").1, get("readyz"))
    });
    let ((without, unready, alive), with, ready) = pages.await.unwrap();
    assert!(without.contains("northstar_gauges_withheld") && !without.contains("nsm_users"));
    assert_eq!((unready, alive), ((503, "window: no store\n".into()), (200, "alive\n".into())));
    assert!(with.ends_with("nsm_users 3\n"));
    assert_eq!(ready, (200, "ready\n".into()));
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}
