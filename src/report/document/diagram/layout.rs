//! Where boxes and lines of a diagram go: columns by how deep a box stands, few crossings, no box on another, long lines
//! led between the boxes. Pure geometry; what is in a box is its maker's business.

use std::collections::BTreeSet;

/// A box to place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    pub width: f64,
    pub height: f64,
}

/// A line from one box to another that should stand to its right; `y` is where it touches each, from the top of the box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    pub left: usize,
    pub right: usize,
    pub left_y: f64,
    pub right_y: f64,
}

/// Distances, and the shape that is aimed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spacing {
    pub between_columns: f64,
    pub between_boxes: f64,
    /// Width to height.
    pub aspect: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// A placed box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// Everything placed.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    pub boxes: Vec<Rect>,
    /// One for each link: from the left box, over level stretches, to the right one. Between the second point and the
    /// third, the fourth and the fifth, and so on, a line may bend.
    pub lines: Vec<Vec<Point>>,
    pub width: f64,
    pub height: f64,
}

/// How high the room is that a line takes in a column that it crosses.
const LANE: f64 = 14.0;
/// How often order and height are looked at again.
const ROUNDS: usize = 12;

/// Places boxes and lines.
pub fn layout(sizes: &[Size], links: &[Link], spacing: Spacing) -> Layout {
    let linked: BTreeSet<usize> = links.iter().flat_map(|link| [link.left, link.right]).collect();
    let layers = layers(sizes.len(), links);
    let heights = limits(sizes, &linked, spacing);
    let drawn = heights.into_iter().map(|limit| {
        let columns = columns(sizes, &layers, &linked, limit, spacing);
        Drawing::new(sizes, links, columns, spacing).finish()
    });
    let far = |it: &Layout| ((it.width / it.height.max(1.0)) / spacing.aspect).ln().abs();
    let best = drawn.min_by(|a, b| far(a).total_cmp(&far(b)));
    let mut best = best.unwrap_or(Layout {
        boxes: sizes.iter().map(|_| Rect { x: 0.0, y: 0.0, width: 0.0, height: 0.0 }).collect(),
        lines: Vec::new(),
        width: 0.0,
        height: 0.0,
    });
    let alone: Vec<usize> = (0..sizes.len()).filter(|node| !linked.contains(node)).collect();
    shelve(&mut best, sizes, &alone, spacing);
    best
}

