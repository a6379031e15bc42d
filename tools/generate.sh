#!/usr/bin/env bash
# Writes everything under proto/ that is generated and committed: the vendored imports and the Go code of proto/judged.
# Afterwards `git diff` shows what was out of date. Needs no network once the modules are in the cache.
set -euo pipefail
cd "$(dirname "$0")/.."

buf() { go tool -modfile=tools/go.mod buf "$@"; }

# The vendored imports must say what the linked Go packages say.
for module in \
  buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go \
  google.golang.org/genproto/googleapis/api; do
  linked=$(go list -m -f '{{.Version}}' "$module")
  printed=$(cd tools/vendorprotos && go list -m -f '{{.Version}}' "$module")
  if [[ "$linked" != "$printed" ]]; then
    echo "generate.sh: go.mod links $module $linked, tools/vendorprotos/go.mod prints $printed: run" >&2
    echo "  (cd tools/vendorprotos && go get $module@$linked && go mod tidy)" >&2
    exit 1
  fi
done
(cd tools/vendorprotos && go run . ../../proto)

buf format --write --path proto/judged

# Generated aside first, so that a failure leaves the tree whole and code whose .proto is gone can be told.
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
buf generate --output "$fresh"
find proto/judged \( -name '*.pb.go' -o -name '*.connect.go' \) | while read -r file; do
  [[ -e "$fresh/$file" ]] || rm "$file"
done
cp -R "$fresh/proto/." proto/
