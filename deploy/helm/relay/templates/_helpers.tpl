{{- define "relay.name" -}}
{{- if contains "relay" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-relay{{ end }}
{{- end }}

{{- define "relay.selector" -}}
app.kubernetes.io/name: relay
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "relay.labels" -}}
{{ include "relay.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "relay.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "relay.configMap" -}}
{{- if .Values.existingConfigMap }}{{ .Values.existingConfigMap }}
{{- else if .Values.config }}{{ include "relay.name" . }}
{{- else }}{{ fail "config: there is none. Give the file: --set-file config=relay.yaml; or name a ConfigMap with the key relay.yaml: existingConfigMap" }}
{{- end }}
{{- end }}

{{- /* What the chart makes a Secret of; none if it is empty. */ -}}
{{- define "relay.secretData" -}}
{{- $data := dict }}
{{- range $name, $value := .Values.secrets }}{{ $_ := set $data $name (toString $value) }}{{ end }}
{{- with .Values.redis.url }}{{ $_ := set $data "RELAY_REDIS_URL" . }}{{ end }}
{{- if $data }}{{ toYaml $data }}{{ end }}
{{- end }}

{{- /*
The Secret in which this key is, for what has to be there: a Pod whose key is missing does not start. Without a URL each
relay would run a Redis of its own, on a disk that goes with the Pod.
*/ -}}
{{- define "relay.secretOf" -}}
{{- $made := include "relay.secretData" .top | fromYaml }}
{{- if hasKey $made .key }}{{ include "relay.name" .top }}
{{- else if .top.Values.existingSecret }}{{ .top.Values.existingSecret }}
{{- else }}{{ fail (printf "%s: nothing says it. Name a Secret that has it: existingSecret; or put it into secrets" .key) }}
{{- end }}
{{- end }}