/// The column of each box: behind all that it stands to the right of. Links that would close a circle do not count.
fn layers(count: usize, links: &[Link]) -> Vec<usize> {
    let forward = without_circles(count, links);
    let mut layers = vec![0; count];
    for _ in 0..count {
        let mut moved = false;
        for (left, right) in &forward {
            if layers[*right] <= layers[*left] {
                layers[*right] = layers[*left] + 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    // What begins a line stands as near to its end as it can.
    let begins: Vec<usize> =
        (0..count).filter(|node| !forward.iter().any(|(_, right)| right == node)).collect();
    for node in begins {
        let nearest =
            forward.iter().filter(|(left, _)| *left == node).map(|(_, right)| layers[*right]);
        if let Some(nearest) = nearest.min() {
            layers[node] = nearest - 1;
        }
    }
    layers
}

/// Each link once as `(left, right)`, turned round where it would close a circle.
fn without_circles(count: usize, links: &[Link]) -> Vec<(usize, usize)> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        Under,
        Done,
    }
    fn visit(
        node: usize,
        links: &[Link],
        seen: &mut [Seen],
        turned: &mut BTreeSet<(usize, usize)>,
    ) {
        seen[node] = Seen::Under;
        for link in links.iter().filter(|link| link.left == node && link.right != node) {
            match seen[link.right] {
                Seen::Not => visit(link.right, links, seen, turned),
                Seen::Under => {
                    turned.insert((link.left, link.right));
                }
                Seen::Done => {}
            }
        }
        seen[node] = Seen::Done;
    }
    let mut seen = vec![Seen::Not; count];
    let mut turned = BTreeSet::new();
    let is_start = |node: &usize| !links.iter().any(|it| it.right == *node && it.left != *node);
    let starts = (0..count).filter(is_start).chain(0..count);
    for node in starts.collect::<Vec<_>>() {
        if seen[node] == Seen::Not {
            visit(node, links, &mut seen, &mut turned);
        }
    }
    let pairs = links.iter().filter(|link| link.left != link.right).map(|link| {
        let pair = (link.left, link.right);
        if turned.contains(&pair) { (pair.1, pair.0) } else { pair }
    });
    pairs.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Heights at which a column is worth breaking in two.
fn limits(sizes: &[Size], linked: &BTreeSet<usize>, spacing: Spacing) -> Vec<f64> {
    let heights = linked.iter().map(|node| sizes[*node].height + spacing.between_boxes);
    let highest = heights.clone().fold(0.0, f64::max);
    let all: f64 = heights.sum();
    if all == 0.0 {
        return Vec::new();
    }
    let mut found = vec![all];
    while let Some(last) = found.last().copied()
        && last * 0.7 > highest
        && found.len() < 12
    {
        found.push(last * 0.7);
    }
    found
}

/// Boxes by column, layers that are too high broken into several.
fn columns(
    sizes: &[Size],
    layers: &[usize],
    linked: &BTreeSet<usize>,
    limit: f64,
    spacing: Spacing,
) -> Vec<Vec<usize>> {
    let mut columns = Vec::new();
    for layer in 0..=layers.iter().copied().max().unwrap_or(0) {
        let members: Vec<usize> = (0..sizes.len())
            .filter(|node| layers[*node] == layer && linked.contains(node))
            .collect();
        let height = |node: &usize| sizes[*node].height + spacing.between_boxes;
        let all: f64 = members.iter().map(height).sum();
        let share = all / (all / limit).ceil().max(1.0);
        let (mut column, mut filled) = (Vec::new(), 0.0);
        for node in members {
            let own = height(&node);
            if !column.is_empty() && filled + own / 2.0 > share {
                columns.push(std::mem::take(&mut column));
                filled = 0.0;
            }
            filled += own;
            column.push(node);
        }
        if !column.is_empty() {
            columns.push(column);
        }
    }
    columns
}

/// Something that takes room in a column: a box, or the lane of a line that goes through.
#[derive(Clone, Copy, Debug)]
struct Place {
    column: usize,
    height: f64,
    y: f64,
}

/// A stretch between two places in columns side by side.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    left: usize,
    right: usize,
    left_y: f64,
    right_y: f64,
}

struct Drawing<'a> {
    sizes: &'a [Size],
    links: &'a [Link],
    spacing: Spacing,
    /// Boxes come first, by their number; then lanes.
    places: Vec<Place>,
    columns: Vec<Vec<usize>>,
    stretches: Vec<Stretch>,
    /// The places that each link touches, from left to right.
    courses: Vec<Vec<usize>>,
}

impl<'a> Drawing<'a> {
    fn new(
        sizes: &'a [Size],
        links: &'a [Link],
        mut columns: Vec<Vec<usize>>,
        spacing: Spacing,
    ) -> Self {
        let mut places: Vec<Place> =
            sizes.iter().map(|size| Place { column: 0, height: size.height, y: 0.0 }).collect();
        for (number, column) in columns.iter().enumerate() {
            for node in column {
                places[*node].column = number;
            }
        }
        let (mut stretches, mut courses) = (Vec::new(), Vec::new());
        for link in links {
            let turned = places[link.left].column > places[link.right].column;
            let (start, end) =
                if turned { (link.right, link.left) } else { (link.left, link.right) };
            let (start_y, end_y) =
                if turned { (link.right_y, link.left_y) } else { (link.left_y, link.right_y) };
            let mut course = vec![start];
            let first = places[start].column + 1;
            let crossed = places[end].column.saturating_sub(first);
            for (column, members) in columns.iter_mut().enumerate().skip(first).take(crossed) {
                course.push(places.len());
                members.push(places.len());
                places.push(Place { column, height: LANE, y: 0.0 });
            }
            course.push(end);
            let last = course.len().saturating_sub(2);
            let is_loop = start == end;
            for (index, pair) in course.windows(2).enumerate().filter(|_| !is_loop) {
                stretches.push(Stretch {
                    left: pair[0],
                    right: pair[1],
                    left_y: if index == 0 { start_y } else { LANE / 2.0 },
                    right_y: if index == last { end_y } else { LANE / 2.0 },
                });
            }
            courses.push(course);
        }
        Drawing { sizes, links, spacing, places, columns, stretches, courses }
    }

