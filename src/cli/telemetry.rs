//! What a command does, for machines that watch it: lines of JSON in the log, and a file of metrics.

use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::exit::Exit;
use crate::text::hash::sha256_parts;

/// How what is said on the way is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// A JSON object a line, with the field names of OpenTelemetry
    Json,
}

/// Hears what is done, from wherever it is done.
#[derive(Clone, Debug)]
pub(crate) struct Telemetry(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    format: LogFormat,
    command: String,
    began: Instant,
    /// Of the whole command.
    trace: String,
    open: Option<Open>,
    done: Vec<Done>,
}

/// A step that runs.
#[derive(Debug)]
struct Open {
    number: usize,
    of: usize,
    title: String,
    began: Instant,
}

/// A step that ran.
#[derive(Debug)]
struct Done {
    number: usize,
    title: String,
    took: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Info,
    Warn,
    Error,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Severity::Info => "INFO",
            Severity::Warn => "WARN",
            Severity::Error => "ERROR",
        }
    }
}

impl Telemetry {
    pub(crate) fn new(format: LogFormat) -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let command = words.iter().find(|word| !word.starts_with('-')).cloned().unwrap_or_default();
        let (now, process) = (jiff::Timestamp::now().to_string(), std::process::id().to_string());
        let trace = sha256_parts([now.as_bytes(), process.as_bytes()])[..32].to_owned();
        let (began, open, done) = (Instant::now(), None, Vec::new());
        Telemetry(Arc::new(Mutex::new(Inner { format, command, began, trace, open, done })))
    }

    /// A panic elsewhere leaves nothing half-told here.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Whether the log is for machines.
    pub(crate) fn is_json(&self) -> bool {
        self.inner().format == LogFormat::Json
    }

    /// A step begins, and the one before it ends.
    pub(crate) fn step(&self, number: usize, of: usize, title: &str) {
        self.end_step();
        let open = Open { number, of, title: title.to_owned(), began: Instant::now() };
        self.inner().open = Some(open);
    }

    /// Something else begins, and the step that runs ends; how far that step is, is a part of it.
    pub(crate) fn phase(&self, what: &str) {
        let is_of_step = {
            let inner = self.inner();
            inner.open.as_ref().is_some_and(|open| what.starts_with(open.title.as_str()))
        };
        if !is_of_step {
            self.end_step();
        }
    }

    /// The step that runs ends.
    pub(crate) fn end_step(&self) {
        let mut inner = self.inner();
        let Some(Open { number, of, title, began }) = inner.open.take() else { return };
        let took = began.elapsed();
        let attributes = json!({
            "event.name": "migrate.step",
            "migrate.step.number": number,
            "migrate.step.count": of,
            "migrate.step.title": title,
            "duration_ms": took.as_secs_f64() * 1000.0,
        });
        inner.log(Severity::Info, &format!("step {number} of {of}: {title}"), attributes);
        inner.done.push(Done { number, title, took });
    }

    /// Something is said; nothing is written where the log is for people.
    pub(crate) fn say(&self, severity: Severity, text: &str) {
        self.inner().log(severity, text, json!({}));
    }

    /// The command ends.
    pub(crate) fn end(&self, exit: Exit) {
        self.end_step();
        let inner = self.inner();
        let severity = if exit == Exit::Done { Severity::Info } else { Severity::Warn };
        let attributes = json!({
            "event.name": "migrate.command",
            "process.exit.code": exit.code(),
            "migrate.verdict": exit.word(),
            "duration_ms": inner.began.elapsed().as_secs_f64() * 1000.0,
        });
        inner.log(severity, &format!("{} ended: {}", inner.command, exit.word()), attributes);
    }

    /// Writes metrics for the textfile collector of Prometheus' node exporter, all at once.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn write_metrics(&self, path: &Path, exit: Exit) -> std::io::Result<()> {
        let text = self.inner().metrics(exit);
        // The collector must not read half a file; it reads only names that end in `.prom`.
        let draft = path.with_extension("draft");
        std::fs::write(&draft, text)?;
        std::fs::rename(&draft, path)
    }
}

impl Inner {
    fn log(&self, severity: Severity, body: &str, attributes: Value) {
        if self.format != LogFormat::Json {
            return;
        }
        let mut all = Map::new();
        all.insert("service.name".into(), "migrate".into());
        all.insert("service.version".into(), env!("CARGO_PKG_VERSION").into());
        all.insert("migrate.command".into(), self.command.clone().into());
        if let Value::Object(more) = attributes {
            all.extend(more);
        }
        let body = anstream::adapter::strip_str(body).to_string();
        let line = json!({
            "timestamp": jiff::Timestamp::now().to_string(),
            "severity_text": severity.name(),
            "body": body,
            "trace_id": self.trace,
            "span_id": sha256_parts([self.trace.as_bytes(), body.as_bytes()])[..16],
            "attributes": all,
        });
        anstream::eprintln!("{line}");
    }

    fn metrics(&self, exit: Exit) -> String {
        let command = label(&self.command);
        let mut text = String::new();
        let mut gauge = |name: &str, help: &str, labels: &str, value: f64| {
            if !text.contains(&format!("# HELP {name} ")) {
                let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
            }
            let _ = writeln!(text, "{name}{{command=\"{command}\"{labels}}} {value}");
        };
        let now = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
        gauge("migrate_last_run_timestamp_seconds", "When the command ended.", "", now);
        let took = self.began.elapsed().as_secs_f64();
        gauge("migrate_last_run_duration_seconds", "How long it took.", "", took);
        let code = f64::from(exit.code());
        gauge("migrate_last_run_exit_code", "The exit code; 0 is success.", "", code);
        let steps = self.done.len() as f64;
        gauge("migrate_last_run_steps", "How many steps ran, rehearsals included.", "", steps);
        for Done { number, title, took } in &self.done {
            let labels = format!(",step=\"{number}\",title=\"{}\"", label(title));
            let (name, help) =
                ("migrate_step_duration_seconds", "How long a step took, the last time it ran.");
            if self
                .done
                .iter()
                .rfind(|it| it.number == *number && it.title == *title)
                .map(|it| it.took)
                == Some(*took)
            {
                gauge(name, help, &labels, took.as_secs_f64());
            }
        }
        text
    }
}

/// The value of a label. Source: prometheus.io, "Exposition formats".
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
