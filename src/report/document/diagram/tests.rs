//! Nothing in a diagram stands on anything else, whatever its size.

use super::layout::{Point, Rect};
use super::{Drawing, entities, states};
use crate::report::document::machines::{Machine, MarkedState, MarkedTransition};
use crate::report::document::picture::Mark;
use crate::report::document::relations::{EntityBox, FieldRow, Map, Relation};

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }
}

fn map(count: usize, seed: u64) -> Map {
    let mut numbers = Numbers(seed);
    let marks = [Mark::Same, Mark::Same, Mark::Same, Mark::Added, Mark::Removed, Mark::Changed];
    let names: Vec<String> =
        (0..count).map(|n| format!("Entity{n}{}", "WithALongName".repeat(n % 3))).collect();
    let mut map = Map::default();
    for (number, name) in names.iter().enumerate() {
        let mut fields = vec![FieldRow {
            name: "id".into(),
            kind: "uuid".into(),
            key: true,
            refers_to: None,
            mark: Mark::Same,
        }];
        for field in 0..numbers.below(9) {
            // Mostly to those before, now and then in a circle or to itself.
            let to = (numbers.below(3) == 0)
                .then(|| names[numbers.below(count.min(number + 2))].clone());
            let mark = marks[numbers.below(6)];
            let row = FieldRow {
                name: format!("field_{field}_{}", "long".repeat(field % 4)),
                kind: "decimal(12,2)".into(),
                key: false,
                refers_to: to.clone(),
                mark,
            };
            map.relations.extend(to.map(|to| Relation {
                from: name.clone(),
                field: row.name.clone(),
                to,
                mark,
                both_ways: false,
            }));
            fields.push(row);
        }
        map.entities.push(EntityBox {
            name: name.clone(),
            table: name.to_lowercase(),
            mark: marks[numbers.below(6)],
            was: None,
            comment: None,
            fields,
        });
    }
    map
}

fn machine(count: usize, seed: u64) -> Machine {
    let mut numbers = Numbers(seed);
    let states: Vec<MarkedState> = (0..count)
        .map(|n| MarkedState { name: format!("state_{n}"), mark: Mark::Same, becomes: None })
        .collect();
    let transitions = (0..count * 2).map(|n| MarkedTransition {
        name: format!("transition_{n}"),
        from: vec![states[numbers.below(count)].name.clone()],
        to: states[numbers.below(count)].name.clone(),
        by: vec!["clerk".into(), "manager".into()],
        when: (n % 2 == 0).then(|| "total > 0 AND created_by <> actor.id".into()),
        mark: Mark::Added,
        was: None,
    });
    Machine {
        of: "Thing.state".into(),
        initial: Some("state_0".into()),
        transitions: transitions.collect(),
        states: states.clone(),
    }
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

fn inside(point: Point, rect: &Rect) -> bool {
    let slack = 0.5;
    point.x > rect.x + slack
        && point.x < rect.x + rect.width - slack
        && point.y > rect.y + slack
        && point.y < rect.y + rect.height - slack
}

fn assert_apart(drawing: &Drawing, what: &str) {
    for (index, one) in drawing.rects.iter().enumerate() {
        let is_within = one.x >= 0.0
            && one.y >= -0.01
            && one.x + one.width <= drawing.width + 0.01
            && one.y + one.height <= drawing.height + 0.01;
        assert!(is_within, "{what}: {one:?} leaves {} x {}", drawing.width, drawing.height);
        for other in &drawing.rects[index + 1..] {
            assert!(!overlap(one, other), "{what}: {one:?} overlaps {other:?}");
        }
    }
    for line in &drawing.lines {
        // Bends are between columns, where there are no boxes: the level stretches are what could touch one.
        for pair in line.chunks(2) {
            for step in 0..=20 {
                let share = f64::from(step) / 20.0;
                let (from, to) = (pair[0], *pair.last().expect("a chunk is not empty"));
                let at = Point {
                    x: from.x + (to.x - from.x) * share,
                    y: from.y + (to.y - from.y) * share,
                };
                let hit = drawing.rects.iter().find(|rect| inside(at, rect));
                assert!(hit.is_none(), "{what}: a line goes through {hit:?} at {at:?}");
            }
        }
    }
}

#[test]
fn no_box_and_no_line_stands_on_another_box() {
    for count in [1, 2, 5, 20, 60] {
        for seed in 0..6 {
            let drawing = entities::draw(&map(count, seed));
            assert_eq!(drawing.rects.len(), count);
            assert_apart(&drawing, &format!("{count} entities, seed {seed}"));
        }
    }
}

#[test]
fn no_label_of_a_transition_stands_on_a_state_or_on_another_label() {
    for count in [1, 2, 4, 8] {
        for seed in 0..6 {
            let drawing = states::draw(&machine(count, seed));
            assert_eq!(drawing.rects.len(), count * 3);
            assert_apart(&drawing, &format!("{count} states, seed {seed}"));
        }
    }
}

#[test]
fn sixty_entities_are_no_ribbon() {
    for seed in 0..6 {
        let drawing = entities::draw(&map(60, seed));
        let shape = drawing.width / drawing.height;
        assert!((0.6..4.5).contains(&shape), "{} x {}", drawing.width, drawing.height);
    }
}

#[test]
fn of_very_many_entities_only_changes_and_their_neighbours_are_drawn() {
    let mut large = map(400, 1);
    large.entities.iter_mut().for_each(|entity| entity.mark = Mark::Same);
    large.entities[7].mark = Mark::Changed;
    let drawing = entities::draw(&large);
    assert!((1..60).contains(&drawing.rects.len()), "{}", drawing.rects.len());
    assert_apart(&drawing, "a part of 400 entities");
}

#[test]
fn names_cannot_break_out_of_the_drawing() {
    let mut small = map(1, 1);
    small.entities[0].name = "<script>\"&".into();
    let svg = entities::draw(&small).svg;
    assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;"), "{svg}");
}
