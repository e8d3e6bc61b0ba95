//! A small run: every example catalogue, judged as the large one is.

use std::process::Command;

#[test]
fn example_catalogues_count_what_sql_counts_in_the_raw_bytes() {
    let status = Command::new(env!("CARGO_BIN_EXE_oracle"))
        .args(["--events", "4000", "--days", "70"])
        .status()
        .expect("the program is built beside its test");
    assert!(status.success(), "something is not equal, as told above");
}
