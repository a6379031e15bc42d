#!/usr/bin/env bash
# Checks what operators are given, with the programs that will read it:
#
#   image     the Dockerfile's own build command works and makes a static binary, and what is copied exists. No image is built.
#   systemd   the unit is well formed, and as closed as it claims
#   helm      the chart renders for deploy/helm/judged/ci/*.yaml into objects that Kubernetes knows, with settings that judged takes;
#             what cannot work is refused with a hint
#   alerts    promtool's checks and tests of the alert rules
#
#   deploy/check.sh              all of them
#   deploy/check.sh helm alerts  only these
#
# systemd-analyze is in Debian's systemd, promtool in its prometheus. What is missing is skipped, but not where CI=true. Helm is
# compiled from tools/deploy/go.mod, which takes minutes the first time.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fail() {
  echo "deploy/check.sh: $*" >&2
  exit 1
}

# has PROGRAM PACKAGE
has() {
  command -v "$1" >/dev/null && return
  [[ ${CI:-} != true ]] || fail "$1 is missing: apt-get install $2"
  echo "skipped: there is no $1 (apt-get install $2)"
  return 1
}

# The binary, built with the words of the Dockerfile.
judged=
build_judged() {
  [[ -z $judged ]] || return 0
  local command
  command=$(sed -n 's/^RUN \(CGO_ENABLED=0 .*go build .*\)$/\1/p' deploy/Dockerfile)
  [[ -n $command ]] || fail "deploy/Dockerfile has no line RUN CGO_ENABLED=0 ... go build ..."
  command=${command//\/out\//$tmp/}
  TARGETOS=$(go env GOOS) TARGETARCH=$(go env GOARCH) bash -euo pipefail -c "$command"
  [[ -x $tmp/judged ]] || fail "the Dockerfile's command made no binary: $command"
  judged=$tmp/judged
}

image() {
  local from to flag arguments path
  while read -r arguments; do
    from=() to=
    for flag in $arguments; do
      case $flag in
      --from=*) continue 2 ;; # out of the first stage: build_judged has made it
      --*) ;;
      *) from+=("$flag") ;;
      esac
    done
    to=${from[-1]}
    unset 'from[-1]'
    for path in "${from[@]}"; do
      [[ -e $path ]] || fail "deploy/Dockerfile copies $path to $to, which does not exist"
    done
  done < <(sed -n 's/^COPY //p' deploy/Dockerfile)
  build_judged
  go version -m "$judged" | grep -q 'CGO_ENABLED=0' || fail "the binary is not static"
  # The image has no home directory and a root file system that cannot be written.
  env -i STATE_DIRECTORY=/var/lib/judged "$judged" serve --print-config | grep -q 'store: */var/lib/judged/judged.db' ||
    fail "in a container judged would not keep its store in /var/lib/judged"
  local image needs
  image=$(grep -oE 'golang:[0-9.]+' deploy/Dockerfile | head -n 1)
  needs=$(go list -m -f '{{.GoVersion}}')
  [[ $(printf '%s\n' "$needs" "${image#golang:}" | sort -V | head -n 1) == "$needs" ]] || fail "deploy/Dockerfile builds with $image, and go.mod needs Go $needs"
  echo "the Dockerfile's build command makes a static binary of $(($(stat -c %s "$judged") >> 20)) MB; the image itself was not built"
}

systemd() {
  has systemd-analyze systemd || return 0
  build_judged
  local unit=$tmp/judged.service problems grace stop
  sed "s|/usr/local/bin/judged|$judged|" deploy/systemd/judged.service >"$unit"
  problems=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -F judged.service || true)
  [[ -z $problems ]] || fail "$problems"
  # 10 times what `systemd-analyze security` calls exposure, of 100; below 20 is its own "OK" with room. The network is most of it.
  systemd-analyze security --offline=true --no-pager --threshold=20 "$unit" >"$tmp/security" ||
    fail "the unit is more open than it was:"$'\n'"$(grep -F ✗ "$tmp/security")"
  stop=$(sed -n 's/^TimeoutStopSec=\([0-9]*\)s$/\1/p' deploy/systemd/judged.service)
  grace=30 # limits.grace, 20s, and half of it again
  ((stop > grace)) || fail "TimeoutStopSec is $stop s, a stop may take $grace s"
  tail -n 1 "$tmp/security"
}

