//! Which faults there are, and in which order they happen.

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Ingest,
    Window,
    Exporter,
}

impl Role {
    /// As the program's command line has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Ingest => "ingest",
            Role::Window => "window",
            Role::Exporter => "exporter",
        }
    }
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A process dies while it works (SIGKILL), and is started again.
    Kill(Role),
    /// A process stands still until others have taken over what it owned, and then goes on.
    Stop(Role),
    /// A process joins or leaves.
    Rebalance(Role),
    /// The broker dies and is started again.
    Broker,
    /// The store dies and is started again with all that it had.
    StoreKill,
    /// The store dies and is started again with a snapshot that was taken before.
    Snapshot,
    /// The store is emptied.
    Flush,
    /// The store is replaced by a replica that acknowledged writes have not reached.
    FailOver,
}

impl Fault {
    /// The kind, as it is reported.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Fault::Kill(Role::Ingest) => "kill -9 of ingest",
            Fault::Kill(Role::Window) => "kill -9 of window",
            Fault::Kill(Role::Exporter) => "kill -9 of exporter",
            Fault::Stop(_) => "owner stopped past its session",
            Fault::Rebalance(_) => "rebalance",
            Fault::Broker => "kill -9 of the broker",
            Fault::StoreKill => "kill -9 of the store",
            Fault::Snapshot => "store of an older snapshot",
            Fault::Flush => "store emptied",
            Fault::FailOver => "fail-over that loses writes",
        }
    }
}

/// How many faults of each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) kills: u32,
    pub(crate) stops: u32,
    pub(crate) rebalances: u32,
    pub(crate) others: u32,
}

impl Counts {
    /// How many there are in all.
    pub(crate) fn all(self) -> usize {
        (self.kills + self.stops + self.rebalances + self.others * 5) as usize
    }

    /// The faults in an order that is drawn.
    pub(crate) fn schedule(self, random: &mut SmallRng) -> Vec<Fault> {
        let roles = [Role::Window, Role::Ingest, Role::Exporter];
        let owners = &roles[..2];
        let cycle = |of: &[Role], count: u32| of.iter().copied().cycle().take(count as usize).collect::<Vec<_>>();
        let mut faults: Vec<Fault> = cycle(&roles, self.kills).into_iter().map(Fault::Kill).collect();
        faults.extend(cycle(owners, self.stops).into_iter().map(Fault::Stop));
        faults.extend(cycle(owners, self.rebalances).into_iter().map(Fault::Rebalance));
        let others = [Fault::Broker, Fault::StoreKill, Fault::Snapshot, Fault::Flush, Fault::FailOver];
        faults.extend((0..self.others).flat_map(|_| others));
        faults.shuffle(random);
        faults
    }
}
