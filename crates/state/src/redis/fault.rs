//! What an error of the client library means for the caller.

use crate::port::StoreError;
use ::redis::{ErrorKind, RedisError, ServerErrorKind};

/// Where a request went: what an error has to say about it.
#[derive(Clone)]
pub(super) struct Whereabouts {
    /// Host, port and database, without user and password.
    pub address: String,
    /// Never to be shown; a server that does not know `AUTH` repeats it in its answer.
    pub password: Option<String>,
}

impl Whereabouts {
    /// The error for a request about `place`, the keys that it was for.
    pub(super) fn explain(&self, error: &RedisError, place: &str) -> StoreError {
        let code = code_of(error);
        let reason = self.without_password(&error.to_string());
        match (error.kind(), code.as_str()) {
            (ErrorKind::AuthenticationFailed, _) | (_, "NOAUTH" | "WRONGPASS") => {
                self.unfit(format!("it does not accept the user and password of the configured URL ({reason})"))
            }
            (_, "NOPERM") => self.unfit(format!(
                "the user may not do what nsm needs; grant it `~{{nsm:* +@read +@write +@connection +info +fcall \
                 +fcall_ro +function|list +function|load` ({reason})"
            )),
            (_, "MOVED" | "ASK" | "CROSSSLOT") => self.unfit(format!(
                "it is a node of a cluster, and nsm speaks to one server; give it one with `cluster-enabled no` ({reason})"
            )),
            (ErrorKind::InvalidClientConfig, _) => self.unfit(reason),
            (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, _) | (_, "WRONGTYPE") => {
                StoreError::Corrupt { place: format!("{place} at {}", self.address), reason }
            }
            (_, "OOM") => self.unreachable(format!("it is full, raise its `maxmemory` ({reason})")),
            _ if error.is_timeout() => self.unreachable("no answer in time".to_owned()),
            _ => self.unreachable(reason),
        }
    }

    /// The error of a server that cannot be used as it is set up.
    pub(super) fn unfit(&self, reason: String) -> StoreError {
        StoreError::Unfit { address: self.address.clone(), reason }
    }

    fn unreachable(&self, reason: String) -> StoreError {
        StoreError::Unreachable { address: self.address.clone(), reason }
    }

    fn without_password(&self, text: &str) -> String {
        match self.password.as_deref() {
            Some(password) if !password.is_empty() => text.replace(password, "***"),
            _ => text.to_owned(),
        }
    }
}

/// The code that the server's answer starts with, of a pipeline's first error; empty if it is not the server's.
fn code_of(error: &RedisError) -> String {
    let errors = error.clone().into_server_errors();
    errors.as_deref().and_then(<[_]>::first).map(|(_, error)| error.code().to_owned()).unwrap_or_default()
}

/// Whether the server refused a command to this user.
pub(super) fn is_denied(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) || error.to_string().contains("unknown command")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::redis::make_extension_error;

    fn explain(code: &str, detail: &str) -> StoreError {
        let whereabouts = Whereabouts { address: "db:6379/0".to_owned(), password: Some("hunter2".to_owned()) };
        whereabouts.explain(&make_extension_error(code.to_owned(), Some(detail.to_owned())), "{nsm:0}:*")
    }

    #[test]
    fn error_of_the_server_says_what_to_do() {
        let text = |code| explain(code, "as told by the server").to_string();
        assert!(text("OOM").contains("raise its `maxmemory`"), "{}", text("OOM"));
        assert!(text("MOVED").contains("cluster-enabled no"), "{}", text("MOVED"));
        assert!(text("WRONGTYPE").contains("{nsm:0}:* at db:6379/0"), "{}", text("WRONGTYPE"));
    }

    #[test]
    fn state_that_passes_is_no_reason_to_give_up() {
        for code in ["LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN", "MISCONF", "NOREPLICAS", "BUSY", "OOM", "ERR"] {
            assert!(matches!(explain(code, "later"), StoreError::Unreachable { .. }), "{code}");
        }
    }

    #[test]
    fn password_that_the_server_repeats_is_not_shown() {
        let error = explain("ERR", "unknown command 'AUTH', with args beginning with: 'hunter2'");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
