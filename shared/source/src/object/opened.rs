//! Objects of which parts are read: opened once, and asked for by the mark that they had then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{Object, ObjectError};

/// The most objects that are kept open. A fleet loads few sources at a time; when there are more, all are opened again.
const OBJECTS_MAX: usize = 64;

/// The objects of which this process has read parts, by their URLs.
#[derive(Debug, Default)]
pub struct Opened(Mutex<HashMap<String, Arc<Object>>>);

impl Opened {
    fn known(&self, url: &str) -> Option<Arc<Object>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned()
    }

    fn keep(&self, url: &str, object: Option<&Arc<Object>>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match object {
            None => drop(all.remove(url)),
            Some(object) => {
                if all.len() >= OBJECTS_MAX {
                    all.clear();
                }
                all.insert(url.into(), Arc::clone(object));
            }
        }
    }

    /// The bytes of the object at `url` from `begin` to `end`; its length, if it ends before. An object that was
    /// replaced since it was opened is opened again: the caller compares the bytes, and sees that they are others.
    ///
    /// # Errors
    /// [`ObjectError`] of the store.
    pub fn read(&self, url: &str, begin: u64, end: u64) -> Result<Result<Bytes, u64>, ObjectError> {
        if let Some(object) = self.known(url) {
            match part(&object, begin, end) {
                Ok(Ok(bytes)) => return Ok(Ok(bytes)),
                _ => self.keep(url, None),
            }
        }
        let object = Arc::new(Object::open(url)?);
        let read = part(&object, begin, end)?;
        self.keep(url, Some(&object));
        Ok(read)
    }
}

fn part(object: &Object, begin: u64, end: u64) -> Result<Result<Bytes, u64>, ObjectError> {
    let length = object.about().bytes;
    if length < end { Ok(Err(length)) } else { object.part(begin, end).map(Ok) }
}
