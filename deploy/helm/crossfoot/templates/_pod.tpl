{{/*
A Deployment: (dict "root" $ "role" NAME "of" VALUES "args" LIST "replicas" N-or-nil "grace" SECONDS "sources" BOOL
"ports" LIST "probes" TEXT).
*/}}
{{- define "crossfoot.deployment" -}}
{{- $root := .root -}}
{{- $of := .of -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "crossfoot.fullname" $root }}-{{ .role }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "crossfoot.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
spec:
  {{- if not (kindIs "invalid" .replicas) }}
  replicas: {{ .replicas }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "crossfoot.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .role }}
  template:
    metadata:
      labels:
        {{- include "crossfoot.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .role }}
      annotations:
        # Processes read their settings when they start.
        checksum/settings: {{ include "crossfoot.toml" $root | sha256sum }}
        {{- with $of.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "crossfoot.serviceAccount" $root }}
      automountServiceAccountToken: false
      # Variables of services in the namespace have no place among those that settings come from.
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ .grace }}
      securityContext:
        {{- toYaml $root.Values.podSecurityContext | nindent 8 }}
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if $of.preflight }}
      initContainers:
        - name: doctor
          {{- include "crossfoot.container" (dict "root" $root "sources" .sources) | nindent 10 }}
          args: [doctor]
          resources:
            {{- toYaml $of.resources | nindent 12 }}
      {{- end }}
      containers:
        - name: {{ .role }}
          {{- include "crossfoot.container" (dict "root" $root "sources" .sources) | nindent 10 }}
          args:
            {{- if eq $root.Values.log.format "json" }}
            - --json
            {{- end }}
            {{- range concat .args ($of.extraArgs | default list) }}
            - {{ . | quote }}
            {{- end }}
          resources:
            {{- toYaml $of.resources | nindent 12 }}
          {{- with .ports }}
          ports:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with .probes }}
          {{- . | nindent 10 }}
          {{- end }}
      volumes:
        {{- include "crossfoot.volumes" (dict "root" $root "sources" .sources) | nindent 8 }}
      {{- with $of.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $of.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $of.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $of.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}

{{/* What every container has. Commands of `kubectl exec` start in the same folder, and find the same settings. */}}
{{- define "crossfoot.container" -}}
{{- $root := .root -}}
image: {{ include "crossfoot.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
workingDir: /etc/crossfoot
securityContext:
  {{- toYaml $root.Values.securityContext | nindent 2 }}
env:
  - name: CROSSFOOT_LOG
    value: {{ $root.Values.log.level | quote }}
  {{- with $root.Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - name: settings
    mountPath: /etc/crossfoot
    readOnly: true
  {{- if include "crossfoot.hasSecrets" $root }}
  - name: secrets
    mountPath: /etc/crossfoot-secrets
    readOnly: true
  {{- end }}
  - name: tmp
    mountPath: /tmp
  {{- if and .sources $root.Values.sources.existingClaim }}
  - name: sources
    mountPath: {{ $root.Values.sources.mountPath }}
    readOnly: true
  {{- end }}
  {{- with $root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "crossfoot.volumes" -}}
{{- $root := .root -}}
- name: settings
  configMap:
    name: {{ include "crossfoot.fullname" $root }}
{{- if include "crossfoot.hasSecrets" $root }}
- name: secrets
  projected:
    # Read by the group of the pod (fsGroup).
    defaultMode: 0440
    sources:
      {{- range $section, $keys := $root.Values.secretFiles }}
      {{- range $key, $of := $keys }}
      {{- if $of.existingSecret }}
      - secret:
          name: {{ $of.existingSecret }}
          items:
            - key: {{ $of.key }}
              path: {{ $section }}.{{ $key }}
      {{- end }}
      {{- end }}
      {{- end }}
{{- end }}
- name: tmp
  {{- if $root.Values.tmp.sizeLimit }}
  emptyDir:
    sizeLimit: {{ $root.Values.tmp.sizeLimit }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- if and .sources $root.Values.sources.existingClaim }}
- name: sources
  persistentVolumeClaim:
    claimName: {{ $root.Values.sources.existingClaim }}
    readOnly: true
{{- end }}
{{- with $root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A disruption budget: (dict "root" $ "role" NAME "of" VALUES). */}}
{{- define "crossfoot.pdb" -}}
{{- if .of.pdb.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "crossfoot.fullname" .root }}-{{ .role }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "crossfoot.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
spec:
  maxUnavailable: {{ .of.pdb.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "crossfoot.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .role }}
{{- end }}
{{- end -}}

{{/* The arguments of processes that serve metrics. */}}
{{- define "crossfoot.metricsArgs" -}}
{{- $of := .Values.metrics.fleet -}}
{{- if not .Values.secretFiles.metrics.token_file.existingSecret -}}
{{- fail "metrics.fleet needs secretFiles.metrics.token_file.existingSecret: the Secret with the scraper's token" -}}
{{- end -}}
- --metrics
- {{ printf "%s:%d" $of.listen ($of.port | int) | quote }}
{{- end -}}

{{- define "crossfoot.metricsPorts" -}}
- name: metrics
  containerPort: {{ .Values.metrics.fleet.port }}
{{- end -}}

{{/*
Alive while the main loop turns; ready while broker and store are there, which must not restart it: (dict "root" $ "ready"
BOOL).
*/}}
{{- define "crossfoot.fleetProbes" -}}
{{- if .root.Values.metrics.fleet.enabled -}}
startupProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 20
  timeoutSeconds: 10
{{- if .ready }}
readinessProbe:
  httpGet: { path: /readyz, port: metrics }
  periodSeconds: 10
  timeoutSeconds: 6
{{- end }}
{{- end -}}
{{- end -}}
