//! What a role and a database have set, and how the database sorts, hold on every kind of shadow.

mod journey;
mod shadow_scene;
mod support;

use journey::{Place, ran, typed};
use migrate::db::url::{PostgresUrl, Secret};
use migrate::db::{Access, Database, DatabaseUrl};
use migrate::shadow::options::{Choice, SnapshotOptions};
use migrate::shadow::snapshot::snapshot;
use migrate::text::Dialect;
use shadow_scene::Scene;
use support::{postgres, rows, run};

fn one(database: &mut Database, sql: &str) -> String {
    rows(database, sql)[0][0].clone()
}

fn as_role(url: &DatabaseUrl, role: &str) -> DatabaseUrl {
    let DatabaseUrl::Postgres(url) = url else { panic!("a PostgreSQL URL") };
    DatabaseUrl::Postgres(Box::new(PostgresUrl {
        user: role.to_owned(),
        password: Some(Secret::new("x")),
        ..(**url).clone()
    }))
}

/// Each setting says which level it is from, and hides one of a weaker level.
const SETTINGS: &str = "ALTER ROLE ALL SET app.of_all = 'all'; ALTER ROLE ALL SET app.of_database = 'all';
     ALTER DATABASE {db} SET app.of_database = 'database'; ALTER DATABASE {db} SET app.of_role = 'database';
     ALTER ROLE {role} SET app.of_role = 'role'; ALTER ROLE {role} SET app.of_both = 'role';
     ALTER ROLE {role} IN DATABASE {db} SET app.of_both = 'both';
     ALTER ROLE {role} SET search_path = app, public; ALTER ROLE {role} SET statement_timeout = '90s';
     ALTER ROLE {role} IN DATABASE {db} SET check_function_bodies = off; ALTER DATABASE {db} SET DateStyle = 'SQL, DMY'";

/// Stops unless all of them hold; dates are as `migrate` sets them.
const LOOK: &str = "DO $$ DECLARE seen text := concat_ws(' ', current_setting('app.of_all', true),
     current_setting('app.of_database', true), current_setting('app.of_role', true), current_setting('app.of_both', true),
     current_setting('search_path'), current_setting('check_function_bodies'), current_setting('DateStyle')); BEGIN
     IF seen <> 'all database role both app, public off ISO, YMD' THEN RAISE EXCEPTION 'settings are: %', seen; END IF; END $$";

#[test]
fn settings_of_role_and_database_hold_where_a_plan_is_rehearsed() {
    let Some(scene) = Scene::new(Dialect::Postgres) else { return };
    let Place::Server(home) = &scene.place else { unreachable!("a server") };
    let name = one(&mut home.open(), "SELECT current_database()");
    let role = format!("deploy_{name}");
    let made =
        "CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'x'; ALTER DATABASE {db} OWNER TO {role};
         CREATE SCHEMA app; ALTER TABLE item OWNER TO {role}; ALTER TABLE other OWNER TO {role};
         GRANT ALL ON SCHEMA public, app TO {role};";
    let said = format!("{made}{SETTINGS}").replace("{role}", &role).replace("{db}", &name);
    run(&mut home.open(), &said);
    scene.add_step(LOOK);
    let url = as_role(&home.url, &role);
    let empty = postgres().expect("there is a server").database();
    let beside = format!("url:{}", typed(&empty.url));
    let humble = format!("humble_{name}");
    run(
        &mut empty.open(),
        &format!(
            "CREATE ROLE {humble} LOGIN PASSWORD 'x'; GRANT ALL ON SCHEMA public TO {humble};
             GRANT CREATE ON DATABASE {} TO {humble}",
            one(&mut empty.open(), "SELECT current_database()")
        ),
    );
    let named = format!("url:{}", typed(&as_role(&empty.url, &humble)));
    for provider in ["local", "server", "template", &beside, &named] {
        let found = ran(&mut scene.rehearsal(&url, &["--shadow", provider, "--json"]));
        assert_eq!(found.code, 0, "{provider}: {}", found.text);
        assert!(!found.text.contains("setting of the database"), "{provider}: {}", found.text);
    }
    // What was written down for a copy went with it, and the original has what it had.
    let count = "SELECT count(*) FROM pg_db_role_setting s WHERE setdatabase <> 0 AND NOT EXISTS \
         (SELECT 1 FROM pg_database d WHERE d.oid = s.setdatabase)";
    assert_eq!(one(&mut home.open(), count), "0");
    let own = "SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase \
         WHERE d.datname = current_database()";
    assert_eq!(one(&mut home.open(), own), "2");
    assert_eq!(one(&mut empty.open(), own), "0");
    run(
        &mut home.open(),
        &format!(
            "ALTER ROLE ALL RESET ALL; ALTER DATABASE {name} OWNER TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
        ),
    );
    run(&mut empty.open(), &format!("DROP OWNED BY {humble}; DROP ROLE {humble}"));
}

#[test]
fn a_setting_that_a_shadow_refuses_is_told() {
    let Some(scene) = Scene::new(Dialect::Postgres) else { return };
    let Place::Server(home) = &scene.place else { unreachable!("a server") };
    let name = one(&mut home.open(), "SELECT current_database()");
    run(
        &mut home.open(),
        &format!(
            "CREATE ROLE deploy_{name} LOGIN CREATEDB PASSWORD 'x'; ALTER DATABASE {name} SET log_statement = 'mod';
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO deploy_{name}; ALTER TABLE item OWNER TO deploy_{name};
             GRANT ALL ON SCHEMA public TO deploy_{name}; GRANT CREATE ON DATABASE {name} TO deploy_{name}"
        ),
    );
    let url = as_role(&home.url, &format!("deploy_{name}"));
    let found = ran(&mut scene.rehearsal(&url, &["--shadow", "server"]));
    assert_eq!(found.code, 0, "{}", found.text);
    let told = "a setting of the database is left out: permission denied to set parameter \"log_statement\"";
    assert!(found.text.contains(told), "{}", found.text);
    let found = ran(&mut scene.rehearsal(&url, &["--shadow", "local"]));
    assert_eq!(found.code, 0, "{}", found.text);
    assert!(!found.text.contains("is left out"), "{}", found.text);
    run(&mut home.open(), &format!("DROP OWNED BY deploy_{name}; DROP ROLE deploy_{name}"));
}

