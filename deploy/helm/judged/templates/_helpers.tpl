{{- define "judged.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "judged.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "judged.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "judged.selectorLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "judged.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "judged.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "judged.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* What cannot work is refused here, with what to do instead, before anything reaches the cluster. */}}
{{- define "judged.check" -}}
{{- $several := or (gt (int .Values.replicas) 1) .Values.autoscaling.enabled }}
{{- if eq .Values.store.kind "sqlite" }}
{{- if $several }}
{{- fail "more than one replica needs PostgreSQL, because one process serves an SQLite file: set store.kind=postgres and store.postgres.url, or replicas=1 and autoscaling.enabled=false" }}
{{- end }}
{{- else if not .Values.store.postgres.url }}
{{- fail "store.kind=postgres needs store.postgres.url, such as postgres://judged@postgres.example.com/judged?sslmode=verify-full" }}
{{- end }}
{{- if regexMatch "^postgres(ql)?://[^/@]*:[^/@]*@" .Values.store.postgres.url }}
{{- fail "store.postgres.url has a password, which would be readable in the ConfigMap: put it into a Secret and name that in store.postgres.passwordSecret" }}
{{- end }}
{{- range $field := list "listen" "debug_listen" "store" "store_password" "replica" "tls" }}
{{- if hasKey $.Values.settings $field }}
{{- fail (printf "settings.%s is written by the chart: use the values store, tls, debug and service instead" $field) }}
{{- end }}
{{- end }}
{{- if not .Values.settings.auth }}
{{- fail "settings.auth is empty: judged does not listen beyond loopback without knowing who calls. Name an OIDC issuer or a tokens_file, or say settings.auth.anonymous=true if something in front of it asks" }}
{{- end }}
{{- if and .Values.tls.requireClientCert (not .Values.tls.clientCA) }}
{{- fail "tls.requireClientCert needs tls.clientCA, a Secret with the authorities in ca.crt" }}
{{- end }}
{{- if and .Values.tls.clientCA (not .Values.tls.secret) }}
{{- fail "tls.clientCA needs tls.secret, a Secret of type kubernetes.io/tls" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}
{{- fail "ingress.enabled needs ingress.host" }}
{{- end }}
{{- end }}

{{/* The settings file. */}}
{{- define "judged.settings" -}}
{{- $s := deepCopy .Values.settings }}
{{- $_ := set $s "listen" ":8390" }}
{{- if .Values.debug.enabled }}
{{- $_ := set $s "debug_listen" "127.0.0.1:8391" }}
{{- end }}
{{- if eq .Values.store.kind "sqlite" }}
{{- $_ := set $s "store" "/var/lib/judged/judged.db" }}
{{- else }}
{{- $_ := set $s "store" .Values.store.postgres.url }}
{{- with .Values.store.postgres.passwordSecret }}
{{- if .name }}
{{- $_ := set $s "store_password" (dict "file" (printf "/run/secrets/judged/store/%s" .key)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.tls.secret }}
{{- $tls := dict "cert_file" "/run/secrets/judged/tls/tls.crt" "key_file" "/run/secrets/judged/tls/tls.key" }}
{{- if .Values.tls.clientCA }}
{{- $_ := set $tls "client_ca_file" "/run/secrets/judged/client-ca/ca.crt" }}
{{- $_ := set $tls "require_client_cert" .Values.tls.requireClientCert }}
{{- end }}
{{- $_ := set $s "tls" $tls }}
{{- end }}
{{- toYaml $s }}
{{- end }}

{{- define "judged.probe" -}}
{{- if .root.Values.tls.requireClientCert }}
tcpSocket: {port: http}
{{- else }}
httpGet:
  path: {{ .path }}
  port: http
  scheme: {{ ternary "HTTPS" "HTTP" (ne .root.Values.tls.secret "") }}
{{- end }}
{{- end }}

{{/* The pod, the same for both kinds of store. */}}
{{- define "judged.pod" -}}
metadata:
  labels:
    {{- include "judged.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # judged reads its settings at the start: another file needs another pod.
    checksum/settings: {{ include "judged.settings" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "judged.serviceAccountName" . }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automountToken }}
  enableServiceLinks: false # JUDGED_PORT and the like would be taken for settings
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532 # distroless' nonroot
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: judged
      image: {{ include "judged.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - serve
        - --config=/etc/judged/judged.yaml
        - --log-format={{ .Values.log.format }}
        - --log-level={{ .Values.log.level }}
      env:
        - name: GOMEMLIMIT
          value: {{ .Values.goMemLimit | quote }}
      {{- with .Values.secretEnvironment }}
      envFrom:
        {{- range . }}
        - secretRef: {name: {{ . }}}
        {{- end }}
      {{- end }}
      ports:
        - {name: http, containerPort: 8390, protocol: TCP}
      startupProbe: # judged waits two minutes for PostgreSQL before it listens
        {{- include "judged.probe" (dict "root" . "path" "/healthz") | nindent 8 }}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 90
      livenessProbe:
        {{- include "judged.probe" (dict "root" . "path" "/healthz") | nindent 8 }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        {{- include "judged.probe" (dict "root" . "path" "/readyz") | nindent 8 }}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      lifecycle:
        # Load balancers learn that the pod goes before it stops listening.
        preStop: {sleep: {seconds: {{ .Values.preStopSleepSeconds }}}}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: settings, mountPath: /etc/judged, readOnly: true}
        {{- if eq .Values.store.kind "sqlite" }}
        - {name: state, mountPath: /var/lib/judged}
        {{- else if .Values.store.postgres.passwordSecret.name }}
        - {name: store, mountPath: /run/secrets/judged/store, readOnly: true}
        {{- end }}
        {{- if .Values.tls.secret }}
        - {name: tls, mountPath: /run/secrets/judged/tls, readOnly: true}
        {{- end }}
        {{- if .Values.tls.clientCA }}
        - {name: client-ca, mountPath: /run/secrets/judged/client-ca, readOnly: true}
        {{- end }}
        {{- range .Values.secretMounts }}
        - {name: secret-{{ .name }}, mountPath: /run/secrets/judged/{{ .name }}, readOnly: true}
        {{- end }}
  volumes:
    - name: settings
      configMap: {name: {{ include "judged.fullname" . }}}
    {{- if eq .Values.store.kind "postgres" }}
    {{- with .Values.store.postgres.passwordSecret }}
    {{- if .name }}
    - name: store
      secret:
        secretName: {{ .name }}
        items: [{key: {{ .key }}, path: {{ .key }}}]
    {{- end }}
    {{- end }}
    {{- else if .Values.store.sqlite.existingClaim }}
    - name: state
      persistentVolumeClaim: {claimName: {{ .Values.store.sqlite.existingClaim }}}
    {{- end }}
    {{- with .Values.tls.secret }}
    - name: tls
      secret: {secretName: {{ . }}}
    {{- end }}
    {{- with .Values.tls.clientCA }}
    - name: client-ca
      secret: {secretName: {{ . }}}
    {{- end }}
    {{- range .Values.secretMounts }}
    - name: secret-{{ .name }}
      secret: {secretName: {{ .secret }}}
    {{- end }}
  {{- if eq .Values.store.kind "postgres" }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "judged.selectorLabels" $ | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