    fn finish(mut self) -> Layout {
        self.stack();
        let mut best = (self.crossings(), self.columns.clone());
        for round in 0..ROUNDS {
            self.sort(round % 2 == 0);
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.columns.clone());
            }
        }
        self.columns = best.1;
        self.stack();
        for round in 0..ROUNDS {
            self.level(round % 2 == 0);
        }
        self.draw()
    }

    /// One below the other.
    fn stack(&mut self) {
        for column in &self.columns {
            let mut y = 0.0;
            for place in column {
                self.places[*place].y = y;
                y += self.places[*place].height + self.spacing.between_boxes;
            }
        }
    }

    /// Where the lines of a place would like its top to be, looking to one side.
    fn wish(&self, place: usize, to_the_left: bool) -> Option<f64> {
        let wishes = self.stretches.iter().filter_map(|stretch| match to_the_left {
            true if stretch.right == place => {
                Some(self.places[stretch.left].y + stretch.left_y - stretch.right_y)
            }
            false if stretch.left == place => {
                Some(self.places[stretch.right].y + stretch.right_y - stretch.left_y)
            }
            true | false => None,
        });
        let (count, sum) = wishes.fold((0.0, 0.0), |(count, sum), wish| (count + 1.0, sum + wish));
        (count > 0.0).then(|| sum / count)
    }

    /// Orders each column by where its lines come from.
    fn sort(&mut self, to_the_left: bool) {
        let count = self.columns.len();
        for step in 0..count {
            let number = if to_the_left { step } else { count - 1 - step };
            let mut keyed: Vec<(f64, usize)> = self.columns[number]
                .iter()
                .map(|place| {
                    (self.wish(*place, to_the_left).unwrap_or(self.places[*place].y), *place)
                })
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            self.columns[number] = keyed.into_iter().map(|(_, place)| place).collect();
            let mut y = 0.0;
            for place in self.columns[number].clone() {
                self.places[place].y = y;
                y += self.places[place].height + self.spacing.between_boxes;
            }
        }
    }

    fn crossings(&self) -> usize {
        let mut count = 0;
        for (index, one) in self.stretches.iter().enumerate() {
            for other in &self.stretches[index + 1..] {
                if self.places[one.left].column != self.places[other.left].column {
                    continue;
                }
                let at = |place: usize, y: f64| self.places[place].y + y;
                let left = at(one.left, one.left_y) - at(other.left, other.left_y);
                let right = at(one.right, one.right_y) - at(other.right, other.right_y);
                count += usize::from(left * right < 0.0);
            }
        }
        count
    }

    /// Moves each column as near to where its lines want it as its order lets it: the least sum of squares.
    fn level(&mut self, to_the_left: bool) {
        for number in 0..self.columns.len() {
            let column = self.columns[number].clone();
            let (mut offset, mut groups): (f64, Vec<(f64, f64, usize)>) = (0.0, Vec::new());
            for place in &column {
                let own = self.places[*place];
                let wish = self.wish(*place, to_the_left).unwrap_or(own.y);
                groups.push((wish - offset, 1.0, 1));
                while let [.., before, last] = groups.as_slice()
                    && before.0 > last.0
                {
                    let weight = before.1 + last.1;
                    let mean = (before.0 * before.1 + last.0 * last.1) / weight;
                    let merged = (mean, weight, before.2 + last.2);
                    groups.truncate(groups.len() - 2);
                    groups.push(merged);
                }
                offset += own.height + self.spacing.between_boxes;
            }
            let tops = groups.iter().flat_map(|(top, _, count)| std::iter::repeat_n(*top, *count));
            let mut offset = 0.0;
            for (place, top) in column.iter().zip(tops.collect::<Vec<_>>()) {
                self.places[*place].y = top + offset;
                offset += self.places[*place].height + self.spacing.between_boxes;
            }
        }
    }

    fn draw(self) -> Layout {
        let top =
            self.columns.iter().flatten().map(|it| self.places[*it].y).fold(f64::MAX, f64::min);
        let bottom = |place: &usize| self.places[*place].y + self.places[*place].height;
        let height = self.columns.iter().flatten().map(bottom).fold(0.0, f64::max) - top;
        let mut x = 0.0;
        let mut edges = Vec::new();
        for column in &self.columns {
            let widths = column.iter().filter_map(|it| self.sizes.get(*it)).map(|size| size.width);
            let width = widths.fold(0.0, f64::max);
            edges.push((x, x + width));
            x += width + self.spacing.between_columns;
        }
        let y_of = |place: usize| self.places[place].y - top;
        let boxes: Vec<Rect> = self
            .sizes
            .iter()
            .enumerate()
            .map(|(node, size)| Rect {
                x: edges.get(self.places[node].column).map_or(0.0, |(left, _)| *left),
                y: y_of(node),
                width: size.width,
                height: size.height,
            })
            .collect();
        let lines = self.links.iter().zip(&self.courses).map(|(link, course)| {
            if link.left == link.right {
                return round_trip(boxes[link.left], edges[self.places[link.left].column].1, link);
            }
            let turned = course.first() != Some(&link.left);
            let (start_y, end_y) =
                if turned { (link.right_y, link.left_y) } else { (link.left_y, link.right_y) };
            let mut points = Vec::new();
            for (index, place) in course.iter().enumerate() {
                let (left, right) = edges[self.places[*place].column];
                if index == 0 {
                    let y = y_of(*place) + start_y;
                    let from = boxes[*place].x + boxes[*place].width;
                    points.extend([Point { x: from, y }, Point { x: right, y }]);
                } else if index + 1 == course.len() {
                    let y = y_of(*place) + end_y;
                    points.extend([Point { x: left, y }, Point { x: boxes[*place].x, y }]);
                } else {
                    let y = y_of(*place) + LANE / 2.0;
                    points.extend([Point { x: left, y }, Point { x: right, y }]);
                }
            }
            if turned {
                points.reverse();
            }
            points
        });
        let lines = lines.collect();
        let width =
            (x - self.spacing.between_columns).max(0.0) + self.spacing.between_columns / 2.0;
        Layout { boxes, lines, width, height }
    }
}

