//! What is posted is known, and a mistake in the configuration is told.

use std::collections::BTreeMap;
use std::time::Duration;

use services::{Alertmanager, wait_until};

#[test]
fn knows_the_alerts_that_are_posted() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("alertmanager.yml");
    std::fs::write(&config, "{route: {receiver: nobody}, receivers: [{name: nobody}]}").unwrap();
    let server = Alertmanager::start(&config);
    assert!(server.alerts().is_empty());
    server.post(&[BTreeMap::from([("alertname".to_owned(), "Fire".to_owned())])]);
    wait_until(Duration::from_secs(10), "the alert", || server.alerts().len() == 1);
    assert_eq!(server.alerts()[0]["labels"]["alertname"], "Fire");
}

#[test]
#[should_panic(expected = "undefined receiver")]
fn a_mistake_in_the_configuration_is_in_the_message() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("alertmanager.yml");
    std::fs::write(&config, "{route: {receiver: somebody}, receivers: [{name: nobody}]}").unwrap();
    Alertmanager::start(&config);
}
