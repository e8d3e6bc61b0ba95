//! What stderr, where people read messages, is.

use console::Term;
use yaml::Look;

/// Whether it is a terminal that shows colours, and nobody forbade them with `NO_COLOR`.
pub(crate) fn has_colours() -> bool {
    let term = Term::stderr();
    term.is_term() && term.features().colors_supported() && std::env::var_os("NO_COLOR").is_none()
}

/// How reports are drawn there.
pub(crate) fn look() -> Look {
    match Term::stderr().size_checked() {
        Some((_, columns)) => Look { width: usize::from(columns).max(40), cuts: true, colours: has_colours() },
        None => Look::PLAIN,
    }
}
