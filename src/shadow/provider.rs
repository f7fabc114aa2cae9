//! Who provides the shadow of a PostgreSQL database: what was asked for, or the first that fits.

use std::collections::BTreeSet;

use super::cluster::{BUILDER, Cluster, cluster};
use super::extent::Provider;
use super::options::{Choice, Protection, SnapshotOptions};
use super::scratch::{Scratch, fresh_on_server, on_cluster, on_server};
use super::{ShadowError, binaries, list};
use crate::db::{Access, Database, DatabaseUrl, DbError, DbErrorKind};
use crate::dialect::session::{self, Locale, LocaleProvider, OwnLocale};
use crate::dialect::{Sql, roles};
use crate::text::Ident;

/// What decides who can provide a shadow.
pub(super) struct Probe {
    pub(super) url: DatabaseUrl,
    pub(super) place: String,
    pub(super) major: u32,
    pub(super) locale: Locale,
    /// Name and version.
    pub(super) extensions: Vec<(String, String)>,
    pub(super) owner: String,
    /// Who is connected: the plan runs as that role.
    pub(super) runner: String,
    pub(super) may_create_schemas: bool,
    pub(super) may_create_databases: bool,
    pub(super) is_standby: bool,
    /// Whether the plan touches what all databases of the server share.
    pub(super) reaches_server: bool,
    /// The roles that the plan names.
    pub(super) plan_roles: BTreeSet<Ident>,
    /// Statements that give roles their attributes.
    pub(super) roles: Vec<String>,
}

/// Asks the source.
///
/// # Errors
/// What the source says.
pub(super) fn probe(
    source: &mut Database,
    options: &SnapshotOptions,
) -> Result<Probe, ShadowError> {
    let locale = locale(source)?;
    let mut values = source
        .rows(&roles::database())?
        .into_iter()
        .next()
        .unwrap_or_default()
        .into_iter()
        .map(Option::unwrap_or_default);
    let mut next = || values.next().unwrap_or_default();
    let (owner, runner, may_create) = (next(), next(), next());
    let pairs = pairs(source.rows(&roles::extensions())?);
    let lines = source.rows(&roles::attributes())?;
    let Database::Postgres(server) = &*source else {
        return Err(ShadowError::Unfit {
            provider: "local",
            reason: "this is not a PostgreSQL database".to_owned(),
        });
    };
    Ok(Probe {
        url: DatabaseUrl::Postgres(Box::new(server.url().clone())),
        major: server.major(),
        is_standby: server.is_standby(),
        place: source.describe(),
        locale,
        extensions: pairs,
        owner,
        runner,
        may_create_schemas: may_create == "true",
        may_create_databases: source.value(&session::may_create_database())?.as_deref()
            == Some("true"),
        reaches_server: options.scope.reaches_server(),
        plan_roles: options.scope.roles(),
        roles: lines.into_iter().flatten().flatten().collect(),
    })
}

fn locale(database: &mut Database) -> Result<Locale, ShadowError> {
    let rows = database.rows(&session::database_locale())?;
    let mut values =
        rows.into_iter().next().unwrap_or_default().into_iter().map(Option::unwrap_or_default);
    let mut next = || values.next().unwrap_or_default();
    Ok(Locale {
        encoding: next(),
        collate: next(),
        ctype: next(),
        own: match (next().as_str(), next(), next()) {
            ("i", name, rules) => Some(OwnLocale { provider: LocaleProvider::Icu, name, rules }),
            ("b", name, rules) => {
                Some(OwnLocale { provider: LocaleProvider::Builtin, name, rules })
            }
            _ => None,
        },
    })
}

/// What is said of a copy that sorts text otherwise.
fn other_locale(copy: &mut Database, probe: &Probe) -> Result<Option<String>, ShadowError> {
    let there = locale(copy)?;
    let (copied, original) = (told(&there), told(&probe.locale));
    Ok((there != probe.locale).then(|| {
        format!(
            "the copy is in {copied}, and the database in {original}: text may sort and compare otherwise there"
        )
    }))
}

/// A locale in as few words as tell it.
fn told(locale: &Locale) -> String {
    let Locale { encoding, collate, ctype, own } = locale;
    let mut words = vec![encoding.as_str(), collate];
    if collate != ctype {
        words.push(ctype);
    }
    if let Some(OwnLocale { provider, name, rules }) = own {
        words.extend([provider.word(), name]);
        words.extend(Some(rules.as_str()).filter(|rules| !rules.is_empty()));
    }
    format!("`{}`", words.join(" "))
}

fn pairs(rows: Vec<crate::db::Row>) -> Vec<(String, String)> {
    let pair = |row: crate::db::Row| {
        let mut values = row.into_iter().flatten();
        Some((values.next()?, values.next()?))
    };
    rows.into_iter().filter_map(pair).collect()
}

