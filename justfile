# Short names for what is typed often: `just` lists them. Each line works without `just`, too.

[private]
list:
    @{{ just_executable() }} --list --unsorted

# Formatting and lints, without a warning
check:
    cargo fmt --all --check -- bot/commands/*.rs bot/providers/src/*/mod.rs
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Every test on SQLite, or those with a word in their name: `just test undo`
test *words:
    cargo test --workspace {{ words }}

# The stories on the PostgreSQL server that the address names
test-postgres url *words:
    STORIES_DATABASE_URL={{ quote(url) }} cargo test --test stories {{ words }}

# The stories by Socket Mode instead of signed requests
test-socket *words:
    STORIES_DOOR=socket cargo test --test stories {{ words }}

# The real program killed, stopped and woken, or only: `just machines crashes`
machines *words:
    cargo test --test machines {{ words }} -- --nocapture

# The bot with a simulated Slack at http://127.0.0.1:8080, or for a team of one: `just demo --solo`
demo *arguments:
    cargo run --release -- demo {{ arguments }}

# How fast it answers, or only some loads: `just bench note status`
bench *loads:
    cargo run --release --example bench -- {{ loads }}

# How big it is, how fast it starts and what it holds in memory, with the example configuration
footprint:
    cargo build --release
    cargo run --release --example footprint

# The documentation of the code, with warnings as errors
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

# Writes anew what tests compare with (*.snap and docs/refusals.md): read the difference
accept:
    INSTA_UPDATE=always UPDATE_DOCS=1 cargo test --package rollback-domain

# Writes docs/messages.md, everything that people are told in the stories
messages:
    rm -rf target/messages && mkdir -p target/messages
    MESSAGES={{ justfile_directory() }}/target/messages cargo test --test stories
    cargo run --example messages -- target/messages

# Everything that must hold before a change is merged
ci:
    .ci/run
