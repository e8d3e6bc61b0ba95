//! The note that is committed beside a source position, in the same transaction: what a new owner must know of the
//! partition beside where to go on.

use activity::{CatalogVersion, Millis, TopicId};
use std::fmt;
use std::str::FromStr;

/// What is noted beside a source position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The catalogue by which everything before the position was read.
    pub(crate) catalogue: CatalogVersion,
    /// The identity of the source topic that the position belongs to.
    pub(crate) source: TopicId,
    /// The identity of the activity topic that holds the packs.
    pub(crate) activity: TopicId,
    /// The identity of the topic that has numbered the values that were admitted; `None` if the catalogue admits none.
    pub(crate) admitted: Option<TopicId>,
    /// The partition's clock at the position.
    pub(crate) clock: Option<Millis>,
}

const FORMAT: &str = "nsm2";

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Note { catalogue, source, activity, admitted, clock } = self;
        write!(f, "{FORMAT} {catalogue} {source} {activity} ")?;
        match admitted {
            Some(admitted) => write!(f, "{admitted} ")?,
            None => f.write_str("- ")?,
        }
        match clock {
            Some(clock) => write!(f, "{clock}"),
            None => f.write_str("-"),
        }
    }
}

impl FromStr for Note {
    type Err = ();

    fn from_str(text: &str) -> Result<Note, ()> {
        let topic = |text: &str| u128::from_str_radix(text, 16).map(|id| TopicId(id.to_be_bytes()));
        let parts: Vec<&str> = text.split(' ').collect();
        let [FORMAT, catalogue, source, activity, admitted, clock] = parts[..] else {
            return Err(());
        };
        Ok(Note {
            catalogue: CatalogVersion(u64::from_str_radix(catalogue, 16).map_err(drop)?),
            source: topic(source).map_err(drop)?,
            activity: topic(activity).map_err(drop)?,
            admitted: match admitted {
                "-" => None,
                admitted => Some(topic(admitted).map_err(drop)?),
            },
            clock: match clock {
                "-" => None,
                clock => Some(Millis(clock.parse().map_err(drop)?)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn note_reads_back() {
        for clock in [None, Some(Millis(-5)), Some(Millis(1_700_000_000_000))] {
            for admitted in [None, Some(TopicId([3; 16]))] {
                let (source, activity) = (TopicId([255; 16]), TopicId([0; 16]));
                let note = Note { catalogue: CatalogVersion(7), source, activity, admitted, clock };
                assert_eq!(note.to_string().parse(), Ok(note));
            }
        }
        assert_eq!("".parse::<Note>(), Err(()));
        assert_eq!("something that another tool committed".parse::<Note>(), Err(()));
    }
}
