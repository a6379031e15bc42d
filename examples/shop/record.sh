#!/usr/bin/env bash
# Records the demo: nine instances of the shop under load, scraped by a Prometheus, before and after a release.
#
#   bash examples/shop/record.sh
#
# Settings, all optional:
#   OUT             where the recording goes        (testdata/fixtures/shop)
#   SHOP_AA         seconds before the release      (900): all tracks run v1
#   SHOP_AFTER      seconds after the release       (1980): stable v1, canary v2, refactor v3
#   SHOP_LEAD       seconds of logs and spans kept from before the release (300)
#   SHOP_RATE       requests a second, all instances together, in the mean (210)
#   SHOP_TRACES     share of the traces recorded    (0.04)
#   SHOP_SEED       seed of load and inventory      (20)
#   SHOP_KEEP       1 keeps the working directory and prints its name
#
# Needs go, prometheus and promtool. Takes SHOP_AA + SHOP_AFTER seconds and about a minute; cleans up on any exit.
set -euo pipefail

cd "$(dirname "$0")/../.."
OUT=${OUT:-testdata/fixtures/shop}
SHOP_AA=${SHOP_AA:-900}
SHOP_AFTER=${SHOP_AFTER:-1980}
SHOP_LEAD=${SHOP_LEAD:-300}
SHOP_RATE=${SHOP_RATE:-210}
SHOP_TRACES=${SHOP_TRACES:-0.04}
SHOP_SEED=${SHOP_SEED:-20}
SCRAPE=5 # seconds

PROMETHEUS=127.0.0.1:19090
INVENTORY=127.0.0.1:19100
TRACKS=(stable canary refactor)
declare -A PORT=([stable]=19110 [canary]=19120 [refactor]=19130) # instance n listens on PORT + n
declare -A VERSION=([stable]=v1 [canary]=v1 [refactor]=v1)       # what runs now
declare -A PID=()                                                # by the name of the process

work=$(mktemp -d)
mkdir -p "$work"/{bin,logs,spans,tsdb} "$OUT"

say() { printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*"; }
now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }

