//! The diagram of entities and references: what is referred to stands to the left of what refers to it.

use std::collections::BTreeSet;

use super::layout::{Link, Rect, Size, Spacing, layout};
use super::text::{Weight, fitted, width};
use super::{Drawing, escape, frame, path};
use crate::report::document::picture::Mark;
use crate::report::document::relations::{EntityBox, FieldRow, Map, Relation};

const HEAD: f64 = 30.0;
const ROW: f64 = 21.0;
const PAD: f64 = 10.0;
/// Where names of fields begin: behind the mark.
const INDENT: f64 = 26.0;
const NAME: f64 = 13.0;
const KIND: f64 = 11.0;
const WIDEST: f64 = 300.0;

/// Beyond so many entities only keys, references and changes of each are drawn.
const ALL_FIELDS_MAX: usize = 12;
/// Beyond so many only what changes is drawn, and what stands beside it.
pub const ALL_ENTITIES_MAX: usize = 150;

/// Draws a map of entities.
pub fn draw(map: &Map) -> Drawing {
    let drawn = chosen(map);
    let brief = drawn.len() > ALL_FIELDS_MAX;
    let boxes: Vec<Shown<'_>> = drawn.iter().map(|entity| Shown::new(entity, brief)).collect();
    let sizes: Vec<Size> = boxes.iter().map(Shown::size).collect();
    let place = |name: &str| drawn.iter().position(|entity| entity.name == name);
    let mut links = Vec::new();
    let mut relations = Vec::new();
    for relation in &map.relations {
        let (Some(from), Some(to)) = (place(&relation.from), place(&relation.to)) else { continue };
        links.push(Link {
            left: to,
            right: from,
            left_y: HEAD / 2.0,
            right_y: boxes[from].row_y(&relation.field),
        });
        relations.push(relation);
    }
    let spacing = Spacing { between_columns: 64.0, between_boxes: 24.0, aspect: 1.7 };
    let placed = layout(&sizes, &links, spacing);
    let mut body = String::new();
    for (relation, line) in relations.iter().zip(&placed.lines) {
        body.push_str(&edge(relation, &path(line)));
    }
    for (shown, rect) in boxes.iter().zip(&placed.boxes) {
        body.push_str(&shown.svg(*rect));
    }
    let name = format!("{} entities and {} references", boxes.len(), relations.len());
    Drawing {
        svg: frame("entities", (placed.width, placed.height), &name, &body),
        width: placed.width,
        height: placed.height,
        rects: placed.boxes,
        lines: placed.lines,
    }
}

/// All entities; of very many those that change, and those beside them.
fn chosen(map: &Map) -> Vec<&EntityBox> {
    if map.entities.len() <= ALL_ENTITIES_MAX {
        return map.entities.iter().collect();
    }
    let changed: BTreeSet<&str> = map
        .entities
        .iter()
        .filter(|entity| entity.mark.is_change())
        .map(|entity| entity.name.as_str())
        .collect();
    let beside = map.relations.iter().filter(|relation| {
        changed.contains(relation.from.as_str()) || changed.contains(relation.to.as_str())
    });
    let near: BTreeSet<&str> =
        beside.flat_map(|relation| [relation.from.as_str(), relation.to.as_str()]).collect();
    map.entities
        .iter()
        .filter(|it| changed.contains(it.name.as_str()) || near.contains(it.name.as_str()))
        .take(ALL_ENTITIES_MAX)
        .collect()
}

fn edge(relation: &Relation, path: &str) -> String {
    let many = if relation.both_ways { " both" } else { "" };
    format!(
        "<g class=\"edge {}{many}\"><title>{}</title><path class=\"line\" d=\"{path}\" fill=\"none\"/></g>",
        class(relation.mark),
        escape(&relation.says())
    )
}

fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Same => "same",
        Mark::Added => "added",
        Mark::Removed => "removed",
        Mark::Changed => "changed",
    }
}

/// An entity with the rows that are drawn of it.
struct Shown<'a> {
    entity: &'a EntityBox,
    rows: Vec<&'a FieldRow>,
    /// How many rows are not drawn.
    hidden: usize,
}

impl<'a> Shown<'a> {
    fn new(entity: &'a EntityBox, brief: bool) -> Self {
        let is_told =
            |row: &&FieldRow| !brief || row.key || row.refers_to.is_some() || row.mark.is_change();
        let rows: Vec<&FieldRow> = entity.fields.iter().filter(is_told).collect();
        let hidden = entity.fields.len() - rows.len();
        Shown { entity, rows, hidden }
    }

