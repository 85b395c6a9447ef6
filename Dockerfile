# The crossfoot binary in a small image; nothing runs as root.
#   docker build -t crossfoot .
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package crossfoot --features otlp,cloud \
    && cp target/release/crossfoot /usr/local/bin/crossfoot

FROM debian:bookworm-slim
# Certificates, for amqps://, PostgreSQL over TLS, and webhooks.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/crossfoot --create-home crossfoot
COPY --from=build /usr/local/bin/crossfoot /usr/local/bin/crossfoot
USER crossfoot
WORKDIR /var/lib/crossfoot
ENTRYPOINT ["crossfoot"]
CMD ["--help"]
