//! The kinds of object that are carried as text.

use serde::{Deserialize, Serialize};

/// Kinds of object that are carried as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpaqueKind {
    Extension,
    /// A sequence that no column owns.
    Sequence,
    Domain,
    /// A composite type.
    Type,
    RangeType,
    /// A type with functions of its own, or the name of one to come.
    BaseType,
    Function,
    Procedure,
    Aggregate,
    Operator,
    OperatorFamily,
    OperatorClass,
    Collation,
    Conversion,
    /// Its name is `SOURCE AS TARGET`.
    Cast,
    TextSearchParser,
    TextSearchTemplate,
    TextSearchDictionary,
    TextSearchConfiguration,
    Language,
    AccessMethod,
    /// Its name is the type; the language is its signature.
    Transform,
    ForeignDataWrapper,
    Server,
    /// Its name is the role (`public` for all); the server is its signature.
    UserMapping,
    ForeignTable,
    View,
    MaterializedView,
    /// An index of a materialized view; those of tables stand in the table.
    Index,
    Rule,
    Trigger,
    /// A policy of row level security.
    Policy,
    Statistics,
    EventTrigger,
    Publication,
    /// That a publication has a table.
    PublicationTable,
    /// That a publication has the tables of the schema that its signature names.
    PublicationSchema,
    /// SQLite only.
    VirtualTable,
}

impl OpaqueKind {
    /// Every kind.
    pub const ALL: [OpaqueKind; 38] = [
        OpaqueKind::Extension,
        OpaqueKind::Sequence,
        OpaqueKind::Domain,
        OpaqueKind::Type,
        OpaqueKind::RangeType,
        OpaqueKind::BaseType,
        OpaqueKind::Function,
        OpaqueKind::Procedure,
        OpaqueKind::Aggregate,
        OpaqueKind::Operator,
        OpaqueKind::OperatorFamily,
        OpaqueKind::OperatorClass,
        OpaqueKind::Collation,
        OpaqueKind::Conversion,
        OpaqueKind::Cast,
        OpaqueKind::TextSearchParser,
        OpaqueKind::TextSearchTemplate,
        OpaqueKind::TextSearchDictionary,
        OpaqueKind::TextSearchConfiguration,
        OpaqueKind::Language,
        OpaqueKind::AccessMethod,
        OpaqueKind::Transform,
        OpaqueKind::ForeignDataWrapper,
        OpaqueKind::Server,
        OpaqueKind::UserMapping,
        OpaqueKind::ForeignTable,
        OpaqueKind::View,
        OpaqueKind::MaterializedView,
        OpaqueKind::Index,
        OpaqueKind::Rule,
        OpaqueKind::Trigger,
        OpaqueKind::Policy,
        OpaqueKind::Statistics,
        OpaqueKind::EventTrigger,
        OpaqueKind::Publication,
        OpaqueKind::PublicationTable,
        OpaqueKind::PublicationSchema,
        OpaqueKind::VirtualTable,
    ];

    /// The words of [`OpaqueKind::word`], for lists of what may stand somewhere.
    pub const WORDS: [&str; Self::ALL.len()] = {
        let mut words = [""; Self::ALL.len()];
        let mut index = 0;
        while index < words.len() {
            words[index] = Self::ALL[index].word();
            index += 1;
        }
        words
    };

