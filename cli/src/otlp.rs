//! Export of traces by OTLP over HTTP, as the standard variables say (`OTEL_EXPORTER_OTLP_ENDPOINT` and its like);
//! without them there is none.
//!
//! Spans come from [`platform::trace`], and not by way of the log's spans: a run's trace has the run's own id, which a
//! root span of `tracing-opentelemetry` cannot be given, and it must not depend on the level of the log. They wait in a
//! bounded queue, from which a thread of its own sends them in batches. Work never waits for them: what does not fit is
//! dropped.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _};
use platform::tls;
use platform::trace::{Exporter, Kind, Span, Value, export_to};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How long the last spans may take at the end of the process.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// How long an export may take, unless a variable says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// The value of a variable, if it is set to something.
fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The first of these variables that is set.
fn first(names: [&str; 2]) -> Option<String> {
    names.into_iter().find_map(set)
}

/// Whether the variables ask for export. The second value says what is wrong with them, if they do.
fn is_asked_for() -> Result<bool, String> {
    let is_off = set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || set("OTEL_TRACES_EXPORTER").is_some_and(|value| value != "otlp");
    if is_off || first(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]).is_none() {
        return Ok(false);
    }
    match first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
        Some(protocol) if protocol != "http/protobuf" => Err(format!(
            "the protocol is `{}`, but only http/protobuf is supported (usually port 4318)",
            protocol.escape_debug()
        )),
        _ => Ok(true),
    }
}

/// Exports until it is dropped, which sends what is left.
pub(crate) struct Export(Arc<BatchSpanProcessor>);

/// Starts the export, if the variables ask for it. That it cannot be done is a warning: no load fails for its trace.
pub(crate) fn start() -> Option<Export> {
    let started = is_asked_for().and_then(|is_asked| if is_asked { begin().map(Some) } else { Ok(None) });
    started.unwrap_or_else(|why| {
        tracing::warn!(%why, "traces are not exported");
        None
    })
}

fn begin() -> Result<Export, String> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new()?)
        .with_protocol(Protocol::HttpBinary)
        .build()
        .map_err(|error| error.to_string())?;
    // The variables OTEL_BSP_* bound the queue and the batches.
    let mut processor = BatchSpanProcessor::builder(exporter).build();
    processor.set_resource(&resource());
    let processor = Arc::new(processor);
    if !export_to(Box::new(Sent { processor: Arc::clone(&processor), scope: scope() })) {
        return Err("they are exported already".into());
    }
    Ok(Export(processor))
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("crossfoot").with_version(env!("CARGO_PKG_VERSION")).build()
}

/// What the process is, as the variables say; its name, unless they do.
fn resource() -> Resource {
    let is_named = set("OTEL_SERVICE_NAME").is_some()
        || set("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|all| all.contains("service.name="));
    let builder = Resource::builder();
    let builder = if is_named { builder } else { builder.with_service_name("crossfoot") };
    builder
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("process.pid", i64::from(std::process::id())))
        .build()
}

impl Drop for Export {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_MAX) {
            tracing::warn!(%error, "not every span was exported");
        }
    }
}

/// Hands spans on to the queue.
struct Sent {
    processor: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
}

impl Exporter for Sent {
    fn take(&self, span: Span) {
        let (trace_id, span_id) = (TraceId::from_bytes(span.own.trace), SpanId::from_bytes(span.own.span));
        let value = |(key, value)| match value {
            Value::Text(text) => KeyValue::new(key, text),
            Value::Number(number) => KeyValue::new(key, i64::try_from(number).unwrap_or(i64::MAX)),
        };
        self.processor.on_end(SpanData {
            span_context: SpanContext::new(
                trace_id,
                span_id,
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: span.parent.map_or(SpanId::INVALID, SpanId::from_bytes),
            parent_span_is_remote: span.is_parent_remote,
            span_kind: match span.kind {
                Kind::Internal => SpanKind::Internal,
                Kind::Consumer => SpanKind::Consumer,
            },
            name: span.name.into(),
            start_time: span.started,
            end_time: span.started + span.took,
            attributes: span.attributes.into_iter().map(value).collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            // Why is in the log; it is not sent elsewhere.
            status: if span.has_failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        });
    }
}

/// Sends requests, with the authorities that everything else of the process trusts.
struct Client {
    agent: ureq::Agent,
    /// Whether the last request failed: each series of failures is one warning.
    is_failing: AtomicBool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    fn new() -> Result<Self, String> {
        tls::install();
        let trusted = match first(["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"])
        {
            Some(path) => tls::of_file(&PathBuf::from(&path)).map_err(|error| format!("{path}: {error}"))?,
            None => tls::of_system(),
        };
        let trusted: Vec<_> = trusted.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
        let timeout_ms = first(["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]);
        let timeout =
            timeout_ms.and_then(|text| text.trim().parse().ok()).map_or(TIMEOUT, Duration::from_millis);
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            // What is sent to one place, with its headers, is not sent to another.
            .max_redirects(0)
            .tls_config(TlsConfig::builder().root_certs(RootCerts::from(trusted)).build())
            .user_agent(concat!("crossfoot/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: ureq::Agent::new_with_config(config), is_failing: AtomicBool::new(false) })
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let answer = self.agent.run(Request::from_parts(head, body.to_vec()))?;
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }

    /// Says that exporting began to fail, or works again.
    fn note(&self, failure: Option<String>) {
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !was_failing => tracing::warn!(%why, "traces cannot be exported; spans are dropped"),
            None if was_failing => tracing::info!("traces are exported again"),
            _ => {}
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    /// Blocks, on the thread that does nothing else.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // A library that quotes the URL quotes a token in its path.
        let url = request.uri().to_string();
        let answer = self.send(request);
        self.note(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector responded with {}", answer.status())),
            Err(error) => Some(error.to_string().replace(&url, "the collector's URL")),
        });
        answer
    }
}
