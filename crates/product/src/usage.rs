//! What users do: which events, how late they arrive, and which arrive twice.

use crate::company::Act;
use crate::dice::Dice;
use crate::population::UserId;
use crate::product::{Launch, Settings};
use crate::world::{AccountId, World};
use crate::{DAY, HOUR, MINUTE};
use activity::Millis;

/// Of 1,000 events so many are a bot's.
const BOTS: u32 = 30;
/// Of 1,000 events of an account that has a new feature so many are the feature's.
const FEATURE: u32 = 120;
/// Of 1,000 records so many come again.
const COPIES: u32 = 20;

/// Somebody does something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed {
    pub(crate) user: UserId,
    pub(crate) act: Act,
}

/// What somebody does at `now`: people by rank, bots all alike; the ordinary, or what was launched for their account.
pub(crate) fn deed(world: &World, settings: &Settings, now: Millis, dice: &mut Dice) -> Option<Deed> {
    let bot = dice.chance(BOTS) && world.bots.len() > 0;
    let user = if bot { world.bots.any(dice) } else { world.people.draw(dice) }?;
    let account = world.user(user).account;
    let launched = settings.launches.iter().find(|launch| has(launch, account, now) && dice.chance(FEATURE));
    let act = match launched {
        Some(launch) => Act::plain(launch.event),
        None => dice.weighted(settings.company.daily),
    };
    Some(Deed { user, act })
}

/// Whether the account has what is launched: from none at the start to all at the end of the roll-out, always in the same order.
fn has(launch: &Launch, account: AccountId, now: Millis) -> bool {
    let since = now.0 - launch.from.0;
    // Fibonacci hashing: neighbours lie far apart.
    let place = i64::from(account.0.wrapping_mul(0x9e37_79b9) >> 16);
    since >= 0 && place * launch.rollout_ms.max(1) < since << 16
}

/// How long an event takes to arrive, in milliseconds: mostly below two seconds, now and then minutes, hours or two days.
pub(crate) fn delay(dice: &mut Dice) -> i64 {
    let (least, most) =
        dice.weighted(&[((0, 2_000), 950), ((MINUTE, 30 * MINUTE), 30), ((HOUR, 12 * HOUR), 15), ((DAY, 2 * DAY), 5)]);
    dice.within(least..most)
}

/// After how long a record comes again, in milliseconds; `None` if it does not, as most do.
pub(crate) fn copy_after(dice: &mut Dice) -> Option<i64> {
    let comes_again = dice.chance(COPIES);
    comes_again.then(|| if dice.chance(500) { dice.within(0..5_000) } else { dice.within(0..12 * HOUR) })
}
