//! A log of another shape than the native one is read by what the catalogue says of it, without code.

mod common;

use activity::Millis;
use catalog::{Fields, TimeForm};
use common::{USER, at, metric, native, path, plan, read, text, touch};
use event::{Reader, Reject, Touches};

/// A music service's log: the page is the event, and the record itself holds the properties.
fn reader() -> Reader {
    let fields = Fields {
        event: at("page"),
        timestamp: at("ts"),
        time_form: TimeForm::Millis,
        keys: vec![("user_id".into(), at("userId")), ("account_id".into(), at("account"))],
        event_id: vec![path("itemInSession")],
        properties: path(""),
        ..native()
    };
    let metrics = vec![
        metric(USER, Some(&["NextSong"]), &[]),
        metric(USER, Some(&["NextSong"]), &[("level", &[text("paid")])]),
        metric(USER, Some(&["Home"]), &[("auth", &[text("Logged In")])]),
    ];
    Reader::new(&plan(fields, metrics), 0)
}

fn line(page: &str, level: &str, auth: &str, user: &str) -> String {
    format!(
        r#"{{"artist":"The \"Q\"","auth":"{auth}","itemInSession":1,"length":246.30812,"level":"{level}","page":"{page}","registration":1540344794796.0,"sessionId":139,"song":null,"ts":1541106106796,"userAgent":"Mozilla\/5.0 (X11)","userId":"{user}"}}"#
    )
}

#[test]
fn song_counts_for_its_user_and_if_paid_for_the_paying() {
    let reader = reader();
    assert_eq!(read(&reader, &line("NextSong", "free", "Logged In", "8")), Ok(vec![touch(USER, &["8"], "8", &[0])]));
    assert_eq!(read(&reader, &line("NextSong", "paid", "Logged In", "8")), Ok(vec![touch(USER, &["8"], "8", &[0, 1])]));
    let time = reader.read(line("Home", "free", "Logged In", "8").as_bytes(), &mut Touches::default());
    assert_eq!(time, Ok(Millis(1_541_106_106_796)));
}

#[test]
fn logged_out_user_is_no_entity_unless_the_metrics_leave_the_event_out() {
    let reader = reader();
    assert_eq!(read(&reader, &line("Home", "free", "Logged Out", "")), Ok(vec![]));
    let expected = Reject::NoEntity { event: "NextSong".into(), fields: vec!["user_id (at `userId`)".into()] };
    assert_eq!(read(&reader, &line("NextSong", "free", "Logged Out", "")), Err(expected));
    assert_eq!(read(&reader, &line("Login", "free", "Logged Out", "")), Ok(vec![]));
}
