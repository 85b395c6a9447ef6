//! Messages for chat services. What comes from outside is text in them, and nothing else: no markup, no mention.

use serde_json::{Value, json};

use super::{Notification, Told};

/// The longest header that Slack takes, in characters.
const HEADER_MAX: usize = 150;

/// A message for an incoming webhook of Slack.
pub(crate) fn slack(told: &Notification<'_>) -> Value {
    let headline = told.headline();
    let header: String = format!("{} {headline}", mark(told.outcome)).chars().take(HEADER_MAX).collect();
    let text = |text: String| json!({ "type": "mrkdwn", "text": text, "verbatim": true });
    let fields: Vec<_> =
        told.facts().iter().map(|(name, value)| text(format!("*{name}*\n{}", escaped(value)))).collect();
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "text": header, "emoji": false } }),
        json!({ "type": "section", "text": text(escaped(told.consequence)) }),
        json!({ "type": "section", "fields": fields }),
    ];
    if let Some(next) = &told.next_step {
        blocks.push(json!({ "type": "section", "text": text(format!("*Next*\n{}", escaped(next))) }));
    }
    // The text is what a phone shows, and a screen reader reads.
    let short = format!("{} ({})", escaped(&headline), escaped(told.consequence));
    json!({ "text": short, "blocks": blocks })
}

/// A card for a webhook of a Teams workflow. Runs of text are used because nothing in them is markup.
pub(crate) fn teams(told: &Notification<'_>) -> Value {
    let run = |text: &str| json!({ "type": "TextRun", "text": text });
    let block = |inlines: Vec<Value>| json!({ "type": "RichTextBlock", "inlines": inlines });
    let colour = match told.outcome {
        Told::Reconciled => "good",
        outcome if outcome.needs_someone() => "attention",
        _ => "default",
    };
    let headline = json!({
        "type": "TextRun", "text": told.headline(), "size": "large", "weight": "bolder", "color": colour,
    });
    let mut body = vec![block(vec![headline]), block(vec![run(told.consequence)])];
    let next = told.next_step.iter().map(|next| ("Next", next.clone()));
    for (name, value) in told.facts().into_iter().chain(next) {
        let name = json!({ "type": "TextRun", "text": format!("{name}: "), "weight": "bolder" });
        body.push(block(vec![name, run(&value)]));
    }
    let card =
        json!({ "type": "AdaptiveCard", "version": "1.4", "msteams": { "width": "Full" }, "body": body });
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card,
    });
    json!({ "type": "message", "attachments": [attachment] })
}

/// The three characters by which Slack tells markup, mentions among it, from text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const fn mark(told: Told) -> char {
    match told {
        Told::Reconciled => '✓',
        Told::NotReconciled => '✗',
        Told::AwaitingApproval | Told::Unfinished | Told::Missing | Told::NotAttested => '!',
        Told::Cancelled | Told::BackedOut => '-',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::tests::hostile;

    #[test]
    fn slack_is_told_text_and_no_mention() {
        let message = slack(&hostile());
        assert_eq!(message["text"], "Not reconciled: nightly (none of this run's rows are in final)");
        assert_eq!(message["blocks"][0]["text"]["text"], "✗ Not reconciled: nightly");
        let all = message.to_string();
        assert!(all.contains("a &lt;!channel&gt; &amp; &lt;at&gt;b&lt;/at&gt;"), "{all}");
        assert!(!all.contains("<!") && !all.contains("<at"), "{all}");
        assert!(all.contains("*Records*\\n1,234,567") && all.contains("crossfoot explain 0193-run"), "{all}");
        // Slack makes no links or mentions of its own out of what is verbatim.
        let blocks = message["blocks"].as_array().unwrap();
        let texts = blocks.iter().flat_map(|block| {
            let fields = block["fields"].as_array().into_iter().flatten();
            fields.chain(Some(&block["text"])).filter(|text| text["type"] == "mrkdwn")
        });
        assert!(texts.clone().count() > 5 && texts.clone().all(|text| text["verbatim"] == true), "{all}");
        assert!(blocks[2]["fields"].as_array().unwrap().len() <= 10, "Slack takes ten fields");
    }

    #[test]
    fn teams_is_told_runs_of_text() {
        let message = teams(&hostile());
        assert_eq!(message["type"], "message");
        let card = &message["attachments"][0]["content"];
        assert_eq!((&card["type"], &card["version"]), (&"AdaptiveCard".into(), &"1.4".into()));
        assert!(card["msteams"]["entities"].is_null(), "a mention needs an entity");
        let body = card["body"].as_array().unwrap();
        assert!(body.iter().all(|block| block["type"] == "RichTextBlock"), "{card}");
        assert_eq!(body[0]["inlines"][0]["text"], "Not reconciled: nightly");
        assert_eq!(body[0]["inlines"][0]["color"], "attention");
        let last = &body[body.len() - 1]["inlines"];
        assert_eq!(
            (&last[0]["text"], &last[1]["text"]),
            (&"Next: ".into(), &"crossfoot explain 0193-run".into())
        );
    }
}
