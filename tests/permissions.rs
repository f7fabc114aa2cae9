//! Permissions of a model: what is refused and warned of, what a change of them is called, and that a version which
//! changes nothing else is planned, gated, applied and taken back.

mod journey;
mod support;

use journey::{Place, migrate, ran, typed};
use migrate::change::access::{Reach, differences};
use migrate::model::{Model, parse};
use migrate::text::Dialect;
use migrate::text::diagnostic::{Colour, Severity, render};

fn model(permissions: &str) -> String {
    format!(
        "model: 1
name: billing
targets: [TARGET]
roles: [viewer, member, admin]
actor: {{ entity: User, role: role }}
entities:
  User:
    fields:
      id: int
      org: int
      mail: {{ type: text, pii: email }}
      role: {{ enum: roles, default: member }}
    permissions: {{ read: {{ any: org = actor.org }} }}
  Invoice:
    fields:
      id: int
      org: int
      made_by: {{ ref: User, optional: true }}
      status:
        states: [draft, sent]
        initial: draft
        transitions: {{ send: {{ from: draft, to: sent, by: [member] }} }}
    permissions:
{permissions}"
    )
}

fn read(text: &str) -> Model {
    let text = text.replace("TARGET", "sqlite");
    let (model, issues) = parse(&text);
    model.unwrap_or_else(|| panic!("{}", render("model.yaml", &text, &issues, Colour::Plain)))
}

