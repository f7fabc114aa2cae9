//! Versions of two branches that follow the same one: told, put behind each other untouched where that is proved, shown side
//! by side where it is not. With rows, on both engines.

#[path = "git/shop.rs"]
mod shop;

use shop::{Shop, text};

const MODEL: &str = "model: 1
name: shop
targets: [sqlite >= 3.38]
entities:
  Person:
    fields:
      id: int
      note: text?
    key: id
  Product:
    fields:
      id: int
      name: text
    key: id
";

/// A shop whose first version is committed on `main` and applied, with rows.
fn shop(model: &str) -> Shop {
    let shop = Shop::new();
    shop.write("model.yaml", model);
    shop.write(".gitignore", "*.db\n.migrate\n");
    shop.must(0, &["plan", "first"]);
    shop.commit("first");
    shop
}

/// Changes the model on a branch of `main`, and plans it.
fn change(shop: &Shop, branch: &str, before: &str, after: &str) {
    shop.git(&["checkout", "-q", "-b", branch, "main"]);
    let model = shop.read("model.yaml");
    assert!(model.contains(before), "{model}");
    shop.write("model.yaml", &model.replace(before, after));
    shop.must(0, &["plan", branch]);
    shop.commit(branch);
}

/// Merges, where conflicts in the files named are to be taken from the work tree as git leaves them.
fn merge(shop: &Shop, branch: &str) {
    let output = std::process::Command::new("git")
        .arg("-C")
        .arg(shop.path())
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "merge", "-q", branch])
        .output()
        .expect("git runs");
    assert!(!output.status.success(), "chain.sum conflicts on purpose");
}

#[test]
fn disjoint_changes_follow_each_other_untouched_and_rows_live_on() {
    let shop = shop(MODEL);
    shop.must(0, &["apply", "--url", "shop.db"]);
    shop.sql(
        "INSERT INTO person VALUES (1, 'a'), (2, NULL); INSERT INTO product VALUES (7, 'pen')",
    );
    change(&shop, "age", "      note: text?\n", "      note: text?\n      age: int?\n");
    change(&shop, "price", "      name: text\n", "      name: text\n      price: int = 0\n");
    let sql = shop.read("migrations/0002_price/sqlite.up.sql");
    // The other branch is released first.
    shop.git(&["checkout", "-q", "main"]);
    shop.git(&["merge", "-q", "--ff-only", "age"]);
    shop.must(0, &["apply", "--url", "shop.db"]);
    shop.sql("UPDATE person SET age = 40 WHERE id = 1");
    shop.git(&["checkout", "-q", "price"]);
    merge(&shop, "main");
    let said = shop.must(6, &["check", "--base", "main"]);
    assert!(said.contains("conflict marker") && said.contains("migrate rebase"), "{said}");

    let said = shop.must(0, &["rebase", "--base", "main", "--dry-run"]);
    assert!(said.contains("would move 0003_price (was 0002_price)"), "{said}");
    shop.must(6, &["check", "--base", "main"]);
    let said = shop.must(0, &["rebase", "--base", "main"]);
    assert!(
        said.contains("moved 0003_price (was 0002_price)") && said.contains("proved up and down"),
        "{said}"
    );
    assert_eq!(shop.read("migrations/0003_price/sqlite.up.sql"), sql, "untouched");
    assert!(!shop.path().join("migrations/0002_price").exists());
    shop.must(0, &["rebase"]);
    shop.must(0, &["check", "--base", "main", "--url", "shop.db"]);
    shop.must(0, &["apply", "--url", "shop.db"]);
    shop.must(0, &["check", "--base", "main", "--url", "shop.db"]);
    shop.must(0, &["rollback", "--url", "shop.db", "--yes"]);
    let kept: (Option<i64>, String) =
        shop.row("SELECT (SELECT age FROM person WHERE id = 1), name FROM product");
    assert_eq!(kept, (Some(40), "pen".to_owned()));
}

