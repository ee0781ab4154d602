//! Taking back what turns made of a workspace.
//!
//! First everything is compared, then everything is written; between the two the workspace is kept as it is, so that the
//! restore itself can be taken back by hand. While it writes, the file `restoring` in the shadow repository's folder names
//! that snapshot and the folders in which something may be left over.

use super::{
    RestoreAnswer, RestoreRequest, RestoreStep, Snapshot, SnapshotError, SnapshotsConfig,
    about::Left,
    notes,
    plan::{Plan, Traces},
    ref_name,
    root::Root,
    shadow::{Shadow, Taken},
    tree::Tree,
    watch::Watch,
    write::Writer,
};
use crate::kill_point::kill_point;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Paths that one answer names.
const MAX_PATHS: usize = 1_000;
/// What a restore that writes leaves until it is done.
const JOURNAL: &str = "restoring";

/// One workspace of a restore; nearly always there is only one.
struct Part {
    shadow: Shadow,
    plan: Plan,
    rescue: Taken,
    /// Of an attempt that was cut off: the workspace as it was before.
    first_rescue: Option<String>,
}

/// Takes back what turns made, all of it or nothing.
pub(super) fn restore(
    config: &SnapshotsConfig,
    watch: &Watch,
    request: &RestoreRequest,
) -> Result<RestoreAnswer, SnapshotError> {
    let mut roots: BTreeMap<&str, Vec<&RestoreStep>> = BTreeMap::new();
    for step in &request.steps {
        if step.before.root != step.after.root {
            let why = format!("it is of {}, the one after the turn of {}", step.before.root, step.after.root);
            return Err(SnapshotError::Damaged { id: step.before.id.clone(), why });
        }
        roots.entry(&step.before.root).or_default().push(step);
    }
    let several = roots.len() > 1;
    let mut parts = Vec::new();
    for (root, steps) in roots {
        parts.push(prepare(config, watch, request, Path::new(root), &steps)?);
    }
    let shown = |part: &Part, path: &Path| match several {
        true => notes::shown(&part.shadow.root.path.join(path)),
        false => notes::shown(path),
    };
    let conflicts: BTreeSet<String> =
        parts.iter().flat_map(|part| part.plan.conflicts.iter().map(|path| shown(part, path))).collect();
    if !conflicts.is_empty() {
        return Ok(RestoreAnswer::Conflicted { paths: conflicts.into_iter().take(MAX_PATHS).collect() });
    }
    watch.check()?;
    let (mut files, mut told, mut done) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part.write() {
            Ok(()) => {}
            Err(SnapshotError::Raced(path)) if done.is_empty() => {
                let path = path.strip_prefix(&part.shadow.root.path).unwrap_or(&path);
                return Ok(RestoreAnswer::Conflicted { paths: vec![shown(&part, path)] });
            }
            Err(error) if done.is_empty() => return Err(error),
            Err(error) => {
                let message = format!("{error}. The files of {} were restored before that", done.join(", "));
                return Ok(RestoreAnswer::Failed { message });
            }
        }
        done.push(part.shadow.root.path.display().to_string());
        files.extend(part.plan.restored.iter().map(|path| shown(&part, path)));
        told.extend(part.notes(config));
    }
    if files.len() > MAX_PATHS {
        told.push(format!("{} files were restored; {MAX_PATHS} of them are named", files.len()));
        files.truncate(MAX_PATHS);
    }
    Ok(RestoreAnswer::Restored { files, notes: told })
}

