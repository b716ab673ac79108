{{/* kcproxy.toml from the value `settings`. JSON's strings, numbers, booleans and lists of them are valid TOML. */}}

{{- define "kcproxy.settings" -}}
{{- $settings := deepCopy .Values.settings }}
{{- $_ := set $settings "metrics_listen" "0.0.0.0:9181" }}
{{- if eq .Values.mode "gateway" }}
{{- $_ := set $settings "listen" "0.0.0.0:8180" }}
{{- $_ := set $settings "drain_seconds" (include "kcproxy.drainSeconds" . | float64) }}
{{- else }}
{{- $_ := set $settings "listen" "127.0.0.1:8180" }}
{{- end }}
{{- range $name, $value := $settings }}
{{- if not (or (kindIs "map" $value) (include "kcproxy.isListOfTables" $value)) }}
{{ $name }} = {{ include "kcproxy.value" $value }}
{{- end }}
{{- end }}
{{- range $name, $value := $settings }}
{{- if kindIs "map" $value }}
{{ printf "\n[%s]" $name }}
{{- include "kcproxy.table" $value }}
{{- else if include "kcproxy.isListOfTables" $value }}
{{- range $value }}
{{ printf "\n[[%s]]" $name }}
{{- include "kcproxy.table" . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "kcproxy.table" -}}
{{- range $name, $value := . }}
{{ $name }} = {{ include "kcproxy.value" $value }}
{{- end }}
{{- end }}

{{/* YAML would read a next-line character (U+0085) as the end of the line. */}}
{{- define "kcproxy.value" -}}
{{ toJson . | replace "\u0085" "\\u0085" }}
{{- end }}

{{- define "kcproxy.isListOfTables" -}}
{{- if and (kindIs "slice" .) . }}{{ if kindIs "map" (first .) }}yes{{ end }}{{ end }}
{{- end }}

{{- define "kcproxy.drainSeconds" -}}
{{- if hasKey .Values.settings "drain_seconds" }}{{ .Values.settings.drain_seconds }}{{ else }}20{{ end }}
{{- end }}

{{/* What the schema cannot express: rules about several values. */}}
{{- define "kcproxy.check" -}}
{{- $settings := include "kcproxy.settings" . }}
{{- if and (contains "\"/var/run/secrets/kcproxy/" $settings) (not .Values.secretName) }}
{{- fail "settings name a file in /var/run/secrets/kcproxy, but secretName is empty: create a Secret with that file as a key, and set secretName to its name" }}
{{- end }}
{{- if and (contains "\"/var/run/secrets/kcproxy-token/" $settings) (not .Values.projectedToken.audience) }}
{{- fail "settings name a file in /var/run/secrets/kcproxy-token, but projectedToken.audience is empty: set it to the issuer of the realm" }}
{{- end }}
{{- if eq .Values.mode "gateway" }}
{{- if and .Values.projectedToken.audience (not .Values.serviceAccountName) }}
{{- fail "projectedToken.audience is set, but serviceAccountName is empty: the token would be that of the service account \"default\", which every pod of the namespace may use" }}
{{- end }}
{{- $least := ternary .Values.autoscaling.minReplicas .Values.replicas .Values.autoscaling.enabled }}
{{- if and .Values.podDisruptionBudget.enabled (ge (int .Values.podDisruptionBudget.minAvailable) (int $least)) }}
{{- fail (printf "podDisruptionBudget.minAvailable is %d of %d pods: no pod could ever be evicted, so draining a node would not end; set it lower, or raise the number of pods" (int .Values.podDisruptionBudget.minAvailable) (int $least)) }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail (printf "autoscaling.minReplicas (%d) is larger than autoscaling.maxReplicas (%d)" (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- end }}
{{- end }}
{{- end }}