#[test]
fn a_copy_sorts_text_as_its_original_does_or_says_that_it_does_not() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    for (word, said, since) in [
        ("icu", "LOCALE_PROVIDER icu ICU_LOCALE 'de'", 15),
        ("builtin", "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'", 17),
    ] {
        if server.major_version() < since {
            eprintln!("skipped: locales of the provider {word} came with PostgreSQL {since}");
            continue;
        }
        let name = format!("{}_{word}", one(&mut home.open(), "SELECT current_database()"));
        let create = format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' {said}"
        );
        let made = home.open().execute(&support::statement(&create, Dialect::Postgres));
        if let Err(error) = made {
            assert!(error.message.contains("ICU is not supported"), "{error}");
            eprintln!("skipped: {error}");
            continue;
        }
        let url = home.url.with_database(&name);
        run(
            &mut Database::open(&url, Access::ReadWrite).unwrap(),
            "CREATE TABLE word (it text PRIMARY KEY); INSERT INTO word VALUES ('b'), ('A'), ('ä'), ('Z')",
        );
        let order = "SELECT string_agg(it, '' ORDER BY it) FROM word";
        let provider = "SELECT datlocprovider FROM pg_database WHERE datname = current_database()";
        for choice in [Choice::Local, Choice::Server, Choice::Url(Box::new(home.url.clone()))] {
            let env = support::env();
            let options = SnapshotOptions { env, provider: choice, ..SnapshotOptions::default() };
            let mut source = Database::open(&url, Access::ReadOnly).unwrap();
            let mut shadow = snapshot(&mut source, &options).unwrap();
            let warned = shadow.warnings().join("; ");
            assert!(!warned.contains("locale") && !warned.contains("may sort"), "{warned}");
            let copy = shadow.database();
            for query in [order, provider] {
                assert_eq!(one(copy, query), one(&mut source, query), "{:?}", options.provider);
            }
        }
        // One that is there already is as it is.
        let empty = server.database();
        let place = one(&mut empty.open(), "SELECT current_database()");
        let humble = format!("humble_{place}");
        run(
            &mut empty.open(),
            &format!(
                "CREATE ROLE {humble} LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE {place} TO {humble};
                 GRANT ALL ON SCHEMA public TO {humble}"
            ),
        );
        let provider = Choice::Url(Box::new(as_role(&empty.url, &humble)));
        let options =
            SnapshotOptions { env: support::env(), provider, ..SnapshotOptions::default() };
        let mut source = Database::open(&url, Access::ReadOnly).unwrap();
        let shadow = snapshot(&mut source, &options).unwrap();
        let warned = shadow.warnings().join("; ");
        assert!(
            warned.contains("the copy is in `UTF8 C`, and the database in `UTF8 C "),
            "{warned}"
        );
        assert!(warned.contains(&format!("{word} ")), "{warned}");
        drop((shadow, source));
        run(&mut empty.open(), &format!("DROP OWNED BY {humble}; DROP ROLE {humble}"));
        run(&mut home.open(), &format!("DROP DATABASE {name}"));
    }
}

#[test]
fn texts_in_any_encoding_and_in_none_are_copied() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    for encoding in ["LATIN1", "EUC_JP", "SQL_ASCII"] {
        let name = format!("{}_{encoding}", one(&mut home.open(), "SELECT current_database()"))
            .to_lowercase();
        let create = format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
        );
        run(&mut home.open(), &create);
        let url = home.url.with_database(&name);
        run(
            &mut Database::open(&url, Access::ReadWrite).unwrap(),
            "CREATE TABLE word (id int PRIMARY KEY, it text); INSERT INTO word VALUES (1, 'plain'), (2, 'fox')",
        );
        // A byte that is no text in UTF-8, which a database without an encoding takes.
        let bytes = "SET client_encoding TO SQL_ASCII; INSERT INTO word VALUES (3, E'\\xe9\\xff')";
        if encoding == "SQL_ASCII" {
            run(&mut Database::open(&url, Access::ReadWrite).unwrap(), bytes);
        }
        let held = "SELECT string_agg(id || '=' || encode(textsend(it), 'hex'), ' ' ORDER BY id) FROM word";
        for choice in [Choice::Local, Choice::Server] {
            let env = support::env();
            let options = SnapshotOptions { env, provider: choice, ..SnapshotOptions::default() };
            let mut source = Database::open(&url, Access::ReadOnly).unwrap();
            let mut shadow = snapshot(&mut source, &options).unwrap();
            assert!(shadow.extent().is_whole(), "{encoding}: {}", shadow.note());
            if encoding != "SQL_ASCII" {
                assert_eq!(one(shadow.database(), held), one(&mut source, held), "{encoding}");
                continue;
            }
            let length = "SELECT string_agg(length(it)::text, ' ' ORDER BY id) FROM word";
            assert_eq!(one(shadow.database(), length), "5 3 2");
        }
        run(&mut home.open(), &format!("DROP DATABASE {name}"));
    }
}
