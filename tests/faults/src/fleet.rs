//! The processes of the program that run, each in a place of its own: a name and a port that it keeps over restarts.

use pipeline::{DEADLINE, Installation, Nsm};
use services::free_port;

use crate::schedule::Role;

/// A process of one role.
pub(crate) struct Member {
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) port: u16,
    nsm: Nsm,
}

/// All processes.
pub(crate) struct Fleet {
    pub(crate) members: Vec<Member>,
    named: usize,
}

impl Fleet {
    /// Starts two processes of every role.
    pub(crate) fn start(installation: &Installation) -> Fleet {
        let mut fleet = Fleet { members: Vec::new(), named: 0 };
        for role in [Role::Ingest, Role::Window, Role::Exporter, Role::Ingest, Role::Window, Role::Exporter] {
            fleet.join(installation, role);
        }
        fleet
    }

    /// Starts one more process of a role.
    pub(crate) fn join(&mut self, installation: &Installation, role: Role) {
        self.named += 1;
        let (name, port) = (format!("{}-{}", role.name(), self.named), free_port());
        let nsm = installation.run_with(&name, &[role.name()], port, &[]);
        self.members.push(Member { role, name, port, nsm });
    }

    /// The places of the processes of a role.
    pub(crate) fn of(&self, role: Role) -> Vec<usize> {
        (0..self.members.len()).filter(|at| self.members[*at].role == role).collect()
    }

    /// Kills a process (SIGKILL), and starts it again after what happens meanwhile.
    #[track_caller]
    pub(crate) fn kill(&mut self, at: usize, installation: &Installation, meanwhile: impl FnOnce(&Fleet)) {
        let Member { role, name, port, nsm } = self.members.remove(at);
        nsm.kill();
        meanwhile(self);
        let nsm = installation.run_with(&name, &[role.name()], port, &[]);
        self.members.push(Member { role, name, port, nsm });
    }

    /// Stops a process in order, and waits for its end.
    #[track_caller]
    pub(crate) fn leave(&mut self, at: usize) {
        let Member { name, nsm, .. } = self.members.remove(at);
        let (status, log) = nsm.stop(DEADLINE);
        assert!(status.success(), "{name} ended with {status}:\n{log}");
    }

    /// How often processes of a role, but for the one of this name, have taken something over.
    pub(crate) fn taken(&self, role: Role, but: &str) -> usize {
        let others = self.members.iter().filter(|member| member.role == role && member.name != but);
        others.map(Member::taken).sum()
    }

    /// # Panics
    /// When a process has ended by itself.
    #[track_caller]
    pub(crate) fn expect_alive(&self) {
        for member in &self.members {
            assert!(member.nsm.is_running(), "{} has ended:\n{}", member.name, member.nsm.log());
        }
    }
}

impl Member {
    /// How often it has taken something over.
    fn taken(&self) -> usize {
        let says: &[&str] = match self.role {
            Role::Ingest => &["took a partition over", "began a partition"],
            Role::Window => &["opened the shard"],
            Role::Exporter => &[],
        };
        let log = self.nsm.log();
        says.iter().map(|words| log.matches(words).count()).sum()
    }

    pub(crate) fn pause(&self) {
        self.nsm.pause();
    }

    pub(crate) fn resume(&self) {
        self.nsm.resume();
    }
}
