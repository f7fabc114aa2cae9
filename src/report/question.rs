//! Questions that only the user can answer, with the line that answers each.

use super::style::{BAD, FAINT, paint};
use crate::change::Question;

/// All questions of a plan that was refused.
pub fn questions(questions: &[Question]) -> String {
    let mut text = String::new();
    for question in questions {
        text.push_str(&format!("{} {}\n", paint(BAD, "undecided"), question.message));
        for answer in &question.answers {
            text.push_str(&format!("  {answer}\n"));
        }
        let skip = format!("  or go on without an answer: --allow {}", question.kind.allow());
        text.push_str(&paint(FAINT, &skip));
        text.push('\n');
    }
    text
}
