//! The key that signs checkpoints: a file apart from the database, that only its owner can read.
//!
//! The text of the file is the form that Go's `note` package gives a signer, so that others' tools can
//! use it: `PRIVATE+KEY+NAME+ID+BASE64`. A log is named after the key and the tenant, `NAME/TENANT`.
//!
//! What a newcomer would get wrong: a new key is no repair for a lost one. Whoever can make a log forget
//! its key can make it forget more, so a store with checkpoints and without a key is an error.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::audit::Frontier;
use countersign_core::audit::note::{Checkpoint, Note, Signature, VerifierKey};
use countersign_core::id::TenantId;
use ed25519_dalek::Signer as _;

use super::LedgerError;

/// What the file begins with.
const PREFIX: &str = "PRIVATE+KEY+";
/// The number that C2SP gives to Ed25519.
const ED25519: u8 = 1;

/// The key of a store.
///
/// ```
/// use countersign::TenantId;
/// use countersign::ledger::SigningKey;
///
/// let key = SigningKey::generate();
/// let log = key.verifier(&TenantId::default());
/// assert!(log.name().ends_with("/default"));
/// assert!(!format!("{key:?}").contains("PRIVATE")); // what is printed is the name
/// ```
#[derive(Clone)]
pub struct SigningKey {
    name: String,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// A new key, kept nowhere, under a name that no other has.
    ///
    /// # Panics
    ///
    /// If the operating system has no random bytes to give: no key is better than one that can be guessed.
    pub fn generate() -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&crate::engine::random_bytes());
        let digest =
            countersign_core::digest::Digest::of("countersign/key-name/1", &[key.verifying_key().as_bytes()]);
        let name = format!("countersign-{}", &digest.to_string()[..16]);
        Self { name, key }
    }

    /// Reads the key in the file at `path`.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Key`] if there is none, if others than the owner may read it, or if it is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        let refused = |why: String| LedgerError::Key {
            place: path.display().to_string(),
            why,
        };
        let metadata = fs::metadata(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => refused("there is no such file; restore it from a backup".to_owned()),
            _ => refused(error.to_string()),
        })?;
        if !metadata.is_file() {
            return Err(refused("it is not a file".to_owned()));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(refused(format!(
                    "others may read or write it (mode {mode:04o}); make it yours alone with `chmod 600`, and \
                     take a new key if somebody else may have had it"
                )));
            }
        }
        let text = fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        Self::from_text(text.trim_end())
            .ok_or_else(|| refused("it is damaged, or no signing key; restore it from a backup".to_owned()))
    }

    /// The same, but makes a new key where there is no file. Many processes may do so at once: all get the
    /// same one. The file can be read by its owner only.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and if the file cannot be written.
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        if !path.exists() {
            Self::generate()
                .write_new(path)
                .map_err(|error| LedgerError::Key {
                    place: path.display().to_string(),
                    why: format!("cannot be made: {error}"),
                })?;
        }
        Self::open(path)
    }

    /// Writes it under another name first, so that no other process finds half a key.
    fn write_new(&self, path: &Path) -> std::io::Result<()> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".new-{}", std::process::id()));
        let draft = Path::new(&draft);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(draft).and_then(|mut file| {
            writeln!(file, "{}", self.to_text())?;
            file.sync_all()
        });
        let linked = written.and_then(|()| match fs::hard_link(draft, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            other => other,
        });
        let _ = fs::remove_file(draft);
        linked?;
        match path.parent().filter(|_| cfg!(unix)) {
            Some(directory) if directory.as_os_str().is_empty() => Ok(()),
            Some(directory) => fs::File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }

    fn to_text(&self) -> String {
        // The secret half has the same name, id and form as the public one.
        let public = VerifierKey::new(&self.name, self.key.verifying_key().to_bytes());
        let id = public.map(|it| u32::from_be_bytes(it.id())).unwrap_or_default();
        let secret: Vec<u8> = std::iter::once(ED25519).chain(*self.key.as_bytes()).collect();
        format!("{PREFIX}{}+{id:08x}+{}", self.name, STANDARD.encode(secret))
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(PREFIX)?.splitn(3, '+');
        let (name, _, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let secret = STANDARD.decode(secret).ok()?;
        let secret: &[u8; 32] = secret.strip_prefix(&[ED25519])?.try_into().ok()?;
        let key = ed25519_dalek::SigningKey::from_bytes(secret);
        let read = Self {
            name: name.to_owned(),
            key,
        };
        // Name, id and secret are written again: what is not the same was damaged.
        (VerifierKey::new(name, [0; 32]).is_ok() && read.to_text() == text).then_some(read)
    }

    /// The public key of a log that this key signs; its name is the origin of the log.
    pub fn verifier(&self, log: &TenantId) -> VerifierKey {
        let name = origin(&self.name, log);
        // INVARIANT: a name without plus signs stays one when a path of visible ASCII without them follows.
        VerifierKey::new(&name, self.key.verifying_key().to_bytes())
            .unwrap_or_else(|_| unreachable!("`{name}` is the name of a key"))
    }

    /// Signs the state of a log.
    pub(crate) fn sign(&self, log: &TenantId, head: &Frontier) -> Result<Note, LedgerError> {
        let verifier = self.verifier(log);
        let checkpoint = Checkpoint {
            origin: verifier.name().to_owned(),
            size: head.size(),
            root: head.root(),
        };
        let text = checkpoint.to_string();
        let signature = Signature {
            name: verifier.name().to_owned(),
            id: verifier.id(),
            bytes: self.key.sign(text.as_bytes()).to_bytes().to_vec(),
        };
        Note::new(&text, vec![signature]).map_err(|error| LedgerError::Unreadable(error.to_string()))
    }
}

