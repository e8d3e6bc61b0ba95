//! How goals stand, and as of when.

use crate::failure::Failure;
use crate::query::{number, timestamp};
use activity::{Bucket, Grain, Millis};
use catalog::{Goal, Moment, NorthStar, Pair, Plan};
use exporter::{Stand, Told, Totals, Withheld};
use serde::Serialize;

/// What `--format json` prints, by the same names.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// The time zone whose days are meant.
    time_zone: String,
    /// How far all shards have come.
    shard_time: String,
    /// The catalogue by which the values were counted.
    catalogue: String,
    pub(super) north_stars: Vec<TreeTold>,
}

/// A tree.
#[derive(Debug, Serialize)]
pub(super) struct TreeTold {
    pub(super) name: String,
    /// The North Star Metric, then its inputs, each followed by its own.
    pub(super) goals: Vec<GoalTold>,
    pub(super) pairs: Vec<PairTold>,
}

/// A metric of a tree. What it has not is `null`.
#[derive(Debug, Serialize)]
pub(super) struct GoalTold {
    pub(super) metric: String,
    pub(super) window: String,
    /// `north_star`, `omtm` or `input`.
    pub(super) role: &'static str,
    pub(super) depth: usize,
    pub(super) team: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) stage: Option<&'static str>,
    /// The bucket as of which the value is: a day, or when a minute or an hour begins.
    pub(super) as_of: String,
    /// Whether it is over.
    complete: bool,
    #[serde(serialize_with = "number")]
    pub(super) value: Option<Told>,
    pub(super) target: Option<f64>,
    from: Option<f64>,
    start: Option<String>,
    pub(super) by: Option<String>,
    /// Whether its last day is before this one.
    pub(super) expired: Option<bool>,
    pub(super) met: Option<bool>,
    pub(super) progress: Option<f64>,
    pub(super) expected: Option<f64>,
    pub(super) on_path: Option<bool>,
    pub(super) of_path: Option<f64>,
}

/// Two of them that are on target only together.
#[derive(Debug, Serialize)]
pub(super) struct PairTold {
    pub(super) name: String,
    pub(super) volume: SideTold,
    pub(super) efficiency: SideTold,
    pub(super) met: Option<bool>,
}

/// A metric of a pair.
#[derive(Debug, Serialize)]
pub(super) struct SideTold {
    pub(super) metric: String,
    pub(super) window: String,
    pub(super) met: Option<bool>,
}

/// What is asked.
struct Asked<'a> {
    plan: &'a Plan,
    totals: &'a Totals,
    /// Shard time.
    time: Millis,
    /// `None` is the last bucket that is over.
    as_of: Option<Moment>,
}

impl Answer {
    /// # Errors
    /// If shard time is not known.
    pub(super) fn of(plan: &Plan, totals: &Totals, as_of: Option<Moment>) -> Result<Answer, Failure> {
        let time = totals.time().ok_or_else(|| Failure::new(Withheld::NoTime))?;
        let asked = Asked { plan, totals, time, as_of };
        Ok(Answer {
            time_zone: plan.calendar.zone_name().to_owned(),
            shard_time: timestamp(time),
            catalogue: plan.version.to_string(),
            north_stars: plan.north_stars.iter().map(|tree| asked.tree(tree)).collect(),
        })
    }
}

impl Asked<'_> {
    fn tree(&self, tree: &NorthStar) -> TreeTold {
        let goals: Vec<GoalTold> = tree.goals.iter().map(|goal| self.goal(goal)).collect();
        let side = |at: usize| {
            let GoalTold { metric, window, met, .. } = &goals[at];
            SideTold { metric: metric.clone(), window: window.clone(), met: *met }
        };
        let pair = |pair: &Pair| PairTold {
            name: pair.name.clone(),
            volume: side(pair.volume),
            efficiency: side(pair.efficiency),
            met: pair.is_met(|at| goals[at].met),
        };
        let pairs = tree.pairs.iter().map(pair).collect();
        TreeTold { name: tree.name.clone(), goals, pairs }
    }

    fn goal(&self, goal: &Goal) -> GoalTold {
        let (plan, grain) = (self.plan, goal.window.grain);
        let present = plan.bucket(grain, self.time);
        let as_of = self.as_of.map_or(present.plus(-1), |moment| moment.bucket(plan, grain));
        let stand = self.totals.stand(plan, goal, as_of);
        let (value, standing) = stand.map(|Stand { value, standing }| (value, standing)).unzip();
        let (standing, target) = (standing.flatten(), goal.target.as_ref());
        let way = target.and_then(|target| target.way.as_ref());
        let day = |day: Bucket| plan.shown(Grain::Day, day);
        GoalTold {
            metric: plan.gauge(goal.of).name().to_owned(),
            window: goal.window.to_string(),
            role: goal.role(),
            depth: goal.depth,
            team: goal.team.clone(),
            owner: goal.owner.clone(),
            stage: goal.stage.map(catalog::Stage::name),
            as_of: plan.shown(grain, as_of),
            complete: as_of < present,
            value,
            target: target.map(|target| target.value),
            from: way.map(|way| way.from),
            start: way.map(|way| day(way.start)),
            by: way.map(|way| day(way.by)),
            expired: way.map(|way| way.is_over(plan.day_of(grain, as_of))),
            met: standing.map(|standing| standing.is_met),
            progress: standing.and_then(|standing| standing.progress),
            expected: standing.and_then(|standing| standing.expected),
            on_path: standing.and_then(|standing| standing.is_on_path),
            of_path: standing.and_then(|standing| standing.of_path),
        }
    }
}