/// A line that leaves a box on its right and comes back there.
fn round_trip(own: Rect, column: f64, link: &Link) -> Vec<Point> {
    let (out, back) = (own.y + link.right_y, own.y + link.left_y);
    let (edge, far) = (own.x + own.width, column + 18.0);
    vec![
        Point { x: edge, y: back },
        Point { x: far, y: back },
        Point { x: far, y: out },
        Point { x: edge, y: out },
    ]
}

/// Puts boxes without lines in rows below the others.
fn shelve(layout: &mut Layout, sizes: &[Size], alone: &[usize], spacing: Spacing) {
    let area: f64 = alone
        .iter()
        .map(|node| {
            (sizes[*node].width + spacing.between_boxes)
                * (sizes[*node].height + spacing.between_boxes)
        })
        .sum();
    let room = layout.width.max((area * spacing.aspect).sqrt());
    let start = if layout.height > 0.0 { layout.height + spacing.between_boxes * 2.0 } else { 0.0 };
    let (mut x, mut y, mut row) = (0.0, start, 0.0_f64);
    for node in alone {
        let size = sizes[*node];
        if x > 0.0 && x + size.width > room {
            y += row + spacing.between_boxes;
            (x, row) = (0.0, 0.0);
        }
        layout.boxes[*node] = Rect { x, y, width: size.width, height: size.height };
        layout.width = layout.width.max(x + size.width);
        layout.height = layout.height.max(y + size.height);
        x += size.width + spacing.between_boxes;
        row = row.max(size.height);
    }
}
