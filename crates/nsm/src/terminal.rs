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
    let columns = Term::stderr().size_checked().map(|(_, columns)| usize::from(columns));
    Look { width: columns.unwrap_or(Look::PLAIN.width).clamp(40, Look::PLAIN.width), colours: has_colours() }
}
