//! What people answer, the latest of each: `type: survey`.

use super::{Function, Made, MadeFormula, Seen, Step, amount, made};
use activity::{Bucket, Window};

/// The latest answer of each respondent, as long as the window covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    pub(crate) scale: Scale,
}

/// What is made of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// The net promoter score: from 0 to 10, of which 9 and 10 promote, and 0 to 6 detract.
    Nps,
    /// Their mean.
    Mean,
}

/// How it is written.
pub(crate) const SCALES: &[(&str, Scale)] = &[("nps", Scale::Nps), ("mean", Scale::Mean)];

const RESPONSES: usize = 0;
const SCORE: usize = 1;
const DECLINED: usize = 2;
const PROMOTERS: usize = 3;
const PASSIVES: usize = 4;
const DETRACTORS: usize = 5;

impl Function for Survey {
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        let mut all = vec![made("_responses", windows), amount("_score", windows), made("_declined", windows)];
        if self.scale == Scale::Nps {
            all.extend(["_promoters", "_passives", "_detractors"].map(|suffix| made(suffix, windows)));
        }
        all
    }

    /// The answer before may be a window older.
    fn reach(&self, window: Window) -> u16 {
        2 * window.longest()
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        let answers = latest(seen);
        for (at, (from, score)) in answers.iter().enumerate() {
            let next = answers.get(at + 1).map_or(Bucket(i32::MAX), |(next, _)| *next);
            let until = next.min(seen.until(*from));
            let mut put = |place, n: i64| {
                step(place, *from, n.into());
                step(place, until, (-n).into());
            };
            put(RESPONSES, 1);
            put(SCORE, *score);
            let before = at.checked_sub(1).map(|before| answers[before]);
            let declined = before.is_some_and(|(of, before)| seen.until(of) > *from && score < &before);
            put(DECLINED, i64::from(declined));
            match (self.scale, score) {
                (Scale::Mean, _) => {}
                (Scale::Nps, 9..) => put(PROMOTERS, 1),
                (Scale::Nps, 7..=8) => put(PASSIVES, 1),
                (Scale::Nps, _) => put(DETRACTORS, 1),
            }
        }
    }

    fn words(&self, place: usize) -> String {
        let what = match place {
            RESPONSES => "counts once",
            SCORE => "adds the score of the latest of them",
            DECLINED => "counts once if its latest score is below the one before, of less than a window earlier",
            PROMOTERS => "counts once if its latest score is 9 or 10",
            PASSIVES => "counts once if its latest score is 7 or 8",
            _ => "counts once if its latest score is from 0 to 6",
        };
        what.to_owned()
    }

    fn formulas(&self, name: &str) -> Vec<MadeFormula> {
        let (expr, words) = match self.scale {
            Scale::Nps => (
                "100 * (~_promoters - ~_detractors) / ~_responses",
                "The net promoter score: 100 times the share of promoters less that of detractors.",
            ),
            Scale::Mean => ("~_score / ~_responses", "The mean of the latest scores."),
        };
        vec![MadeFormula::derived(name, "", expr, words)]
    }

    fn code(&self) -> Vec<u64> {
        vec![u64::from(b's'), u64::from(self.scale == Scale::Nps)]
    }
}

/// The last answer of each bucket, ascending.
fn latest(seen: &Seen<'_>) -> Vec<(Bucket, i64)> {
    let mut answers = Vec::<(Bucket, i64)>::new();
    for (at, score) in seen.marks() {
        let bucket = seen.bucket(at);
        answers.truncate(answers.partition_point(|(of, _)| *of < bucket));
        answers.push((bucket, score));
    }
    answers
}
