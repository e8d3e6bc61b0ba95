//! What it costs to set a bucket of an entity, and to move the counters by what that changes.

use activity::counter::Counter;
use activity::mask::Mask;
use activity::measure;
use activity::record::Record;
use activity::{Bucket, Grain, MetricIndex, Track, Window};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use std::hint::black_box;

const FIRST: i32 = 20_000;
const WINDOWS: [Window; 3] = [Window::days(1), Window::days(7), Window::days(28)];

/// Every third day of 400, and so many days in a row: many runs of buckets.
fn scattered() -> Mask {
    (0..400).filter(|day| day % 3 == 0 || day % 50 < 9).map(|day| Bucket(FIRST + day)).collect()
}

/// A few days of the last forty: what most entities are.
fn sparse() -> Mask {
    [0, 1, 9, 17, 30].into_iter().map(|day| Bucket(FIRST + day)).collect()
}

fn record(mask: &Mask) -> Record {
    let mut record = Record::default();
    for (first, last) in mask.runs() {
        (first.0..=last.0).for_each(|day| {
            record.mask_mut(Track { metric: MetricIndex(0), grain: Grain::Day }).insert(Bucket(day));
        });
    }
    record
}

fn mask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    group.bench_function("insert 40 days in order", |bencher| {
        bencher.iter(|| (0..40).map(|day| Bucket(FIRST + black_box(day))).collect::<Mask>());
    });
    for (name, mask) in [("sparse", sparse()), ("scattered", scattered())] {
        let encoded = record(&mask).encode();
        group.bench_function(format!("contains, {name}"), |bencher| {
            bencher.iter(|| black_box(&mask).contains(black_box(Bucket(FIRST + 17))));
        });
        group.bench_function(format!("encode, {name}"), |bencher| {
            let record = record(&mask);
            bencher.iter(|| black_box(&record).encode());
        });
        group.bench_function(format!("decode, {name}"), |bencher| {
            bencher.iter(|| Record::decode(black_box(&encoded)));
        });
        group.bench_function(format!("trim, {name}"), |bencher| {
            let trim = |mut mask: Mask| {
                mask.trim(black_box(Bucket(FIRST + 5)));
                mask
            };
            bencher.iter_batched(|| mask.clone(), trim, BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn activated(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("activated");
    for (name, mask) in [("sparse", sparse()), ("scattered", scattered())] {
        for window in WINDOWS {
            group.bench_function(format!("{name}, {window}"), |bencher| {
                bencher.iter(|| {
                    let (mut sum, bucket) = (0, black_box(Bucket(FIRST + 13)));
                    let around = black_box(&mask).around(bucket);
                    measure::activated(
                        around,
                        bucket,
                        |bucket| bucket.plus(window.longest().into()),
                        |bucket, n| sum += i64::from(bucket.0) * n,
                    );
                    sum
                });
            });
        }
    }
    group.finish();
}

fn counter(criterion: &mut Criterion) {
    let full = || {
        let mut counter = Counter::default();
        (0..400).for_each(|day| counter.step(Bucket(FIRST + day), i64::from(day % 37) - 18));
        counter
    };
    let mut group = criterion.benchmark_group("counter");
    group.bench_function("step within 400 days", |bencher| {
        let mut counter = full();
        bencher.iter(|| counter.step(black_box(Bucket(FIRST + 211)), 1));
    });
    group.bench_function("value of the last of 400 days", |bencher| {
        let counter = full();
        bencher.iter(|| black_box(&counter).value(black_box(Bucket(FIRST + 399))));
    });
    group.bench_function("encode 400 days", |bencher| {
        let counter = full();
        bencher.iter(|| black_box(&counter).encode());
    });
    group.bench_function("decode 400 days", |bencher| {
        let encoded = full().encode();
        bencher.iter(|| Counter::decode(black_box(&encoded)));
    });
    group.finish();
}

criterion_group!(benches, mask, activated, counter);
criterion_main!(benches);
