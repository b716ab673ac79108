"""Draws a dashboard from a Prometheus' data as Grafana lays it out. It is a preview for layout, labels and units, and no Grafana."""
