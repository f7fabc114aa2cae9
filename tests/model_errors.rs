//! Every mistake in a model file has its message, its place and its advice: one folder, a file and its rendering.
//! `UPDATE_GOLDENS=1` writes the renderings anew; they are read in review.

use std::path::{Path, PathBuf};

use migrate::model::{fmt, parse};
use migrate::text::diagnostic::{Colour, Severity, render};

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/model-errors");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_mistake_is_rendered_as_agreed() {
    let update = std::env::var_os("UPDATE_GOLDENS").is_some();
    let files = fixtures();
    assert!(files.len() >= 25);
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("readable");
        let (model, issues) = parse(&text);
        let rendered = render("model.yaml", &text, &issues, Colour::Plain) + "\n";
        let has_error = issues.iter().any(|issue| issue.severity == Severity::Error);
        assert_eq!(model.is_none(), has_error, "{}", file.display());
        assert_eq!(fmt(&text).is_err(), has_error, "{}", file.display());
        assert!(!issues.is_empty(), "{}: nothing found", file.display());
        let golden = file.with_extension("txt");
        if update {
            std::fs::write(&golden, rendered).expect("writable");
        } else if std::fs::read_to_string(&golden).ok().as_deref() != Some(rendered.as_str()) {
            wrong.push(format!("{}:\n{rendered}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
