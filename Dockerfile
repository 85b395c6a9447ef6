# The crossfoot binary in a small image; nothing runs as root.
#   docker build -t crossfoot --build-arg COMMIT=$(git rev-parse --short=12 HEAD) .
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
ARG COMMIT
ENV CROSSFOOT_COMMIT=$COMMIT
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package crossfoot --features otlp,cloud \
    && cp target/release/crossfoot /usr/local/bin/crossfoot

# What is in the binary, for scanners: each package with its version and licence (CycloneDX).
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo install --locked --root /opt cargo-cyclonedx@0.5.9 \
    && PATH=$PATH:/opt/bin deploy/sbom /usr/local/share/crossfoot.cdx.json

FROM debian:bookworm-slim
ARG COMMIT
LABEL org.opencontainers.image.title="Crossfoot" \
      org.opencontainers.image.description="Loads batch extracts and proves that what arrived is what was sent" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.revision="$COMMIT"
# Certificates, for amqps://, PostgreSQL over TLS, and webhooks.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/crossfoot --create-home crossfoot
COPY --from=build /usr/local/bin/crossfoot /usr/local/bin/crossfoot
COPY --from=build /usr/local/share/crossfoot.cdx.json /usr/share/doc/crossfoot/sbom.cdx.json
USER crossfoot
WORKDIR /var/lib/crossfoot
ENTRYPOINT ["crossfoot"]
CMD ["--help"]
