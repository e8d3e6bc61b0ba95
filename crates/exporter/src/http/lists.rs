//! `/lists/METRIC`: the lists as JSON, for whoever may see them. They name entities, and `/metrics` never does.

use crate::lists::{Answer, Asked, Unanswered};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use catalog::suggest;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Reads a list; it may take a while.
pub type Reader = Arc<dyn Fn(&Asked) -> Result<Answer, Unanswered> + Send + Sync>;

/// What lists are made of, and who may see them.
#[derive(Clone)]
pub struct Lists {
    read: Reader,
    access: Access,
    /// A list reads every record: they are read one after the other. Who waits for the others holds no thread.
    turn: Arc<Semaphore>,
}

impl Lists {
    /// Lists that `read` reads, for those who may see them.
    pub fn new(read: Reader, access: Access) -> Lists {
        Lists { read, access, turn: Arc::new(Semaphore::new(1)) }
    }
}

impl fmt::Debug for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lists").field("access", &self.access).finish_non_exhaustive()
    }
}

/// Who may see lists.
#[derive(Clone, Debug)]
pub enum Access {
    /// Everybody who reaches the address, by a name that is this machine's own: nobody but this machine does.
    Local,
    /// Those who say the token.
    Token(SecretString),
    /// Nobody: others reach the address, and no token is set.
    Nobody,
}

impl Access {
    /// Why a request is refused; `None` if it is not.
    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        let told = |status: StatusCode, why: &str| (status, format!("{why}\n")).into_response();
        match self {
            Access::Local if is_local(headers) => None,
            Access::Local => {
                let why = "lists name entities and are served to this machine alone without `http.token`: ask `localhost` or \
                           `127.0.0.1`, or set a token";
                Some(told(StatusCode::FORBIDDEN, why))
            }
            Access::Nobody => {
                let why = "lists name entities and are not served to other machines without `http.token`: set one, and send \
                           it as `Authorization: Bearer TOKEN`";
                Some(told(StatusCode::FORBIDDEN, why))
            }
            Access::Token(token) => {
                let said =
                    headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
                if said.is_some_and(|said| is_same(said, token.expose_secret().as_bytes())) {
                    return None;
                }
                let why = "send the token as `Authorization: Bearer TOKEN`";
                let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
                Some((challenge, told(StatusCode::UNAUTHORIZED, why)).into_response())
            }
        }
    }
}

