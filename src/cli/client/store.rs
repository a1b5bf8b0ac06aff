//! `config.json`: the gateways that were logged in to, and the sessions there. Whoever can read it is that person, so
//! it is private, and a file that others can read is not used.

use crate::{cli::failure::Failure, core::Secret};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

/// The whole file. Keys of other programs are kept as they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(default)]
    pub gateways: BTreeMap<String, Login>,
    /// Tells this machine from others, for the list of sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A session at one gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Login {
    pub url: String,
    #[serde(default, serialize_with = "exposed", deserialize_with = "hidden")]
    pub token: Secret,
    #[serde(default)]
    pub email: String,
    /// RFC 3339.
    #[serde(default)]
    pub expires_at: String,
    #[serde(default)]
    pub session_id: String,
    #[serde(default)]
    pub channel: String,
    #[serde(default)]
    pub device_id: String,
    #[serde(default)]
    pub device_name: String,
    #[serde(default)]
    pub mfa_verified: bool,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Login {
    /// Leaves the address alone, for the next login.
    pub fn forget(&mut self) {
        let (url, rest) = (std::mem::take(&mut self.url), std::mem::take(&mut self.rest));
        *self = Self { url, rest, ..Self::default() };
    }
}

fn exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

fn hidden<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

/// Longest file that is read.
const LIMIT: u64 = 1024 * 1024;

/// The directory with the file.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    pub const fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.join("config.json")
    }

    /// What is kept; nothing when there is no file yet.
    pub fn read(&self) -> Result<Kept, Failure> {
        let path = self.path();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(cannot("read", &path, &error)),
        };
        refuse_open_to_others(&file, &path)?;
        let mut text = String::new();
        file.take(LIMIT).read_to_string(&mut text).map_err(|error| cannot("read", &path, &error))?;
        // The parser's own words could repeat a token.
        serde_json::from_str(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let path = path.display();
            Failure::NotDone(format!(
                "{path} is not what this program wrote (line {line}, column {column}); mend it, or remove it and log in again"
            ))
        })
    }

    /// Changes what is kept, in one step as other processes see it. The file is replaced whole.
    pub fn change<T>(&self, change: impl FnOnce(&mut Kept) -> T) -> Result<T, Failure> {
        self.make_directory().map_err(|error| cannot("make", &self.directory, &error))?;
        let lock_path = self.directory.join("config.lock");
        let lock = private(OpenOptions::new().create(true).truncate(false).write(true))
            .open(&lock_path)
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(|error| cannot("lock", &lock_path, &error))?;
        let mut kept = self.read()?;
        let outcome = change(&mut kept);
        // A link to a file elsewhere stays one.
        let path = self.path();
        let path = fs::canonicalize(&path).unwrap_or(path);
        replace(&path, &kept).map_err(|error| cannot("write", &path, &error))?;
        drop(lock);
        Ok(outcome)
    }

    /// What already exists keeps its mode: it may be a directory that was named on purpose.
    fn make_directory(&self) -> io::Result<()> {
        if self.directory.is_dir() {
            return Ok(());
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.directory)
    }
}

fn replace(path: &Path, kept: &Kept) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(kept)?;
    text.push(b'\n');
    let new = path.with_extension("json.new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private(OpenOptions::new().create_new(true).write(true)).open(&new)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// Whatever the umask, nobody else gets to read it.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn refuse_open_to_others(file: &File, path: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode =
            file.metadata().map_err(|error| cannot("read", path, &error))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            return Err(Failure::NotDone(format!(
                "{path} holds your session and is open to others (mode {mode:03o}); run `chmod 600 {path}`, and log \
                 in again if somebody else may have read it"
            )));
        }
    }
    Ok(())
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::NotDone(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    fn store() -> (Store, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Store::at(dir.path().join("deep/rack-gateway")), dir)
    }

    fn keep(store: &Store, name: &str) {
        let login = Login { url: "https://a".to_owned(), token: Secret::new("rgs_x"), ..Login::default() };
        store.change(|kept| kept.gateways.insert(name.to_owned(), login)).unwrap();
    }

    #[test]
    fn what_is_kept_is_private_and_comes_back() {
        let (store, _dir) = store();
        assert!(store.read().unwrap().gateways.is_empty());
        keep(&store, "staging");
        assert_eq!((mode(&store.path()), mode(store.path().parent().unwrap())), (0o600, 0o700));
        let kept = store.read().unwrap();
        assert_eq!(kept.gateways["staging"].token.expose(), "rgs_x");
        assert!(!format!("{kept:?}").contains("rgs_x"));
        keep(&store, "production");
        assert_eq!(store.read().unwrap().gateways.len(), 2);
        assert_eq!(mode(&store.path()), 0o600);
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        let (store, _dir) = store();
        keep(&store, "staging");
        for open in [0o644, 0o640, 0o604, 0o660, 0o620] {
            fs::set_permissions(store.path(), fs::Permissions::from_mode(open)).unwrap();
            let text = store.read().unwrap_err().text();
            assert!(text.contains(&format!("(mode {open:03o})")) && text.contains("chmod 600"), "{text}");
            assert!(store.change(|_| ()).is_err());
        }
    }

    #[test]
    fn keys_of_others_stay() {
        let (store, _dir) = store();
        store.make_directory().unwrap();
        let theirs = r#"{"current":"a","gateways":{"a":{"url":"https://a","token":"t","notification_sound":"x"}},"sound_volume":3}"#;
        fs::write(store.path(), theirs).unwrap();
        fs::set_permissions(store.path(), fs::Permissions::from_mode(0o600)).unwrap();
        store.change(|kept| kept.machine_id = Some("m".to_owned())).unwrap();
        let now: Value = serde_json::from_str(&fs::read_to_string(store.path()).unwrap()).unwrap();
        assert_eq!((&now["sound_volume"], &now["machine_id"]), (&3.into(), &"m".into()));
        assert_eq!(now["gateways"]["a"]["notification_sound"], "x");
    }

    #[test]
    fn a_broken_file_is_named_and_not_repeated() {
        let (store, _dir) = store();
        keep(&store, "staging");
        fs::write(store.path(), r#"{"gateways":{"a":{"url":"https://a","token":rgs_secret"#).unwrap();
        let text = store.read().unwrap_err().text();
        assert!(text.contains("config.json is not what") && !text.contains("rgs_secret"), "{text}");
    }

    #[test]
    fn a_link_stays_a_link() {
        let (store, dir) = store();
        keep(&store, "staging");
        let elsewhere = dir.path().join("elsewhere.json");
        fs::rename(store.path(), &elsewhere).unwrap();
        symlink(&elsewhere, store.path()).unwrap();
        keep(&store, "production");
        assert!(store.path().is_symlink());
        assert_eq!(store.read().unwrap().gateways.len(), 2);
    }

    #[test]
    fn many_at_once_lose_nothing() {
        let (store, _dir) = store();
        std::thread::scope(|scope| {
            for index in 0..8 {
                let store = &store;
                scope.spawn(move || keep(store, &format!("gateway-{index}")));
            }
        });
        assert_eq!(store.read().unwrap().gateways.len(), 8);
    }
}