    /// The kind as a model and a catalog write it.
    pub const fn word(self) -> &'static str {
        match self {
            OpaqueKind::Extension => "extension",
            OpaqueKind::Sequence => "sequence",
            OpaqueKind::Domain => "domain",
            OpaqueKind::Type => "type",
            OpaqueKind::RangeType => "range_type",
            OpaqueKind::BaseType => "base_type",
            OpaqueKind::Function => "function",
            OpaqueKind::Procedure => "procedure",
            OpaqueKind::Aggregate => "aggregate",
            OpaqueKind::Operator => "operator",
            OpaqueKind::OperatorFamily => "operator_family",
            OpaqueKind::OperatorClass => "operator_class",
            OpaqueKind::Collation => "collation",
            OpaqueKind::Conversion => "conversion",
            OpaqueKind::Cast => "cast",
            OpaqueKind::TextSearchParser => "text_search_parser",
            OpaqueKind::TextSearchTemplate => "text_search_template",
            OpaqueKind::TextSearchDictionary => "text_search_dictionary",
            OpaqueKind::TextSearchConfiguration => "text_search_configuration",
            OpaqueKind::Language => "language",
            OpaqueKind::AccessMethod => "access_method",
            OpaqueKind::Transform => "transform",
            OpaqueKind::ForeignDataWrapper => "foreign_data_wrapper",
            OpaqueKind::Server => "server",
            OpaqueKind::UserMapping => "user_mapping",
            OpaqueKind::ForeignTable => "foreign_table",
            OpaqueKind::View => "view",
            OpaqueKind::MaterializedView => "materialized_view",
            OpaqueKind::Index => "index",
            OpaqueKind::Rule => "rule",
            OpaqueKind::Trigger => "trigger",
            OpaqueKind::Policy => "policy",
            OpaqueKind::Statistics => "statistics",
            OpaqueKind::EventTrigger => "event_trigger",
            OpaqueKind::Publication => "publication",
            OpaqueKind::PublicationTable => "publication_table",
            OpaqueKind::PublicationSchema => "publication_schema",
            OpaqueKind::VirtualTable => "virtual_table",
        }
    }

    /// The kind with that word.
    pub fn named(word: &str) -> Option<OpaqueKind> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The words after `CREATE` and `DROP`.
    pub fn words(self) -> &'static str {
        match self {
            OpaqueKind::Extension => "EXTENSION",
            OpaqueKind::Sequence => "SEQUENCE",
            OpaqueKind::Domain => "DOMAIN",
            OpaqueKind::Type | OpaqueKind::RangeType | OpaqueKind::BaseType => "TYPE",
            OpaqueKind::Function => "FUNCTION",
            OpaqueKind::Procedure => "PROCEDURE",
            OpaqueKind::Aggregate => "AGGREGATE",
            OpaqueKind::Operator => "OPERATOR",
            OpaqueKind::OperatorFamily => "OPERATOR FAMILY",
            OpaqueKind::OperatorClass => "OPERATOR CLASS",
            OpaqueKind::Collation => "COLLATION",
            OpaqueKind::Conversion => "CONVERSION",
            OpaqueKind::Cast => "CAST",
            OpaqueKind::TextSearchParser => "TEXT SEARCH PARSER",
            OpaqueKind::TextSearchTemplate => "TEXT SEARCH TEMPLATE",
            OpaqueKind::TextSearchDictionary => "TEXT SEARCH DICTIONARY",
            OpaqueKind::TextSearchConfiguration => "TEXT SEARCH CONFIGURATION",
            OpaqueKind::Language => "LANGUAGE",
            OpaqueKind::AccessMethod => "ACCESS METHOD",
            OpaqueKind::Transform => "TRANSFORM",
            OpaqueKind::ForeignDataWrapper => "FOREIGN DATA WRAPPER",
            OpaqueKind::Server => "SERVER",
            OpaqueKind::UserMapping => "USER MAPPING",
            OpaqueKind::ForeignTable => "FOREIGN TABLE",
            OpaqueKind::View => "VIEW",
            OpaqueKind::MaterializedView => "MATERIALIZED VIEW",
            OpaqueKind::Index => "INDEX",
            OpaqueKind::Rule => "RULE",
            OpaqueKind::Trigger => "TRIGGER",
            OpaqueKind::Policy => "POLICY",
            OpaqueKind::Statistics => "STATISTICS",
            OpaqueKind::EventTrigger => "EVENT TRIGGER",
            OpaqueKind::Publication => "PUBLICATION",
            OpaqueKind::PublicationTable => "PUBLICATION TABLE",
            OpaqueKind::PublicationSchema => "PUBLICATION SCHEMA",
            OpaqueKind::VirtualTable => "TABLE",
        }
    }

    /// The names among which an object of this kind must be the only one of its own.
    pub fn names(self) -> Names {
        match self {
            OpaqueKind::Sequence
            | OpaqueKind::Domain
            | OpaqueKind::Type
            | OpaqueKind::RangeType
            | OpaqueKind::BaseType
            | OpaqueKind::ForeignTable
            | OpaqueKind::View
            | OpaqueKind::MaterializedView
            | OpaqueKind::Index
            | OpaqueKind::VirtualTable => Names::Relations,
            OpaqueKind::Function | OpaqueKind::Procedure | OpaqueKind::Aggregate => Names::Routines,
            OpaqueKind::Extension
            | OpaqueKind::Operator
            | OpaqueKind::OperatorFamily
            | OpaqueKind::OperatorClass
            | OpaqueKind::Collation
            | OpaqueKind::Conversion
            | OpaqueKind::Cast
            | OpaqueKind::TextSearchParser
            | OpaqueKind::TextSearchTemplate
            | OpaqueKind::TextSearchDictionary
            | OpaqueKind::TextSearchConfiguration
            | OpaqueKind::Language
            | OpaqueKind::AccessMethod
            | OpaqueKind::Transform
            | OpaqueKind::ForeignDataWrapper
            | OpaqueKind::Server
            | OpaqueKind::UserMapping
            | OpaqueKind::Rule
            | OpaqueKind::Trigger
            | OpaqueKind::Policy
            | OpaqueKind::Statistics
            | OpaqueKind::EventTrigger
            | OpaqueKind::Publication
            | OpaqueKind::PublicationTable
            | OpaqueKind::PublicationSchema => Names::Own,
        }
    }

    /// Whether column types, defaults, checks and indexes of tables can mention an object of this kind.
    pub fn is_mentionable(self) -> bool {
        match self {
            OpaqueKind::Sequence
            | OpaqueKind::Domain
            | OpaqueKind::Type
            | OpaqueKind::RangeType
            | OpaqueKind::BaseType
            | OpaqueKind::Function
            | OpaqueKind::Operator
            | OpaqueKind::OperatorClass
            | OpaqueKind::Collation
            | OpaqueKind::TextSearchDictionary
            | OpaqueKind::TextSearchConfiguration => true,
            OpaqueKind::Extension
            | OpaqueKind::Procedure
            | OpaqueKind::Aggregate
            | OpaqueKind::OperatorFamily
            | OpaqueKind::Conversion
            | OpaqueKind::Cast
            | OpaqueKind::TextSearchParser
            | OpaqueKind::TextSearchTemplate
            | OpaqueKind::Language
            | OpaqueKind::AccessMethod
            | OpaqueKind::Transform
            | OpaqueKind::ForeignDataWrapper
            | OpaqueKind::Server
            | OpaqueKind::UserMapping
            | OpaqueKind::ForeignTable
            | OpaqueKind::View
            | OpaqueKind::MaterializedView
            | OpaqueKind::Index
            | OpaqueKind::Rule
            | OpaqueKind::Trigger
            | OpaqueKind::Policy
            | OpaqueKind::Statistics
            | OpaqueKind::EventTrigger
            | OpaqueKind::Publication
            | OpaqueKind::PublicationTable
            | OpaqueKind::PublicationSchema
            | OpaqueKind::VirtualTable => false,
        }
    }

    /// Whether PostgreSQL uses an object of this kind where no text names it: the default operator class of a type,
    /// a cast.
    pub fn is_used_unnamed(self) -> bool {
        matches!(self, OpaqueKind::OperatorClass | OpaqueKind::Cast)
    }
}

/// Where names of one kind of object may collide with those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// With tables, indexes and types.
    Relations,
    /// With functions, procedures and aggregates.
    Routines,
    /// With no other kind.
    Own,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_one_word_and_is_written_as_it() {
        for kind in OpaqueKind::ALL {
            assert_eq!(OpaqueKind::named(kind.word()), Some(kind));
            let written = serde_json::to_string(&kind).expect("a kind is a word");
            assert_eq!(written, format!("\"{}\"", kind.word()));
        }
    }
}
