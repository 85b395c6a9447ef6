//! A pack taken apart and put together again, as a forger would do it.

use domain::fingerprint::Hash;
use domain::pack::{Listed, Manifest, archive};

use coordinator::evidence::pack::keys::Signer;

/// A pack's parts by name, in order.
#[derive(Debug, Clone)]
pub struct Parts(pub Vec<(String, Vec<u8>)>);

impl Parts {
    /// Takes a pack apart.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut parts = Vec::new();
        let mut rest = bytes;
        while let Some((name, size)) = archive::read(rest[..archive::BLOCK].try_into().unwrap()) {
            let (name, size) = (name.to_owned(), usize::try_from(size).unwrap());
            let content = &rest[archive::BLOCK..][..size];
            parts.push((name, content.to_vec()));
            rest = &rest[archive::BLOCK + size + usize::try_from(archive::padding(size as u64)).unwrap()..];
        }
        assert_eq!(rest, [0; archive::END]);
        Self(parts)
    }

    /// Where each byte of the archive belongs: the end of each part's header, content and padding, by its name.
    #[must_use]
    pub fn ends(&self) -> Vec<(usize, String)> {
        let mut at = 0;
        let mut ends = Vec::new();
        for (name, content) in &self.0 {
            at += archive::BLOCK + content.len();
            at += usize::try_from(archive::padding(content.len() as u64)).unwrap();
            ends.push((at, name.clone()));
        }
        ends.push((at + archive::END, "archive".into()));
        ends
    }

    /// A part's content.
    ///
    /// # Panics
    /// When there is no such part.
    pub fn part(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.0.iter_mut().find(|(part, _)| part == name).expect("the part is there").1
    }

    /// Replaces the first `this` in a part by `that`.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn with(mut self, name: &str, this: &str, that: &str) -> Self {
        let content = self.part(name);
        let text = String::from_utf8(content.clone()).unwrap();
        assert!(text.contains(this), "{name} has no `{this}`:\n{text}");
        *content = text.replacen(this, that, 1).into_bytes();
        self
    }

    /// The manifest.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn manifest(&mut self) -> Manifest {
        serde_json::from_slice(self.part("manifest.json")).unwrap()
    }

    /// Lists the parts again, lets `change` change the manifest, signs it, and puts everything together.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    pub fn signed_again(mut self, signer: &Signer, change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
        let mut manifest = self.manifest();
        let listed = self.0.iter().filter(|(name, _)| !name.starts_with("manifest"));
        manifest.parts = listed
            .map(|(name, content)| Listed {
                name: name.clone(),
                bytes: content.len() as u64,
                sha256: Hash::of(content),
            })
            .collect();
        change(&mut manifest);
        let mut text = serde_json::to_vec_pretty(&manifest).unwrap();
        text.push(b'\n');
        *self.part("manifest.sig") = signer.sign(&text).to_vec();
        *self.part("manifest.json") = text;
        self.bytes()
    }

    /// The archive's bytes: each part with its header, padded to whole blocks.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, content) in &self.0 {
            out.extend(archive::header(name, content.len() as u64));
            out.extend(content);
            out.resize(out.len().next_multiple_of(archive::BLOCK), 0);
        }
        out.resize(out.len() + archive::END, 0);
        out
    }
}
