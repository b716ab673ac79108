"""Write the dashboards, docs/metrics.md and docs/log.md.

python -m tools.dashboards
"""

from pathlib import Path

from tools.dashboards.generate import documents

ROOT = Path(__file__).resolve().parents[2]

for path, text in documents().items():
    file = ROOT / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    print(path)
