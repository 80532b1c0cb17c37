//! Which files of a folder are histories.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// How the names of histories end, also with `.gz` behind it.
const EXTENSIONS: &[&str] = &["json", "pb", "bin", "binpb", "proto"];

/// The histories in a folder and all folders below it, in the order of their paths. Hidden files and folders
/// are left out.
///
/// # Errors
/// The folder that could not be read, and why.
pub(super) fn histories_below(folder: &Path) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |error| (folder.clone(), error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let path = entry.path();
            // A link to a folder is not followed: it may lead back here.
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(path);
            } else if is_history(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_history(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}
