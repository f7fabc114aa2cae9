//! The reference of the command line as Markdown: `docs/reference/cli.md`, which a test compares with this.

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory};

use super::args::Cli;

const HEAD: &str = "\
# Command line

Every command, as `migrate COMMAND --help` tells it. This page is written by a test; do not edit it by hand.

Results go to standard output, all else to standard error. [Exit codes](exit-codes.md) mean the same for all commands.
";

/// All commands with their options.
pub fn reference() -> String {
    let cli = Cli::command();
    let mut text = HEAD.to_owned();
    text.push_str("\n## Options of every command\n\n");
    text.push_str(&options(cli.get_arguments()));
    for command in cli.get_subcommands().filter(|command| !command.is_hide_set()) {
        text.push_str(&section(command));
    }
    text
}

fn section(command: &Command) -> String {
    let words = command.get_long_about().or(command.get_about()).map(plain).unwrap_or_default();
    let aliases: Vec<String> =
        command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    let also = match aliases[..] {
        [] => String::new(),
        [..] => format!("\n\nAlso: {}.", aliases.join(", ")),
    };
    let usage = usage(command);
    let own = command.get_arguments().filter(|argument| !argument.is_global_set());
    let listed = options(own);
    let listed = if listed.is_empty() { listed } else { format!("\n{listed}") };
    format!("\n## {}\n\n```\n{usage}\n```\n\n{words}{also}\n{listed}", command.get_name())
}

fn usage(command: &Command) -> String {
    let positionals: String = command
        .get_positionals()
        .map(|argument| {
            let name = value_names(argument);
            let many = if argument.get_num_args().is_some_and(|range| range.max_values() > 1) {
                "..."
            } else {
                ""
            };
            if argument.is_required_set() {
                format!(" <{name}>{many}")
            } else {
                format!(" [{name}]{many}")
            }
        })
        .collect();
    format!("migrate {} [OPTIONS]{positionals}", command.get_name())
}

fn options<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let rows: Vec<String> = arguments
        .filter(|argument| !argument.is_hide_set())
        .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
        .map(row)
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("| option | meaning |\n|---|---|\n{}", rows.concat())
}

fn row(argument: &Arg) -> String {
    let value = match argument.get_action().takes_values() {
        true => format!(" {}", value_names(argument)),
        false => String::new(),
    };
    let long = argument.get_long().map(|long| format!("--{long}{value}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let name = match names[..] {
        [] => value_names(argument),
        [..] => names.join(", "),
    };
    let mut meaning = argument.get_help().map(plain).unwrap_or_default();
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|_| argument.get_action().takes_values())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() {
        meaning.push_str(&format!(". One of {}", values.join(", ")));
    }
    if let Some(variable) = argument.get_env() {
        meaning.push_str(&format!(". Variable: `{}`", variable.to_string_lossy()));
    }
    let defaults =
        argument.get_default_values().iter().filter(|_| argument.get_action().takes_values());
    let defaults: Vec<String> =
        defaults.map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if !defaults.is_empty() {
        meaning.push_str(&format!(". Default: {}", defaults.join(", ")));
    }
    format!("| `{name}` | {} |\n", meaning.replace('|', "\\|"))
}

fn value_names(argument: &Arg) -> String {
    match argument.get_value_names() {
        Some(names) => names.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" "),
        None => argument.get_id().as_str().to_uppercase(),
    }
}

fn plain(text: &StyledStr) -> String {
    text.to_string().trim_end().to_owned()
}
