//! All rules, one file each, by code.

mod table_rewrite;
mod volatile_default_rewrite;
mod serial_identity_rewrite;
mod stored_generated_rewrite;
mod type_change_rewrite;
mod type_change_index_rebuild;
mod set_not_null_scan;
mod check_scan;
mod foreign_key_scan;
mod unique_builds_index;
mod exclusion_build;
mod index_blocking;
mod index_drop_blocking;
mod reindex_blocking;
mod partition_lock;
mod rewrite_command;
mod refresh_blocking;
mod domain_scan;
mod constrained_domain_column;
mod concurrent_index_corruption;
mod drop_column;
mod drop_table;
mod drop_schema;
mod truncate;
mod lossy_type_change;
mod drop_sequence;
mod unbounded_change;
mod irreversible_step;
mod drop_cascade;
mod rename_column;
mod rename_table;
mod rename_schema;
mod rename_enum_value;
mod required_column;
mod drop_not_null;
mod json_column;
mod replica_identity_change;
mod missing_lock_timeout;
mod rows_written_under_strong_lock;
mod validate_in_same_transaction;
mod concurrently_in_transaction;
mod short_lock_timeout_on_concurrently;
mod open_transaction;
mod unread_statement;
mod enum_value_used_in_same_transaction;
mod identifier_truncated;
mod unused_allow;
mod allow_without_reason;
mod opaque_statement;
mod null_value;
mod broken_condition;
mod orphan;
mod duplicate;
mod failed_cast;
mod overflow;
mod unknown_label;
mod overlap;
mod sequence_behind;
mod not_validated;
mod nullable_primary_key;
mod several_tables_locked;
mod unindexed_reference;
mod default_change;
mod drop_constraint;
mod view_made_again;
mod index_gap;
mod serial_column;
mod wide_index;
mod unsupported_alter;
mod drop_deletes_children;
mod rename_old_first;
mod autoincrement_loss;
mod too_new_for_engine;
mod reference_with_default;
mod pragma_in_transaction;
mod small_primary_key;
mod timestamp_without_zone;
mod char_column;
mod money_column;
mod access_change;
mod extension_update;

use super::rule::Rule;

/// Rules that the reader of a file answers itself.
pub static MG410: Rule = unread_statement::RULE;
pub static MG415: Rule = unused_allow::RULE;
pub static MG416: Rule = allow_without_reason::RULE;

/// Every rule, by code.
pub static ALL: &[&Rule] = &[
    &table_rewrite::RULE,
    &volatile_default_rewrite::RULE,
    &serial_identity_rewrite::RULE,
    &stored_generated_rewrite::RULE,
    &type_change_rewrite::RULE,
    &type_change_index_rebuild::RULE,
    &set_not_null_scan::RULE,
    &check_scan::RULE,
    &foreign_key_scan::RULE,
    &unique_builds_index::RULE,
    &nullable_primary_key::RULE,
    &exclusion_build::RULE,
    &index_blocking::RULE,
    &index_drop_blocking::RULE,
    &reindex_blocking::RULE,
    &partition_lock::RULE,
    &rewrite_command::RULE,
    &refresh_blocking::RULE,
    &domain_scan::RULE,
    &several_tables_locked::RULE,
    &constrained_domain_column::RULE,
    &concurrent_index_corruption::RULE,
    &unindexed_reference::RULE,
    &drop_column::RULE,
    &drop_table::RULE,
    &drop_schema::RULE,
    &truncate::RULE,
    &lossy_type_change::RULE,
    &drop_sequence::RULE,
    &unbounded_change::RULE,
    &irreversible_step::RULE,
    &drop_cascade::RULE,
    &rename_column::RULE,
    &rename_table::RULE,
    &rename_schema::RULE,
    &rename_enum_value::RULE,
    &required_column::RULE,
    &drop_not_null::RULE,
    &default_change::RULE,
    &drop_constraint::RULE,
    &json_column::RULE,
    &view_made_again::RULE,
    &replica_identity_change::RULE,
    &index_gap::RULE,
    &missing_lock_timeout::RULE,
    &rows_written_under_strong_lock::RULE,
    &validate_in_same_transaction::RULE,
    &concurrently_in_transaction::RULE,
    &short_lock_timeout_on_concurrently::RULE,
    &open_transaction::RULE,
    &MG410,
    &enum_value_used_in_same_transaction::RULE,
    &identifier_truncated::RULE,
    &MG415,
    &MG416,
    &opaque_statement::RULE,
    &null_value::RULE,
    &broken_condition::RULE,
    &orphan::RULE,
    &duplicate::RULE,
    &failed_cast::RULE,
    &overflow::RULE,
    &unknown_label::RULE,
    &overlap::RULE,
    &sequence_behind::RULE,
    &not_validated::RULE,
    &unsupported_alter::RULE,
    &drop_deletes_children::RULE,
    &rename_old_first::RULE,
    &autoincrement_loss::RULE,
    &too_new_for_engine::RULE,
    &reference_with_default::RULE,
    &pragma_in_transaction::RULE,
    &small_primary_key::RULE,
    &serial_column::RULE,
    &timestamp_without_zone::RULE,
    &char_column::RULE,
    &wide_index::RULE,
    &money_column::RULE,
    &access_change::RULE,
    &extension_update::RULE,
];

/// The rule with a code or a name.
pub fn find(word: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.code.eq_ignore_ascii_case(word) || rule.name == word)
}
