#!/usr/bin/env bash
# Rehearses a restore, so that the first one is not the one that counts.
#
#   deploy/rehearse-restore.sh                       with a record of its own, on SQLite
#   deploy/rehearse-restore.sh --postgres URL        the same on Postgres: two databases of its own
#                                                    are made on that server and dropped afterwards
#   deploy/rehearse-restore.sh --backup FILE         your backup: is it whole, what was open in it,
#                                                    does a bot start on it? FILE is only read
#   deploy/rehearse-restore.sh --backup FILE --postgres URL    the same for a file of pg_dump
#
# ROLLBACK_BOT is the program, rollback-bot by default. Where Litestream is installed
# (LITESTREAM, litestream by default), its copy is restored too.
#
# The bot of the rehearsal listens on loopback, knows no token, and what it takes for Slack is a
# port at which nobody answers: it can do nothing, whatever is open in the record.
#
# Needs curl and openssl, and sqlite3, or psql, pg_dump and pg_restore.
set -euo pipefail

readonly ROLLBACK_BOT=${ROLLBACK_BOT:-rollback-bot} LITESTREAM=${LITESTREAM:-litestream}
# What signs in the rehearsal; the bot reads it from its environment.
export SECRET=a-secret-of-the-rehearsal
export TOKEN=xoxb-of-the-rehearsal
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DIRECTORY=$(mktemp -d "${TMPDIR:-/tmp}/rehearse-restore.XXXXXX")
BACKUP='' SERVER='' BOT='' COPYING=''
DATABASES=()

say() {
    printf '── %s\n' "$*"
}

fail() {
    printf 'rehearse-restore: %s\n' "$*" >&2
    if [[ -s $DIRECTORY/log ]]; then
        tail -n 5 "$DIRECTORY/log" >&2
    fi
    exit 1
}

clean_up() {
    local database
    [[ -z $COPYING ]] || kill -KILL "$COPYING" 2>/dev/null || true
    [[ -z $BOT ]] || kill -KILL "$BOT" 2>/dev/null || true
    for database in "${DATABASES[@]}"; do
        psql --quiet --dbname="$SERVER" --command="DROP DATABASE IF EXISTS $database WITH (FORCE)" 2>/dev/null || true
    done
    rm -rf "$DIRECTORY"
}
trap clean_up EXIT

while [[ $# -gt 0 ]]; do
    case $1 in
        --backup) BACKUP=$(realpath "${2:?which file?}"); shift 2 ;;
        --postgres) SERVER=${2:?which server?}; shift 2 ;;
        *) fail "what is \"$1\"? The first lines of $0 say what it takes." ;;
    esac
done
[[ -z $BACKUP || -r $BACKUP ]] || fail "$BACKUP cannot be read."
needed=(curl openssl "$ROLLBACK_BOT")
if [[ -n $SERVER ]]; then needed+=(psql pg_dump pg_restore); else needed+=(sqlite3); fi
for program in "${needed[@]}"; do
    command -v "$program" >/dev/null || fail "$program is missing."
done

# A port that is free now; two rehearsals at the same time do not meet.
free_port() {
    local port
    for _ in 1 2 3 4 5 6 7 8; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    fail "no port is free."
}
PORT=$(free_port)

# The address of this database on the server, or of this file.
address() {
    if [[ -z $SERVER ]]; then
        echo "sqlite://$DIRECTORY/$1.db"
    else
        # What follows the host is the name of a database, and perhaps options.
        sed -E "s#^([a-z]+://[^/?]*)(/[^?]*)?#\1/$1#" <<<"$SERVER"
    fi
}

make_database() {
    DATABASES+=("$1")
    psql --quiet --dbname="$SERVER" --command="CREATE DATABASE $1"
}

# Starts a bot on this database and waits until it is ready.
start() {
    mkdir -p "$DIRECTORY/shop/releases/v1" "$DIRECTORY/shop/releases/v2"
    touch "$DIRECTORY/shop/releases/v1/shop" "$DIRECTORY/shop/releases/v2/shop"
    ln -sfn releases/v2 "$DIRECTORY/shop/current"
    cat >"$DIRECTORY/rollback-bot.toml" <<TOML
[server]
listen = "127.0.0.1:$PORT"
public_url = "http://127.0.0.1:$PORT"
[database]
url = "env:DATABASE_URL"
[slack]
signing_secret = "env:SECRET"
bot_token = "env:TOKEN"
api_url = "http://127.0.0.1:9/api"
[roles.rehearsal]
members = ["U0REHEARSAL", "U0OTHER"]
[services.rehearsal.local]
provider = "releases"
path = "$DIRECTORY/shop"
approve = ["rehearsal"]
TOML
    DATABASE_URL=$(address "$1") "$ROLLBACK_BOT" serve --config "$DIRECTORY/rollback-bot.toml" \
        >"$DIRECTORY/log" 2>&1 &
    BOT=$!
    for _ in $(seq 100); do
        kill -0 "$BOT" 2>/dev/null || { BOT=''; fail "the bot did not start on it:"; }
        if curl --silent --fail "http://127.0.0.1:$PORT/readyz" >/dev/null; then
            return
        fi
        sleep 0.2
    done
    fail "the bot was not ready within twenty seconds:"
}

# Ends it as a machine that loses its power would.
crash() {
    kill -KILL "$BOT"
    wait "$BOT" 2>/dev/null || true
    BOT=''
}

