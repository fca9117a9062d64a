//! Signed notes and checkpoints as text: C2SP `signed-note` and `tlog-checkpoint`.
//!
//! A note is a text and lines of signatures under it. A checkpoint is a note whose text says how long a
//! log is and what its root hash is. Nothing is signed or verified here, for a signature needs a crate of
//! its own; here is what exactly must be signed, and by whom it says it is.
//!
//! See <https://c2sp.org/signed-note> and <https://c2sp.org/tlog-checkpoint>.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

/// The most signatures of one note.
pub const MOST_SIGNATURES: usize = 100;
/// The longest note, in bytes.
pub const MOST_NOTE_BYTES: usize = 64 * 1024;
/// The number that C2SP gives to Ed25519.
const ED25519: u8 = 1;

/// Why a text is no note, key or checkpoint.
///
/// ```
/// use countersign_core::audit::note::Note;
///
/// let error = "no signature\n".parse::<Note>().unwrap_err();
/// assert!(error.to_string().starts_with("not a signed note"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoteError(String);

fn refused<T>(what: &str, why: &str) -> Result<T, NoteError> {
    Err(NoteError(format!("{what}: {why}")))
}

/// The name of a key: not empty, no white space, no plus sign. It is also the origin of a log.
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|it: char| it.is_whitespace() || it.is_control() || it == '+')
}

/// A public key with its name: `NAME+ID+BASE64`, which other programs call a vkey.
///
/// ```
/// use countersign_core::audit::note::VerifierKey;
///
/// let key = VerifierKey::new("example.com/log", [7; 32])?;
/// assert!(key.to_string().starts_with("example.com/log+"));
/// assert_eq!(key.to_string().parse(), Ok(key));
/// # Ok::<(), countersign_core::audit::note::NoteError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

impl VerifierKey {
    /// The Ed25519 key `public` under this name.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return refused(
                "not the name of a key",
                "it is empty, or has white space or a plus sign in it",
            );
        }
        Ok(Self {
            name: name.to_owned(),
            public,
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Ed25519 key.
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The first four bytes of `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)`: which signatures are for this key.
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, &self.public)
    }

    /// The signatures of a note that say they are this key's.
    pub fn signatures_of<'a>(&self, note: &'a Note) -> impl Iterator<Item = &'a Signature> {
        let (id, name) = (self.id(), self.name.clone());
        note.signatures
            .iter()
            .filter(move |it| it.id == id && it.name == name)
    }
}

fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519])
        .chain_update(public)
        .finalize();
    let mut id = [0; 4];
    id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    id
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let key: Vec<u8> = std::iter::once(ED25519).chain(self.public).collect();
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let what = "not a public key of the form NAME+ID+BASE64";
        let mut parts = text.trim_end().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return refused(what, "it does not have three parts");
        };
        let public = match STANDARD.decode(key).as_deref() {
            Ok([ED25519, public @ ..]) => <[u8; 32]>::try_from(public).ok(),
            Ok(_) | Err(_) => None,
        };
        let Some(public) = public else {
            return refused(what, "the last part is no Ed25519 key");
        };
        let key = Self::new(name, public)?;
        if format!("{:08x}", u32::from_be_bytes(key.id())) != id {
            return refused(what, "the id is not that of this name and key");
        }
        Ok(key)
    }
}

/// One signature under a note.
///
/// ```
/// use countersign_core::audit::note::Signature;
///
/// let signature = Signature { name: "log".to_owned(), id: [0; 4], bytes: vec![0; 64] };
/// assert_eq!(signature.bytes.len(), 64);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name of the key.
    pub name: String,
    /// The id of the key, see [`VerifierKey::id`].
    pub id: [u8; 4],
    /// The signature over the text of the note; of Ed25519, 64 bytes.
    pub bytes: Vec<u8>,
}

/// A text and who has signed it.
///
/// ```
/// use countersign_core::audit::note::{Note, Signature};
///
/// let signature = Signature { name: "log".to_owned(), id: [1, 2, 3, 4], bytes: vec![9; 64] };
/// let note = Note::new("what is signed\n", vec![signature])?;
/// assert!(note.to_string().contains("\n\n— log "));
/// assert_eq!(note.to_string().parse(), Ok(note));
/// # Ok::<(), countersign_core::audit::note::NoteError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// A note of this text, which ends with a newline, under these signatures of it.
    pub fn new(text: &str, signatures: Vec<Signature>) -> Result<Self, NoteError> {
        let note = Self {
            text: text.to_owned(),
            signatures,
        };
        // Whatever cannot be read back is no note.
        note.to_string().parse::<Self>()?;
        Ok(note)
    }

    /// What is signed, with the newline at its end.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Who says to have signed it.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for it in &self.signatures {
            let bytes = [&it.id[..], &it.bytes].concat();
            writeln!(f, "— {} {}", it.name, STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, Self::Err> {
        let what = "not a signed note";
        if note.len() > MOST_NOTE_BYTES {
            return refused(what, "it is too long");
        }
        if note.contains(|it: char| it.is_ascii_control() && it != '\n') {
            return refused(what, "it has control characters in it");
        }
        let Some((text, signatures)) = note.rsplit_once("\n\n") else {
            return refused(what, "there is no empty line between text and signatures");
        };
        let Some(signatures) = signatures.strip_suffix('\n') else {
            return refused(what, "it does not end with a line of a signature");
        };
        let signatures: Result<Vec<Signature>, NoteError> = signatures.split('\n').map(signature).collect();
        let signatures = signatures?;
        if signatures.len() > MOST_SIGNATURES {
            return refused(what, "it has too many signatures");
        }
        Ok(Self {
            text: format!("{text}\n"),
            signatures,
        })
    }
}

