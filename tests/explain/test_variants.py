"""What the request shows decides which line of the table an explanation uses: its query, its body, and names in its path."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from devkit.explain.stage import BARE_403, BASE, NOW, caller_of
from kcproxy import catalog as catalogs
from kcproxy.catalog import Catalog, Entry, Variant
from kcproxy.explain.api import explain
from kcproxy.explain.inputs import Inputs
from kcproxy.model import Answer, Explanation, RequestFacts

CONTENT_TYPES = {
    "json": "application/json",
    "multipart": "multipart/form-data",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain",
}


def visible(catalog: Catalog) -> Iterator[tuple[Entry, Variant]]:
    for entry in catalog.operations:
        yield from ((entry, variant) for variant in entry.variants if variant.visible)


def path_of(template: str, equal: Mapping[str, str]) -> str:
    """The template with a name for each parameter; those of ``equal`` get the name of the other one."""
    names = {part[1:-1]: part[1:-1] for part in template.split("/") if part.startswith("{")}
    names["realm"] = "demo"
    names |= {name: names[other] for name, other in equal.items()}
    return "/".join(names[part[1:-1]] if part.startswith("{") else part for part in template.split("/"))


def body_of(when: Mapping[str, Any]) -> Any:
    if "bodyHasAny" in when:
        return [{name: values[0] for name, values in when["bodyHasAny"].items()}]
    return dict.fromkeys(when["bodyPresent"], "x") if "bodyPresent" in when else None


def refused(catalog: Catalog, entry: Entry, variant: Variant) -> Explanation:
    when = variant.when
    query = {name: tuple(values) for name, values in when.get("query", {}).items()} | dict.fromkeys(when.get("queryPresent", ()), ("x",))
    target = catalog.target(
        entry.operation.method,
        path_of(entry.operation.path, when.get("parameterIs", {})),
        content_type=CONTENT_TYPES.get(entry.operation.body or ""),
    )
    explanation = explain(
        "denial-1",
        Inputs(
            request=RequestFacts(target=target, query=query, body=body_of(when), public_url=BASE),
            caller=caller_of(),
            answer=Answer(status=403, json=BARE_403),
            catalog=catalog,
            now_epoch_seconds=NOW,
        ),
    )
    assert explanation is not None
    return explanation


@pytest.mark.parametrize("version", catalogs.versions())
def test_an_explanation_uses_the_line_that_the_request_shows(version: str) -> None:
    catalog = catalogs.load(version)
    wrong = []
    for entry, variant in visible(catalog):
        used = refused(catalog, entry, variant).requirement
        if used is None or used.variant != variant.id:
            wrong.append(f"{entry.operation.key} {variant.says}: {used and used.variant}")

    assert wrong == []
