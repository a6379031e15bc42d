#!/usr/bin/env bash
# Vets and tests what is called by, or calls, the real code of deployers: every module below this folder, and Argo's plugin.
#
#   compat/conformance/run.sh
#
# They have modules of their own, so that deployers' dependencies never reach judged's. The first run compiles them, which
# takes minutes for each. judged itself is built once, unless JUDGED_BINARY names one.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)

# No toolchain is downloaded, no workspace joins the modules, and nothing is added to their go.mod.
export GOTOOLCHAIN=local GOWORK=off GOFLAGS="-mod=readonly -buildvcs=false"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
if [[ -z ${JUDGED_BINARY:-} ]]; then
  export JUDGED_BINARY=$tmp/judged
  (cd "$root" && CGO_ENABLED=0 go build -o "$JUDGED_BINARY" ./cmd/judged)
fi

# The tests mostly wait for deployers that ask every ten or fifteen seconds, so many may run at the same time.
while read -r file; do
  module=$(dirname "$file")
  name=${module#"$root"/}
  started=$SECONDS
  echo "==> $name"
  (cd "$module" && go vet ./... && go test -count=1 -parallel 32 -timeout 15m ./...)
  echo "    $name: $((SECONDS - started)) s"
done < <(find "$root/compat" -name go.mod | sort)