/// One line: `— NAME BASE64`, the bytes being the id of the key and the signature.
fn signature(line: &str) -> Result<Signature, NoteError> {
    let parts = line.strip_prefix("— ").and_then(|it| it.split_once(' '));
    let bytes = parts
        .and_then(|(_, it)| STANDARD.decode(it).ok())
        .unwrap_or_default();
    match (parts, bytes.split_first_chunk::<4>()) {
        (Some((name, _)), Some((id, bytes))) if is_key_name(name) && !bytes.is_empty() => Ok(Signature {
            name: name.to_owned(),
            id: *id,
            bytes: bytes.to_vec(),
        }),
        (Some(_) | None, Some(_) | None) => refused("not a signed note", "a line of it is no signature"),
    }
}

/// What a log was at one moment: its name, how many entries it had, and its root.
///
/// ```
/// use countersign_core::audit::note::Checkpoint;
/// use countersign_core::digest::Digest;
///
/// let checkpoint = Checkpoint { origin: "log".to_owned(), size: 3, root: Digest::new([0; 32]) };
/// let text = checkpoint.to_string();
/// assert_eq!(text, "log\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
/// assert_eq!(text.parse(), Ok(checkpoint));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log; the name of its key.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root hash over them.
    pub root: Digest,
}

/// The text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, base64_of(&self.root))
    }
}

impl FromStr for Checkpoint {
    type Err = NoteError;

    /// Lines after the third are extensions of others; they are signed too, and mean nothing here.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let what = "not a checkpoint";
        let Some(body) = text.strip_suffix('\n') else {
            return refused(what, "it does not end with a newline");
        };
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return refused(what, "it has fewer than three lines");
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return refused(what, "it has an empty line");
        }
        let number = size.parse().ok().filter(|it: &u64| it.to_string() == size);
        match (number, digest(root)) {
            (Some(size), Some(root)) => Ok(Self {
                origin: origin.to_owned(),
                size,
                root,
            }),
            (None, Some(_) | None) => refused(what, "the second line is no decimal number"),
            (Some(_), None) => refused(what, "the third line is no hash in base64"),
        }
    }
}

/// A hash as these formats have it.
pub(super) fn base64_of(digest: &Digest) -> String {
    STANDARD.encode(digest.bytes())
}

/// What [`base64_of`] wrote.
pub(super) fn digest(text: &str) -> Option<Digest> {
    let bytes = STANDARD.decode(text).ok()?;
    Some(Digest::new(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_key_is_read() {
        // The key of Go's checksum database, as the go command has it.
        let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        let key: VerifierKey = text.parse().unwrap();
        assert_eq!(
            (key.name(), key.id()),
            ("sum.golang.org", [0x03, 0x3d, 0xe0, 0xae])
        );
        assert_eq!(key.to_string(), text);
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let good = "text\n\n— log AAAAAAk=\n";
        let note: Note = good.parse().unwrap();
        assert_eq!((note.text(), note.to_string().as_str()), ("text\n", good));
        assert_eq!(note.signatures()[0].bytes, [9]);
        for bad in [
            "",
            "text",
            "text\n\n",
            "text\n\n\n",
            "text\n— log AAAAAAk=\n",
            "text\n\n— log AAAAAAk=",
            "text\n\n- log AAAAAAk=\n",
            "text\n\n— log\n",
            "text\n\n— log AAAAAAk\n",
            "text\n\n— log AAAAAAl=\n",
            "text\n\n— log AAAAAA==\n",
            "text\n\n— l+g AAAAAAk=\n",
            "te\rxt\n\n— log AAAAAAk=\n",
            "text\n\n— log AAAAAAk=\nmore\n",
        ] {
            assert!(bad.parse::<Note>().is_err(), "{bad:?}");
        }
        let many = format!("text\n\n{}", "— log AAAAAAk=\n".repeat(MOST_SIGNATURES + 1));
        assert!(many.parse::<Note>().is_err());
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = "A".repeat(43) + "=";
        let good = format!("log\n20\n{root}\n");
        assert_eq!(good.parse::<Checkpoint>().unwrap().to_string(), good);
        assert!(format!("{good}extension\n").parse::<Checkpoint>().is_ok());
        for bad in [
            format!("log\n020\n{root}\n"),
            format!("log\n+20\n{root}\n"),
            format!("log\n-1\n{root}\n"),
            format!("log\n18446744073709551616\n{root}\n"),
            format!("\n20\n{root}\n"),
            format!("log\n20\n{root}"),
            format!("log\n20\n{root}\n\n"),
            format!("log\n20\n{}\n", "A".repeat(44)),
            "log\n20\n".to_owned(),
        ] {
            assert!(bad.parse::<Checkpoint>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_read_whole_or_not_at_all() {
        let key = VerifierKey::new("log", [3; 32]).unwrap();
        let text = key.to_string();
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(changed.parse::<VerifierKey>().is_err(), "{changed}");
        }
        assert!(VerifierKey::new("a b", [0; 32]).is_err() && VerifierKey::new("", [0; 32]).is_err());
    }
}
