//! A pooler in transaction mode is refused with the reason; in session mode it is as good as the server. Needs `pgbouncer`,
//! and says so where it is absent.

#![cfg(unix)]

mod faults_support;
mod journey;
mod support;

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use faults_support::ends;
use journey::{migrate, ran};
use migrate::db::DatabaseUrl;
use support::TestDatabase;

struct Pooler {
    child: Child,
    port: u16,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // It has ended by itself, or is ended here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `None` where there is no pooler to start.
fn pooler(folder: &Path, database: &TestDatabase, mode: &str) -> Option<Pooler> {
    let DatabaseUrl::Postgres(url) = &database.url else { panic!("a PostgreSQL database") };
    let host = url.hosts.first().expect("a URL has a host");
    let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
    let password = url.password.as_ref();
    let password = password.map_or(String::new(), |it| format!(" password={}", it.reveal()));
    let settings = format!(
        "[databases]\n{} = host={} port={} user={}{password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = 5\n\
         ignore_startup_parameters = extra_float_digits\n",
        url.database, host.name, host.port, url.user
    );
    let file = folder.join("pgbouncer.ini");
    std::fs::write(&file, settings).expect("a file of the test");
    let mut command = Command::new("pgbouncer");
    // It refuses to run as root, and only the user of the server may enter the folder of its socket.
    let socket = std::fs::metadata(&host.name).ok()?;
    if std::fs::metadata(folder).ok()?.uid() == 0 {
        command.uid(socket.uid()).gid(socket.gid());
    }
    command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().ok()?;
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "the pooler does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(Pooler { child, port })
}

#[test]
fn a_pooler_in_transaction_mode_is_refused() {
    let Some(server) = support::postgres() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("the folder can be opened");
    std::fs::write(folder.path().join("a.sql"), "").expect("a file of the test");
    std::fs::write(folder.path().join("b.sql"), "CREATE TABLE t (a int);")
        .expect("a file of the test");
    let planned = server.database();
    let plan =
        ["plan", "--from", "a.sql", "--to", "b.sql", "--dialect", "postgres", "--out", "plan"];
    let made = ran(migrate(folder.path())
        .args(plan)
        .args(["--scratch-url", &journey::typed(&planned.url)]));
    ends(&made, 0, &[]);
    for (mode, code, words) in
        [("transaction", 1, "pooler that hands server sessions on"), ("session", 0, "applied plan")]
    {
        let database = server.database();
        let Some(pooler) = pooler(folder.path(), &database, mode) else {
            eprintln!("skipped: there is no `pgbouncer`");
            return;
        };
        let DatabaseUrl::Postgres(url) = &database.url else { panic!("a PostgreSQL database") };
        let through = format!(
            "postgres://{}@127.0.0.1:{}/{}?sslmode=disable",
            url.user, pooler.port, url.database
        );
        let ran = ran(migrate(folder.path()).args([
            "apply",
            "--plan",
            "plan",
            "--no-rehearsal",
            "-u",
            &through,
        ]));
        ends(&ran, code, &[words]);
    }
}