/// An empty database for the copy.
pub(super) struct Provided {
    pub(super) scratch: Scratch,
    pub(super) provider: Provider,
    pub(super) reason: String,
    pub(super) warnings: Vec<String>,
}

/// Which versions of a server of our own will do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Major {
    Same,
    Any,
}

/// Where a shadow may be made.
#[derive(Clone, Copy)]
pub(super) enum Candidate<'a> {
    Url(&'a DatabaseUrl),
    /// `--scratch-url`, which nobody chose for this.
    Scratch(&'a DatabaseUrl),
    Local(Major),
    Server,
}

impl Candidate<'_> {
    pub(super) fn word(self) -> &'static str {
        match self {
            Candidate::Url(_) => "url",
            Candidate::Scratch(_) => "--scratch-url",
            Candidate::Local(Major::Same) => "local",
            Candidate::Local(Major::Any) => "local, another version",
            Candidate::Server => "server",
        }
    }
}

/// The places that were asked for, in the order in which they are tried.
pub(super) fn candidates(options: &SnapshotOptions) -> Vec<Candidate<'_>> {
    match &options.provider {
        Choice::Url(url) => vec![Candidate::Url(url)],
        Choice::Local => vec![Candidate::Local(Major::Any)],
        Choice::Server => vec![Candidate::Server],
        Choice::Auto => {
            let named = options.scratch.iter().map(|url| Candidate::Scratch(url));
            let ours =
                [Candidate::Local(Major::Same), Candidate::Server, Candidate::Local(Major::Any)];
            named.chain(ours).collect()
        }
        Choice::File | Choice::Template | Choice::Transaction => Vec::new(),
    }
}

/// Makes an empty database in a place, or says why that does not fit.
///
/// # Errors
/// The place fits, and fails.
pub(super) fn provide(
    candidate: Candidate<'_>,
    probe: &Probe,
    options: &SnapshotOptions,
) -> Result<Result<Provided, String>, ShadowError> {
    match candidate {
        Candidate::Url(url) | Candidate::Scratch(url) => given(probe, url),
        Candidate::Local(major) => local(probe, options, major),
        Candidate::Server => server(probe, options),
    }
}

/// A server of our own, with the roles of the source's server.
fn local(
    probe: &Probe,
    options: &SnapshotOptions,
    wanted: Major,
) -> Result<Result<Provided, String>, ShadowError> {
    let found = binaries::servers(&options.env, Some(probe.major)).into_iter().next();
    let Some(found) = found else {
        return Ok(Err("no PostgreSQL server programs are found on this machine".to_owned()));
    };
    let same = found.major == probe.major;
    if !same && wanted == Major::Same {
        return Ok(Err(format!(
            "the database is on PostgreSQL {}, and this machine has the server programs of {}",
            probe.major, found.major
        )));
    }
    let cluster = cluster(&options.env, Some(probe.major))?;
    let mut server = Database::open(&cluster.url("postgres"), Access::ReadWrite)?;
    if let Some(lacking) = lacking_extension(&mut server, probe)? {
        return Ok(Err(lacking));
    }
    let mut warnings = mirror_roles(&cluster, &mut server, probe)?;
    if !same {
        warnings.push(format!(
            "rehearsed on PostgreSQL {}, but the database is on {}; install the server programs of {} for a copy of \
             the same version",
            found.major, probe.major, probe.major
        ));
    }
    let (scratch, lacking) = in_locale(&probe.locale, |locale| on_cluster(&cluster, locale))?;
    warnings.extend(lacking);
    let version = server.version();
    let reason = if same {
        format!("{version} is on this machine, the version of the database")
    } else {
        format!("{version} is what this machine has")
    };
    Ok(Ok(Provided { scratch, provider: Provider::Local, reason, warnings }))
}

/// Makes a database of a locale, or of the part of it that is there; what is said of the rest.
fn in_locale(
    locale: &Locale,
    make: impl Fn(Option<&Locale>) -> Result<Scratch, ShadowError>,
) -> Result<(Scratch, Option<String>), ShadowError> {
    let lacks = |error: &DbError, copied: &str| {
        let (wanted, message) = (told(locale), &error.message);
        format!("the locale {wanted} is not on this machine ({message}); the copy {copied}")
    };
    let error = match make(Some(locale)) {
        Err(ShadowError::Database(error)) if error.kind == DbErrorKind::Sql => error,
        outcome => return Ok((outcome?, None)),
    };
    if locale.own.is_some() {
        let plain = Locale { own: None, ..locale.clone() };
        match make(Some(&plain)) {
            Err(ShadowError::Database(other)) if other.kind == DbErrorKind::Sql => {}
            outcome => {
                let copied =
                    format!("is in {}: text may sort and compare otherwise there", told(&plain));
                return Ok((outcome?, Some(lacks(&error, &copied))));
            }
        }
    }
    Ok((make(None)?, Some(lacks(&error, "sorts text by bytes"))))
}

