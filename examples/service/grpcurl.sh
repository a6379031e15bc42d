#!/bin/sh
# Start an analysis and watch it to its end over gRPC.
#
#   sh grpcurl.sh [HOST:PORT [REQUEST]]
#
# The server tells what it serves by reflection. For https leave -plaintext out;
# a token goes into -H "Authorization: Bearer TOKEN".
set -eu
server=${1:-127.0.0.1:8390}
request=${2:-$(dirname "$0")/start.json}

started=$(grpcurl -plaintext -d @ "$server" judged.v1.AnalysisService/StartAnalysis <"$request")
id=$(echo "$started" | grep -Eo '"id": *"[0-9a-f-]+"' | head -n 1 | cut -d '"' -f 4)
echo "analysis $id"
grpcurl -plaintext -d "{\"id\": \"$id\"}" "$server" judged.v1.AnalysisService/WatchAnalysis
