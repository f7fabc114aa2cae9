//! A small project with a database for tests of faults.

// Each test binary uses a part of this.
#![allow(dead_code)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use migrate::db::{Access, Database, DatabaseUrl};
use migrate::text::Dialect;
use tempfile::TempDir;

use crate::journey::{self, Contents, Place, Ran, contents, migrate, ran, typed};
use crate::support;

pub const FIRST: &str = "model: 1
name: shop
targets: [sqlite >= 3.38, postgres >= 13]

entities:
  Customer:
    fields:
      id: int
      name: { type: text, max: 200 }
";

const PASSWORD: &str = "pa55word";

/// A project and its database.
pub struct Shop {
    folder: TempDir,
    pub dialect: Dialect,
    place: Option<Place>,
}

impl Shop {
    /// One version, applied, with rows; `None` where there is no server.
    pub fn applied(dialect: Dialect) -> Option<Shop> {
        let place = match dialect {
            Dialect::Sqlite => None,
            Dialect::Postgres => Some(Place::new(dialect)?),
        };
        let shop = Shop { folder: tempfile::tempdir().expect("a folder"), dialect, place };
        shop.write("migrate.toml", "");
        shop.write("model.yaml", FIRST);
        ends(&shop.run(&["plan", "first"]), 0, &["customer"]);
        ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied 0001_first"]);
        shop.sql("INSERT INTO customer (id, name) VALUES (1, 'Ada'), (2, 'Barbara')");
        Some(shop)
    }

    /// As `applied`, with a second version that is not.
    pub fn pending(dialect: Dialect) -> Option<Shop> {
        let shop = Shop::applied(dialect)?;
        shop.plan("email: text?", "email");
        Some(shop)
    }

    /// Plans a version with one more field.
    pub fn plan(&self, field: &str, name: &str) {
        self.write("model.yaml", &format!("{FIRST}      {field}\n"));
        ends(&self.run(&["plan", name]), 0, &["customer"]);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file of the test");
    }

    pub fn append(&self, name: &str, text: &str) {
        let old = fs::read_to_string(self.path(name)).expect("a file of the test");
        self.write(name, &(old + text));
    }

    pub fn prepend(&self, name: &str, text: &str) {
        let old = fs::read_to_string(self.path(name)).expect("a file of the test");
        self.write(name, &(text.to_owned() + &old));
    }

    /// The URL as one types it, with a password that nobody may see.
    pub fn typed(&self) -> String {
        match &self.place {
            None => "sqlite:shop.db".to_owned(),
            Some(place) => typed(place.url()).replacen('@', &format!(":{PASSWORD}@"), 1),
        }
    }

    /// The URL of the same database for another user.
    pub fn url_as(&self, user: &str) -> String {
        let url = self.typed();
        let at = url.find('@').expect("a PostgreSQL URL");
        format!("postgres://{user}:{PASSWORD}{}", &url[at..])
    }

    pub fn url(&self) -> DatabaseUrl {
        let text = match &self.place {
            None => format!("sqlite:{}", self.path("shop.db").display()),
            Some(place) => typed(place.url()),
        };
        DatabaseUrl::parse(&text, &support::env()).expect("a URL")
    }

    pub fn database_name(&self) -> String {
        match self.url() {
            DatabaseUrl::Postgres(url) => url.database,
            DatabaseUrl::Sqlite(_) => "main".to_owned(),
        }
    }

    pub fn open(&self) -> Database {
        Database::open(&self.url(), Access::ReadWrite).expect("the database opens")
    }

    pub fn sql(&self, sql: &str) {
        support::run(&mut self.open(), sql);
    }

