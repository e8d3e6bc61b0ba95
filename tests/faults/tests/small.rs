//! A small run: a few faults of every kind, judged as the large one is.

use std::process::Command;

#[test]
fn pipeline_is_exact_through_a_few_faults_of_every_kind() {
    let status = Command::new(env!("CARGO_BIN_EXE_faults"))
        .args(["--events", "60000", "--kills", "3", "--stops", "1", "--rebalances", "2", "--others", "1"])
        .status()
        .expect("the program is built beside its test");
    assert!(status.success(), "the run has failed, as told above");
}
