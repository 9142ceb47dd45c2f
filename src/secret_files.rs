//! Files that hold secrets: how they are made, and who may have access to them.

use std::{
    fmt,
    fs::{self, File, Metadata, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use aws_lc_rs::rand;
use base64::Engine;
use rustix::{
    fs::{StatVfsMountFlags, fstatvfs},
    process::{getegid, geteuid, getgroups},
};
use zeroize::Zeroizing;

/// Bits of a mode that give access to the group, and to everybody.
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;
/// On a directory: what is made in it belongs to its group.
const SETGID: u32 = 0o2000;

/// Why a file with a secret is not used, and the command that changes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exposed {
    why: &'static str,
    mend: String,
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "holds a secret, but {}; run: {}", self.why, self.mend)
    }
}

/// The line of a file that holds these bytes. It is written where it stays, because memory that is
/// given back is not wiped.
pub(crate) fn line(engine: &impl Engine, bytes: &[u8]) -> Zeroizing<String> {
    let mut line = Zeroizing::new(String::with_capacity(2 * bytes.len() + 8));
    engine.encode_string(bytes, &mut line);
    line.push('\n');
    line
}

/// Reads a file that holds a secret.
///
/// # Errors
/// When it cannot be read, or others have access to it.
pub(crate) fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut file = File::open(path)?;
    judge(&file, path)?;
    let size = file.metadata()?.len().min(65_536);
    // Room for all of it, because a text that grows leaves a copy where it was.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Checks that others have no access to a file that holds a secret.
///
/// # Errors
/// When it cannot be opened, or others have access to it.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    judge(&File::open(path)?, path)
}

fn judge(file: &File, path: &Path) -> io::Result<()> {
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("is not a file"));
    }
    // A file on a read-only mount was put there by the container's or service's operator, who also
    // decides who else sees the mount. Nothing could be changed from here.
    if fstatvfs(file).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY)) {
        return Ok(());
    }
    let whose = Whose { me: geteuid().as_raw(), shared: is_shared(&about, path) };
    exposed(about.uid(), about.mode(), whose, path).map_or(Ok(()), |e| Err(io::Error::other(e.to_string())))
}

/// Who uses the file.
#[derive(Clone, Copy)]
struct Whose {
    me: u32,
    /// Whether the file and its directory belong to a group of ours, for all of its members: a
    /// volume that an orchestrator hands to one user today and to another tomorrow.
    shared: bool,
}

fn is_shared(about: &Metadata, path: &Path) -> bool {
    let mine = |gid: u32| {
        getegid().as_raw() == gid || getgroups().is_ok_and(|all| all.iter().any(|g| g.as_raw() == gid))
    };
    let folder = path.parent().and_then(|folder| fs::metadata(folder).ok());
    mine(about.gid()) && folder.is_some_and(|f| f.gid() == about.gid() && f.mode() & SETGID != 0)
}

fn exposed(owner: u32, mode: u32, whose: Whose, path: &Path) -> Option<Exposed> {
    let path = path.display();
    if mode & OTHERS != 0 {
        return Some(Exposed { why: "everybody has access to it", mend: format!("chmod o-rwx {path}") });
    }
    if whose.shared {
        return None;
    }
    if owner != whose.me && owner != 0 {
        let mend = format!("chown {} {path}", whose.me);
        return Some(Exposed { why: "another user owns it", mend });
    }
    // What belongs to root and a group of ours was given to that group on purpose.
    let given = owner != whose.me && mode & 0o030 == 0;
    if mode & GROUP != 0 && !given {
        return Some(Exposed { why: "its group has access to it", mend: format!("chmod g-rwx {path}") });
    }
    None
}

/// Writes a secret to a new file that only its owner can read, and that is on disk, complete, before
/// it has its name.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when there is a file of this name; when it cannot be written.
pub(crate) fn make(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = [0; 16];
    rand::fill(&mut name).map_err(|_| io::Error::other("no randomness"))?;
    let name: String = name.iter().map(|b| format!("{b:02x}")).collect();
    let draft = path.with_file_name(format!(".{name}.new"));
    let made = draft_and_name(&draft, path, bytes);
    // After a rename there is none.
    let _draft_removed = fs::remove_file(&draft);
    made?;
    sync(path.parent().unwrap_or(Path::new(".")))
}

fn draft_and_name(draft: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // `create_new` is O_EXCL: nothing that is there is opened, neither a file nor a link.
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(draft)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // Unlike renaming, linking replaces nothing.
    match fs::hard_link(draft, path) {
        // Some network file systems have no links.
        Err(e)
            if matches!(e.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
                && path.symlink_metadata().is_err() =>
        {
            fs::rename(draft, path)
        }
        linked => linked,
    }
}

/// Waits until the entries of a directory are on disk.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

/// Gives a file that is ours this mode. That of another owner's file is judged, because only the
/// owner could change it.
///
/// # Errors
/// When the mode cannot be changed, or everybody has access to another owner's file.
pub(crate) fn restrict(file: &File, path: &Path, mode: u32) -> io::Result<()> {
    let about = file.metadata()?;
    if about.uid() == geteuid().as_raw() {
        return file.set_permissions(Permissions::from_mode(mode));
    }
    let whose = Whose { me: about.uid(), shared: true };
    exposed(about.uid(), about.mode(), whose, path).map_or(Ok(()), |e| Err(io::Error::other(e.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_have_access_is_decided_by_owner_group_and_folder() {
        let (me, path) = (1000, Path::new("/data/master.key"));
        let judged = |owner, mode, shared| {
            exposed(owner, mode, Whose { me, shared }, path).map(|e| e.to_string()).unwrap_or_default()
        };
        for (owner, mode, shared) in [
            (me, 0o600, false),
            (me, 0o400, false),
            (0, 0o400, false),
            (0, 0o440, false),
            (2000, 0o660, true),
            (me, 0o660, true),
        ] {
            assert_eq!(judged(owner, mode, shared), "", "{owner} {mode:o} {shared}");
        }
        for (owner, mode, shared, mend) in [
            (me, 0o644, false, "chmod o-rwx /data/master.key"),
            (me, 0o640, false, "chmod g-rwx /data/master.key"),
            (0, 0o444, false, "chmod o-rwx /data/master.key"),
            (0, 0o460, false, "chmod g-rwx /data/master.key"),
            (2000, 0o600, false, "chown 1000 /data/master.key"),
            (2000, 0o664, true, "chmod o-rwx /data/master.key"),
        ] {
            assert!(judged(owner, mode, shared).ends_with(mend), "{owner} {mode:o} {shared}");
        }
    }

    #[test]
    fn a_secret_is_made_where_nothing_is_and_replaces_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("master.key");
        make(&path, b"secret").expect("made");
        assert_eq!(read(&path).expect("readable").as_str(), "secret");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        let again = make(&path, b"other").expect_err("it is there");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path).expect("readable").as_str(), "secret");
        // A link that somebody planted is neither followed nor replaced.
        let (link, aim) = (dir.path().join("link"), dir.path().join("aim"));
        std::os::unix::fs::symlink(&aim, &link).expect("linked");
        assert!(make(&link, b"secret").is_err() && !aim.exists());
        let left: Vec<_> = fs::read_dir(dir.path()).expect("readable").collect();
        assert_eq!(left.len(), 2, "no draft stays: {left:?}");
    }

    #[test]
    fn a_secret_that_everybody_can_read_is_not_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("master.key");
        make(&path, b"secret").expect("made");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("changed");
        let why = read(&path).expect_err("refused").to_string();
        assert!(why.contains("everybody has access") && why.contains("chmod o-rwx"), "{why}");
    }
}