    /// A command of the binary, ready to run.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = migrate(self.folder.path());
        command.args(arguments);
        if !arguments.contains(&"-u") {
            command.args(["-u", &self.typed()]);
        }
        if let Some(place) = &self.place {
            command.env("MIGRATE_SCRATCH_URL", typed(place.url()));
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// Runs the binary as somebody who may read the database and not write it; `None` where that cannot be done.
    #[cfg(unix)]
    pub fn run_without_rights(&self, arguments: &[&str]) -> Option<Ran> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        use std::os::unix::process::CommandExt;

        let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        let mut command = self.command(arguments);
        if fs::metadata(self.folder.path()).ok()?.uid() == 0 {
            let program = self.path("program");
            fs::copy(env!("CARGO_BIN_EXE_migrate"), &program).ok()?;
            open(&program, 0o755).ok()?;
            command = std::process::Command::new(&program);
            command.current_dir(self.folder.path()).args(arguments).args(["-u", "sqlite:shop.db"]);
            command.env_clear().uid(65534).gid(65534);
        }
        open(&self.path("shop.db"), 0o444).ok()?;
        open(self.folder.path(), 0o755).ok()?;
        Some(command.output().ok()?.into())
    }

    /// All that the database holds: rows, schema, books.
    pub fn dump(&self) -> (Contents, String, Vec<String>) {
        let mut database = self.open();
        let schema = database.inspect().expect("the schema can be read").fingerprint();
        let books = migrate::apply::book::read(&mut database).expect("the books can be read");
        let mut lines: Vec<String> =
            books.entries.iter().map(|entry| format!("{entry:?}")).collect();
        lines.push(format!("{:?}", books.open));
        lines.extend(journey::kept(&mut database));
        (contents(&mut database), schema, lines)
    }

    pub fn versions(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path("migrations"))
            .expect("the versions")
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// A copy of the version folders.
    pub fn keep_migrations(&self) -> TempDir {
        let copy = tempfile::tempdir().expect("a folder");
        copy_folder(&self.path("migrations"), copy.path());
        copy
    }

    pub fn restore_migrations(&self, copy: &TempDir) {
        fs::remove_dir_all(self.path("migrations")).expect("removed");
        copy_folder(copy.path(), &self.path("migrations"));
    }

    pub fn take_version(&self, copy: &TempDir, name: &str) {
        copy_folder(&copy.path().join(name), &self.path("migrations").join(name));
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Runs a test body on a shop of each engine that is there.
pub fn on_each_engine(make: impl Fn(Dialect) -> Option<Shop>, body: impl Fn(&Shop)) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        if let Some(shop) = make(dialect) {
            body(&shop);
        }
    }
}

/// Fails unless the run ended with the code and said all of that, and no password.
pub fn ends(ran: &Ran, code: i32, says: &[&str]) {
    assert_eq!(ran.code, code, "the exit code of\n{}", ran.text);
    for words in says {
        assert!(ran.text.contains(words), "`{words}` is not said in\n{}", ran.text);
    }
    assert!(!ran.text.contains(PASSWORD), "the password is shown in\n{}", ran.text);
    assert!(!ran.text.contains("panicked"), "{}", ran.text);
}

/// A server that asks for a password and refuses it, as PostgreSQL does; its port.
/// Source: PostgreSQL manual 55.2.1 "Start-up" and 55.7 "Message Formats".
pub fn server_that_refuses() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = [0_u8; 1024];
            // The start-up message, then the password.
            if stream.read(&mut bytes).is_err() {
                continue;
            }
            let asked = stream.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]);
            if asked.is_err() || stream.read(&mut bytes).is_err() {
                continue;
            }
            let fields =
                ["SFATAL", "VFATAL", "C28P01", "Mpassword authentication failed for user \"app\""];
            let mut body: Vec<u8> =
                fields.iter().flat_map(|field| [field.as_bytes(), &[0]].concat()).collect();
            body.push(0);
            let length = u32::try_from(body.len() + 4).unwrap_or_default();
            let message = [&[b'E'][..], &length.to_be_bytes(), &body].concat();
            // The client may be gone already.
            let _ = stream.write_all(&message);
        }
    });
    port
}
