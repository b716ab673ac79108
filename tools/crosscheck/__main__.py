"""A second opinion on a measured table.

    python -m tools.crosscheck VERSION [--cells 400] [--seed 1] [--url http://localhost:8080] [--features | --variants]

Takes random cells (operation, role) of the table, calls each on a fresh realm as a service account with exactly that role, and compares
"refused or not" with the table. On a given server its realms (crosscheck-…) stay behind. `--cells 0` takes every cell. `--features` takes operations behind features instead, on a server that
has them on; `--variants` takes special cases instead. Exit code 1 where a cell differs.
"""

import argparse
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from devkit.realserver import LONG_RUN, RealServer
from tools.crosscheck.calls import REALM, body_of, path_of
from tools.crosscheck.server import Keycloak, Reply
from tools.crosscheck.things import Realm, Things, new_realm
from tools.measure.behind import Features

ROOT = Path(__file__).resolve().parents[2]
LISTED = ROOT / "tools" / "measure" / "operations"
TABLES = ROOT / "kcproxy" / "catalog" / "data"
NOBODY = ""
ENDS_THE_REALM = frozenset({f"DELETE {REALM}", f"POST {REALM}/logout-all"})
CONSOLE_ONLY = frozenset({"GET /admin/{realm}/console/whoami"})
"""Only tokens of the administration console are taken at all: not asked here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """An operation, one of its variants or none, and a role or nobody."""

    row: Mapping[str, Any]
    operation: Mapping[str, Any]
    role: str
    variant: Mapping[str, Any] = field(default_factory=dict)
    mapped: str = ""
    """The role of realm-management that the call maps, for variants about such a role."""

    @property
    def name(self) -> str:
        """Method and path."""
        return f"{self.row['method']} {self.row['path']}"

    @property
    def needs(self) -> Mapping[str, Any]:
        """The variant's needs, otherwise those of the plain call."""
        return self.variant or self.row

    @property
    def query(self) -> str:
        """The query parameters that make the variant."""
        wanted = self.variant.get("when", {})
        pairs = [(name, values[0]) for name, values in wanted.get("query", {}).items()]
        return urlencode([*pairs, *((name, "x") for name in wanted.get("queryPresent", ()))])


@dataclass(slots=True, kw_only=True)
class Check:
    """The comparison on one server."""

    realm: Realm
    contains: Mapping[str, list[str]]
    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    _tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    _shared: Things | None = None

    def run(self, cells: list[Cell]) -> None:
        """Ask about every cell; those that end a realm come last, each in a realm of its own."""
        for place, cell in enumerate(sorted(cells, key=self._ends)):
            if self._ends(cell):  # a realm that many calls filled takes minutes to go
                self.realm = new_realm(self.realm.server, organizations=self.realm.organizations)
                self._shared = None
            self._one(cell)
            if place % 50 == 49:
                print(f"{place + 1}/{len(cells)} {dict(self.counts)}", file=sys.stderr, flush=True)

    def _ends(self, cell: Cell) -> bool:
        return cell.name in ENDS_THE_REALM and self._admitted(cell)

    def _one(self, cell: Cell) -> None:
        try:
            reply = self._ask(cell, cell.role)
        except (KeyError, RuntimeError) as error:
            self._note("not asked", cell, f"{type(error).__name__}: {error}")
            return
        refusal = cell.needs.get("refusal", 403)
        refused = reply.status in {401, 403, refusal}
        expected = not self._admitted(cell)
        self.counts["refused" if refused else "let in"] += 1
        if refused is not expected:
            word = "refused" if refused else f"let in ({reply.status})"
            self._note("different", cell, f"{word}; the table admits {cell.needs['admits']}; {str(reply.body)[:150]}")

    def _admitted(self, cell: Cell) -> bool:
        held = {cell.role, *self.contains.get(cell.role, ())}
        return any(set(roles) <= held for roles in cell.needs["admits"])

    def _ask(self, cell: Cell, role: str) -> Reply:
        reading = cell.row["method"] == "GET"
        if reading and self._shared is None:
            self._shared = Things(realm=self.realm)
        things = self._shared if reading and self._shared else Things(realm=self.realm)
        if cell.mapped and not cell.row["path"].endswith("/composites"):
            things = Things(realm=self.realm, given={"client": self.realm.management})
        path = path_of(cell.row["method"], cell.row["path"], things)
        data: bytes | None
        if cell.mapped:
            mapped = {"id": self.realm.roles[cell.mapped], "name": cell.mapped, "clientRole": True, "containerId": self.realm.management}
            data, media_type = json.dumps([mapped]).encode(), "application/json"
        else:
            data, media_type = body_of(cell.operation, things) or (None, "")
        path += f"?{cell.query}" if cell.query else ""
        return self.realm.server.send(cell.row["method"], path, token=self._token(role), data=data, media_type=media_type)

    def _token(self, role: str) -> str:
        key = (self.realm.name, role)
        if key not in self._tokens:
            self._tokens[key] = self.realm.account(*([role] if role else []))
        return self._tokens[key]

    def _note(self, what: str, cell: Cell, words: str) -> None:
        self.counts[what] += 1
        self.differences.append(
            f"{what}: {cell.name} {cell.row.get('body', '')}{cell.variant.get('says', '')} {cell.mapped} as {cell.role or 'nobody'}: {words}"
        )
        print(self.differences[-1], file=sys.stderr, flush=True)