    fn size(&self) -> Size {
        let head = width(&self.entity.name, NAME, Weight::Bold) + self.badge_width() + 3.0 * PAD;
        let rows = self.rows.iter().map(|row| {
            INDENT + width(&row.name, KIND + 1.0, Weight::Plain) + 16.0 + kind_width(row) + PAD
        });
        let width = rows.fold(head, f64::max).clamp(150.0, WIDEST);
        let count = self.rows.len() + usize::from(self.hidden > 0);
        Size { width, height: HEAD + ROW * count as f64 + 6.0 }
    }

    fn badge_width(&self) -> f64 {
        match self.entity.mark.word() {
            "" => 0.0,
            word => width(word, 10.0, Weight::Bold) + 12.0,
        }
    }

    /// The middle of the row of a field; of the head where it is not drawn.
    fn row_y(&self, field: &str) -> f64 {
        match self.rows.iter().position(|row| row.name == field) {
            Some(index) => HEAD + ROW * (index as f64 + 0.5) + 3.0,
            None => HEAD / 2.0,
        }
    }

    fn svg(&self, rect: Rect) -> String {
        let Rect { x, y, width: wide, height } = rect;
        let entity = self.entity;
        let mut text = format!(
            "<g class=\"entity {}\" data-name=\"{}\" transform=\"translate({x:.1} {y:.1})\"><title>{}</title>\
             <rect class=\"box\" width=\"{wide:.1}\" height=\"{height:.1}\" rx=\"8\"/>\
             <path class=\"head\" d=\"M0 {HEAD} V8 a8 8 0 0 1 8 -8 H{:.1} a8 8 0 0 1 8 8 V{HEAD} Z\"/>",
            class(entity.mark),
            escape(&entity.name.to_lowercase()),
            escape(&entity.says()),
            wide - 8.0,
        );
        let room = wide - self.badge_width() - 3.0 * PAD;
        text.push_str(&format!(
            "<text class=\"name\" x=\"{PAD}\" y=\"20\">{}</text>",
            escape(&fitted(&entity.name, NAME, Weight::Bold, room))
        ));
        if entity.mark.is_change() {
            let badge = self.badge_width();
            let left = wide - badge - 8.0;
            text.push_str(&format!(
                "<rect class=\"badge\" x=\"{left:.1}\" y=\"7\" width=\"{badge:.1}\" height=\"16\" rx=\"8\"/>\
                 <text class=\"badge-text\" x=\"{:.1}\" y=\"18.5\" text-anchor=\"middle\">{}</text>",
                left + badge / 2.0,
                entity.mark.word()
            ));
        }
        for (index, row) in self.rows.iter().enumerate() {
            text.push_str(&row_svg(row, wide, HEAD + 3.0 + ROW * index as f64));
        }
        if self.hidden > 0 {
            let y = HEAD + 3.0 + ROW * self.rows.len() as f64 + 14.5;
            text.push_str(&format!(
                "<text class=\"kind\" x=\"{INDENT}\" y=\"{y:.1}\">… {} more</text>",
                self.hidden
            ));
        }
        text.push_str("</g>");
        text
    }
}

fn kind_width(row: &FieldRow) -> f64 {
    width(&row.kind, KIND, Weight::Plain).min(120.0)
}

fn row_svg(row: &FieldRow, wide: f64, top: f64) -> String {
    let mut text = format!("<g class=\"row {}\">", class(row.mark));
    if row.mark.is_change() {
        text.push_str(&format!(
            "<rect class=\"row-back\" x=\"1\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{ROW}\"/>\
             <text class=\"sign\" x=\"10\" y=\"{:.1}\">{}</text>",
            wide - 2.0,
            top + 15.0,
            row.mark.sign()
        ));
    }
    let kind_room = kind_width(row);
    let name_room = wide - INDENT - PAD - 12.0 - kind_room;
    let key = if row.key { " key" } else { "" };
    text.push_str(&format!(
        "<text class=\"field{key}\" x=\"{INDENT}\" y=\"{:.1}\">{}</text>\
         <text class=\"kind\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text></g>",
        top + 15.0,
        escape(&fitted(&row.name, KIND + 1.0, Weight::Plain, name_room)),
        wide - PAD,
        top + 15.0,
        escape(&fitted(&row.kind, KIND, Weight::Plain, kind_room)),
    ));
    text
}
