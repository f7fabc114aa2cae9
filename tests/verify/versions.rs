//! A repair as a version of a project: before the version that makes the constraint, applied with it, taken back with it.

use crate::BOTH;
use crate::journey::{migrate, ran, typed};
use crate::place::Place;

const MODEL: &str = "model: 1
name: shop
targets: [TARGET]
entities:
  Purchase:
    fields:
      id: int
      quantity: int
      country: text
";

#[test]
fn a_repair_is_a_version_that_comes_before_the_constraint() {
    for dialect in BOTH {
        let target = if dialect == migrate::text::Dialect::Postgres {
            "postgres >= 13"
        } else {
            "sqlite >= 3.38"
        };
        let first = MODEL.replace("TARGET", target);
        let Some(place) = Place::new(dialect, &first, "SELECT 1") else { return };
        let folder = place.folder.path();
        let settings = format!(
            "model = \"m.yaml\"\ndefault_env = \"it\"\n[env.it]\nurl = \"{}\"\n",
            typed(&place.url)
        );
        std::fs::write(folder.join("migrate.toml"), settings).expect("a file");
        let run = |words: &[&str], code: i32| {
            let ran = ran(migrate(folder).args(words));
            assert_eq!(ran.code, code, "{dialect} {words:?}: {}", ran.text);
            ran.text
        };
        run(&["plan", "initial"], 0);
        run(&["apply"], 0);
        place.run("INSERT INTO purchase VALUES (1, 0, 'fr'), (2, 5, 'DE'), (3, -7, ' it')");
        let strict = first
            .replace("quantity: int", "quantity: { type: int, min: 1 }")
            .replace("country: text", "country: { type: text, match: '^[A-Z][A-Z]$' }");
        std::fs::write(folder.join("m.yaml"), strict).expect("a file");
        run(&["plan", "rules"], 0);
        let refused = run(&["apply"], 5);
        assert!(refused.contains("Purchase.quantity_min: 2 of 3 rows"), "{refused}");
        let shown = run(&["verify", "--repair", "Purchase.quantity_min=clamp"], 0);
        assert!(shown.contains("id=1  quantity: 0 → 1"), "{shown}");
        let planned = run(
            &[
                "plan",
                "clean up",
                "--before",
                "0002",
                "--repair",
                "Purchase.quantity_min=clamp",
                "--repair",
                "Purchase.country_match=trim",
                "--repair",
                "Purchase.country_match=upper",
                "--repair",
                "Purchase.country_match=default:XX",
            ],
            0,
        );
        assert!(planned.contains("it comes before 0003_rules"), "{planned}");
        let rehearsed = run(&["rehearse"], 0);
        assert!(rehearsed.contains("repair purchase.quantity"), "{rehearsed}");
        run(&["apply"], 0);
        let holds = run(&["verify", "-q", "--all"], 0);
        assert!(holds.contains("hold on every row"), "{holds}");
        place.run("UPDATE purchase SET quantity = 9 WHERE id = 3");
        run(&["rollback", "--to", "0001"], 0);
        let mut database = migrate::db::Database::open(&place.url, migrate::db::Access::ReadOnly)
            .expect("it opens");
        let found = crate::support::rows(
            &mut database,
            "SELECT id, quantity, country FROM purchase ORDER BY id",
        );
        assert_eq!(found, [["1", "0", "fr"], ["2", "5", "DE"], ["3", "9", " it"]], "{dialect}");
        run(&["apply"], 0);
        run(&["rollback", "--to", "0001"], 0);
    }
}
