//! The settings of the workers.

use super::section::{Section, Wrong};
use super::units::{duration, size};
use super::{DAY, MS, SECOND, millis, number};
use std::time::Duration;
use yaml::suggest::did_you_mean;

/// The section `ingest`.
pub(super) fn ingest(section: Section<'_>, shards: u16) -> ::ingest::Settings {
    let default = ::ingest::Settings::default();
    let time = |name, default: i64, range: std::ops::RangeInclusive<Duration>| {
        section.read(name, default, |text| duration(text, range).map(millis))
    };
    let bytes = |name, default: usize, most: u64| section.read(name, default, |text| size(text, 1..=most));
    let settings = ::ingest::Settings {
        shards,
        future_ms: time("future", default.future_ms, Duration::ZERO..=30 * DAY),
        payload_bytes: bytes("payload", default.payload_bytes, 64 << 20),
        dead_letter_bytes: bytes("dead_letter", default.dead_letter_bytes, 1 << 20),
        transact_ms: time("transact", default.transact_ms, MS..=10 * SECOND),
        heartbeat_ms: time("heartbeat", default.heartbeat_ms, 10 * MS..=60 * SECOND),
        batch_bytes: bytes("batch", default.batch_bytes, 4 << 20),
        idle_margin_ms: time("idle_margin", default.idle_margin_ms, Duration::ZERO..=DAY),
        run_ahead_days: section.read("run_ahead", default.run_ahead_days, |text| {
            let days = duration(text, DAY..=400 * DAY)?.as_secs() / DAY.as_secs();
            Ok(u16::try_from(days).expect("the range is short"))
        }),
        cache_entities: number(&section, "cache_entities", default.cache_entities, 1..=1_000_000_000),
        from_latest: section.read("from", default.from_latest, |text| match text {
            "earliest" => Ok(false),
            "latest" => Ok(true),
            _ => Err(Wrong::new(format!("`{text}` is no place to begin"), did_you_mean(text, &["earliest", "latest"]))),
        }),
    };
    section.finish();
    settings
}

/// The section `window`.
pub(super) fn window(section: Section<'_>) -> ::window::Settings {
    let default = ::window::Settings::default();
    let settings = ::window::Settings {
        batch_bytes: section.read("batch", default.batch_bytes, |text| size(text, 1..=64 << 20)),
        gather_bytes: section.read("gather", default.gather_bytes, |text| size(text, 1..=64 << 20)),
        gather_ms: section
            .read("gather_for", default.gather_ms, |text| duration(text, Duration::ZERO..=10 * SECOND).map(millis)),
        cache_entities: number(&section, "cache_entities", default.cache_entities, 1..=1_000_000_000),
        sweep_ms: section
            .read("sweep_every", default.sweep_ms, |text| duration(text, Duration::ZERO..=10 * SECOND).map(millis)),
    };
    section.finish();
    settings
}
