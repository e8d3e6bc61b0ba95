//! Which share of an account's users does something, on average over accounts: `type: share`.

use super::{Function, Made, MadeFormula, Seen, Step, amount, made};
use activity::levels::Levels;
use activity::{EntityKind, MetricIndex, Window};

/// Of every owner for which the denominator is more than 0, the numerator over the denominator, each of them counted among its own: every
/// owner weighs the same, however large it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Whose shares they are.
    pub(crate) of: EntityKind,
    /// What is counted of its members, or of itself.
    pub(crate) numerator: MetricIndex,
    /// The same of which that is a share.
    pub(crate) denominator: MetricIndex,
    /// The decimals of both.
    pub(crate) decimals: [u8; 2],
    /// From which share on an owner is told apart, in thousandths.
    pub(crate) at_least: Option<u32>,
}

/// To how many decimals the share of each owner is rounded, down.
pub(crate) const DECIMALS: u8 = 9;

impl Share {
    /// What numerator and denominator come to, as whole numbers of the same unit.
    fn of_one_unit(&self, [numerator, denominator]: [i128; 2]) -> [i128; 2] {
        let most = self.decimals[0].max(self.decimals[1]);
        let scaled = |n: i128, decimals: u8| n.saturating_mul(10_i128.pow((most - decimals).into()));
        [scaled(numerator, self.decimals[0]), scaled(denominator, self.decimals[1])]
    }
}

impl Function for Share {
    fn makes(&self, windows: &[Window]) -> Vec<Made> {
        let all = [amount("_sum", windows), made("_of", windows)];
        all.into_iter().chain(self.at_least.map(|_| made("_reached", windows))).collect()
    }

    fn steps(&self, seen: &Seen<'_>, step: Step<'_>) {
        let counted = |metric| {
            let of = seen.record.members(metric, seen.plan.window_of_part(metric, seen.window));
            Levels::of_steps(of.into_iter().flat_map(activity::tally::Tally::iter))
        };
        let [numerator, denominator] = [counted(self.numerator), counted(self.denominator)];
        let of = |level: &dyn Fn(i128, i128) -> i128| {
            numerator.with(&denominator, |numerator, denominator| {
                let [numerator, denominator] = self.of_one_unit([numerator, denominator]);
                if denominator > 0 { level(numerator, denominator) } else { 0 }
            })
        };
        let one = 10_i128.pow(DECIMALS.into());
        let sum = of(&|numerator, denominator| numerator.saturating_mul(one).div_euclid(denominator));
        let reached = |least: u32| {
            of(&|numerator, denominator| {
                i128::from(numerator.saturating_mul(1_000) >= denominator.saturating_mul(least.into()))
            })
        };
        let places = [Some(sum), Some(of(&|_, _| 1)), self.at_least.map(reached)];
        for (place, levels) in places.iter().flatten().enumerate() {
            levels.steps().for_each(|(at, n)| step(place, at, n));
        }
    }

    fn words(&self, place: usize) -> String {
        let what = match place {
            0 => "adds which share of its own counts",
            1 => "counts once if it has any of which there can be a share",
            _ => "counts once if the share of its own that counts is large enough",
        };
        what.to_owned()
    }

    fn formulas(&self, name: &str) -> Vec<MadeFormula> {
        let parts = |suffix: &str| [format!("{name}{suffix}"), format!("{name}_of")];
        let mean = MadeFormula::share(name, "", parts("_sum"), "The mean of the shares, each as large as any other.");
        let reached = "Of those that have any, which part has a share that is large enough.";
        let reached = self.at_least.map(|_| MadeFormula::share(name, "_reached_share", parts("_reached"), reached));
        [mean].into_iter().chain(reached).collect()
    }

    fn code(&self) -> Vec<u64> {
        let parts = [self.numerator, self.denominator].map(|part| u64::from(part.0));
        let decimals = self.decimals.map(u64::from);
        [&[u64::from(b'q'), self.of.0.into()][..], &parts, &decimals, &[self.at_least.map_or(0, u64::from)]].concat()
    }
}