/// Whether a request is for this machine by a name of its own. Behind any other is a proxy, or the page of a stranger whose name
/// was made to lead here.
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether two texts are the same; how long that takes does not tell how much of them is.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Serves a list. The names of the query's parameters are those of the command line.
pub(super) async fn list(
    State(lists): State<Lists>,
    Path(metric): Path<String>,
    Query(parameters): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = lists.access.refusal(&headers) {
        return refusal;
    }
    let asked = match asked(metric, parameters) {
        Ok(asked) => asked,
        Err(why) => return (StatusCode::BAD_REQUEST, why + "\n").into_response(),
    };
    let turn = lists.turn.acquire_owned().await.expect("the semaphore is never closed");
    // The store's calls block. Whoever asked may be gone before the list is read: then it is read to its end all the same.
    let read = tokio::task::spawn_blocking(move || {
        let answer = (lists.read)(&asked);
        drop(turn);
        answer
    });
    let read = read.await;
    match read {
        Ok(Ok(answer)) => Json(answer).into_response(),
        Ok(Err(why)) => {
            let status = match &why {
                Unanswered::Asked(_) | Unanswered::NotKept { .. } => StatusCode::BAD_REQUEST,
                Unanswered::Withheld(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, format!("{why}\n")).into_response()
        }
        Err(broken) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{broken}\n")).into_response(),
    }
}

const PARAMETERS: [&str; 7] = ["list", "window", "since", "within", "segment", "limit", "after"];

/// How many entities a page has if `limit` does not say it, and at most: so that the memory for an answer is bounded.
const LIMIT: usize = 1_000;
const MOST: usize = 10_000;

fn asked(metric: String, parameters: Vec<(String, String)>) -> Result<Asked, String> {
    let mut asked = Asked { metric, limit: Some(LIMIT), ..Asked::default() };
    for (name, value) in parameters {
        match name.as_str() {
            "list" => asked.list = Some(value),
            "window" => asked.window = Some(value),
            "since" => asked.since = Some(value),
            "within" => asked.within = Some(value),
            "segment" => asked.segments.push(value),
            "limit" => asked.limit = Some(limit(&value)?),
            "after" => asked.after.push(value),
            _ => {
                let help = suggest::did_you_mean(&name, &PARAMETERS);
                return Err(format!("there is no parameter `{name}`; {help}"));
            }
        }
    }
    Ok(asked)
}

fn limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| {
        format!("limit `{text}` is not a number from 1 to {MOST}; further pages are those `after` the `next`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(access: &Access, said: Option<&str>) -> Option<u16> {
        let mut headers = HeaderMap::new();
        if let Some(said) = said {
            headers.insert(header::AUTHORIZATION, said.parse().expect("a header"));
        }
        access.refusal(&headers).map(|response| response.status().as_u16())
    }

    #[test]
    fn lists_are_shown_to_this_machine_or_to_who_says_the_token() {
        assert_eq!(status(&Access::Local, None), None);
        assert_eq!(status(&Access::Nobody, Some("Bearer s3cret")), Some(403));
        let token = Access::Token(SecretString::from("s3cret"));
        assert_eq!(status(&token, Some("Bearer s3cret")), None);
        for said in
            [None, Some("s3cret"), Some("Bearer s3cre"), Some("Bearer s3crets"), Some("Bearer "), Some("Basic s3cret")]
        {
            assert_eq!(status(&token, said), Some(401), "{said:?}");
        }
        assert!(!format!("{token:?}").contains("s3cret"));
    }

    #[test]
    fn lists_are_not_shown_by_a_name_that_was_made_to_lead_here() {
        let status = |host: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().expect("a header"))]);
            Access::Local.refusal(&headers).map(|response| response.status().as_u16())
        };
        for host in ["localhost:9464", "LOCALHOST", "127.0.0.1:9464", "127.1.2.3", "[::1]:9464"] {
            assert_eq!(status(host), None, "{host}");
        }
        for host in ["nsm.example.com", "localhost.example.com:9464", "127.0.0.1.example.com", "10.0.0.7", "a b", ""] {
            assert_eq!(status(host), Some(403), "{host}");
        }
    }

    #[test]
    fn parameters_are_those_of_the_command_line() {
        let of =
            |names: &[&str]| asked("m".into(), names.iter().map(|name| ((*name).to_owned(), "7".to_owned())).collect());
        let all = of(&PARAMETERS).expect("all are known");
        assert!([&all.list, &all.window, &all.since, &all.within].iter().all(|value| value.is_some()));
        assert_eq!((all.limit, all.after), (Some(7), vec!["7".to_owned()]));
        assert_eq!(of(&["segment", "segment"]).map(|asked| asked.segments.len()), Ok(2));
        assert_eq!(of(&["segmnt"]).unwrap_err(), "there is no parameter `segmnt`; did you mean `segment`?");
    }

    #[test]
    fn a_page_is_bounded_whatever_is_asked() {
        let of = |limit: &str| asked("m".into(), vec![("limit".to_owned(), limit.to_owned())]).map(|asked| asked.limit);
        assert_eq!(asked("m".into(), Vec::new()).map(|asked| asked.limit), Ok(Some(LIMIT)));
        assert_eq!(of("10000"), Ok(Some(MOST)));
        for wrong in ["0", "10001", "-1", "all", "", "1e3"] {
            let told = of(wrong).unwrap_err();
            assert!(told.starts_with(&format!("limit `{wrong}` is not a number from 1 to 10000")), "{told}");
        }
    }
}
