//! The description of the API, made from the types that it answers with.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use coordinator::ops::views;
use domain::report::Report;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::access::oidc;
use crate::api::acts::{ActDone, Why};
use crate::api::fleet::Queues;
use crate::api::log::VerifiedLog;
use crate::api::paging::Page;
use crate::api::runs::ExplainedPage;
use crate::api::session::{Session, SignInWays};
use crate::problem::Problem;

/// One operation of the API.
struct Operation {
    method: &'static str,
    path: &'static str,
    about: &'static str,
    /// Parameters of the query, with what each is.
    query: &'static [(&'static str, &'static str)],
    answer: Answer,
}

/// What an operation answers if it succeeds.
#[derive(Clone, Copy)]
enum Answer {
    Json(fn(&mut SchemaGenerator) -> schemars::Schema),
    /// Something else than JSON, of this type.
    Of(&'static str),
    Nothing,
    /// Another address, for a browser.
    Elsewhere,
}

const PAGED: &[(&str, &str)] =
    &[("cursor", "The `next` of the page before"), ("limit", "How many items, 500 at most")];
const RUNS: &[(&str, &str)] = &[
    ("state", "States or outcomes, with commas between them"),
    ("job", "The name of the job"),
    ("text", "What the run's ID, job, source, operator or note contains"),
    ("cursor", "The `next` of the page before"),
    ("limit", "How many items, 500 at most"),
];
const REJECTS: &[(&str, &str)] = &[
    ("reason", "The code of a reason"),
    ("field", "The name of a field; empty for the whole record"),
    ("worker", "The number of a worker"),
    ("cursor", "The `next` of the page before"),
    ("limit", "How many items, 500 at most"),
];
const RETURNED: &[(&str, &str)] = &[
    ("state", "What was sent along"),
    ("code", "What is exchanged for an ID token"),
    ("error", "Why there is no code"),
    ("iss", "The identity provider"),
];

/// Where everyone may ask how operators sign in.
const SIGN_IN: &str = "/api/v1/sign-in";
const CHUNKS: &[(&str, &str)] =
    &[("from", "The number of the first chunk"), ("limit", "How many chunks, 200,000 at most")];

const fn get<T: JsonSchema>(
    path: &'static str,
    about: &'static str,
    query: &'static [(&'static str, &'static str)],
) -> Operation {
    Operation { method: "get", path, about, query, answer: Answer::Json(SchemaGenerator::subschema_for::<T>) }
}

const OPERATIONS: &[Operation] = &[
    get::<Session>("/api/v1/session", "Who I am, and what I may do", &[]),
    Operation {
        method: "post",
        path: "/api/v1/session",
        about: "Sign in with a token: {\"token\": \"…\"}; sets a cookie",
        query: &[],
        answer: Answer::Json(SchemaGenerator::subschema_for::<Session>),
    },
    Operation {
        method: "delete",
        path: "/api/v1/session",
        about: "Sign out",
        query: &[],
        answer: Answer::Nothing,
    },
    get::<SignInWays>(SIGN_IN, "How operators can sign in; needs no sign-in", &[]),
    Operation {
        method: "get",
        path: oidc::LOGIN,
        about: "Sends a browser to the identity provider, with a cookie",
        query: &[],
        answer: Answer::Elsewhere,
    },
    Operation {
        method: "get",
        path: oidc::CALLBACK,
        about: "Where the identity provider sends a browser back to; sets a cookie",
        query: RETURNED,
        answer: Answer::Elsewhere,
    },
    get::<Page<views::runs::WatchedRun>>("/api/v1/runs", "Runs, newest first", RUNS),
    get::<views::runs::RunView>("/api/v1/runs/{run}", "One run: report, progress, flow and acts", &[]),
    get::<Report>("/api/v1/runs/{run}/report", "The report of a run", &[]),
    get::<views::workers::RunWorkers>("/api/v1/runs/{run}/workers", "Each worker's share of a run", &[]),
    get::<views::chunks::ChunkMap>("/api/v1/runs/{run}/chunks", "How far each chunk is", CHUNKS),
    get::<views::chunks::ShownChunk>("/api/v1/runs/{run}/chunks/{chunk}", "One chunk", &[]),
    get::<Page<views::rejects::ListedReject>>("/api/v1/runs/{run}/rejects", "Rejects of a run", REJECTS),
    Operation {
        method: "get",
        path: "/api/v1/runs/{run}/rejects.raw",
        about: "All rejects byte for byte, as `crossfoot rejects --raw` writes them; for auditors if the job has \
                sensitive fields",
        query: &[],
        answer: Answer::Of("application/octet-stream"),
    },
    get::<views::rejects::RejectSummary>(
        "/api/v1/runs/{run}/rejects/summary",
        "How many rejects, by what",
        &[],
    ),
    get::<views::rejects::ShownReject>(
        "/api/v1/runs/{run}/rejects/{record}",
        "One reject with its fields",
        &[],
    ),
    get::<ExplainedPage>("/api/v1/runs/{run}/findings", "Differences of a run", PAGED),
    get::<Page<views::log::LoggedEvent>>("/api/v1/runs/{run}/log", "Events of a run, newest first", PAGED),
    get::<Page<views::log::LoggedEvent>>("/api/v1/log", "Events of the evidence log, newest first", PAGED),
    get::<VerifiedLog>("/api/v1/log/verify", "A walk over the whole evidence log", &[]),
    get::<Page<views::jobs::ListedJob>>("/api/v1/jobs", "Jobs by name", &[]),
    get::<views::jobs::JobView>("/api/v1/jobs/{job}", "One job with its history", PAGED),
    get::<views::fleet::ListedFleet>("/api/v1/fleet", "The processes that are alive", &[]),
    get::<Queues>("/api/v1/queues", "The queues of the broker", &[]),
    Operation {
        method: "post",
        path: "/api/v1/runs/{run}/acts/{act}",
        about: "Do something with a run: approve, resume, redrive, window, pause, cancel, back-out or purge",
        query: &[],
        answer: Answer::Json(SchemaGenerator::subschema_for::<ActDone>),
    },
    Operation {
        method: "post",
        path: "/api/v1/fleet/workers/{worker}/drain",
        about: "Ask a worker to finish its work in hand and end",
        query: &[],
        answer: Answer::Json(SchemaGenerator::subschema_for::<ActDone>),
    },
    Operation {
        method: "get",
        path: "/api/v1/events",
        about: "What is new, as server-sent events: `run`, `fleet`, `log`, and `resync` when something was missed",
        query: &[],
        answer: Answer::Of("text/event-stream"),
    },
];

static DOCUMENT: LazyLock<String> = LazyLock::new(|| made().to_string());

fn parameters(operation: &Operation) -> Vec<Value> {
    let of_path = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of_path = of_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let of_query = operation.query.iter().map(|(name, about)| {
        json!({ "name": name, "in": "query", "description": about, "schema": { "type": "string" } })
    });
    of_path.chain(of_query).collect()
}

fn made() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let why = generator.subschema_for::<Why>();
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let good = match operation.answer {
            Answer::Json(answer) => {
                let schema = answer(&mut generator);
                json!({ "200": {
                    "description": operation.about,
                    "content": { "application/json": { "schema": schema } },
                } })
            }
            Answer::Nothing => json!({ "204": { "description": operation.about } }),
            Answer::Elsewhere => json!({ "303": {
                "description": operation.about,
                "headers": { "location": { "schema": { "type": "string" } } },
            } }),
            Answer::Of(kind) => {
                let schema = match kind {
                    "application/octet-stream" => json!({ "type": "string", "format": "binary" }),
                    _ => json!({ "type": "string" }),
                };
                json!({ "200": { "description": operation.about, "content": { kind: { "schema": schema } } } })
            }
        };
        let mut answers = good;
        answers["default"] = json!({
            "description": "What went wrong",
            "content": { "application/problem+json": { "schema": problem } },
        });
        let mut described =
            json!({ "summary": operation.about, "parameters": parameters(operation), "responses": answers });
        if operation.path.contains("/acts/") || operation.path.ends_with("/drain") {
            described["requestBody"] = json!({ "content": { "application/json": { "schema": why } } });
        }
        if operation.path == SIGN_IN || matches!(operation.answer, Answer::Elsewhere) {
            described["security"] = json!([]);
        }
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described;
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Crossfoot operations console", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
        "security": [{ "token": [] }],
    })
}

pub(crate) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}
