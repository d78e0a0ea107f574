# docker build --tag rollback-bot .
# With images that nobody can move: --build-arg RUST_IMAGE=rust:1.95-bookworm@sha256:… and
# --build-arg DEBIAN_IMAGE=debian:bookworm-slim@sha256:…
# The program and the certificates of public authorities, as a user without rights.

ARG RUST_IMAGE=rust:1.95-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --no-default-features --bin rollback-bot

FROM ${DEBIAN_IMAGE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin rollback-bot
COPY --from=build /src/target/release/rollback-bot /usr/local/bin/rollback-bot
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 3000
ENTRYPOINT ["/usr/local/bin/rollback-bot"]
CMD ["serve", "--config", "/etc/rollback-bot/rollback-bot.toml"]
