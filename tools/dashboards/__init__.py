"""What is made from one source and committed: Grafana dashboards, docs/metrics.md, docs/log.md, pictures of the page and of the dashboards, docs/alerts.md."""
