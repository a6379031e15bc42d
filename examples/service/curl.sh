#!/bin/sh
# Start an analysis, wait for its verdict and read its changes, with curl alone.
#
#   sh curl.sh [SERVER [REQUEST]]
#
# HEADERS may name a file with a line "Authorization: Bearer TOKEN".
# Exit codes: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not judge.
set -eu
server=${1:-http://127.0.0.1:8390}
request=${2:-$(dirname "$0")/start.json}

call() { curl -sS --fail-with-body ${HEADERS:+-H "@$HEADERS"} "$@"; }

# value NAME: the first string or number of that name in the JSON on standard input.
value() { grep -Eo "\"$1\": *\"?[A-Za-z0-9-]+" | head -n 1 | sed 's/.*[" ]//;s/.*://'; }

# Start. Sent again with the same idempotencyKey, it is the same analysis.
answer=$(call -H 'Content-Type: application/json' --retry 4 --retry-connrefused -d "@$request" "$server/v1/analyses") || {
  echo "$answer" >&2
  exit 3
}
id=$(echo "$answer" | value id)
echo "analysis $id"

# Long poll: each call returns when the analysis has changed, or after 30 s.
version=0
state=PENDING
while [ "$state" = PENDING ] || [ "$state" = RUNNING ]; do
  if answer=$(call --max-time 60 "$server/v1/analyses/$id?afterVersion=$version&wait=30s"); then
    state=$(echo "$answer" | value state)
    # The analysis' own version comes after those of its scopes.
    version=$(echo "$answer" | grep -Eo '"version": *"[0-9]+"' | tail -n 1 | grep -Eo '[0-9]+')
    echo "version $version: $state"
  else
    sleep 2 # the server is being restarted, or the network is
  fi
done

# The same as a stream of server-sent events, here all after version 1. The
# event's id is the version, and the last event is called "end".
call -N -H 'Last-Event-ID: 1' "$server/v1/analyses/$id/events" | grep -E '^(id|event):'

verdict=$(echo "$answer" | value verdict)
echo "$state: $verdict"
[ "$state" = COMPLETED ] || exit 3
case $verdict in
  PASS) exit 0 ;;
  FAIL) exit 1 ;;
  INCONCLUSIVE) exit 2 ;;
  *) exit 3 ;;
esac