def contains_of(version: str) -> Mapping[str, list[str]]:
    """Each role of the version and what it contains."""
    return dict(json.loads((TABLES / f"{version}.json").read_text())["roles"])


def variant_cells_of(version: str) -> list[Cell]:
    """Every cell of the variants that a query makes, or the mapping of a role of realm-management."""
    plain = [cell for cell in cells_of(version, behind_features=False) if cell.row.get("variants")]
    return [
        replace(cell, variant=variant, mapped=mapped)
        for cell in plain
        for variant in cell.row["variants"]
        for mapped in _mapped(cell.row, variant["when"])
    ]


def _mapped(row: Mapping[str, Any], when: Mapping[str, Any]) -> list[str]:
    """The roles that calls of the variant map, one each; one empty name if it maps none; nothing if it is not asked here."""
    if set(when) <= {"query", "queryPresent"}:
        return [""]
    names = when.get("bodyHasAny", {}).get("name", [])
    return names if row["method"] == "POST" and row["path"].endswith(("/composites", "/{client-id}", "/{client}")) else []


def cells_of(version: str, *, behind_features: bool) -> list[Cell]:
    """Every cell of the plain calls that the table knows."""
    table = json.loads((TABLES / f"{version}.json").read_text())
    listed = json.loads((LISTED / f"{version}.json").read_text())["operations"]
    by_name = {(item["method"], item["path"], item["handler"]): item for item in listed}
    cells = []
    for row in table["operations"]:
        if "undetermined" in row or bool(row.get("features")) is not behind_features or f"{row['method']} {row['path']}" in CONSOLE_ONLY:
            continue
        operation = by_name[row["method"], row["path"], row["handler"]]
        cells += [Cell(row=row, operation=operation, role=role) for role in (NOBODY, *table["roles"])]
    return cells


@contextmanager
def _server(given: argparse.Namespace) -> Iterator[str]:
    if given.url:
        yield given.url
        return
    with RealServer(
        given.version, features=Features(given.version).to_switch_on() if given.features else (), jvm_options=LONG_RUN
    ) as server:
        yield server.base_url


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.crosscheck", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version")
    parser.add_argument("--cells", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only operations whose method and path this expression finds")
    parser.add_argument("--url", help="a running server (admin/admin) instead of a new one")
    parser.add_argument("--features", action="store_true", help="operations behind features, on a server that has them on")
    parser.add_argument(
        "--variants", action="store_true", help="special cases: by query, and by the role of realm-management that is mapped"
    )
    given = parser.parse_args()
    asked = variant_cells_of(given.version) if given.variants else cells_of(given.version, behind_features=given.features)
    cells = [cell for cell in asked if re.search(given.only, cell.name)]
    if given.cells:
        cells = random.Random(given.seed).sample(cells, min(given.cells, len(cells)))
    with _server(given) as base_url:
        server = Keycloak(base_url=base_url)
        try:
            organizations = int(given.version.split(".")[0]) >= 26
            check = Check(realm=new_realm(server, organizations=organizations), contains=contains_of(given.version))
            check.run(cells)
        finally:
            server.close()
    print("\n".join(sorted(check.differences)))
    print(f"{given.version}: {len(cells)} cells asked with {server.calls} calls: {dict(sorted(check.counts.items()))}")
    return 1 if check.counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
