# syntax=docker/dockerfile:1

# The console, when there is one to build.
FROM node:20-bookworm-slim AS web
WORKDIR /build/web
COPY web/package.json web/package-lock.json ./
RUN npm ci
COPY web/ ./
RUN npm run build

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
COPY --from=web /build/web/dist web/dist
# With traces, which are off until OTEL_EXPORTER_OTLP_ENDPOINT is set.
RUN cargo build --locked --release --features otel --bin rack-gateway

FROM debian:bookworm-slim
# curl for checks that are written with it; the image's own check needs nothing.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates curl \
  && rm -rf /var/lib/apt/lists/* \
  && ln -s rack-gateway /usr/local/bin/oo \
  && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin gateway \
  && install -d -o gateway -g gateway -m 0700 /data
COPY --from=build /build/target/release/rack-gateway /usr/local/bin/rack-gateway
USER 10001:10001
WORKDIR /data
# The root file system may be read-only: only /data is written to, and only with the embedded database.
VOLUME /data
ENV SQLITE_PATH=/data/gateway.db \
  LOG_FORMAT=json
EXPOSE 8443 5001
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 CMD ["rack-gateway", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["rack-gateway"]
CMD ["serve"]
