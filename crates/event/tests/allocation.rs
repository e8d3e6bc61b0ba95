//! Reading an event allocates nothing once the scratch buffer has its size.

mod common;

use catalog::Literal;
use common::{ACCOUNT_USER, USER, metric, native, plan, sum, text};
use event::{Reader, Touches};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps this function's contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn reading_an_event_allocates_nothing_in_steady_state() {
    let metrics = vec![
        metric(USER, Some(&["played"]), &[]),
        metric(USER, None, &[("plan", &[text("paid")]), ("song.length", &[Literal::Int(3)])]),
        metric(ACCOUNT_USER, None, &[]),
        sum("song.length", 3, None),
    ];
    let reader = Reader::new(&plan(native(), metrics), 0);
    let record = br#"{"event_id":"6b0e","event":"played","user_id":42,"account_id":"0f8fad5b-d9cb-469f-a165-70867728950e","timestamp":"2026-11-22T09:30:00.250Z","sent_at":"2026-11-22T09:30:01Z","agent":"Mozilla\/5.0","properties":{"plan":"paid","tags":["a","b"],"song":{"length":3.0}}}"#;
    let mut touches = Touches::default();
    reader.read(record, &mut touches).expect("it is an event");
    let before = ALLOCATIONS.get();
    for _ in 0..100 {
        reader.read(record, &mut touches).expect("it is an event");
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert_eq!(touches.iter().map(|touch| touch.metrics.len()).sum::<usize>(), 3);
}
