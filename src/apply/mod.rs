//! Runs plans: rehearsed on a shadow, checked against the rows, journaled step by step, and taken back.

pub mod approve;
pub mod book;
pub mod bundle;
pub mod deploy;
pub mod evidence;
mod fit;
pub mod given;
pub mod hidden;
pub mod kept;
mod promise;
pub mod prove;
pub mod rehearse;
pub mod resolve;
pub mod run;
pub mod turn;
pub mod watch;

pub use bundle::Bundle;

use crate::db::watchdog::Tell;
use crate::journal::{Action, Entry};

/// Who acts, for the ledger. Comes from the command line's surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    pub actor: String,
    pub host: String,
    /// Commit of the project, where it is a git work tree.
    pub commit: Option<String>,
    pub tool: String,
    /// Why something usual is left out, in the user's words.
    pub reason: Option<String>,
}

impl Who {
    /// An entry of the ledger for what this one did, not yet sealed.
    pub fn entry(&self, at: String, action: Action, schema: String) -> Entry {
        let who = self.clone();
        Entry {
            number: 0,
            at,
            action,
            version: String::new(),
            plan: String::new(),
            schema,
            actor: who.actor,
            host: who.host,
            commit: who.commit,
            tool: who.tool,
            reason: who.reason,
            duration_ms: 0,
            previous: String::new(),
            hash: String::new(),
        }
    }
}

/// What a run needs from its surroundings.
pub struct Context<'a> {
    pub who: Who,
    /// The time, RFC 3339 in UTC.
    pub now: fn() -> String,
    /// Hears what is being done.
    pub progress: &'a mut dyn Progress,
}

/// Hears what is being done, to show it.
pub trait Progress {
    /// A step of `total` begins.
    fn step(&mut self, position: usize, total: usize, title: &str);
    /// Something else that may take a while begins.
    fn phase(&mut self, what: &str);
    /// Nothing goes on until somebody else lets go; who, and why.
    fn waiting(&mut self, for_what: &str);
    /// The same for another thread.
    fn teller(&self) -> Tell;
}

/// Shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn step(&mut self, _: usize, _: usize, _: &str) {}
    fn phase(&mut self, _: &str) {}
    fn waiting(&mut self, _: &str) {}
    fn teller(&self) -> Tell {
        Box::new(|_| {})
    }
}
