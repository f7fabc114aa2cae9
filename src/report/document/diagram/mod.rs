//! Diagrams of a report, as SVG that stands in the page: entities and their references, states and their transitions.

pub mod entities;
pub mod layout;
pub mod states;
pub mod text;
#[cfg(test)]
mod tests;

use layout::Point;

/// A drawing, and what of it must not overlap: for the test.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub svg: String,
    pub width: f64,
    pub height: f64,
    /// Boxes and labels.
    pub rects: Vec<layout::Rect>,
    pub lines: Vec<Vec<Point>>,
}

/// Text inside SVG.
fn escape(text: &str) -> String {
    crate::report::formats::xml(text)
}

/// A line as a path: level where it passes boxes, bent between columns.
fn path(points: &[Point]) -> String {
    let Some(first) = points.first() else { return String::new() };
    let mut text = format!("M{:.1} {:.1}", first.x, first.y);
    for (index, pair) in points.windows(2).enumerate() {
        let (from, to) = (pair[0], pair[1]);
        if index % 2 == 1 && (from.y - to.y).abs() > 0.5 {
            // A line that comes back to its own box runs down beside it.
            let (first, second) = match (from.x - to.x).abs() < 0.5 {
                true => (from.x + 14.0, to.x + 14.0),
                false => ((from.x + to.x) / 2.0, (from.x + to.x) / 2.0),
            };
            let bend = format!("{first:.1} {:.1} {second:.1} {:.1}", from.y, to.y);
            text.push_str(&format!(" C{bend} {:.1} {:.1}", to.x, to.y));
        } else {
            text.push_str(&format!(" L{:.1} {:.1}", to.x, to.y));
        }
    }
    text
}

/// An SVG element around a body, with its name for those who cannot see it.
fn frame(class: &str, (width, height): (f64, f64), name: &str, body: &str) -> String {
    let (width, height) = (width.ceil() + 2.0 * MARGIN, height.ceil() + 2.0 * MARGIN);
    format!(
        "<svg class=\"diagram {class}\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{}\" \
         style=\"width:100%;max-width:{width}px;min-width:{:.0}px\" viewBox=\"0 0 {width} {height}\">\
         <g transform=\"translate({MARGIN} {MARGIN})\">{body}</g></svg>",
        escape(name),
        width * SMALLEST
    )
}

/// How far a drawing is made smaller before one has to move it about.
const SMALLEST: f64 = 0.72;
/// Room around a drawing.
const MARGIN: f64 = 12.0;