fn lacking_extension(server: &mut Database, probe: &Probe) -> Result<Option<String>, ShadowError> {
    if probe.extensions.is_empty() {
        return Ok(None);
    }
    let there: BTreeSet<(String, String)> =
        pairs(server.rows(&roles::available_extensions())?).into_iter().collect();
    let lacking = probe.extensions.iter().find(|extension| !there.contains(extension));
    Ok(lacking.map(|(name, version)| {
        let others: Vec<&str> =
            there.iter().filter(|other| other.0 == *name).map(|other| other.1.as_str()).collect();
        if others.is_empty() {
            format!("it lacks the extension `{name}`")
        } else {
            format!("it has the extension `{name}` in {}, not in {version}", others.join(", "))
        }
    }))
}

/// Gives our server the roles of the source's, with their attributes and memberships.
fn mirror_roles(
    cluster: &Cluster,
    server: &mut Database,
    probe: &Probe,
) -> Result<Vec<String>, ShadowError> {
    let names = probe.roles.iter().filter_map(|line| role_of(line));
    cluster.create_roles(names.collect::<Vec<_>>().iter().map(String::as_str))?;
    let there = server.rows(&roles::attributes())?;
    let there: BTreeSet<String> = there.into_iter().flatten().flatten().collect();
    let mut warnings = Vec::new();
    for line in probe.roles.iter().filter(|line| !there.contains(*line)) {
        if let Err(error) = server.execute(&session::returned(line)) {
            warnings.push(format!("a role is not as on the server of the database: {error}"));
        }
    }
    Ok(warnings)
}

/// The role that `ALTER ROLE … WITH` is about.
fn role_of(line: &str) -> Option<String> {
    let rest = line.strip_prefix("ALTER ROLE ")?;
    match rest.strip_prefix('"') {
        Some(quoted) => {
            let mut name = String::new();
            let mut letters = quoted.chars().peekable();
            while let Some(letter) = letters.next() {
                if letter == '"' && letters.next_if_eq(&'"').is_none() {
                    break;
                }
                name.push(letter);
            }
            Some(name)
        }
        None => rest.split(' ').next().map(str::to_owned),
    }
}

/// A scratch database beside the source, on its own server.
fn server(
    probe: &Probe,
    options: &SnapshotOptions,
) -> Result<Result<Provided, String>, ShadowError> {
    if options.protection == Protection::Protected {
        return Ok(Err(format!("{} is protected: nothing is made on its server", probe.place)));
    }
    if probe.reaches_server {
        return Ok(Err(
            "the plan touches roles, tablespaces or settings, which all databases of a server share"
                .to_owned(),
        ));
    }
    if probe.is_standby {
        return Ok(Err(format!("{} is a standby, which can only be read", probe.place)));
    }
    if !probe.may_create_databases {
        return Ok(Err(format!("`{}` may not make databases there (CREATEDB)", probe.runner)));
    }
    let mut scratch = fresh_on_server(&probe.url, Some(&probe.locale))?;
    let reason = "the server of the database itself, with its version, roles and extensions";
    let mut warnings = vec![format!("the copy takes room on the server of {}", probe.place)];
    warnings.extend(other_locale(scratch.database(), probe)?);
    let (provider, reason) = (Provider::Server, reason.to_owned());
    Ok(Ok(Provided { scratch, provider, reason, warnings }))
}

