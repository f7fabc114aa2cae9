//! The diagram of a state machine: states as boxes, each transition as a label on its line, between the states it joins.

use std::collections::BTreeMap;

use super::layout::{Link, Point, Rect, Size, Spacing, layout};
use super::text::{Weight, width, wrapped};
use super::{Drawing, escape, frame, path};
use crate::report::document::machines::{Machine, MarkedTransition};
use crate::report::document::picture::Mark;

const STATE: f64 = 13.0;
const LABEL: f64 = 12.0;
const SMALL: f64 = 11.0;
const LINE: f64 = 15.0;
const ROOM: f64 = 170.0;

/// Draws a state machine.
pub fn draw(machine: &Machine) -> Drawing {
    let states: Vec<(&str, Mark)> =
        machine.states.iter().map(|state| (state.name.as_str(), state.mark)).collect();
    let place = |name: &str| states.iter().position(|(state, _)| *state == name);
    let depth = depths(machine);
    let mut sizes: Vec<Size> = states.iter().map(|(name, mark)| state_size(name, *mark)).collect();
    let (mut labels, mut links, mut turned) = (Vec::new(), Vec::new(), Vec::new());
    for step in &machine.transitions {
        for from in &step.from {
            let (Some(start), Some(end)) = (place(from), place(&step.to)) else { continue };
            let label = Label::new(step);
            let node = sizes.len();
            sizes.push(label.size());
            labels.push(label);
            let middle = sizes[node].height / 2.0;
            let at = |state: usize| sizes[state].height / 2.0;
            let back = depth.get(step.to.as_str()) < depth.get(from.as_str());
            let (left, right) = if back { (end, start) } else { (start, end) };
            links.push(Link { left, right: node, left_y: at(left), right_y: middle });
            turned.push(back);
            // A transition to the same state has its label to the right, and two lines to it.
            if left == right {
                let link =
                    Link { left, right: node, left_y: at(left) + 6.0, right_y: middle + 6.0 };
                links.push(link);
                turned.push(true);
            } else {
                links.push(Link { left: node, right, left_y: middle, right_y: at(right) });
                turned.push(back);
            }
        }
    }
    let spacing = Spacing { between_columns: 34.0, between_boxes: 18.0, aspect: 3.0 };
    let placed = layout(&sizes, &links, spacing);
    let mut body = String::new();
    for ((link, line), turned) in links.iter().zip(&placed.lines).zip(&turned) {
        let label = link.left.max(link.right).saturating_sub(states.len());
        let mark = labels.get(label).map_or(Mark::Same, |label| label.mark);
        let ends_at_state =
            if *turned { link.left < states.len() } else { link.right < states.len() };
        let mut line: Vec<Point> = line.clone();
        if *turned {
            line.reverse();
        }
        let arrow = if ends_at_state { arrow(&line) } else { String::new() };
        body.push_str(&format!(
            "<g class=\"edge {}\"><path class=\"line\" d=\"{}\" fill=\"none\"/>{arrow}</g>",
            class(mark),
            path(&line)
        ));
    }
    for ((name, mark), rect) in states.iter().zip(&placed.boxes) {
        let initial = machine.initial.as_deref() == Some(*name);
        body.push_str(&state_svg(name, *mark, initial, *rect));
    }
    for (label, rect) in labels.iter().zip(&placed.boxes[states.len()..]) {
        body.push_str(&label.svg(*rect));
    }
    let told: Vec<String> = machine.transitions.iter().map(MarkedTransition::says).collect();
    let name = format!("states of {}: {}", machine.of, told.join("; "));
    Drawing {
        svg: frame("states", (placed.width, placed.height), &name, &body),
        width: placed.width,
        height: placed.height,
        rects: placed.boxes,
        lines: placed.lines,
    }
}