/// The name of a log. A plus sign divides the parts of a key, so a tenant's is written as in a URL.
fn origin(name: &str, log: &TenantId) -> String {
    format!("{name}/{}", log.as_str().replace('%', "%25").replace('+', "%2B"))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.name).finish()
    }
}

/// The checkpoint of a note, if this key has signed it.
///
/// # Errors
///
/// [`LedgerError::Forged`] if the key has not signed it or the text is that of another log;
/// [`LedgerError::Unreadable`] if it is no checkpoint.
pub fn checked(note: &Note, key: &VerifierKey) -> Result<Checkpoint, LedgerError> {
    let public = ed25519_dalek::VerifyingKey::from_bytes(key.public())
        .map_err(|_| LedgerError::Unreadable(format!("`{key}` is no Ed25519 key")))?;
    let signed = key.signatures_of(note).any(|it| {
        let signature = ed25519_dalek::Signature::from_slice(&it.bytes);
        signature.is_ok_and(|it| public.verify_strict(note.text().as_bytes(), &it).is_ok())
    });
    if !signed {
        return Err(LedgerError::Forged(format!("`{}` has not signed it", key.name())));
    }
    let checkpoint: Checkpoint = note
        .text()
        .parse()
        .map_err(|error| LedgerError::Unreadable(format!("{error}")))?;
    if checkpoint.origin != key.name() {
        return Err(LedgerError::Forged(format!(
            "it is of the log `{}`, not of `{}`",
            checkpoint.origin,
            key.name()
        )));
    }
    Ok(checkpoint)
}

#[cfg(test)]
mod tests {
    use countersign_core::audit::leaf;

    use super::*;

    fn head(size: u8) -> Frontier {
        let mut head = Frontier::default();
        (0..size).for_each(|it| head.append(leaf(&[it])));
        head
    }

    #[test]
    fn notes_and_keys_are_those_of_signed_note() {
        use signed_note::{Signer as _, StandardSigner, StandardVerifier, VerifierList};
        let key = SigningKey::generate();
        let log = TenantId::default();
        let note = key.sign(&log, &head(7)).unwrap();
        let theirs = signed_note::Note::from_bytes(note.to_string().as_bytes()).unwrap();
        let judge = StandardVerifier::new(&key.verifier(&log).to_string()).unwrap();
        let (verified, _) = theirs.verify(&VerifierList::new(vec![Box::new(judge)])).unwrap();
        assert_eq!(verified.len(), 1);
        let signer = StandardSigner::new(&key.to_text()).unwrap();
        assert_eq!(signer.name(), key.name);
        // Theirs and ours sign alike: Ed25519 draws no random numbers.
        let mut again = signed_note::Note::new(note.text().as_bytes(), &[]).unwrap();
        let renamed = SigningKey {
            name: key.verifier(&log).name().to_owned(),
            ..key.clone()
        };
        again
            .add_sigs(&[&StandardSigner::new(&renamed.to_text()).unwrap()])
            .unwrap();
        assert_eq!(again.to_bytes(), note.to_string().into_bytes());
    }

    #[test]
    fn only_what_this_key_signed_counts() {
        let (key, log) = (SigningKey::generate(), TenantId::default());
        let verifier = key.verifier(&log);
        let note = key.sign(&log, &head(3)).unwrap();
        assert_eq!(checked(&note, &verifier).unwrap().size, 3);
        let other = SigningKey::generate();
        assert!(matches!(
            checked(&note, &other.verifier(&log)),
            Err(LedgerError::Forged(_))
        ));
        let elsewhere = TenantId::new("a+b%").unwrap();
        let foreign = key.sign(&elsewhere, &head(3)).unwrap();
        assert!(checked(&foreign, &key.verifier(&elsewhere)).is_ok());
        assert!(checked(&foreign, &verifier).is_err());
        let text = note.to_string();
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            let Ok(changed) = changed.parse::<Note>() else {
                continue;
            };
            assert!(checked(&changed, &verifier).is_err(), "{changed}");
        }
    }

    #[test]
    fn the_file_is_made_once_and_is_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("countersign.key");
        assert!(
            SigningKey::open(&path)
                .unwrap_err()
                .to_string()
                .contains("no such file")
        );
        let made = SigningKey::open_or_create(&path).unwrap();
        let again = SigningKey::open_or_create(&path).unwrap();
        assert_eq!(made.to_text(), again.to_text());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let set_mode = |bits| fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            for bits in [0o640, 0o604, 0o666] {
                set_mode(bits);
                assert!(
                    SigningKey::open(&path)
                        .unwrap_err()
                        .to_string()
                        .contains("chmod 600")
                );
            }
            set_mode(0o600);
        }
        let text = fs::read_to_string(&path).unwrap();
        for place in 0..text.trim_end().len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert!(SigningKey::open(&path).is_err(), "byte {place} was changed");
        }
    }
}
