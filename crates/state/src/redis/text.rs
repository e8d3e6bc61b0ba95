//! The stored fence, read.

use super::layout;
use crate::port::StoreError;
use activity::fence::{FORMAT, Fence, Stored};
use activity::{CatalogVersion, Incarnation, Offset, Shard, TopicId};

/// The fence and the mark of a header.
pub(super) fn stored(shard: Shard, fence: &[u8], mark: Option<&[u8]>) -> Result<Stored, StoreError> {
    let fence = parse(fence).ok_or_else(|| StoreError::Corrupt {
        place: format!("{} f", layout::header(shard)),
        reason: format!("`{}` is no fence", shown(Some(fence))),
    })?;
    Ok(Stored { fence, dirty: mark == Some(b"1") })
}

/// A stored text, fit to be shown.
pub(super) fn shown(text: Option<&[u8]>) -> String {
    String::from_utf8_lossy(text.unwrap_or_default()).chars().take(200).collect()
}

/// A fence of another format may be shaped in another way. All that is then known of it is its format, and that is all
/// that is needed to leave it alone.
fn parse(text: &[u8]) -> Option<Fence> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().or_else(|| {
        let format = text.split('|').next()?.parse().ok().filter(|format| *format != FORMAT)?;
        Some(Fence {
            format,
            topic: TopicId::default(),
            catalogue: CatalogVersion::default(),
            incarnation: Incarnation::default(),
            next: Offset::default(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fence_of_another_format_is_known_by_its_format() {
        assert_eq!(parse(b"9|something else").map(|fence| fence.format), Some(9));
        assert_eq!(parse(b"9|00000000000000000000000000000007|2|3|4").map(|fence| fence.next), Some(Offset(4)));
        assert_eq!(parse(format!("{FORMAT}|something else").as_bytes()), None);
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"\xff"), None);
    }
}