#[test]
fn a_fork_that_git_merged_without_a_conflict_is_told_and_repaired() {
    let shop = shop(MODEL);
    shop.write(".gitattributes", "chain.sum merge=union\n");
    shop.commit("union");
    change(&shop, "age", "      note: text?\n", "      note: text?\n      age: int?\n");
    change(&shop, "price", "      name: text\n", "      name: text\n      price: int = 0\n");
    shop.git(&["merge", "-q", "-m", "both", "age"]);
    let said = shop.must(6, &["check"]);
    assert!(said.contains("migrate rebase"), "{said}");
    // Nobody says which is released.
    let output = shop.run(&["rebase"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--first"), "{}", text(&output.stderr));
    let said = shop.must(0, &["rebase", "--first", "0002_price"]);
    assert!(said.contains("moved 0003_age (was 0002_age)"), "{said}");
    shop.must(0, &["check"]);
}

#[test]
fn overlapping_changes_are_shown_side_by_side_and_planned_anew_on_demand() {
    let shop = shop(MODEL);
    let note = "      note: text?\n";
    change(&shop, "short", note, "      note: { type: text, optional: true, max: 20 }\n");
    change(&shop, "long", note, "      note: { type: text, optional: true, min: 2 }\n");
    merge(&shop, "short");
    let model =
        MODEL.replace(note, "      note: { type: text, optional: true, min: 2, max: 20 }\n");
    shop.write("model.yaml", &model);
    let before = shop.read("migrations/chain.sum");
    let output = shop.run(&["rebase", "--first", "0002_short"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    for part in ["0002_short", "│ 0002_long", "nothing was written", "--replan"] {
        assert!(said.contains(part), "`{part}` is missing in\n{said}");
    }
    assert_eq!(shop.read("migrations/chain.sum"), before);
    let said = shop.must(0, &["rebase", "--first", "0002_short", "--replan"]);
    assert!(said.contains("planned 0003_long instead of 0002_long"), "{said}");
    shop.must(0, &["check"]);
    shop.must(0, &["apply", "--url", "shop.db"]);
}

#[test]
fn versions_of_one_branch_stay_in_order_and_hand_written_ones_are_carried() {
    let shop = shop(MODEL);
    change(&shop, "age", "      note: text?\n", "      note: text?\n      age: int?\n");
    change(&shop, "price", "      name: text\n", "      name: text\n      price: int = 0\n");
    shop.must(0, &["new", "fill"]);
    let fill = "UPDATE product SET name = name WHERE id > 0;\n";
    shop.write("migrations/0003_fill/sqlite.up.sql", fill);
    shop.must(0, &["rehash"]);
    shop.commit("fill");
    shop.git(&["branch", "-q", "-f", "main", "age"]);
    merge(&shop, "main");
    shop.must(0, &["rebase", "--base", "main"]);
    assert_eq!(shop.read("migrations/0004_fill/sqlite.up.sql"), fill);
    let model = shop.read("migrations/0004_fill/model.yaml");
    assert!(model.contains("age") && model.contains("price"), "{model}");
    shop.must(0, &["check", "--base", "main"]);
    shop.must(0, &["apply", "--url", "shop.db"]);
}

#[test]
fn what_a_database_has_does_not_move() {
    let shop = shop(MODEL);
    change(&shop, "age", "      note: text?\n", "      note: text?\n      age: int?\n");
    change(&shop, "price", "      name: text\n", "      name: text\n      price: int = 0\n");
    shop.must(0, &["apply", "--url", "shop.db"]);
    merge(&shop, "age");
    let output = shop.run(&["rebase", "--first", "0002_age", "--url", "shop.db"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("`0002_price` is applied to"), "{said}");
    shop.must(0, &["rebase", "--first", "0002_price", "--url", "shop.db"]);
    shop.must(0, &["check", "--url", "shop.db"]);
}

#[test]
fn an_edited_version_is_not_moved() {
    let shop = shop(MODEL);
    change(&shop, "age", "      note: text?\n", "      note: text?\n      age: int?\n");
    change(&shop, "price", "      name: text\n", "      name: text\n      price: int = 0\n");
    merge(&shop, "age");
    shop.write("migrations/0002_price/sqlite.up.sql", "SELECT 1;\n");
    let output = shop.run(&["rebase", "--first", "0002_age"]);
    assert_eq!(output.status.code(), Some(6));
    assert!(text(&output.stderr).contains("`0002_price` was edited"), "{}", text(&output.stderr));
}

#[test]
fn sql_that_holds_on_one_engine_only_is_not_moved() {
    if migrate::shadow::binaries::servers(&migrate::db::Env::new(std::env::vars()), None).is_empty()
    {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL's programs are needed");
        eprintln!("skipped: PostgreSQL is not there");
        return;
    }
    let note = "      note: text?\n";
    let both = format!("{note}      age: int?\n      mail: text?\n");
    let of = |targets: &str| MODEL.replace("[sqlite >= 3.38]", targets);
    // SQLite's way back builds the table anew as the branch knew it, and would lose the other's column.
    for (targets, code) in [("[postgres >= 13]", 0), ("[sqlite >= 3.38, postgres >= 13]", 6)] {
        let shop = shop(&of(targets));
        change(&shop, "age", note, &format!("{note}      age: int?\n"));
        change(&shop, "mail", note, &format!("{note}      mail: text?\n"));
        merge(&shop, "age");
        shop.write("model.yaml", &of(targets).replace(note, &both));
        let output = shop.run(&["rebase", "--first", "0002_age"]);
        assert_eq!(output.status.code(), Some(code), "{targets}: {}", text(&output.stderr));
        if code == 6 {
            assert!(text(&output.stderr).contains("age"), "{}", text(&output.stderr));
            shop.must(0, &["rebase", "--first", "0002_age", "--replan"]);
        }
        shop.must(0, &["check"]);
    }
}
