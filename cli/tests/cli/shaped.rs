//! What a webhook gets: messages for chat services, and what a template of the user's makes.

use coordinator::context::notify::Notify;
use serde_json::Value;

use super::desk::{CONTENT, Desk, csv, postings};
use super::notified::{RUN, heard, listener};

/// A posting that is rejected, and a rule whose name tries to be a mention.
fn desk() -> Desk {
    let desk = Desk::with(csv(&["1,2024-02-28,10.00,a", &format!("2,2024-02-30,-10.00,{CONTENT}")]));
    let rule = "name = \"no posting above a thousand\"\nholds = \"abs(amount) <= 1000.00\"";
    let name = "name = \"<!channel> & <at>all</at> \\\"x\\\"\"\nholds = \"amount > 999\"";
    desk.put_job("job.toml", &[(rule, name)]);
    desk.put("secret", "a long secret\n");
    desk
}

/// Runs the job with these lines under `[notify]`: what the webhook hears, whose signature must be the body's.
fn told(desk: &Desk, lines: &str) -> (Value, String) {
    let (url, receiver) = listener(&["200 OK"]);
    let settings = format!("[notify]\nwebhook = \"{url}\"\nwebhook_secret_file = \"secret\"\n{lines}\n");
    desk.put("crossfoot.toml", settings);
    desk.run(&[&RUN[..], &["--again"]].concat()).exits(1);
    let (headers, told, body) = heard(&receiver);
    let signature = Notify::signature(b"a long secret", body.as_bytes()).unwrap();
    assert!(headers.contains(&format!("x-crossfoot-signature: {signature}")), "{headers}");
    assert!(headers.contains("content-type: application/json"), "{headers}");
    assert!(!body.contains(CONTENT), "{body}");
    (told, body)
}

#[test]
fn slack_gets_a_message_in_which_values_are_text() {
    let (told, body) = told(&desk(), "format = \"slack\"");
    assert_eq!(told["text"], "Not reconciled: postings (none of this run's rows are in final)");
    assert_eq!(told["blocks"][0]["type"], "header");
    assert_eq!(told["blocks"][0]["text"]["text"], "✗ Not reconciled: postings");
    assert!(body.contains("&lt;!channel&gt; &amp; &lt;at&gt;all&lt;/at&gt;"), "{body}");
    assert!(!body.contains("<!") && !body.contains("<at>"), "{body}");
    assert!(body.contains("*Records*\\n2") && body.contains("crossfoot explain "), "{body}");
}

#[test]
fn teams_gets_a_card_in_which_values_are_text() {
    let (told, body) = told(&desk(), "format = \"teams\"");
    assert_eq!(
        (&told["type"], &told["attachments"][0]["content"]["type"]),
        (&"message".into(), &"AdaptiveCard".into())
    );
    let card = &told["attachments"][0]["content"]["body"];
    assert_eq!(card[0]["inlines"][0]["text"], "Not reconciled: postings");
    // Text blocks would be read as markup, and a mention needs an entity.
    assert!(!body.contains("\"TextBlock\"") && !body.contains("entities"), "{body}");
    assert!(body.contains("<!channel> & <at>all</at>"), "{body}");
}

#[test]
fn a_template_of_ones_own_gets_values_that_stay_in_their_strings() {
    let desk = desk();
    let template = r#"{"summary": "{{job}}: {{ outcome }}", "records": {{records}}, "failed": "{{failed}}"}"#;
    desk.put("alert.json", template);
    let (told, _) = told(&desk, "template_file = \"alert.json\"");
    assert_eq!((&told["summary"], &told["records"]), (&"postings: not-reconciled".into(), &2.into()));
    let failed = told["failed"].as_str().unwrap();
    assert!(failed.contains("<!channel> & <at>all</at> \"x\""), "{failed}");
}

#[test]
fn what_cannot_be_told_is_refused_before_anything_is_loaded() {
    let desk = Desk::with(postings(5));
    desk.put("unknown.json", "{\n\"a\": \"{{jbo}}\"}");
    desk.put("open.json", "{\"a\": \"{{job\"}");
    desk.put("text.json", "{{job}} is {{outcome}}");
    for (lines, words) in [
        ("format = \"xml\"", &["invalid notify.format `xml`", "json, slack or teams"][..]),
        ("template_file = \"unknown.json\"", &["unknown.json", "line 2", "`{{jbo}}`", "run_id"]),
        ("template_file = \"open.json\"", &["open.json", "line 1"]),
        ("template_file = \"text.json\"", &["text.json", "not JSON"]),
        ("template_file = \"nowhere.json\"", &["nowhere.json"]),
        ("format = \"slack\"\ntemplate_file = \"text.json\"", &["both set"]),
    ] {
        desk.put("crossfoot.toml", format!("[notify]\nwebhook = \"http://127.0.0.1:1\"\n{lines}\n"));
        desk.run(&RUN).exits(2).says(words);
        let has_store = desk.path("crossfoot.db").exists();
        assert_eq!(if has_store { desk.final_rows() } else { 0 }, 0, "{lines}");
    }
}
