//! `[keep]` of the settings: how the values of columns are kept that go.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `[keep]` of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepSettings {
    /// From which size of a table on a column is hidden in place of being copied (PostgreSQL): `1 GiB`, `never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hide_from: Option<HideFrom>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HideFrom {
    Bytes(u64),
    Never,
}

impl KeepSettings {
    /// Where nothing is said.
    pub const HIDE_FROM: u64 = 1 << 30;

    pub(super) fn is_empty(&self) -> bool {
        *self == KeepSettings::default()
    }

    /// In bytes of rows; `None` where size does not decide.
    pub fn hide_from(&self) -> Option<u64> {
        match self.hide_from {
            None => Some(KeepSettings::HIDE_FROM),
            Some(HideFrom::Bytes(bytes)) => Some(bytes),
            Some(HideFrom::Never) => None,
        }
    }
}

const UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl HideFrom {
    fn read(text: &str) -> Option<HideFrom> {
        if text == "never" {
            return Some(HideFrom::Never);
        }
        let bytes = UNITS.iter().find_map(|(name, unit)| {
            let number = text.strip_suffix(name)?.trim_end();
            number.parse::<u64>().ok()?.checked_mul(*unit)
        });
        bytes.map(HideFrom::Bytes)
    }
}

impl<'de> Deserialize<'de> for HideFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        HideFrom::read(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is no size; write `1 GiB`, `512 MiB`, or `never`"
            ))
        })
    }
}

impl Serialize for HideFrom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            HideFrom::Never => serializer.serialize_str("never"),
            HideFrom::Bytes(bytes) => {
                let fits = |unit: &&(&str, u64)| *bytes > 0 && bytes % unit.1 == 0;
                let (name, unit) = UNITS.iter().find(fits).copied().unwrap_or(("B", 1));
                serializer.serialize_str(&format!("{} {name}", bytes / unit))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hide_from(text: &str) -> Result<Option<u64>, String> {
        let read: Result<KeepSettings, _> = toml::from_str(&format!("hide_from = {text}"));
        read.map(|settings| settings.hide_from()).map_err(|error| error.to_string())
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(hide_from("\"1 GiB\""), Ok(Some(1 << 30)));
        assert_eq!(hide_from("\"512MiB\""), Ok(Some(512 << 20)));
        assert_eq!(hide_from("\"0 B\""), Ok(Some(0)));
        assert_eq!(hide_from("\"never\""), Ok(None));
        for text in ["\"1 GB\"", "\"a lot\"", "5", "\"-1 GiB\"", "\"99999999999 TiB\""] {
            assert!(hide_from(text).is_err(), "{text}");
        }
        assert_eq!(KeepSettings::default().hide_from(), Some(1 << 30));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["hide_from = \"3 MiB\"\n", "hide_from = \"never\"\n", "hide_from = \"7 B\"\n"]
        {
            let read: KeepSettings = toml::from_str(text).expect("settings");
            assert_eq!(toml::to_string(&read).expect("settings"), text);
        }
    }
}
