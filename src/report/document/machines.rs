//! State machines with their changes marked.

use serde::Serialize;

use super::changes::step_text;
use super::picture::{Field, Mark, Picture, Sides, States, Transition, entities, fields, named};

/// A state machine of both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// `Invoice.status`
    pub of: String,
    pub initial: Option<String>,
    pub states: Vec<MarkedState>,
    pub transitions: Vec<MarkedTransition>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkedState {
    pub name: String,
    pub mark: Mark,
    /// What rows in a state that goes become.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub becomes: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkedTransition {
    pub name: String,
    pub from: Vec<String>,
    pub to: String,
    pub by: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    pub mark: Mark,
    /// As it was, where it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
}

impl MarkedTransition {
    fn new(sides: Sides<'_, Transition>, mark: Mark) -> Self {
        let step = sides.shown().clone();
        let was = sides.before.filter(|_| mark == Mark::Changed).map(step_text);
        let Transition { name, from, to, by, when } = step;
        MarkedTransition { name, from, to, by, when, mark, was }
    }

    /// For people.
    pub fn says(&self) -> String {
        step_text(&Transition {
            name: self.name.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            by: self.by.clone(),
            when: self.when.clone(),
        })
    }
}

impl Machine {
    /// Whether anything in it changes.
    pub fn changes(&self) -> bool {
        self.states.iter().any(|it| it.mark.is_change())
            || self.transitions.iter().any(|it| it.mark.is_change())
    }
}

/// All state machines of both sides. One that is all new has no marks.
pub fn machines(before: &Picture, after: &Picture) -> Vec<Machine> {
    let mut found = Vec::new();
    for sides in entities(before, after) {
        for pair in fields(sides) {
            let of = format!("{}.{}", sides.shown().name, pair.shown().name);
            found.extend(machine(of, pair));
        }
    }
    found
}

fn machine(of: String, pair: Sides<'_, Field>) -> Option<Machine> {
    let states = |side: Option<&Field>| side.and_then(|field| field.states.clone());
    let (old, new) = (states(pair.before), states(pair.after));
    let whole = old.is_some() && new.is_some();
    let told = |mark: Mark| if whole { mark } else { Mark::Same };
    let shown = new.as_ref().or(old.as_ref())?;
    let none = States::default();
    let (before, after) = (old.as_ref().unwrap_or(&none), new.as_ref().unwrap_or(&none));
    let moves = pair.after.map(|field| field.values.clone()).unwrap_or_default();
    let of_state = |side: Sides<'_, String>| MarkedState {
        name: side.shown().clone(),
        mark: told(side.mark()),
        becomes: match side.after {
            Some(_) => None,
            None => moves.iter().find(|(old, _)| old == side.shown()).map(|(_, new)| new.clone()),
        },
    };
    let steps = named(&before.transitions, &after.transitions, |step| &step.name);
    Some(Machine {
        of,
        initial: shown.initial.clone(),
        states: named(&before.values, &after.values, String::as_str)
            .into_iter()
            .map(of_state)
            .collect(),
        transitions: steps
            .into_iter()
            .map(|step| MarkedTransition::new(step, told(step.mark())))
            .collect(),
    })
}
