{{- define "crossfoot.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "crossfoot.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "crossfoot.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "crossfoot.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "crossfoot.selector" -}}
app.kubernetes.io/name: {{ include "crossfoot.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "crossfoot.labels" -}}
{{ include "crossfoot.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: crossfoot
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "crossfoot.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "crossfoot.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "crossfoot.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* The settings, with the keys that name mounted files, as YAML. */}}
{{- define "crossfoot.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- range $section, $keys := .Values.secretFiles -}}
{{- range $key, $of := $keys -}}
{{- if $of.existingSecret -}}
{{- $path := printf "/etc/crossfoot-secrets/%s.%s" $section $key -}}
{{- $_ := set $settings $section (set (get $settings $section | default dict) $key $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* crossfoot.toml. Numbers of the settings are whole; Helm reads them as floating point, which TOML tells apart. */}}
{{- define "crossfoot.toml" -}}
{{- range $section, $keys := include "crossfoot.settings" . | fromYaml }}
{{- if $keys }}
[{{ $section }}]
{{- range $key, $value := $keys }}
{{- if kindIs "float64" $value }}
{{ $key }} = {{ int64 $value }}
{{- else }}
{{ $key }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{ end }}
{{- end }}
{{- end -}}

{{/* Whether any file is mounted out of a Secret. */}}
{{- define "crossfoot.hasSecrets" -}}
{{- range $keys := .Values.secretFiles -}}
{{- range $of := $keys -}}
{{- if $of.existingSecret -}}yes{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The port of a server's URL: (list URL DEFAULT). */}}
{{- define "crossfoot.port" -}}
{{- $of := regexReplaceAll "^[a-z]+://([^@/]*@)?(\\[[^\\]]*\\]|[^/:?]+)(:([0-9]+))?.*$" (index . 0) "${4}" -}}
{{- $of | default (index . 1) -}}
{{- end -}}

{{- define "crossfoot.brokerPort" -}}
{{- $url := .Values.settings.broker.url -}}
{{- include "crossfoot.port" (list $url (ternary "5671" "5672" (hasPrefix "amqps:" $url))) -}}
{{- end -}}

{{- define "crossfoot.storePort" -}}
{{- include "crossfoot.port" (list .Values.settings.store.url "5432") -}}
{{- end -}}