fn prepare(
    config: &SnapshotsConfig,
    watch: &Watch,
    request: &RestoreRequest,
    root: &Path,
    steps: &[&RestoreStep],
) -> Result<Part, SnapshotError> {
    fs::metadata(root).map_err(SnapshotError::io("find the workspace", root))?;
    let shadow = Shadow::open(config, Root::named(root), watch)?;
    let mut traces = Traces::default();
    let mut last: Option<(String, Tree)> = None;
    for step in steps {
        let mut read = |snapshot: &Snapshot| match last.take() {
            Some((id, tree)) if id == snapshot.id => Ok(tree),
            _ => Tree::read(&shadow.git, watch, &snapshot.id),
        };
        let after = read(&step.after)?;
        let before = Tree::read(&shadow.git, watch, &step.before.id)?;
        traces.add(&before, &after);
        last = Some((step.before.id.clone(), before));
    }
    let first_rescue = shadow.clean_up()?;
    let name = ref_name(&request.key, &format!("restore-{}-{}", request.effect, request.attempt));
    let rescue = shadow.take(config, watch, &name)?;
    let current = Tree::read(&shadow.git, watch, &rescue.snapshot.id)?;
    let plan = traces.plan(&current, root);
    Ok(Part { shadow, plan, rescue, first_rescue })
}

impl Part {
    /// From here on nobody can cancel it: half of it is worse than a moment more.
    fn write(&self) -> Result<(), SnapshotError> {
        let journal = self.shadow.folder.join(JOURNAL);
        let rescue = self.first_rescue.as_ref().unwrap_or(&self.rescue.snapshot.id);
        let mut text = rescue.clone().into_bytes();
        let parents: BTreeSet<&Path> =
            self.plan.changes.iter().filter_map(|change| change.path.parent()).collect();
        for folder in parents {
            text.push(0);
            text.extend_from_slice(folder.as_os_str().as_bytes());
        }
        let draft = journal.with_extension("new");
        fs::write(&draft, &text).map_err(SnapshotError::io("write it", &draft))?;
        fs::rename(&draft, &journal).map_err(SnapshotError::io("write it", &journal))?;
        kill_point("restore.begun");
        let stamps = self.rescue.survey.files.clone();
        let root = &self.shadow.root.path;
        let mut writer = Writer::new(root, self.shadow.git.objects()?, stamps, &self.plan.folders)?;
        let carried_out = writer.carry_out(&self.plan);
        kill_point("restore.written");
        if !matches!(carried_out, Err(SnapshotError::Stuck { .. })) {
            fs::remove_file(&journal).map_err(SnapshotError::io("remove it", &journal))?;
        }
        carried_out
    }

    fn notes(&self, config: &SnapshotsConfig) -> Vec<String> {
        // What a turn did in there leaves no trace: people are told where else to look. Of what is ignored there is too much.
        let unseen = |(path, left): &(&PathBuf, &Left)| {
            matches!(left, Left::TooLarge | Left::Repository) && !self.plan.skipped.contains_key(*path)
        };
        let left = &self.rescue.survey.left;
        let left = left.iter().filter(unseen).map(|(path, left)| (path.clone(), *left)).collect();
        let mut told = notes::notes(&left, config);
        told.extend(notes::skipped(&self.plan.skipped));
        if let Some(first) = &self.first_rescue {
            told.push(format!(
                "an attempt before this one was cut off; what was there before it is kept as snapshot {first}"
            ));
        } else if !self.plan.changes.is_empty() {
            told.push(format!("what was there before is kept as snapshot {}", self.rescue.snapshot.id));
        }
        told
    }
}

impl Shadow {
    /// Takes away what a restore that was cut off left over. Names the snapshot that it took before it began.
    fn clean_up(&self) -> Result<Option<String>, SnapshotError> {
        let journal = self.folder.join(JOURNAL);
        let Ok(text) = fs::read(&journal) else { return Ok(None) };
        let mut words = text.split(|byte| *byte == 0);
        let rescue = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
        let folders: Vec<PathBuf> = words.map(|folder| PathBuf::from(OsStr::from_bytes(folder))).collect();
        let none = BTreeMap::new();
        Writer::new(&self.root.path, self.git.objects()?, BTreeMap::new(), &none)?.clean(&folders);
        Ok(Some(rescue))
    }
}
