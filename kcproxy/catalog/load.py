"""Data files to catalog: one JSON file a version below ``data/``, in the format of ``docs/catalog-format.md``."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from msgspec.structs import replace

from kcproxy.catalog.catalog import Catalog
from kcproxy.catalog.entry import CONDITION_KEYS, Entry, Variant
from kcproxy.catalog.power import NO_POWERS, Powers, powers_of
from kcproxy.catalog.roles import RoleAlgebra
from kcproxy.catalog.versions import nearest, newest, ordered
from kcproxy.errors import CatalogError
from kcproxy.model import NOTHING, Basis, Operation, Requirement, RoleSet

SCHEMA = 1
_NO_VERSIONS = frozenset({"discovery", "powers"})
_HEAD_CHARACTERS = 400
"""The basis stands among the first members of a table."""


def _data() -> Traversable:
    return resources.files("kcproxy.catalog") / "data"


@cache
def versions() -> tuple[str, ...]:
    """The versions that have a table, oldest first."""
    names = (item.name.removesuffix(".json") for item in _data().iterdir() if item.name.endswith(".json"))
    return ordered(name for name in names if name not in _NO_VERSIONS)


def default_version() -> str:
    """The newest measured version, for servers whose version is not known."""
    return next((version for version in reversed(versions()) if _is_measured(version)), newest(versions()))


def _is_measured(version: str) -> bool:
    with (_data() / f"{version}.json").open(encoding="utf-8") as file:
        return '"basis": "measured"' in file.read(_HEAD_CHARACTERS)


@cache
def load(version: str) -> Catalog:
    """The catalog of one version. Raises CatalogError if there is no such table or it does not follow its schema."""
    if version not in versions():
        raise CatalogError(f"no role table for Keycloak {version}: there are {', '.join(versions())}")
    text = (_data() / f"{version}.json").read_text(encoding="utf-8")
    return parse(json.loads(text), powers=_powers(version))


def _powers(version: str) -> Powers:
    """The version's own powers, otherwise those of the nearest version that has some. The document has all versions (0.7 MB), so it is not kept."""
    document = json.loads((_data() / "powers.json").read_text(encoding="utf-8"))
    return powers_of(document, nearest(version, tuple(document["versions"])))


def parse(document: Mapping[str, Any], powers: Powers = NO_POWERS) -> Catalog:
    """Turn the parsed JSON of a data file into a catalog, and compute every ``least``. Raises CatalogError with the name of an invalid operation."""
    if document.get("schema") != SCHEMA:
        raise CatalogError(f"role table with schema {document.get('schema')!r}: this program reads {SCHEMA}")
    version = document["keycloak"]
    algebra = RoleAlgebra(document["roles"], powers)
    rows = document["operations"]
    algebra.learn(_sets(row.get("admits", row.get("anyOf", []))) for row in rows)
    reader = _Reader(version, Basis(document["basis"]), algebra)
    return Catalog(
        version=version,
        basis=Basis(document["basis"]),
        provenance=document.get("provenance", NOTHING),
        entries=tuple(reader.entry(row) for row in rows),
        algebra=algebra,
        powers=powers,
    )


def _sets(value: list[list[str]]) -> tuple[RoleSet, ...]:
    return tuple(tuple(roles) for roles in value)


class _Reader:
    """Turns the rows of one file into entries."""

    def __init__(self, version: str, basis: Basis, algebra: RoleAlgebra) -> None:
        self._version, self._basis, self._algebra = version, basis, algebra

    def entry(self, row: Mapping[str, Any]) -> Entry:
        try:
            return self._entry(row)
        except (KeyError, TypeError, ValueError) as error:
            raise CatalogError(f"Keycloak {self._version}, {row.get('method')} {row.get('path')}: {error!r}") from error

    def _entry(self, row: Mapping[str, Any]) -> Entry:
        requirement = self._requirement(row)
        return Entry(
            operation=Operation(
                method=row["method"],
                path=row["path"],
                body=row.get("body"),
                handler=row.get("handler", ""),
                features=tuple(row.get("features", ())),
            ),
            requirement=requirement,
            master=self._master(row, requirement),
            variants=tuple(self._variant(item) for item in row.get("variants", ())),
        )

    def _requirement(self, row: Mapping[str, Any]) -> Requirement:
        return Requirement(
            **self._needs(row),
            basis=Basis.UNKNOWN if "undetermined" in row else Basis(row.get("basis", self._basis)),
            keycloak=self._version,
            refusal_status=row.get("refusal", 403),
            master_realm_roles=_sets(row.get("masterRealmRoles", [])),
            undetermined=row.get("undetermined"),
            notes=_notes(row.get("notes", ())),
        )

    def _master(self, row: Mapping[str, Any], plain: Requirement) -> Requirement | None:
        own = row.get("master")
        return None if own is None else replace(plain, **self._needs({"reduced": plain.reduced, **own}))

    def _needs(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The sets, sorted by power, and the values that are derived from them."""
        any_of = self._algebra.ranked(_sets(row.get("anyOf", [])))
        useful = self._algebra.ranked(_sets(row["useful"])) if "useful" in row else any_of
        least = useful[0] if useful else None
        is_full = least is None or any(self._algebra.closure(least).issuperset(roles) for roles in any_of)
        return {
            "any_of": any_of,
            "admits": self._algebra.ranked(_sets(row["admits"])) if "admits" in row else any_of,
            "useful": useful,
            "least": least,
            "full": None if is_full or not any_of else any_of[0],
            "reduced": row.get("reduced", NOTHING),
            "lacks": {roles: tuple(names) for roles, names in row.get("lacks", NOTHING).items()},
        }

    def _variant(self, row: Mapping[str, Any]) -> Variant:
        unknown = set(row["when"]) - CONDITION_KEYS
        if unknown:
            raise ValueError(f"unknown condition {sorted(unknown)}")
        requirement = replace(self._requirement(row), variant=row["id"], variant_says=row["says"])
        return Variant(id=row["id"], says=row["says"], when=row["when"], requirement=requirement, master=self._master(row, requirement))


def _notes(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
