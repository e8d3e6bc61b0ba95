//! From lines to records.

use crate::cli::Timestamps;
use activity::Millis;
use event::Reader;
use serde_json::Value;

/// Makes records of the lines of a source.
pub(super) struct Lines {
    /// Reads the events' times, if records are to get them.
    reader: Option<Reader>,
    /// The names of the objects to go through to the key, outermost first.
    key: Option<Vec<String>>,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: Option<Vec<u8>>,
    /// `None` is the time of sending.
    pub(super) timestamp: Option<Millis>,
    /// What could not be read. The record is sent all the same: it is the pipeline that judges, and keeps what it rejects.
    pub(super) complaint: Option<String>,
}

impl Lines {
    /// # Errors
    /// If the key is no path.
    pub(super) fn new(reader: Reader, timestamps: Timestamps, key: Option<&str>) -> Result<Lines, String> {
        let path = |text: &str| {
            let names: Vec<String> = text.split('.').map(str::to_owned).collect();
            if names.iter().any(|name| name.trim().is_empty()) {
                return Err(format!(
                    "--key `{text}` is not a path; write the names with a `.` between them, as in `user.id`"
                ));
            }
            Ok(names)
        };
        let reader = (timestamps == Timestamps::Event).then_some(reader);
        Ok(Lines { reader, key: key.map(path).transpose()? })
    }

    /// The record of a line that is not blank.
    pub(super) fn record(&self, line: &[u8]) -> Record {
        let time = self.reader.as_ref().map(|reader| reader.time(line)).transpose();
        let key = self.key.as_ref().map(|path| key(line, path)).transpose();
        // What is no JSON has neither, and one complaint is enough.
        let complaint = match (&time, &key) {
            (Err(reject), _) => Some(format!("{reject} (sent with the time of sending)")),
            (_, Err(why)) => Some(format!("{why} (sent without a key)")),
            _ => None,
        };
        Record { key: key.unwrap_or_default().flatten(), timestamp: time.unwrap_or_default(), complaint }
    }
}

/// The key, if there is one: many events name nobody.
fn key(line: &[u8], path: &[String]) -> Result<Option<Vec<u8>>, String> {
    let record: Value = serde_json::from_slice(line).map_err(|error| format!("the line is not JSON: {error}"))?;
    match path.iter().try_fold(&record, |value, name| value.get(name)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok((!text.is_empty()).then(|| text.clone().into_bytes())),
        Some(Value::Number(number)) => Ok(Some(number.to_string().into_bytes())),
        Some(_) => Err(format!("{} is neither text nor a number", path.join("."))),
    }
}

/// A line without what ends it; `None` if nothing is left.
pub(super) fn trimmed(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOGUE: &str = "
version: 1
product: music
sources: { plays: { topic: plays, fields: { timestamp: { path: ts, unit: ms } } } }
entities: { user: { key: user_id } }
metrics:
  active: { type: simple, measure: { agg: count_distinct, entity: user, events: any }, windows: [1d] }
";

    fn lines(timestamps: Timestamps, key: Option<&str>) -> Lines {
        let plan = catalog::parse(CATALOGUE).unwrap();
        Lines::new(Reader::new(&plan, 0), timestamps, key).unwrap()
    }

    #[test]
    fn event_time_becomes_the_timestamp() {
        let record = lines(Timestamps::Event, None).record(br#"{"ts": 5}"#);
        assert_eq!(record, Record { key: None, timestamp: Some(Millis(5)), complaint: None });
        let record = lines(Timestamps::Now, None).record(br#"{"ts": 5}"#);
        assert_eq!(record.timestamp, None);
    }

    #[test]
    fn line_that_cannot_be_read_is_sent_with_a_complaint() {
        let record = lines(Timestamps::Event, Some("user.id")).record(b"rubbish");
        assert_eq!((record.key, record.timestamp), (None, None));
        assert!(record.complaint.as_deref().is_some_and(|why| why.contains("not JSON")), "{:?}", record.complaint);
    }

    #[test]
    fn key_is_found_by_its_path() {
        let lines = lines(Timestamps::Now, Some("user.id"));
        let key = |line: &str| lines.record(line.as_bytes()).key;
        assert_eq!(key(r#"{"user": {"id": "ada"}}"#), Some(b"ada".to_vec()));
        assert_eq!(key(r#"{"user": {"id": 7}}"#), Some(b"7".to_vec()));
        for nobody in [r#"{"user": {"id": ""}}"#, r#"{"user": {"id": null}}"#, r#"{"user": 7}"#, "{}"] {
            assert_eq!(lines.record(nobody.as_bytes()), Record { key: None, timestamp: None, complaint: None });
        }
        let list = lines.record(br#"{"user": {"id": [7]}}"#);
        assert!(list.key.is_none() && list.complaint.is_some());
    }

    #[test]
    fn key_is_a_path() {
        let plan = catalog::parse(CATALOGUE).unwrap();
        let error = Lines::new(Reader::new(&plan, 0), Timestamps::Now, Some("a..b")).err().unwrap();
        assert!(error.contains("`a..b`"), "{error}");
    }

    #[test]
    fn blank_line_is_none() {
        assert_eq!(trimmed(b" \t\r\n"), None);
        assert_eq!(trimmed(b"{}\r\n"), Some(&b"{}"[..]));
    }
}