const FIRST: &str = "      read: { any: org = actor.org }
      create: [member, admin]
      update: { member: \"made_by = actor AND status = 'draft'\", admin: org = actor.org }
";

fn said(after: &str) -> Vec<(String, Reach)> {
    let changes = differences(&read(&model(FIRST)), &read(&model(after)));
    changes.into_iter().map(|it| (it.line, it.reach)).collect()
}

#[test]
fn a_change_is_told_as_who_may_do_what() {
    assert_eq!(said(FIRST), []);
    let after = "      read: { any: org = actor.org, admin: true }
      create: [admin]
      update: { member: made_by = actor.id, admin: \"org = actor.org AND status = 'draft'\" }
      delete: { member: status = 'draft' }
";
    let expected = [
        ("+ admin may now read Invoice", Reach::Wider),
        (
            "~ member may update Invoice where made_by = actor.id, \
             not where made_by = actor AND status = 'draft'",
            Reach::Unclear,
        ),
        (
            "~ admin may update Invoice where org = actor.org AND status = 'draft', \
             not where org = actor.org",
            Reach::NotWider,
        ),
        ("+ member may now delete Invoice where status = 'draft'", Reach::Wider),
        ("- member may no longer create Invoice", Reach::NotWider),
    ];
    assert_eq!(said(after), expected.map(|(line, reach)| (line.to_owned(), reach)));
    let wider = "      read: any
      create: [member, admin, any]
      update: { member: status = 'draft', admin: org = actor.org }
";
    let expected = [
        ("~ everyone may now read every Invoice, not only where org = actor.org", Reach::Wider),
        ("+ everyone may now create Invoice", Reach::Wider),
        (
            "~ member may update Invoice where status = 'draft', \
             not where made_by = actor AND status = 'draft'",
            Reach::Wider,
        ),
    ];
    assert_eq!(said(wider), expected.map(|(line, reach)| (line.to_owned(), reach)));
}

#[test]
fn roles_personal_data_and_who_takes_a_transition_are_compared_too() {
    let before = read(&model(FIRST));
    let text = model(FIRST)
        .replace("[viewer, member, admin]", "[member, admin, auditor]")
        .replace("pii: email", "optional: true")
        .replace(
            "role: { enum: roles",
            "name: { type: text, pii: name, optional: true }\n      role: { enum: roles",
        )
        .replace("by: [member]", "by: [admin]");
    let lines: Vec<String> =
        differences(&before, &read(&text)).into_iter().map(|it| it.line).collect();
    assert_eq!(
        lines,
        [
            "+ role auditor",
            "- role viewer",
            "- User.mail is no longer personal data (email)",
            "+ User.name is personal data (name)",
            "~ Invoice.status: transition send may now be taken by admin",
            "~ Invoice.status: transition send may no longer be taken by member",
        ]
    );
}

fn issues(permissions: &str, severity: Severity) -> Vec<String> {
    let (_, issues) = parse(&model(permissions).replace("TARGET", "sqlite"));
    let issues = issues.into_iter().filter(|issue| issue.severity == severity);
    issues.map(|issue| issue.message).filter(|it| !it.contains("carried")).collect()
}

#[test]
fn what_cannot_be_is_refused() {
    let wrong = "      read: { any: ogr = actor.org, membr: true }
      list: any
      create: { member: org = actor.orgg }
      update: { member: org }
      delete: [admin, admin]
";
    assert_eq!(
        issues(wrong, Severity::Error),
        [
            "no field `ogr` in `Invoice`; did you mean `org`?",
            "`membr` is not one of the roles; did you mean `member`?",
            "`list` is not an operation",
            "no field `orgg` in `User`; did you mean `org`?",
            "a rule needs true or false, this is int",
            "`admin` is written twice in `delete`",
        ]
    );
}

#[test]
fn what_was_overlooked_is_warned_of() {
    let blind = "      read: [admin]\n      update: { viewer: true }\n";
    assert_eq!(
        issues(blind, Severity::Warning),
        [
            "transition `send` is for `member`, who may not read `Invoice`",
            "`viewer` may update `Invoice` and not read it",
        ]
    );
    let open = model(FIRST).replace("read: { any: org = actor.org } }", "read: any }");
    let (_, found) = parse(&open.replace("TARGET", "sqlite"));
    let found: Vec<&str> = found.iter().map(|issue| issue.message.as_str()).collect();
    let expected = "`User.mail` is personal data (email), and everyone may read it";
    assert!(found.contains(&expected), "{found:?}");
    let (_, found) =
        parse(&(model(FIRST) + "  Tag:\n    fields:\n      id: int\n").replace("TARGET", "sqlite"));
    let expected = "`Tag` says nothing of permissions, and other entities do";
    assert!(found.iter().any(|issue| issue.message == expected), "{found:?}");
}

#[test]
fn a_version_of_permissions_alone_goes_the_whole_way() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(place) = Place::new(dialect) else { continue };
        let folder = tempfile::tempdir().expect("a folder");
        let write = |permissions: &str| {
            let text = model(permissions).replace("TARGET", dialect.name());
            std::fs::write(folder.path().join("model.yaml"), text).expect("written");
        };
        let run = |code: i32, arguments: &[&str]| {
            let mut command = migrate(folder.path());
            let ended = ran(command.args(arguments).args(["--url", &typed(place.url())]));
            assert_eq!(ended.code, code, "{arguments:?}\n{}", ended.text);
            ended.text
        };
        write(FIRST);
        std::fs::write(folder.path().join("migrate.toml"), "model = \"model.yaml\"\n")
            .expect("written");
        run(0, &["plan", "first"]);
        run(0, &["apply", "--yes"]);
        support::run(
            &mut place.open(),
            "INSERT INTO \"user\" (id, org, mail) VALUES (1, 1, 'a'); INSERT INTO invoice (id, org) VALUES (1, 1)",
        );
        write(&format!("{FIRST}      delete: {{ member: status = 'draft' }}\n"));
        let line = "member may now delete Invoice where status = 'draft'";
        assert!(run(3, &["check"]).contains(line));
        assert!(run(3, &["diff", "--exit-code"]).contains(line));
        let planned = run(0, &["plan", "more"]);
        assert!(planned.contains("no statement follows from it"), "{planned}");
        assert!(planned.contains("say why with `--reason TEXT`"), "{planned}");
        let checked = run(0, &["check"]);
        assert!(checked.contains(&format!("0002_more: {line}, and the version does not say why")));
        run(4, &["check", "--fail-on", "warning"]);
        run(0, &["plan", "more", "--replace", "--reason", "asked for by Ana"]);
        run(0, &["check", "--fail-on", "warning"]);
        let before = journey::contents(&mut place.open());
        run(0, &["apply", "--yes"]);
        assert!(run(0, &["status"]).contains("no drift"));
        run(0, &["rollback", "--yes"]);
        run(0, &["apply", "--yes"]);
        assert_eq!(journey::contents(&mut place.open()), before);
        assert!(run(0, &["plan"]).contains("nothing to plan"));
    }
}
