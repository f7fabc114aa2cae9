//! A PostgreSQL server of our own: private socket, no network, no fsync, gone when the process is.
//!
//! Three things clean up, because a process can end in three ways: dropping the last handle, a handler at exit, and, for
//! processes that were killed, the parent-death signal with the next start's sweep.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::binaries::{self, Binaries};
use super::{ShadowError, process, template, temporary};
use crate::db::url::{Host, PostgresUrl, Tls, TlsMode};
use crate::db::{Access, Database, DatabaseUrl, Env};
use crate::dialect::{roles, session};

/// The superuser of every throwaway cluster. Not `migrate`: unqualified names go to the schema that is called like the user
/// if there is one, and the schema `migrate` is bookkeeping.
pub(in crate::shadow) const USER: &str = "migrate_su";
/// Makes the schema of copies, and then gives it to others: what the cluster's first user owns can never be given away.
/// Source: PostgreSQL manual, REASSIGN OWNED, and `IsPinnedObject`.
pub(in crate::shadow) const BUILDER: &str = "migrate_builder";
const START_PATIENCE: Duration = Duration::from_secs(60);
/// What a server without any rows takes, measured: 39 MB and its log.
const EMPTY_BYTES: u64 = 64 << 20;

/// A running server. Clones share it.
#[derive(Clone)]
pub struct Cluster {
    running: Arc<Running>,
}

struct Running {
    folder: PathBuf,
    binaries: Binaries,
    keeper: Mutex<Option<Keeper>>,
}

/// The thread that started the server and stops it: the parent-death signal goes by thread, not by process.
struct Keeper {
    stop: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

/// Clusters of this process by major version.
static STARTED: Mutex<BTreeMap<u32, Cluster>> = Mutex::new(BTreeMap::new());

/// A cluster of the wanted major version, or else of the newest that is found; started once per process.
///
/// # Errors
/// `NoServer`, `Program` with what the server wrote.
pub fn cluster(env: &Env, major: Option<u32>) -> Result<Cluster, ShadowError> {
    let found = binaries::servers(env, major);
    let Some(binaries) = found.into_iter().next() else {
        let wanted = major.map(|number| format!("{number} ")).unwrap_or_default();
        return Err(ShadowError::NoServer { wanted });
    };
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = started.get(&binaries.major) {
        return Ok(cluster.clone());
    }
    let first = started.is_empty();
    let cluster = start(env, binaries)?;
    started.insert(cluster.major(), cluster.clone());
    if first {
        process::at_exit(stop_all);
    }
    Ok(cluster)
}

/// Stops every cluster of this process; they also stop by themselves at exit.
pub fn stop_all() {
    let clusters = std::mem::take(&mut *STARTED.lock().unwrap_or_else(PoisonError::into_inner));
    clusters.values().for_each(|cluster| cluster.running.stop());
}

impl Cluster {
    pub fn major(&self) -> u32 {
        self.running.binaries.major
    }

    /// As the server's program prints it.
    pub fn version(&self) -> &str {
        &self.running.binaries.version
    }

    /// The address of a database in this cluster.
    pub fn url(&self, database: &str) -> DatabaseUrl {
        url(&self.running.folder, database)
    }

    /// The address of a database in this cluster, for a role.
    pub(in crate::shadow) fn url_of(&self, database: &str, role: &str) -> DatabaseUrl {
        match self.url(database) {
            DatabaseUrl::Postgres(url) => {
                DatabaseUrl::Postgres(Box::new(PostgresUrl { user: role.to_owned(), ..*url }))
            }
            other @ DatabaseUrl::Sqlite(_) => other,
        }
    }

    /// Where its files are.
    pub(in crate::shadow) fn folder(&self) -> &Path {
        &self.running.folder
    }

