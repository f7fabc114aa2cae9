//! Makes a failing pair smaller while it fails in the same manner.

use super::pair::Pair;

/// What a failure is about, without the names in it.
pub fn manner(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let mut words = Vec::new();
    for word in message.split_whitespace() {
        let is_name = word.contains(|c: char| c.is_ascii_digit() || "\"'`{}()".contains(c))
            && !word.starts_with('[');
        let word = if is_name { "_" } else { word };
        if words.last() != Some(&word) {
            words.push(word);
        }
    }
    words.join(" ").chars().take(110).collect()
}

/// The smallest pair found in so many tries for which `fails` still holds.
pub fn shrink(pair: &Pair, tries: u64, fails: &mut dyn FnMut(&Pair) -> bool) -> Pair {
    let mut best = pair.clone();
    let mut left = tries;
    let mut limited = |smaller: &Pair| {
        left = left.saturating_sub(1);
        left > 0 && fails(smaller)
    };
    let fails: &mut dyn FnMut(&Pair) -> bool = &mut limited;
    loop {
        let size = weight(&best);
        fewer(&mut best, fails, |pair| &mut pair.later);
        fewer(&mut best, fails, |pair| &mut pair.rows);
        fewer(&mut best, fails, |pair| &mut pair.items);
        alike(&mut best, fails);
        if weight(&best) == size {
            return best;
        }
    }
}

fn weight(pair: &Pair) -> usize {
    let sides = pair.items.iter().map(|item| {
        usize::from(item.before != item.after)
            + usize::from(item.before.is_some())
            + usize::from(item.after.is_some())
    });
    let names = pair.names.iter().filter(|name| name.name.before != name.name.after).count();
    sides.sum::<usize>() + names + pair.rows.len() + pair.later.len()
}

/// Leaves out runs of entries of one list, long ones first.
fn fewer<T: Clone>(
    best: &mut Pair,
    fails: &mut dyn FnMut(&Pair) -> bool,
    list: fn(&mut Pair) -> &mut Vec<T>,
) {
    let mut chunk = list(best).len().div_ceil(2);
    while chunk > 0 {
        let mut end = list(best).len();
        while end > 0 {
            let start = end.saturating_sub(chunk);
            let mut smaller = best.clone();
            list(&mut smaller).drain(start..end);
            if fails(&smaller) {
                *best = smaller;
            }
            end = start.min(list(best).len());
        }
        chunk /= 2;
    }
}

/// Makes the sides of statements and names alike, or one side empty.
fn alike(best: &mut Pair, fails: &mut dyn FnMut(&Pair) -> bool) {
    for at in 0..best.items.len() {
        let item = best.items[at].clone();
        if item.before == item.after {
            continue;
        }
        let mut same = [item.clone(), item.clone()];
        same[0].before.clone_from(&item.after);
        same[1].after.clone_from(&item.before);
        for other in same {
            if other == best.items[at] {
                continue;
            }
            let mut smaller = best.clone();
            smaller.items[at] = other;
            if fails(&smaller) {
                *best = smaller;
                break;
            }
        }
    }
    for at in 0..best.names.len() {
        let mut smaller = best.clone();
        let name = &mut smaller.names[at];
        name.name.after.clone_from(&name.name.before);
        name.schema.after.clone_from(&name.schema.before);
        let plain = name.key.rsplit('.').next().unwrap_or_default().to_owned();
        let mut plainer = smaller.clone();
        plainer.names[at].name.before.clone_from(&plain);
        plainer.names[at].name.after = plain;
        for smaller in [plainer, smaller] {
            let (left, right) = (&smaller.names[at], &best.names[at]);
            if (left.name != right.name || left.schema != right.schema) && fails(&smaller) {
                *best = smaller;
                break;
            }
        }
    }
}