cleanup() {
  status=$?
  trap - EXIT INT TERM
  for pid in "${PID[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait || true
  if [[ ${SHOP_KEEP:-0} == 1 ]]; then say "working directory kept: $work"; else rm -rf "$work"; fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# launch NAME COMMAND...: runs in the background; stdout is the log, stderr is kept apart.
launch() {
  local name=$1
  shift
  "$@" >>"$work/logs/$name.jsonl" 2>>"$work/logs/$name.err" &
  PID[$name]=$!
}

# stop NAME: ends a process and waits until it has finished its work.
stop() {
  kill -TERM "${PID[$1]}" 2>/dev/null || true
  wait "${PID[$1]}" || true
  unset "PID[$1]"
}

# await NAME URL: waits until the process answers, ten seconds at most.
await() {
  for _ in $(seq 100); do
    curl --silent --fail --max-time 1 --output /dev/null "$2" && return
    sleep 0.1
  done
  say "$1 does not answer at $2:" && tail -n 5 "$work/logs/$1.err" && exit 1
}

start_shop() { # TRACK N
  local name=$1-$2 address=127.0.0.1:$((PORT[$1] + $2))
  launch "$name" "$work/bin/shop" serve -version "${VERSION[$1]}" -instance "$name" -track "$1" -listen "$address" \
    -inventory "http://$INVENTORY" -spans "$work/spans/$name.jsonl" -trace-ratio "$SHOP_TRACES"
}

# write_targets: tells Prometheus which instances run which version. Prometheus watches the file; mv makes the change
# appear at once.
write_targets() {
  local track n separator=
  {
    echo '['
    for track in "${TRACKS[@]}"; do
      for n in 1 2 3; do
        printf '%s{"targets":["127.0.0.1:%d"],"labels":{"instance":"%s-%d","track":"%s","version":"%s"}}\n' \
          "$separator" $((PORT[$track] + n)) "$track" "$n" "$track" "${VERSION[$track]}"
        separator=,
      done
    done
    echo ']'
  } >"$work/targets.json.new"
  mv "$work/targets.json.new" "$work/targets.json"
}

# pause SECONDS: sleeps, and gives up when a process is gone.
pause() {
  local until=$((SECONDS + $1)) name
  while ((SECONDS < until)); do
    sleep 2
    for name in "${!PID[@]}"; do
      kill -0 "${PID[$name]}" 2>/dev/null && continue
      say "$name has ended by itself:" && tail -n 5 "$work/logs/$name.err" && exit 1
    done
  done
}

say "building"
go build -trimpath -o "$work/bin/shop" ./examples/shop
go build -trimpath -o "$work/bin/export" ./examples/shop/export

say "starting the inventory, nine instances of the shop, and Prometheus"
launch inventory "$work/bin/shop" inventory -listen "$INVENTORY" -seed "$SHOP_SEED" -spans "$work/spans/inventory.jsonl"
await inventory "http://$INVENTORY/healthz"
targets=
for track in "${TRACKS[@]}"; do
  for n in 1 2 3; do
    start_shop "$track" "$n"
    targets+=${targets:+,}http://127.0.0.1:$((PORT[$track] + n))
  done
done
for track in "${TRACKS[@]}"; do
  for n in 1 2 3; do await "$track-$n" "http://127.0.0.1:$((PORT[$track] + n))/healthz"; done
done

cat >"$work/prometheus.yml" <<YAML
global: {scrape_interval: ${SCRAPE}s, scrape_timeout: 4s}
scrape_configs:
  - job_name: shop
    file_sd_configs: [{files: ["$work/targets.json"]}]
YAML
write_targets
launch prometheus prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
  --web.listen-address="$PROMETHEUS" --log.level=warn
await prometheus "http://$PROMETHEUS/-/ready"

launch load "$work/bin/shop" load -targets "$targets" -rate "$SHOP_RATE" -seed "$SHOP_SEED" \
  -duration "$((SHOP_AA + SHOP_AFTER + 600))s"
start=$(now)
say "recording since $start; the release comes in $SHOP_AA seconds"
pause "$SHOP_AA"

release=$(now)
say "release at $release: canary becomes v2, refactor becomes v3"
VERSION[canary]=v2
VERSION[refactor]=v3
for track in canary refactor; do
  for n in 1 2 3; do
    stop "$track-$n"
    start_shop "$track" "$n"
    await "$track-$n" "http://127.0.0.1:$((PORT[$track] + n))/healthz"
  done
done
write_targets
say "released; recording for another $SHOP_AFTER seconds"
pause "$SHOP_AFTER"
end=$(now)

say "stopped at $end; exporting"
stop load
"$work/bin/export" metrics -prometheus "http://$PROMETHEUS" -selector '{job="shop"}' -start "$start" -end "$end" \
  -out "$OUT/metrics.om.gz"
for track in "${TRACKS[@]}"; do
  for n in 1 2 3; do stop "$track-$n"; done
done
stop inventory # last, so that it has the spans of the others' last calls
stop prometheus

from=$(date -u -d "$release - $SHOP_LEAD seconds" +%Y-%m-%dT%H:%M:%S.%3NZ)
"$work/bin/export" logs -from "$from" -to "$end" -out "$OUT/logs.jsonl.gz" \
  "$work"/logs/{stable,canary,refactor,inventory}*.jsonl
"$work/bin/export" spans -from "$from" -to "$end" -out "$OUT/spans.jsonl.gz" "$work"/spans/*.jsonl

cat >"$OUT/manifest.json" <<JSON
{
  "start": "$start",
  "release": "$release",
  "end": "$end",
  "logsAndSpansFrom": "$from",
  "scrapeIntervalSeconds": $SCRAPE,
  "tracks": {
    "stable": {"instances": 3, "before": "v1", "after": "v1"},
    "canary": {"instances": 3, "before": "v1", "after": "v2"},
    "refactor": {"instances": 3, "before": "v1", "after": "v3"}
  },
  "load": {"requestsPerSecond": $SHOP_RATE, "seed": $SHOP_SEED},
  "traceRatio": $SHOP_TRACES,
  "prometheusVersion": "$(prometheus --version 2>&1 | sed -n 's/^prometheus, version \([^ ]*\).*/\1/p')",
  "goVersion": "$(go env GOVERSION)",
  "recordedBy": "SHOP_AA=$SHOP_AA SHOP_AFTER=$SHOP_AFTER bash examples/shop/record.sh"
}
JSON

say "checking that Prometheus reads the export back"
gzip -dc "$OUT/metrics.om.gz" >"$work/metrics.om"
promtool tsdb create-blocks-from openmetrics "$work/metrics.om" "$work/blocks" >"$work/blocks.txt" 2>&1 ||
  { cat "$work/blocks.txt" && exit 1; }

# What is committed must stay small.
for limit in metrics.om.gz:4 logs.jsonl.gz:5 spans.jsonl.gz:5; do
  file=$OUT/${limit%:*} size=$(stat -c %s "$OUT/${limit%:*}")
  say "$file: $((size / 1024)) KiB"
  ((size <= ${limit#*:} * 1024 * 1024)) || { say "$file is larger than ${limit#*:} MiB" && exit 1; }
done
tail -n 1 "$work/logs/load.jsonl"
if [[ $OUT == testdata/fixtures/shop ]]; then
  sed -i -E "s/^(  start: )[^ ]+/\\1$release/" examples/shop/*.yaml
  say "the examples now start at $release"
fi
say "done"
