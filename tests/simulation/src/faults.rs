//! How often each fault happened, so that a quiet simulation is seen for what it is.

use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(BTreeMap<String, u64>);

impl Faults {
    pub(crate) fn count(&mut self, fault: &str) {
        self.add(fault, 1);
    }

    pub(crate) fn add(&mut self, fault: &str, times: u64) {
        if let Some(count) = self.0.get_mut(fault) {
            *count += times;
        } else {
            self.0.insert(fault.to_owned(), times);
        }
    }

    pub(crate) fn merge(&mut self, other: &Faults) {
        other.0.iter().for_each(|(fault, times)| self.add(fault, *times));
    }

    pub(crate) fn table(&self) -> String {
        self.0.iter().map(|(fault, times)| format!("{times:>12}  {fault}\n")).collect()
    }

    pub(crate) fn of(&self, fault: &str) -> u64 {
        self.0.get(fault).copied().unwrap_or(0)
    }
}
