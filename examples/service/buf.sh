#!/bin/sh
# Start an analysis and watch it to its end with buf curl.
#
#   sh buf.sh [SERVER [REQUEST]]
#
# --protocol is connect, grpc or grpcweb; a token goes into
# -H "Authorization: Bearer TOKEN". BUF is the command, if it is not buf.
set -eu
server=${1:-http://127.0.0.1:8390}
request=${2:-$(dirname "$0")/start.json}

call() { ${BUF:-buf} curl --http2-prior-knowledge --protocol grpc "$@"; }

started=$(call -d "@$request" "$server/judged.v1.AnalysisService/StartAnalysis")
id=$(echo "$started" | grep -Eo '"id": *"[0-9a-f-]+"' | head -n 1 | cut -d '"' -f 4)
echo "analysis $id"
call -d "{\"id\": \"$id\"}" "$server/judged.v1.AnalysisService/WatchAnalysis"