# Says something to the bot as Slack would, and gives its answer.
slack() {
    local now body signature
    now=$(date +%s)
    body="command=%2Frollback&user_id=U0REHEARSAL&user_name=rehearsal&channel_id=C0REHEARSAL&trigger_id=$RANDOM.$RANDOM&text=${1// /+}"
    signature=$(printf 'v0:%s:%s' "$now" "$body" | openssl dgst -sha256 -hmac "$SECRET" | sed 's/^.* //')
    curl --silent --fail --data "$body" --header "x-slack-request-timestamp: $now" \
        --header "x-slack-signature: v0=$signature" "http://127.0.0.1:$PORT/slack/commands"
}

query() {
    if [[ -z $SERVER ]]; then
        sqlite3 -separator '  ' "$DIRECTORY/$1.db" "$2"
    else
        psql --no-align --tuples-only --field-separator='  ' --dbname="$(address "$1")" --command="$2"
    fi
}

# What is in a restored record, and what a bot would go on with.
shows() {
    local open
    if [[ -z $SERVER ]]; then
        [[ $(query "$1" 'PRAGMA integrity_check') == ok ]] || fail "it is damaged."
    fi
    say "$(query "$1" 'SELECT count(*) FROM rollback') rollbacks, $(query "$1" 'SELECT count(*) FROM timeline') timeline entries"
    open=$(query "$1" "SELECT 'RB-' || id, service || '@' || environment, state FROM rollback WHERE holds = 1 ORDER BY id")
    say "open: ${open:-nothing}"
}

# Whether a restored record has what was written before it was backed up.
holds() {
    local told
    start "$1"
    told=$(slack timeline)
    grep -q 'before the backup' <<<"$told" || fail "what was written before the backup is missing: $told"
    if grep -q 'after the backup' <<<"$told"; then
        say "a bot starts on it, with everything until it was lost"
    else
        say "a bot starts on it, with everything until the backup"
    fi
    crash
}

# Your backup: read, never changed.
rehearse_backup() {
    if [[ -z $SERVER ]]; then
        cp "$BACKUP" "$DIRECTORY/restored.db"
        chmod u+w "$DIRECTORY/restored.db"
    else
        make_database "$RESTORED"
        pg_restore --no-owner --exit-on-error --dbname="$(address "$RESTORED")" "$BACKUP"
    fi
    shows "$RESTORED"
    start "$RESTORED"
    say "$("$ROLLBACK_BOT" --version) starts on it"
    crash
}

# A record of its own: something happens, it is backed up, more happens, it is lost, it is restored.
rehearse() {
    [[ -z $SERVER ]] || make_database "$LOST"
    start "$LOST"
    if [[ -z $SERVER ]] && command -v "$LITESTREAM" >/dev/null; then
        # Our own settings, with this file and a directory instead of S3.
        sed -E -e "s#^( *- path:).*#\1 $DIRECTORY/$LOST.db#" -e 's#^( *type:).*#\1 file#' \
            -e "s#^( *path:).*#\1 $DIRECTORY/replica#" -e '/^ *(bucket|region):/d' \
            "$HERE/litestream.yml" >"$DIRECTORY/litestream.yml"
        "$LITESTREAM" replicate -config "$DIRECTORY/litestream.yml" >"$DIRECTORY/litestream.log" 2>&1 &
        COPYING=$!
        sleep 2
    fi
    # Slack cannot be asked who somebody is, so the record says it: a full member, read just now.
    query "$LOST" "INSERT INTO standing (person, standing, name, read_at) VALUES ('U0REHEARSAL', 'member', 'rehearsal', $(date +%s)000000)"
    slack 'rehearsal because this is a rehearsal' >/dev/null
    slack 'note before the backup' >/dev/null

    if [[ -z $SERVER ]]; then
        DATABASE_URL=$(address "$LOST") "$ROLLBACK_BOT" backup \
            --config "$DIRECTORY/rollback-bot.toml" --to "$DIRECTORY/backup" >/dev/null
    else
        pg_dump --format=custom --file="$DIRECTORY/backup" --dbname="$(address "$LOST")"
    fi
    say "backed up while it runs"
    slack 'note after the backup' >/dev/null
    if [[ -n $COPYING ]]; then
        # Two of its rounds.
        sleep 2
        kill -KILL "$COPYING"
        wait "$COPYING" 2>/dev/null || true
        COPYING=''
    fi
    crash
    say "lost"

    if [[ -z $SERVER ]]; then
        rm "$DIRECTORY/$LOST.db"*
        cp "$DIRECTORY/backup" "$DIRECTORY/$RESTORED.db"
    else
        psql --quiet --dbname="$SERVER" --command="DROP DATABASE $LOST WITH (FORCE)"
        make_database "$RESTORED"
        pg_restore --no-owner --exit-on-error --dbname="$(address "$RESTORED")" "$DIRECTORY/backup"
    fi
    say "restored"
    shows "$RESTORED"
    holds "$RESTORED"

    if [[ -d $DIRECTORY/replica ]]; then
        say "restored from Litestream"
        "$LITESTREAM" restore -config "$DIRECTORY/litestream.yml" -o "$DIRECTORY/streamed.db" "$DIRECTORY/$LOST.db" \
            >"$DIRECTORY/log" 2>&1 || fail "Litestream did not restore it:"
        shows streamed
        holds streamed
    fi
}

if [[ -z $SERVER ]]; then
    readonly LOST=lost RESTORED=restored
else
    readonly LOST=rehearse_lost_$$ RESTORED=rehearse_restored_$$
fi
if [[ -n $BACKUP ]]; then rehearse_backup; else rehearse; fi
say "it can be restored"
