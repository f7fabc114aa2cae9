//! A server that follows another one and can only be read: what looks is at home there, what writes says so at once.

#![cfg(unix)]

mod journey;
mod support;

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use journey::{migrate, ran};
use migrate::db::{Access, Database, DatabaseUrl};
use migrate::shadow::binaries::servers;

/// Who runs a server that root may not run: `nobody`.
const NOBODY: u32 = 65_534;

struct Server {
    program: PathBuf,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Server {
    fn new(programs: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("standby").tempdir_in("/tmp").unwrap();
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = as_server(&programs.join("initdb"), folder.path())
            .args(["-D", "d", "-U", "app", "-A", "trust", "--no-locale", "--no-sync", "-E", "UTF8"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Server { program: programs.join("postgres"), folder, process: None }
    }

    fn url(&self) -> String {
        format!("postgres://app@/postgres?host={}", self.folder.path().display())
    }

    fn open(&self, access: Access) -> Result<Database, migrate::db::DbError> {
        Database::open(&DatabaseUrl::parse(&self.url(), &support::env()).unwrap(), access)
    }

    fn start(&mut self) {
        let home = self.folder.path();
        let mut command = as_server(&self.program, home);
        command.args(["-D", "d", "-k"]).arg(home);
        command.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "wal_level=replica"]);
        let log = std::fs::File::create(home.join("log")).unwrap();
        command.stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        let began = Instant::now();
        while self.open(Access::ReadOnly).is_err() {
            let log = || std::fs::read_to_string(home.join("log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(60), "{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // SIGINT asks for a fast shutdown. Source: PostgreSQL manual, 19.5 "Shutting Down the Server".
        let asked = Command::new("kill").args(["-INT", &process.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()));
        process.wait().unwrap();
    }

    /// From now on it waits for what another server wrote.
    fn follow(&mut self) {
        self.stop();
        let signal = self.folder.path().join("d/standby.signal");
        std::fs::write(&signal, "").unwrap();
        if is_root() {
            chown(&signal, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        self.start();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}

fn as_server(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(home).env("LC_ALL", "C");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

#[test]
fn a_standby_is_read_and_never_written() {
    if support::postgres().is_none() {
        return;
    }
    let Some(programs) = servers(&support::env(), None).into_iter().next() else {
        eprintln!("skipped: no PostgreSQL server programs on this machine");
        return;
    };
    let mut server = Server::new(&programs.folder);
    server.start();
    let folder = tempfile::tempdir().unwrap();
    let model = "model: 1\nname: shop\ntargets: [postgres >= 13]\nentities:\n  Item:\n    fields:\n      id: int\n      name: text\n";
    std::fs::write(folder.path().join("migrate.toml"), "").unwrap();
    std::fs::write(folder.path().join("model.yaml"), model).unwrap();
    let url = server.url();
    let run =
        |arguments: &[&str]| ran(migrate(folder.path()).args(arguments).args(["--url", &url]));
    assert_eq!(run(&["plan", "first"]).code, 0);
    assert_eq!(run(&["apply", "-y"]).code, 0);
    support::run(
        &mut server.open(Access::ReadWrite).unwrap(),
        "INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n; CHECKPOINT",
    );
    let more = model.replace("name: text", "name: text\n      price: int = 0");
    std::fs::write(folder.path().join("model.yaml"), more).unwrap();
    assert_eq!(run(&["plan", "price"]).code, 0);
    server.follow();

    let status = run(&["status"]);
    assert_eq!(status.code, 0, "{}", status.text);
    assert!(status.text.contains("0002_price"), "{}", status.text);
    let rehearsed = run(&["rehearse"]);
    assert_eq!(rehearsed.code, 0, "{}", rehearsed.text);
    assert!(rehearsed.text.contains("on 500 rows"), "{}", rehearsed.text);
    let verified = run(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.text);
    for words in
        [["apply", "-y"].as_slice(), &["rollback", "-y"], &["rehearse", "--shadow=transaction"]]
    {
        let refused = run(words);
        assert_eq!(refused.code, 1, "{words:?}: {}", refused.text);
        assert!(refused.text.contains("standby, which can only be read"), "{}", refused.text);
        assert!(refused.text.contains("the server that it follows"), "{}", refused.text);
    }
    let refused = run(&["rehearse", "--shadow=server"]);
    assert!(refused.text.contains("is a standby, which can only be read"), "{}", refused.text);
}