/// How many steps each state is from the first one, in the order in which they are written where none leads there.
fn depths(machine: &Machine) -> BTreeMap<&str, usize> {
    let mut depth: BTreeMap<&str, usize> = BTreeMap::new();
    let start = machine.initial.as_deref().or(machine.states.first().map(|it| it.name.as_str()));
    let mut next: Vec<&str> = start.into_iter().collect();
    let mut steps = 0;
    while !next.is_empty() {
        for state in std::mem::take(&mut next) {
            if depth.contains_key(state) {
                continue;
            }
            depth.insert(state, steps);
            let leads = machine.transitions.iter().filter(|it| it.from.iter().any(|f| f == state));
            next.extend(leads.map(|it| it.to.as_str()));
        }
        steps += 1;
    }
    for (index, state) in machine.states.iter().enumerate() {
        depth.entry(&state.name).or_insert(steps + index);
    }
    depth
}

fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Same => "same",
        Mark::Added => "added",
        Mark::Removed => "removed",
        Mark::Changed => "changed",
    }
}

fn state_text(name: &str, mark: Mark) -> String {
    match mark.word() {
        "" => name.to_owned(),
        word => format!("{name} ({word})"),
    }
}

fn state_size(name: &str, mark: Mark) -> Size {
    Size { width: width(&state_text(name, mark), STATE, Weight::Bold) + 32.0, height: 36.0 }
}

fn state_svg(name: &str, mark: Mark, initial: bool, rect: Rect) -> String {
    let Rect { x, y, width, height } = rect;
    let start = match initial {
        true => format!("<circle class=\"start\" cx=\"13\" cy=\"{:.1}\" r=\"4\"/>", height / 2.0),
        false => String::new(),
    };
    let note = if initial { "<title>the state that things begin in</title>" } else { "" };
    format!(
        "<g class=\"state {}\" transform=\"translate({x:.1} {y:.1})\">{note}\
         <rect class=\"box\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"18\"/>{start}\
         <text class=\"name\" x=\"{:.1}\" y=\"22.5\" text-anchor=\"middle\">{}</text></g>",
        class(mark),
        width / 2.0 + if initial { 5.0 } else { 0.0 },
        escape(&state_text(name, mark)),
    )
}

/// A head at the end of a line.
fn arrow(line: &[Point]) -> String {
    let [.., before, end] = line else { return String::new() };
    let way = if end.x >= before.x { 1.0 } else { -1.0 };
    // A stretch without length takes its direction from the one before.
    let way = if (end.x - before.x).abs() < 0.1 && line.len() > 2 {
        if end.x >= line[line.len() - 3].x { 1.0 } else { -1.0 }
    } else {
        way
    };
    let back = end.x - 8.0 * way;
    format!(
        "<path class=\"arrow\" d=\"M{:.1} {:.1} L{back:.1} {:.1} L{back:.1} {:.1} Z\"/>",
        end.x,
        end.y,
        end.y - 4.5,
        end.y + 4.5
    )
}

/// What is written on a transition.
struct Label {
    mark: Mark,
    title: String,
    lines: Vec<String>,
}

impl Label {
    fn new(step: &MarkedTransition) -> Label {
        let mut lines = Vec::new();
        if !step.by.is_empty() {
            lines.extend(wrapped(&format!("by {}", step.by.join(", ")), SMALL, ROOM));
        }
        if let Some(when) = &step.when {
            lines.extend(wrapped(&format!("when {when}"), SMALL, ROOM));
        }
        Label { mark: step.mark, title: state_text(&step.name, step.mark), lines }
    }

    fn size(&self) -> Size {
        let lines = self.lines.iter().map(|line| width(line, SMALL, Weight::Plain));
        let widest = lines.fold(width(&self.title, LABEL, Weight::Bold), f64::max);
        Size { width: widest + 12.0, height: 20.0 + LINE * self.lines.len() as f64 + 2.0 }
    }

    fn svg(&self, rect: Rect) -> String {
        let Rect { x, y, width, height } = rect;
        let mut text = format!(
            "<g class=\"label {}\" transform=\"translate({x:.1} {y:.1})\">\
             <rect class=\"label-back\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\"/>\
             <text class=\"name\" x=\"{:.1}\" y=\"15\" text-anchor=\"middle\">{}</text>",
            class(self.mark),
            width / 2.0,
            escape(&self.title)
        );
        for (index, line) in self.lines.iter().enumerate() {
            text.push_str(&format!(
                "<text class=\"kind\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                width / 2.0,
                30.0 + LINE * index as f64,
                escape(line)
            ));
        }
        text.push_str("</g>");
        text
    }
}
