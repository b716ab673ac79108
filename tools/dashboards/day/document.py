"""docs/dashboards.md: the pictures of the dashboards, and each number beside the count by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.dashboards import generate
from tools.dashboards.day.compare import counted, plain
from tools.dashboards.day.script import Day
from tools.dashboards.day.seen import Number

ROOT = Path(__file__).parents[3]
DOCUMENT, IMAGES = ROOT / "docs" / "dashboards.md", ROOT / "docs" / "images"
HAPPENED = {
    "burst": "five requests at once with a token that no realm has issued",
    "granted": "reporting is granted view-users, which it lacked",
    "revoked": "billing loses view-users in the realm shop",
    "restored": "billing is granted view-users again",
    "rotated": "billing gets a new secret in the realm crm; the proxies have the old one",
    "unfinished": "three requests whose bodies take four seconds",
    "surge": "forty refused requests a second for four seconds, and Keycloak takes 40 ms longer",
    "settings corrected": "one proxy has refused a mistake in its settings, and it is corrected",
    "outage": "Keycloak refuses connections for five seconds",
    "delivered": "the proxies get the new secret",
    "restart": "the proxies are restarted one after the other",
    "restarted": "all proxies are back",
}
_HEAD = """# The dashboards

Four dashboards are in [grafana/dashboards](../grafana/dashboards) ([monitoring.md](monitoring.md#grafana)). No Grafana server was available, so these pictures are **not
Grafana's**: `tools.dashboards.preview` asks a real Prometheus the queries of each panel, and draws grid, stats, tables, series and state timelines as Grafana lays
them out. Fonts, spacing and colors differ; titles, units, numbers, sizes and order of the panels are those of the files. Check them in your Grafana.

The data are those of a scripted day that takes two minutes: three proxies before the simulator, scraped every second. Anyone can play it:

```sh
python -m tools.dashboards.day            # plays, compares, draws; writes this page
python -m tools.dashboards.day --check    # plays and compares only
python -m tools.dashboards.preview http://127.0.0.1:9090 --minutes 60 --into pictures   # draws from your Prometheus
```

The program counts each call that it makes and each response, and Keycloak's side counts each request that it receives. All {count} numbers below are compared with
that count: {exact} are exact, the others within the bounds that are given. Of lines, the area is compared: `rate` extrapolates, except below zero, so it may be 10 %
off. A time may be seen a scrape later. What only the proxy sees (such as attempts to connect in the outage) has an upper bound.

| Second | What happens |
|---|---|
"""
_KNOWN = """
Known differences, which the bounds contain:

- **Events shortly before a process ends** are never scraped. On this day the load balancer takes an instance out three seconds before its restart, so there are none.
- **After a grant**, the token of an account is older than the grant until it is renewed (here 15 seconds). Keycloak already allows everything, but *Reduced
  responses* and *Needed* count by the token.
- **Operations by caller** counts a refusal or an error if the same token had a success before; a service that is always refused is in *Kinds of denial* only.
- **A fetch with a refused secret** is two requests of the token endpoint, because the file of the secret may just have been replaced.
- **Some panels cannot be counted by hand** and are checked for their range only: latencies, CPU, connections, runs of the collector.
"""


def document(numbers: Mapping[str, Sequence[Number]], pictures: Sequence[Path], day: Day) -> str:
    """The page."""
    every = [number for found in numbers.values() for number in found]
    text = _HEAD.replace("{count}", str(len(every))).replace("{exact}", str(sum(number.least == number.most for number in every)))
    moments = sorted((at, moment) for moment, at in day.ledger.moments.items() if moment in HAPPENED)
    text += "".join(f"| {at - day.began:.0f} | {HAPPENED[moment]} |\n" for at, moment in moments) + _KNOWN
    for file, board in generate.dashboards().items():
        name = file.removesuffix(".json")
        text += f"\n## {board['title'].removeprefix('kcproxy / ')}\n\n{board['description']}\n"
        for picture in pictures:
            if picture.stem.rpartition("-")[0] == f"dashboard-{name}":
                text += f"\n![{board['title']}: a preview, not Grafana](images/{picture.name})\n"
        text += f"\n### Numbers: {board['title'].removeprefix('kcproxy / ').lower()}\n\n{_table(numbers[name], day)}"
    return text


def _table(numbers: Sequence[Number], day: Day) -> str:
    names = {instance.name: f"proxy-{place}" for place, instance in enumerate(day.instances, start=1)}
    rows = "| Panel | Number | Counted | Shown |\n|---|---|---|---|\n"
    for number in numbers:
        what = number.what
        for address, name in names.items():
            what = what.replace(address, name)
        rows += f"| {number.panel} | {what.replace('{', '&#123;')} | {counted(number)} | {plain(number.shown)} |\n"
    return rows
