//! What the triggers of a state machine hold, before an engine says it.

use crate::catalog::machine::Machine;
use crate::text::{Ident, QName};

/// A machine with its conditions in the words of one engine.
pub struct Drawn<'m> {
    pub machine: &'m Machine,
    pub table: &'m QName,
    pub column: &'m Ident,
    pub states: &'m [String],
    pub optional: bool,
    /// Whether the column is a text, and not a type that reads like one.
    pub is_text: bool,
    pub pairs: &'m [Pair],
}

/// A change of state that is possible, and the transitions that make it.
pub struct Pair {
    pub from: String,
    pub to: String,
    /// Name; the condition in SQL over `NEW` and as the model writes it.
    pub ways: Vec<(String, Option<(String, String)>)>,
}

impl Pair {
    /// The conditions, if each way has one.
    pub fn conditions(&self) -> Option<Vec<&str>> {
        self.ways.iter().map(|(_, guard)| Some(guard.as_ref()?.0.as_str())).collect()
    }

    /// `transition submit from draft to submitted needs total > 0`.
    pub fn refusal(&self) -> String {
        let ways: Vec<String> = self
            .ways
            .iter()
            .map(|(name, guard)| {
                let needs = guard.as_ref().map_or("", |(_, text)| text.as_str());
                let needs = crate::catalog::machine::one_line(needs);
                format!("transition {name} from {} to {} needs {needs}", self.from, self.to)
            })
            .collect();
        ways.join("; ")
    }
}

impl Drawn<'_> {
    /// `Invoice.status: `, before each message.
    pub fn prefix(&self) -> String {
        format!("{}: ", self.machine.title())
    }
}

/// What is said where no transition makes a change.
pub fn no_transition(from: &str, to: &str) -> String {
    format!("no transition from {from} to {to}")
}

/// What is said of a new row.
pub fn begins(initial: &str, state: &str) -> String {
    format!("a new row begins as {initial}, not as {state}")
}
