//! Which errors pass.

use super::supervise::Trouble;
use ::ingest::{IngestError, RecoveryError};
use ::window::WindowError;
use kafka::LogError;
use state::StoreError;

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Trouble {
        match error {
            LogError::Broker { .. } => Trouble::Passing(error.to_string()),
            LogError::Fenced { .. } | LogError::NoTopic { .. } | LogError::Setting { .. } => {
                Trouble::Final(error.to_string())
            }
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        match error {
            StoreError::Unreachable { .. } => Trouble::Passing(error.to_string()),
            StoreError::Corrupt { .. } | StoreError::Unfit { .. } => Trouble::Final(error.to_string()),
        }
    }
}

impl From<IngestError> for Trouble {
    fn from(error: IngestError) -> Trouble {
        match error {
            IngestError::Log(error) | IngestError::Recovery(RecoveryError::Log(error)) => error.into(),
            IngestError::Recovery(error) => Trouble::Final(error.to_string()),
        }
    }
}

impl From<WindowError> for Trouble {
    fn from(error: WindowError) -> Trouble {
        match error {
            WindowError::Log(error) => error.into(),
            WindowError::Store(error) => error.into(),
            error => Trouble::Final(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_out_of_reach_passes() {
        let broker = || LogError::Broker { doing: "asking".into(), brokers: "b".into(), reason: "gone".into() };
        let fenced = LogError::Fenced { instance: "a".into(), reason: "newer".into() };
        assert!(matches!(Trouble::from(broker()), Trouble::Passing(_)));
        assert!(matches!(Trouble::from(IngestError::Recovery(RecoveryError::Log(broker()))), Trouble::Passing(_)));
        assert!(matches!(Trouble::from(WindowError::Log(broker())), Trouble::Passing(_)));
        assert!(matches!(Trouble::from(IngestError::Log(fenced)), Trouble::Final(_)));
        let unfit = StoreError::Unfit { address: "a".into(), reason: "evicts".into() };
        assert!(matches!(Trouble::from(unfit), Trouble::Final(_)));
    }
}