/// A server that the user names.
fn given(probe: &Probe, url: &DatabaseUrl) -> Result<Result<Provided, String>, ShadowError> {
    let mut server = Database::open(url, Access::ReadOnly)?;
    let mut source = Database::open(&probe.url, Access::ReadOnly)?;
    if server.rows(&roles::identity())? == source.rows(&roles::identity())? {
        return Ok(Err(format!(
            "{} is the database itself; name another one, or use `--shadow server`",
            probe.place
        )));
    }
    if let Some(lacking) = lacking_extension(&mut server, probe)? {
        return Ok(Err(lacking));
    }
    if probe.reaches_server {
        return Ok(Err(
            "the plan touches roles, tablespaces or settings, which would outlive the copy; use \
                       `--shadow local`"
                .to_owned(),
        ));
    }
    let place = server.describe();
    let lacking = server.missing_roles(probe.plan_roles.iter().map(Ident::as_str))?;
    if let Some(first) = lacking.first() {
        return Ok(Err(format!(
            "{place} lacks {}, which the plan names; make {} there (`CREATE ROLE \"{first}\"`), or use \
             `--shadow local`",
            list(&lacking),
            if lacking.len() == 1 { "it" } else { "them" }
        )));
    }
    let mut warnings = Vec::new();
    if server.major() != Some(probe.major) {
        warnings.push(format!(
            "rehearsed on {}, but the database is on PostgreSQL {}",
            server.version(),
            probe.major
        ));
    }
    drop(server);
    let mut scratch = match on_server(url, Some(&probe.locale)) {
        Ok(scratch) => scratch,
        Err(
            full @ (ShadowError::NotEmpty { .. }
            | ShadowError::Taken { .. }
            | ShadowError::NotOurs { .. }),
        ) => return Ok(Err(full.to_string())),
        Err(error) => return Err(error),
    };
    warnings.extend(other_locale(scratch.database(), probe)?);
    let reason = format!("{place} was named");
    Ok(Ok(Provided { scratch, provider: Provider::Url, reason, warnings }))
}

/// What a fresh database of ours needs when its schema and rows are in: owners, rights, settings.
///
/// # Errors
/// The server's own.
pub(super) fn hand_over(
    scratch: &mut Scratch,
    source: &mut Database,
    probe: &Probe,
    provider: Provider,
) -> Result<Vec<String>, ShadowError> {
    let mut warnings = Vec::new();
    let Some(name) = scratch.name().map(str::to_owned) else {
        // The database is the user's own: its settings are not touched, those of the session are.
        return set_in_session(scratch.database(), source);
    };
    let ours = scratch.cluster().is_some();
    let role = ours.then_some(probe.runner.as_str());
    let told = match provider {
        Provider::Server => roles::Told::OfDatabase,
        Provider::Url
        | Provider::Local
        | Provider::Template
        | Provider::Transaction
        | Provider::File => roles::Told::OfServer,
    };
    let refused = set_for(scratch.database(), source, &roles::settings_for(&name, role, told))?;
    let Some(cluster) = scratch.cluster().cloned() else {
        warnings.extend(own(scratch.database(), &name, probe));
        warnings.extend(begin_anew(scratch, source, &refused)?);
        return Ok(warnings);
    };
    warnings.extend(refused);
    let database = scratch.database();
    database.execute(&roles::reassign(BUILDER, &probe.runner))?;
    database.execute(&roles::own_database(&name, &probe.owner))?;
    if probe.may_create_schemas {
        database.execute(&roles::allow_create(&name, &probe.runner))?;
    }
    scratch.reopen_at(&cluster.url_of(&name, &probe.runner))?;
    Ok(warnings)
}

/// Writes down the settings of the original database for a copy; what is said of those that cannot be.
pub(super) fn set_for(
    copy: &mut Database,
    source: &mut Database,
    settings: &Sql,
) -> Result<Vec<String>, ShadowError> {
    let mut refused = Vec::new();
    for line in source.rows(settings)?.into_iter().flatten().flatten() {
        if let Err(error) = copy.execute(&session::returned(&line)) {
            refused.push(format!("a setting of the database is left out: {error}"));
        }
    }
    Ok(refused)
}

/// Settings of a database are those of sessions that start later: starts one. Who may not write settings down may still
/// say them in it.
pub(super) fn begin_anew(
    scratch: &mut Scratch,
    source: &mut Database,
    refused: &[String],
) -> Result<Vec<String>, ShadowError> {
    scratch.reopen()?;
    if refused.is_empty() { Ok(Vec::new()) } else { set_in_session(scratch.database(), source) }
}

/// Gives the settings of the original database to the session that the plan will run in; what is said of those that
/// cannot be.
fn set_in_session(copy: &mut Database, source: &mut Database) -> Result<Vec<String>, ShadowError> {
    let mut refused = Vec::new();
    for line in source.rows(&roles::settings_here())?.into_iter().flatten().flatten() {
        if let Err(error) = copy.rows(&session::returned(&line)) {
            refused.push(format!("a setting of the database is left out: {error}"));
        }
    }
    Ok(refused)
}

/// Gives a database on a server that is not ours to the owner that the original has, where that can be. What is said
/// where it cannot: who owns a database has rights in it.
fn own(database: &mut Database, name: &str, probe: &Probe) -> Option<String> {
    if probe.owner == probe.runner {
        return None;
    }
    let error = database.execute(&roles::own_database(name, &probe.owner)).err()?;
    Some(format!(
        "the database belongs to `{}`, and the copy to who made it: rights that come from owning it are not \
         rehearsed ({error})",
        probe.owner
    ))
}
