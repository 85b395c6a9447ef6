//! A place in a store: an object, or the objects below a prefix.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ObjectMeta, ObjectStore, ObjectStoreExt, ObjectStoreScheme, PutMode, PutOptions,
    RetryConfig,
};
use url::Url;

use super::ObjectError;
use super::wait::wait;

/// A store that fails is asked again for so long; then the caller, who knows what it was for, decides.
const RETRY: RetryConfig = RetryConfig {
    backoff: BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(5),
        base: 2.0,
    },
    max_retries: 10,
    retry_timeout: Duration::from_secs(30),
};

/// What tells an object from another one of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The object's name below its prefix.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was written by the store's clock, in nanoseconds since 1970-01-01 UTC.
    pub modified_ns: i64,
    /// The store's mark of its content, if it gives one.
    pub e_tag: Option<String>,
}

impl About {
    pub(super) fn of(name: &str, meta: &ObjectMeta) -> Self {
        Self {
            name: name.into(),
            bytes: meta.size,
            modified_ns: meta.last_modified.timestamp_nanos_opt().unwrap_or(i64::MAX),
            e_tag: meta.e_tag.clone(),
        }
    }
}

/// A bucket and a path in it. Its requests block; a store that fails is asked again for 30 s.
#[derive(Debug, Clone)]
pub struct Place {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    url: Url,
}

impl Place {
    /// The place that `url` names, such as `s3://BUCKET/PATH`. Nothing is asked of the store.
    ///
    /// # Errors
    /// [`ObjectError::BadUrl`] for what is no such URL, and for one with a user, a password or a query.
    pub fn open(url: &str) -> Result<Self, ObjectError> {
        let bad = |what: &dyn std::fmt::Display| ObjectError::BadUrl(what.to_string());
        let url = Url::parse(url).map_err(|error| bad(&error))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(bad(&"credentials belong into the environment, not into the URL"));
        }
        let of_store = |error: object_store::Error| bad(&platform::causes::chain(&error));
        let (scheme, path) = ObjectStoreScheme::parse(&url).map_err(|error| bad(&error))?;
        let text = url.as_str();
        // A client is made here, also for a store that is then asked without TLS.
        platform::tls::install();
        let store: Arc<dyn ObjectStore> = match scheme {
            ObjectStoreScheme::AmazonS3 => {
                let builder = AmazonS3Builder::from_env().with_url(text).with_retry(RETRY);
                Arc::new(builder.build().map_err(of_store)?)
            }
            ObjectStoreScheme::GoogleCloudStorage => {
                let builder = GoogleCloudStorageBuilder::from_env().with_url(text).with_retry(RETRY);
                Arc::new(builder.build().map_err(of_store)?)
            }
            ObjectStoreScheme::MicrosoftAzure => {
                let builder = MicrosoftAzureBuilder::from_env().with_url(text).with_retry(RETRY);
                Arc::new(builder.build().map_err(of_store)?)
            }
            _ => return Err(bad(&"expected s3://, gs:// or az://")),
        };
        Ok(Self { store, path, url })
    }

    /// The URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// The place `name` below this one; `name` is one segment of a path.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(name);
        }
        Self { store: Arc::clone(&self.store), path: self.path.clone().join(name), url }
    }

    /// Whether `other` is the same place in the same store.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.url() == other.url()
    }

    /// Whether `other` is in the same bucket.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        (self.url.scheme(), self.url.authority()) == (other.url.scheme(), other.url.authority())
    }

    /// Whether `other` is this place, or below it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        self.is_beside(other) && other.path.prefix_matches(&self.path)
    }

    /// The objects right below this prefix, by name.
    ///
    /// # Errors
    /// [`ObjectError`] of the store.
    pub fn list(&self) -> Result<Vec<About>, ObjectError> {
        let place = self.clone();
        wait(async move {
            let prefix = Some(&place.path).filter(|path| !path.as_ref().is_empty());
            let found = place.store.list_with_delimiter(prefix).await?;
            let mut objects: Vec<_> = found
                .objects
                .iter()
                .filter_map(|meta| Some(About::of(meta.location.filename()?, meta)))
                .collect();
            objects.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(objects)
        })
    }

    /// Whether the bucket answers, and lets objects be listed here. Reads no more than one page of names.
    ///
    /// # Errors
    /// [`ObjectError`] of the store.
    pub fn probe(&self) -> Result<(), ObjectError> {
        let place = self.clone();
        wait(async move { Ok(place.store.list(Some(&place.path)).try_next().await.map(drop)?) })
    }

    /// What is known of the object at this place; none if there is none.
    ///
    /// # Errors
    /// [`ObjectError`] of the store.
    pub fn about(&self) -> Result<Option<About>, ObjectError> {
        let place = self.clone();
        wait(async move {
            match place.store.head(&place.path).await {
                Ok(meta) => Ok(Some(About::of(meta.location.filename().unwrap_or_default(), &meta))),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// The content of a small object, of at most `bytes_max` bytes; none if there is none.
    ///
    /// # Errors
    /// [`ObjectError`] of the store, or [`ObjectError::Failed`] for an object that is longer.
    pub fn small(&self, bytes_max: u64) -> Result<Option<Bytes>, ObjectError> {
        let place = self.clone();
        wait(async move {
            let found = match place.store.get(&place.path).await {
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                found => found?,
            };
            if found.meta.size > bytes_max {
                return Err(ObjectError::Failed(format!("the object is longer than {bytes_max} bytes")));
            }
            Ok(Some(found.bytes().await?))
        })
    }

    /// Writes an object that did not exist: of several processes one succeeds.
    ///
    /// # Errors
    /// [`ObjectError::Exists`], or another of the store.
    pub fn create(&self, content: impl Into<Bytes>) -> Result<(), ObjectError> {
        self.put(content.into(), PutMode::Create)
    }

    /// Writes an object, over one of its name if there is one.
    ///
    /// # Errors
    /// [`ObjectError`] of the store.
    pub fn write(&self, content: impl Into<Bytes>) -> Result<(), ObjectError> {
        self.put(content.into(), PutMode::Overwrite)
    }

    fn put(&self, content: Bytes, mode: PutMode) -> Result<(), ObjectError> {
        let place = self.clone();
        wait(async move {
            let put = place.store.put_opts(&place.path, content.into(), PutOptions::from(mode));
            Ok(put.await.map(drop)?)
        })
    }

    /// Copies the object to `to`, in the same bucket, over one that is there.
    ///
    /// # Errors
    /// [`ObjectError`] of the store.
    pub fn copy(&self, to: &Self) -> Result<(), ObjectError> {
        let (place, to) = (self.clone(), to.path.clone());
        wait(async move { Ok(place.store.copy(&place.path, &to).await?) })
    }

    /// Removes the object from the store. One that is not there is removed already.
    ///
    /// # Errors
    /// [`ObjectError`] of the store.
    pub fn remove(&self) -> Result<(), ObjectError> {
        let place = self.clone();
        wait(async move {
            match place.store.delete(&place.path).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                removed => Ok(removed?),
            }
        })
    }
}
