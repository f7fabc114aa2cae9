//! Runs programs in turn and tells what they took.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program with its arguments.
#[derive(Clone, Debug)]
pub struct Contestant {
    pub name: String,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Contestant {
    pub fn new(name: &str, program: &Path, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Contestant { name: name.to_owned(), program: program.to_owned(), arguments }
    }

    /// The same under another name in the table.
    pub fn called(self, name: &str) -> Self {
        Contestant { name: name.to_owned(), ..self }
    }
}

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    wall: Duration,
    /// Processor time of the program itself.
    own: Duration,
}

/// The runs of one contestant.
#[derive(Clone, Debug)]
pub struct Round {
    pub name: String,
    wall: Vec<Duration>,
    own: Vec<Duration>,
    server: Vec<Duration>,
    memory_kib: u64,
}

impl Round {
    fn best(&self) -> Duration {
        self.wall.iter().min().copied().unwrap_or_default()
    }

    /// Processor time of the program and of the server's part for it, of the cheapest run.
    fn cpu(&self) -> Duration {
        let both = self.own.iter().zip(&self.server).map(|(own, server)| *own + *server);
        both.min().unwrap_or_default()
    }
}

/// Runs a program once; what it prints is thrown away.
///
/// # Errors
/// What kept it from running, or what it says when it fails. Two and three tell of differences and are no failure.
pub fn run(contestant: &Contestant) -> Result<Taken, String> {
    let before = children();
    let start = Instant::now();
    let output = Command::new(&contestant.program)
        .args(&contestant.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| error.to_string())?;
    let wall = start.elapsed();
    if !matches!(output.status.code(), Some(0 | 2 | 3)) {
        let text = String::from_utf8_lossy(&output.stderr);
        let last = text.trim_end().lines().next_back().unwrap_or_default();
        return Err(format!("{}: {last}", output.status));
    }
    let after = children();
    Ok(Taken { wall, own: after.saturating_sub(before) })
}

/// Runs the contestants in turn, several times, and prints a table. `postmaster` is the process whose children work for
/// them.
pub fn compare(contestants: &[Contestant], times: usize, postmaster: Option<u32>) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    let mut left_out: Vec<&str> = Vec::new();
    for time in 0..times {
        for contestant in contestants {
            if left_out.contains(&contestant.name.as_str()) {
                continue;
            }
            let before = postmaster.map(served);
            let taken = match run(contestant) {
                Ok(taken) => taken,
                Err(problem) => {
                    println!("skipped, {}: {problem}", contestant.name);
                    left_out.push(&contestant.name);
                    continue;
                }
            };
            // A server counts a session's time when it has ended.
            if postmaster.is_some() {
                std::thread::sleep(Duration::from_millis(100));
            }
            let server = match (postmaster.map(served), before) {
                (Some(after), Some(before)) => after.saturating_sub(before),
                (_, _) => Duration::ZERO,
            };
            let place = rounds.iter().position(|round| round.name == contestant.name);
            let place = place.unwrap_or_else(|| {
                rounds.push(Round {
                    name: contestant.name.clone(),
                    wall: Vec::new(),
                    own: Vec::new(),
                    server: Vec::new(),
                    memory_kib: 0,
                });
                rounds.len() - 1
            });
            let round = &mut rounds[place];
            round.wall.push(taken.wall);
            round.own.push(taken.own);
            round.server.push(server);
            if time == 0 {
                round.memory_kib = peak(contestant);
            }
        }
    }
    print(&rounds);
    rounds
}

fn print(rounds: &[Round]) {
    println!("| program | best | all runs | processor time with the server's | memory |");
    println!("|---|---|---|---|---|");
    for round in rounds {
        let all: Vec<String> = round.wall.iter().map(|wall| seconds(*wall)).collect();
        println!(
            "| {} | {} | {} | {} | {} MB |",
            round.name,
            seconds(round.best()),
            all.join(" "),
            seconds(round.cpu()),
            round.memory_kib / 1024
        );
    }
}

/// The ratios that the project promises: against the first contestant.
pub fn ratios(rounds: &[Round]) {
    let Some((own, others)) = rounds.split_first() else { return };
    for other in others {
        let wall = other.best().as_secs_f64() / own.best().as_secs_f64();
        let cpu = other.cpu().as_secs_f64() / own.cpu().as_secs_f64();
        println!(
            "- {} takes {wall:.2} x the time of {} ({cpu:.2} x of its processor time)",
            other.name, own.name
        );
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// What the numbers were taken on.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    format!("{cores} cores, load {load} at the start; `migrate` {}", env!("CARGO_PKG_VERSION"))
}

#[cfg(target_os = "linux")]
mod system {
    use std::time::Duration;

    /// Processor time of all children that have ended.
    pub fn children() -> Duration {
        // SAFETY: the structure is plain numbers, and the call fills it.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
            usage
        };
        let time = |value: libc::timeval| {
            Duration::from_secs(value.tv_sec.unsigned_abs())
                + Duration::from_micros(value.tv_usec.unsigned_abs())
        };
        time(usage.ru_utime) + time(usage.ru_stime)
    }

    /// Processor time of the ended children of a process, to a hundredth of a second. Source: proc(5), `stat`.
    pub fn served(process: u32) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: u64 =
            fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// The largest memory of a process and of those it starts while it runs (`VmHWM`).
    pub fn peak(process: u32) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::time::Duration;

    pub fn children() -> Duration {
        Duration::ZERO
    }

    pub fn served(_process: u32) -> Duration {
        Duration::ZERO
    }

    pub fn peak(_process: u32) -> Option<u64> {
        None
    }
}

use system::{children, served};

/// The largest memory of a run, looked at while it runs: the mark only grows, so the last look is the largest.
fn peak(contestant: &Contestant) -> u64 {
    let child = Command::new(&contestant.program)
        .args(&contestant.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return 0 };
    let mut largest = 0;
    while let Ok(None) = child.try_wait() {
        largest = system::peak(child.id()).unwrap_or(largest).max(largest);
        std::thread::sleep(Duration::from_millis(1));
    }
    largest
}
