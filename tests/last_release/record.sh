#!/usr/bin/env bash
# Records what the last release does to its databases: `record.sh PROGRAM` with that release's program, at each release. Writes here:
#   statements.{postgres,mysql}.sql   every statement it prepares, one on a line, while phones, pages and clients do everything they do
#   database.{sqlite,postgres,mysql}.sql   what is in its database afterwards
#   phone.{sqlite,postgres,mysql}/, keys.*.json   a phone that is enrolled there; the keys, and the time of the recording
#   master.key   what seals the secrets in these databases
set -euo pipefail
program=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
main=$(realpath "$here/../..")
cd "$main"
work=$(mktemp -d)
chmod 755 "$work"
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
phone="target/debug/countersign-phone" swarm="target/debug/countersign-swarm" python="target/python/bin/python"
pg=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
cp "$here/master.key" "$work/master.key" 2>/dev/null || head -c 32 /dev/urandom | base64 >"$work/master.key"
cp "$work/master.key" "$here/master.key"

as_other() { if [ "$(id -u)" = 0 ]; then (cd / && setpriv --reuid postgres --clear-groups "$@"); else "$@"; fi; }
mkdir "$work/pg" && { [ "$(id -u)" != 0 ] || chown postgres "$work/pg"; }
as_other "$pg/initdb" -D "$work/pg/data" -U ns --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >/dev/null
as_other "$pg/postgres" -D "$work/pg/data" -p 47001 -k "$work/pg" -c fsync=off -c log_statement=all 2>"$work/pg.log" &
mariadb-install-db --no-defaults --user="$(id -un)" --auth-root-authentication-method=normal --skip-test-db --datadir="$work/my" >/dev/null
printf '%s\n' "CREATE USER ns@'%' IDENTIFIED BY 'x';" "GRANT ALL ON *.* TO ns@'%';" >"$work/init.sql"
mariadbd --no-defaults --user="$(id -un)" --skip-name-resolve --datadir="$work/my" --port=47002 --bind-address=127.0.0.1 --socket="$work/my.sock" --init-file="$work/init.sql" \
    --skip-log-bin --general-log=1 --general-log-file="$work/my.log" 2>"$work/my.err" &
redis-server --port 47003 --bind 127.0.0.1 --save '' >/dev/null &
until "$pg/pg_isready" -qh 127.0.0.1 -p 47001 && mariadb -h127.0.0.1 -P47002 -uns -px -e 'SELECT 1' 2>"$work/my.client" >/dev/null && redis-cli -p 47003 ping >/dev/null 2>&1; do sleep 0.2; done
psql -qh 127.0.0.1 -p 47001 -U ns postgres -c 'CREATE DATABASE ns'
mariadb -h127.0.0.1 -P47002 -uns -px -e 'CREATE DATABASE ns CHARACTER SET utf8mb4'

traffic() { # KIND [DATABASE-URL KV-URL]
    local data="$work/$1" ready
    env COUNTERSIGN_KEYS_MASTER_KEY_FILE="$work/master.key" COUNTERSIGN_DATABASE_URL="${2:-}" COUNTERSIGN_KV_URL="${3:-}" COUNTERSIGN_KV_PREFIX="$1" \
        "$program" all --ports auto --data "$data" 2>"$work/$1.log" &
    local pod=$!
    until [ -e "$data/ready.json" ]; do sleep 0.1; done
    ready=$(jq -r .rest "$data/ready.json")
    local root
    root=$(cat "$data/root-api-key")
    rest() { curl -sSf -X "$1" "$ready$2" -H "Authorization: Bearer $3" -H 'Content-Type: application/json' ${4:+-d "$4"}; }
    rest POST /v1/realms "$root" '{"name":"recorded","display_name":"Recorded","settings":{"enrolment_confirm":["none"],"number_match":{"directed":false}}}' >/dev/null
    local client key enrolment login
    client=$(rest POST /v1/realms/recorded/clients "$root" '{"name":"shop","display_name":"Shop"}' | jq -r .id)
    # Before roles were narrowed `client` invited phones, and there was no `registrar`.
    for role in registrar client; do
        key=$(rest POST /v1/api-keys "$root" "{\"role\":\"$role\",\"realm\":\"recorded\",\"client\":\"$client\"}" | jq -r .secret) && break
    done
    enrolment=$(rest POST /v1/realms/recorded/enrolments "$key" '{"user_id":"alice","confirm":"none"}' | jq -r .link)
    rm -rf "$here/phone.$1"
    "$phone" --state "$here/phone.$1" enrol "$enrolment" >/dev/null
    login=$(rest POST /v1/realms/recorded/logins "$key" '{"to_user":"alice","text":"Recorded"}' | jq -r .id)
    "$phone" --state "$here/phone.$1" take "$login" --yes >/dev/null
    rest POST "/v1/realms/recorded/logins/$login/redeem" "$key" '{}' >/dev/null
    # The trail has got its order, everything is told.
    sleep 6
    printf '{"root": "%s", "client": "%s", "login": "%s", "recorded_at": %s}\n' "$root" "$key" "$login" "$(date +%s)" >"$here/keys.$1.json"
    case $1 in
        postgres) "$pg/pg_dump" --inserts --no-owner --no-privileges -h 127.0.0.1 -p 47001 -U ns ns | sed '/^[\\]/d' >"$here/database.postgres.sql" ;;
        mysql) mariadb-dump --skip-extended-insert --hex-blob --skip-comments -h127.0.0.1 -P47002 -uns -px ns >"$here/database.mysql.sql" ;;
    esac
    if [ "$1" != sqlite ]; then
        "$swarm" login --phones 4 --operations 8 --data "$data" --quiet >/dev/null
        "$swarm" notify --phones 4 --operations 8 --data "$data" --quiet >/dev/null
        for stories in test_live.py test_forms.py; do
            COUNTERSIGN_DATA="$data" "$python" -m unittest discover -s tests/python -p "$stories" 2>"$work/python.log" || tail -n 4 "$work/python.log"
        done
    fi
    kill $pod
    wait $pod
}

traffic sqlite
"$python" - "$work/sqlite/ns.sqlite" >"$here/database.sqlite.sql" <<'PY'
import sqlite3, sys
print("\n".join(line for line in sqlite3.connect(sys.argv[1]).iterdump() if "sqlite_sequence" not in line))
PY
for kind in postgres mysql; do
    url="postgres://ns@127.0.0.1:47001/ns"
    [ $kind = postgres ] || url="mysql://ns:x@127.0.0.1:47002/ns"
    traffic $kind "$url" redis://127.0.0.1:47003
done
# shellcheck disable=SC2016
sed -n 's/^.*LOG:  execute [^:]*: //p' "$work/pg.log" | grep -E '^(SELECT|INSERT|UPDATE|DELETE|WITH) ' | sort -u >"$here/statements.postgres.sql"
sed -n 's/^.*[0-9] Prepare\t//p' "$work/my.log" | grep -E '^(SELECT|INSERT|UPDATE|DELETE|WITH) ' | sort -u >"$here/statements.mysql.sql"
wc -l "$here"/statements.* "$here"/database.*
