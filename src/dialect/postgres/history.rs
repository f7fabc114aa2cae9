//! `audit: history` on PostgreSQL: one function and one trigger for each table.

use super::realize::{ident, qualified};
use crate::catalog::OpaqueKind;
use crate::dialect::history::Kept;
use crate::text::QName;
use crate::text::ident::shortened;

/// The function and the trigger, as the server prints them. Who acts is what the application says in the setting
/// `app.actor`, else the role that is connected.
pub fn objects(kept: &Kept<'_>) -> Vec<(OpaqueKind, String, String)> {
    let name = format!("{}_history", kept.table.name);
    let function =
        QName { schema: kept.table.schema.clone(), name: shortened(name.clone()).as_str().into() };
    let create = format!(
        "CREATE OR REPLACE FUNCTION {}()\n RETURNS trigger\n LANGUAGE plpgsql\nAS $function$\n\
         -- migrate:history\n\
         BEGIN\n  \
         IF TG_OP = 'UPDATE' AND to_jsonb(OLD) = to_jsonb(NEW) THEN\n    RETURN NULL;\n  END IF;\n  \
         INSERT INTO {} (operation, changed_by, row_before, row_after) VALUES (\n    \
         lower(TG_OP),\n    \
         coalesce(nullif(current_setting('app.actor', true), ''), current_user),\n    \
         CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,\n    \
         CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);\n  \
         RETURN NULL;\nEND\n$function$",
        qualified(&function),
        qualified(kept.log)
    );
    let trigger = format!(
        "CREATE TRIGGER {} AFTER INSERT OR DELETE OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION {}()",
        ident(function.name.as_str()),
        qualified(kept.table),
        qualified(&function)
    );
    vec![(OpaqueKind::Function, name.clone(), create), (OpaqueKind::Trigger, name, trigger)]
}
