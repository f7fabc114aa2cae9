//! MG406 `short-lock-timeout-on-concurrently`: cONCURRENTLY under a short `lock_timeout`.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Online};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG406",
    name: "short-lock-timeout-on-concurrently",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "CONCURRENTLY under a short `lock_timeout`.",
    why: "It waits for older transactions, and that wait counts: an unrelated long transaction is enough to make it fail, and it leaves an index that is not valid.",
    instead: "`SET lock_timeout = 0` before it, and after it set the limit again. It blocks nobody while it waits.",
    bad: include_str!("../../../fixtures/lint/MG406/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG406/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let concurrently = match at.deed() {
        Deed::CreateIndex { online, .. }
        | Deed::DropIndex { online, .. }
        | Deed::Reindex { online } => *online == Online::Concurrently,
        _ => false,
    };
    let Some(limit) = at.state.lock_timeout.as_deref().filter(|value| is_short(value)) else {
        return Vec::new();
    };
    if !concurrently {
        return Vec::new();
    }
    let message = format!(
        "after `{limit}` of waiting for others this fails and leaves an index that is not valid"
    );
    vec![Found::new(at.statement().span, message)]
}

/// Under a minute.
fn is_short(value: &str) -> bool {
    let value = value.replace(' ', "");
    let digits = value.chars().take_while(char::is_ascii_digit).count();
    let number: u64 = value[..digits].parse().unwrap_or(0);
    let ms = match &value[digits..] {
        "" | "ms" => number,
        "s" => number.saturating_mul(1_000),
        "min" => number.saturating_mul(60_000),
        _ => return false,
    };
    ms > 0 && ms < 60_000
}
