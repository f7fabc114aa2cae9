//! Exit codes, the same for all commands. Documented in docs/reference/exit-codes.md.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing to do, gate passed.
    Done,
    /// Configuration, connection, or a SQL error that was rolled back.
    Failure,
    /// The command line cannot be understood (clap's own code).
    Usage,
    /// Differences or pending versions, where asked for.
    Differences,
    /// Findings at or above the level that fails (a file that is not in canonical form).
    Findings,
    /// Rows break a rule.
    Violations,
    /// History or drift: hash mismatch, fork, edited version, database differs from its version.
    History,
    /// Refused: would lose data, is ambiguous, or cannot be taken back.
    Refused,
    /// Stopped half-way; `apply` resumes.
    HalfWay,
    /// Lock or timeout; safe to try again.
    Busy,
}

impl Exit {
    /// All codes, ascending.
    pub const ALL: [Exit; 10] = [
        Exit::Done,
        Exit::Failure,
        Exit::Usage,
        Exit::Differences,
        Exit::Findings,
        Exit::Violations,
        Exit::History,
        Exit::Refused,
        Exit::HalfWay,
        Exit::Busy,
    ];

    /// One word for it, for machines.
    pub fn word(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Failure => "failure",
            Exit::Usage => "usage",
            Exit::Differences => "differences",
            Exit::Findings => "findings",
            Exit::Violations => "violations",
            Exit::History => "history",
            Exit::Refused => "refused",
            Exit::HalfWay => "half-way",
            Exit::Busy => "busy",
        }
    }

    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Differences => 3,
            Exit::Findings => 4,
            Exit::Violations => 5,
            Exit::History => 6,
            Exit::Refused => 7,
            Exit::HalfWay => 8,
            Exit::Busy => 9,
        }
    }
}
