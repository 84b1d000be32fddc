#!/usr/bin/env bash
# Shows the main job in a terminal session: demo.sh BINARY. Everything happens in a temporary folder, which is
# removed at the end, however that comes. Each step is checked: the demo fails when it does not go as it should.
set -euo pipefail

folder=$(mktemp -d)
mkdir "$folder/bin" "$folder/secrets"
ln -s "$1" "$folder/bin/secretsfs"
chmod 755 "$folder" # so that the other user below is stopped by the mount and not by this folder
cd "$folder"
PATH=$folder/bin:$PATH

clean_up() {
    if mountpoint -q "$folder/secrets"; then
        secretsfs unmount "$folder/secrets" || umount -l "$folder/secrets" || fusermount3 -uz "$folder/secrets"
    fi
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Prints a command as if it had been typed, and runs it.
run() {
    printf '\n$ %s\n' "$1"
    bash -c "$1"
}

# The same for a command that must fail with this text.
run_refused() {
    local output
    printf '\n$ %s\n' "$1"
    if output=$(bash -c "$1" 2>&1); then
        echo "demo: this should have been refused" >&2
        exit 1
    fi
    echo "$output"
    grep -q "$2" <<<"$output"
}

# A value with no newline at its end, as `cat` leaves it, then a line break for the eye.
run_cat() {
    run "$1"
    echo
}

# Starts a command of inotifywait in the background, and returns when it watches.
run_watcher() {
    local deadline=$((SECONDS + 10))
    printf '\n$ %s &\n' "$1"
    bash -c "exec $1" 2>watcher.log &
    watcher=$!
    until grep -q "Watches established" watcher.log; do
        if [ $SECONDS -ge $deadline ]; then
            echo "demo: inotifywait does not watch" >&2
            exit 1
        fi
        sleep 0.05
    done
}

install -m 600 /dev/stdin secrets.json <<'END'
{
  "prod/db": {"username": "app", "password": "correct-horse", "pool": {"limit": 20}},
  "payment-platform/jwt-secret": "c2VjcmV0LWZvci10b2tlbnM"
}
END

echo "# A file takes the place of Secrets Manager here: name and value of two secrets."
run "cat secrets.json"
run "secretsfs mount --local secrets.json --log file:\$PWD/log secrets"

echo
echo "# A secret is a folder, each key of its JSON value a file; .raw is the whole value."
run "find secrets -not -path '*/.secretsfs*' -not -path '*/.versions/*' | sort"
run_cat "cat secrets/prod/db/password"
run_cat "cat secrets/payment-platform/jwt-secret/value"
run_cat "cat secrets/prod/db/.raw"

echo
echo "# Only the owner may read, and nobody may write."
run "ls -l secrets/prod/db"
run_refused "echo guess > secrets/prod/db/password" "Read-only file system"
if [ "$(id -u)" = 0 ]; then
    run_refused "setpriv --reuid 65534 --regid 65534 --clear-groups cat secrets/prod/db/password" "Permission denied"
else
    echo "(the refusal of another user is shown when the demo runs as root)"
fi

echo
echo "# The secret is rotated. Whoever watches the file is told, and the old version stays at hand."
run_watcher "inotifywait -e modify -t 10 secrets/prod/db/password"
run "sed -i s/correct-horse/battery-staple/ secrets.json"
wait "$watcher"
run_cat "cat secrets/prod/db/password"
run_cat "cat secrets/prod/db/.versions/AWSPREVIOUS/password"

run "secretsfs unmount secrets"
run "ls -A secrets"
