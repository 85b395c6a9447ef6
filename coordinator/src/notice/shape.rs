//! The shape in which a webhook gets a notification.

use std::sync::Arc;

use serde_json::json;

use super::template::Template;
use super::{Notification, chat};

/// What is posted to a webhook.
#[derive(Debug, Clone, Default)]
pub enum Shape {
    /// The JSON that `crossfoot schema webhook` describes.
    #[default]
    Json,
    /// A message for an incoming webhook of Slack.
    Slack,
    /// A card for a webhook of a Teams workflow.
    Teams,
    /// What the user's own template makes of it.
    Template(Arc<Template>),
}

impl Shape {
    /// The body of the request.
    pub(crate) fn body(&self, told: &Notification<'_>) -> String {
        match self {
            Self::Json => json!(told).to_string(),
            Self::Slack => chat::slack(told).to_string(),
            Self::Teams => chat::teams(told).to_string(),
            Self::Template(template) => template.filled(told),
        }
    }
}