# tools/deploy is a module of its own: helm brings Kubernetes' whole client along.
helm() { (cd tools/deploy && go tool helm "$@"); }

helm_section() {
  local chart=$PWD/deploy/helm/judged values name
  build_judged
  (cd tools/deploy && go vet ./... && go test ./... && go build -o "$tmp/manifests" ./manifests)
  for values in "$chart"/values.yaml "$chart"/ci/*.yaml; do
    name=$(basename "$values" .yaml)
    helm lint --strict --quiet "$chart" -f "$values" >"$tmp/lint" 2>&1 || fail "helm lint -f $values:"$'\n'"$(cat "$tmp/lint")"
    helm template judged "$chart" -f "$values" >"$tmp/$name.yaml" || fail "helm template -f $values"
    "$tmp/manifests" -settings "$tmp/$name.settings" <"$tmp/$name.yaml" >"$tmp/objects" || fail "helm template -f $values"
    env -i "$judged" serve --config "$tmp/$name.settings" --print-config >"$tmp/printed" || fail "judged does not take the settings of $values"
    echo "$name: $(wc -l <"$tmp/objects") objects, $(wc -l <"$tmp/printed") lines of settings"
  done
  # What the checks of manifests are tested on is what the chart writes today.
  diff -u tools/deploy/manifests/testdata/rendered.yaml "$tmp/values.yaml" ||
    fail "the chart's default rendering has changed; if that is meant, make it tools/deploy/manifests/testdata/rendered.yaml"

  local pg=(--set store.kind=postgres --set store.postgres.url=postgres://judged@db/judged)
  refused "needs PostgreSQL" --set replicas=2
  refused "needs PostgreSQL" --set autoscaling.enabled=true
  refused "needs store.postgres.url" --set store.kind=postgres
  refused "has a password" --set store.kind=postgres --set store.postgres.url=postgres://judged:secret@db/judged
  refused "is written by the chart" --set settings.listen=:80
  refused "settings.auth is empty" --set settings.auth=null
  refused "needs tls.clientCA" "${pg[@]}" --set tls.secret=t --set tls.requireClientCert=true
  refused "needs tls.secret" "${pg[@]}" --set tls.clientCA=c
  refused "needs ingress.host" --set ingress.enabled=true
  refused "store.kind|store/kind" --set store.kind=mysql
  refused "storee" --set storee.kind=sqlite
  refused "terminationGracePeriodSeconds" --set terminationGracePeriodSeconds=10

  echo "$refusals impossible sets of values are refused"

  # Other settings are another checksum, and so another pod; the same are the same.
  local one two
  one=$(checksum) two=$(checksum --set settings.limits.looks=7)
  [[ -n $one && $one == $(checksum --set replicas=1) && $one != "$two" ]] || fail "the checksum of the settings does not follow them: $one, $two"
}

# refused PATTERN HELM-ARGUMENT...
refusals=0
refused() {
  refusals=$((refusals + 1))
  local pattern=$1
  shift
  if helm template judged "$PWD/deploy/helm/judged" "$@" >"$tmp/out" 2>&1; then
    fail "helm template $* works, and must not"
  fi
  grep -qE "$pattern" "$tmp/out" || fail "helm template $* does not say \"$pattern\":"$'\n'"$(cat "$tmp/out")"
}

checksum() { helm template judged "$PWD/deploy/helm/judged" "$@" | sed -n 's/^ *checksum\/settings: //p'; }

alerts() {
  has promtool prometheus || return 0
  promtool check rules deploy/prometheus/rules.yaml
  promtool test rules deploy/prometheus/rules_test.yaml
}

wanted=("$@")
((${#wanted[@]} > 0)) || wanted=(image systemd helm alerts)
for section in "${wanted[@]}"; do
  echo "--> $section"
  case $section in
  helm) helm_section ;;
  image | systemd | alerts) "$section" ;;
  *) fail "there is no check $section; there are image, systemd, helm, alerts" ;;
  esac
done
