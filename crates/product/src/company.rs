//! Kinds of companies: what their products' events are called and carry. What happens to accounts and users is the same
//! everywhere.

use crate::decimal::Decimal;
use crate::dice::Dice;
use crate::world::Plan;

/// A kind of company.
#[derive(Debug, PartialEq, Eq)]
pub struct Company {
    /// What it is called.
    pub name: &'static str,
    /// The events of the two features that are launched.
    pub launches: [&'static str; 2],
    /// What is done every day, and how often.
    pub(crate) daily: &'static [(Act, u32)],
    /// Where it is done, and how often.
    pub(crate) surfaces: &'static [(&'static str, u32)],
    /// How the trial is called, the smaller plan, and the larger one.
    plans: [&'static str; 3],
    /// Where its own people have their email; where it is not said, events tell no emails.
    pub(crate) domain: Option<&'static str>,
}

/// Something that a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    /// The event's name.
    pub(crate) event: &'static str,
    /// A property that the event has.
    pub(crate) quantity: Option<Quantity>,
}

/// A property, in units of its last decimal: any number from the first to before the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantity {
    pub(crate) property: &'static str,
    decimals: u32,
    units: (i64, i64),
}

impl Quantity {
    pub(crate) fn draw(&self, dice: &mut Dice) -> Decimal {
        let (least, most) = self.units;
        Decimal { units: dice.within(least..most), decimals: self.decimals }
    }
}

impl Act {
    /// An event that has no quantity.
    pub(crate) const fn plain(event: &'static str) -> Act {
        Act { event, quantity: None }
    }

    const fn whole(event: &'static str, property: &'static str, least: i64, most: i64) -> Act {
        Act { event, quantity: Some(Quantity { property, decimals: 0, units: (least, most) }) }
    }

    /// An amount of money, of so many cents.
    const fn money(event: &'static str, least: i64, most: i64) -> Act {
        Act { event, quantity: Some(Quantity { property: "amount", decimals: 2, units: (least, most) }) }
    }
}

const ON_DESKS: &[(&str, u32)] = &[("web", 70), ("desktop", 20), ("mobile", 10)];

impl Company {
    /// Documents that are written together.
    pub const DOCUMENTS: Company = Company {
        name: "documents",
        launches: ["assistant_asked", "board_shared"],
        daily: &[
            (Act::plain("session_started"), 20),
            (Act::plain("document_opened"), 30),
            (Act::whole("document_edited", "seconds", 1, 900), 24),
            (Act::plain("comment_added"), 10),
            (Act::plain("search_run"), 9),
            (Act::plain("report_exported"), 5),
            (Act::plain("invite_sent"), 2),
        ],
        surfaces: ON_DESKS,
        plans: ["trial", "team", "business"],
        domain: None,
    };

    /// Software by which companies pay commissions to those who sell.
    pub const COMMISSIONS: Company = Company {
        name: "commissions",
        launches: ["forecast_opened", "assistant_asked"],
        daily: &[
            (Act::plain("session_started"), 20),
            (Act::plain("statement_viewed"), 30),
            (Act::plain("commission_calculated"), 20),
            (Act::money("commission_paid", 2_000, 500_000), 12),
            (Act::plain("rule_edited"), 8),
            (Act::plain("report_exported"), 7),
            (Act::plain("dispute_opened"), 3),
        ],
        surfaces: ON_DESKS,
        plans: ["trial", "team", "business"],
        domain: Some("commissions.example"),
    };

    /// Music and podcasts; an account is a household.
    pub const STREAMING: Company = Company {
        name: "streaming",
        launches: ["lyrics_shown", "jam_started"],
        daily: &[
            (Act::whole("song_played", "ms", 30_000, 420_000), 55),
            (Act::whole("podcast_played", "ms", 60_000, 5_400_000), 8),
            (Act::plain("search_run"), 14),
            (Act::plain("playlist_edited"), 10),
            (Act::plain("artist_followed"), 6),
            (Act::plain("song_skipped"), 7),
        ],
        surfaces: &[("mobile", 55), ("desktop", 20), ("speaker", 12), ("web", 8), ("car", 5)],
        plans: ["free", "premium", "family"],
        domain: None,
    };

    /// A database for those who do not write programs.
    pub const NO_CODE: Company = Company {
        name: "no-code",
        launches: ["assistant_asked", "interface_published"],
        daily: &[
            (Act::plain("base_opened"), 25),
            (Act::plain("record_created"), 22),
            (Act::plain("record_edited"), 24),
            (Act::plain("form_submitted"), 8),
            (Act::whole("automation_run", "ms", 40, 20_000), 14),
            (Act::plain("formula_edited"), 5),
            (Act::plain("base_created"), 2),
        ],
        surfaces: &[("web", 75), ("api", 15), ("mobile", 10)],
        plans: ["free", "team", "business"],
        domain: Some("tables.example"),
    };

    /// Talk within teams; an account is a team.
    pub const TEAM_CHAT: Company = Company {
        name: "team-chat",
        launches: ["summary_read", "huddle_started"],
        daily: &[
            (Act::plain("message_sent"), 60),
            (Act::plain("channel_read"), 20),
            (Act::plain("reaction_added"), 9),
            (Act::whole("call_ended", "seconds", 20, 5_400), 4),
            (Act::whole("file_shared", "bytes", 1_000, 50_000_000), 4),
            (Act::plain("search_run"), 3),
        ],
        surfaces: &[("desktop", 60), ("mobile", 30), ("web", 10)],
        plans: ["trial", "pro", "enterprise"],
        domain: Some("chat.example"),
    };

    /// A platform for shops; an account is a shop, and its users buy there.
    pub const E_COMMERCE: Company = Company {
        name: "e-commerce",
        launches: ["express_checkout_opened", "gift_card_bought"],
        daily: &[
            (Act::plain("product_viewed"), 60),
            (Act::plain("cart_created"), 14),
            (Act::plain("cart_changed"), 8),
            (Act::plain("checkout_started"), 9),
            (Act::money("checkout_completed", 499, 60_000), 7),
            (Act::money("order_refunded", -20_000, -499), 2),
        ],
        surfaces: &[("mobile", 60), ("web", 35), ("app", 5)],
        plans: ["trial", "basic", "plus"],
        domain: Some("shops.example"),
    };

    /// All of them.
    pub const ALL: [&'static Company; 6] = [
        &Company::DOCUMENTS,
        &Company::COMMISSIONS,
        &Company::STREAMING,
        &Company::NO_CODE,
        &Company::TEAM_CHAT,
        &Company::E_COMMERCE,
    ];

    /// How a plan is called.
    pub(crate) fn plan(&self, plan: Plan) -> &'static str {
        self.plans[plan as usize]
    }
}