    /// Sees to it that the builder is there.
    ///
    /// # Errors
    /// The server's own.
    pub(in crate::shadow) fn need_builder(&self) -> Result<(), ShadowError> {
        let mut server = Database::open(&self.url("postgres"), Access::ReadWrite)?;
        if server.missing_roles([BUILDER])?.is_empty() {
            return Ok(());
        }
        match server.execute(&roles::create_builder(BUILDER)) {
            Err(error) if !matches!(error.sqlstate.as_deref(), Some("42710" | "23505")) => {
                Err(error.into())
            }
            // Another thread was faster.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// The server's own, such as a locale that this machine does not have.
    pub fn create_database(
        &self,
        name: &str,
        locale: Option<&session::Locale>,
    ) -> Result<DatabaseUrl, ShadowError> {
        let mut server = Database::open(&self.url("postgres"), Access::ReadWrite)?;
        server.execute(&session::create_database(name, locale))?;
        Ok(self.url(name))
    }

    /// Drops a database that `create_database` made.
    ///
    /// # Errors
    /// The server's own.
    pub fn drop_database(&self, name: &str) -> Result<(), ShadowError> {
        let mut server = Database::open(&self.url("postgres"), Access::ReadWrite)?;
        server.execute(&session::drop_database(name))?;
        Ok(())
    }

    /// Makes those of the roles that do not exist yet.
    ///
    /// # Errors
    /// The server's own.
    pub fn create_roles<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), ShadowError> {
        let mut server = Database::open(&self.url("postgres"), Access::ReadWrite)?;
        for name in server.missing_roles(names)? {
            match server.execute(&session::create_role(&name)) {
                Err(error) if !matches!(error.sqlstate.as_deref(), Some("42710" | "23505")) => {
                    return Err(error.into());
                }
                // Another thread was faster.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }
}

impl Running {
    fn stop(&self) {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            // The thread may have ended with the server already; then there is nothing to stop.
            let _ = keeper.stop.send(());
            let _ = keeper.thread.join();
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn url(folder: &Path, database: &str) -> DatabaseUrl {
    DatabaseUrl::Postgres(Box::new(PostgresUrl {
        hosts: vec![Host { name: folder.display().to_string(), port: 5432 }],
        user: USER.to_owned(),
        password: None,
        database: database.to_owned(),
        tls: Tls { mode: TlsMode::Disable, root_certificate: None, certificate: None },
        application_name: "migrate".to_owned(),
        options: None,
        connect_timeout: Duration::from_secs(10),
    }))
}

fn start(env: &Env, binaries: Binaries) -> Result<Cluster, ShadowError> {
    let folder = temporary::folder(&env.temporary_folder(), temporary::SERVER)?;
    let running = Running { folder, binaries, keeper: Mutex::new(None) };
    // From here on, dropping `running` stops the server; the folder needs more until there is a keeper.
    let outcome = fill(env, &running).and_then(|()| launch(&running));
    if outcome.is_err() {
        let _ = std::fs::remove_dir_all(&running.folder);
    }
    outcome.map(|()| Cluster { running: Arc::new(running) })
}

fn fill(env: &Env, running: &Running) -> Result<(), ShadowError> {
    let folder = &running.folder;
    if let Some(free) = process::free_space(folder)
        && free < EMPTY_BYTES
    {
        let folder = folder.display().to_string();
        return Err(ShadowError::NoRoom { folder, needed: EMPTY_BYTES, free });
    }
    process::give_to_server_user(folder)
        .map_err(|error| ShadowError::file("hand over", folder, error))?;
    template::put(env, &running.binaries, folder)
}

fn launch(running: &Running) -> Result<(), ShadowError> {
    let (stop, stopped) = mpsc::channel();
    let (report, reported) = mpsc::channel();
    let (folder, program) = (running.folder.clone(), running.binaries.program("postgres"));
    let thread = std::thread::spawn(move || keep(&folder, &program, &report, &stopped));
    let outcome = reported.recv().unwrap_or_else(|_| {
        Err(ShadowError::Program {
            program: "postgres".to_owned(),
            message: "the thread that starts it ended".to_owned(),
        })
    });
    *running.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(Keeper { stop, thread });
    if outcome.is_err() {
        running.stop();
    }
    outcome
}

/// Runs in the keeper's thread: starts the server, reports, waits to be told, stops it.
fn keep(
    folder: &Path,
    program: &Path,
    report: &mpsc::Sender<Result<(), ShadowError>>,
    stopped: &mpsc::Receiver<()>,
) {
    let mut server = match spawn(folder, program) {
        Ok(server) => server,
        Err(error) => {
            let _ = report.send(Err(error));
            return;
        }
    };
    let outcome = wait_ready(folder, &mut server);
    let ready = outcome.is_ok();
    let _ = report.send(outcome);
    if ready {
        // An error means that nobody holds the other end any more, which says the same.
        let _ = stopped.recv();
    }
    process::stop(&mut server);
}

fn spawn(folder: &Path, program: &Path) -> Result<Child, ShadowError> {
    let log = folder.join("log");
    let output =
        std::fs::File::create(&log).map_err(|error| ShadowError::file("write", &log, error))?;
    let errors = output.try_clone().map_err(|error| ShadowError::file("write", &log, error))?;
    let mut command = Command::new(program);
    command.arg("-D").arg(folder.join("d")).arg("-k").arg(folder).args(["-p", "5432"]);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    process::as_server_user(&mut command, folder);
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(|error| ShadowError::file("run", program, error))
}

/// Speed over safety: the data is a copy, and a crash throws it away.
const SETTINGS: [&str; 17] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "autovacuum=off",
    // Statistics of a copy are young: compiling a query would often take longer than running it.
    "jit=off",
    "shared_buffers=128MB",
    // One plan at a time: rows that are put back meet their table in memory, in the order of the table.
    "work_mem=64MB",
    "maintenance_work_mem=256MB",
    "max_connections=100",
    "max_locks_per_transaction=1024",
    "logging_collector=off",
    "log_min_messages=warning",
];

fn wait_ready(folder: &Path, server: &mut Child) -> Result<(), ShadowError> {
    let failure =
        |message: String| ShadowError::Program { program: "postgres".to_owned(), message };
    let start = Instant::now();
    loop {
        let attempt = Database::open(&url(folder, "postgres"), Access::ReadWrite);
        let Err(error) = attempt else { return Ok(()) };
        if server.try_wait().is_ok_and(|status| status.is_some()) {
            return Err(failure(tail(&folder.join("log"))));
        }
        if start.elapsed() > START_PATIENCE {
            return Err(failure(format!("no connection after {START_PATIENCE:?}: {error}")));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The last lines of a log.
fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
