# A deploy tool of one's own, as the provider `command` runs it: it lists releases, says what is
# live, and goes to one of them.
cd "$(dirname "$0")" || exit 1
case "$1" in
list)
    # Newest first.
    for release in $(ls -t releases); do
        echo "{\"id\": \"$release\", \"live_since\": \"$(cat "releases/$release/made_at")\"}"
    done
    ;;
live) basename "$(readlink current)" ;;
go)
    [ -d "releases/$2" ] || { echo "there is no $2" >&2; exit 64; }
    ln -sfn "releases/$2" current
    echo "$2 is live: $3"
    ;;
*)
    echo "deployctl list | live | go RELEASE NOTE" >&2
    exit 64
    ;;
esac
