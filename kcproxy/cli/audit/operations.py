"""The result of ``kcproxy audit --as-operations``: the setting ``operations`` for the accounts and keys of the callers."""

import json
from collections.abc import Iterator, Sequence

from kcproxy.catalog import Catalog
from kcproxy.cli.audit.text import caller_text
from kcproxy.usage.audit import Audit
from kcproxy.usage.model import UseCaller
from kcproxy.usage.needs import entries_by_key
from kcproxy.usage.window import Window


def operations_of(catalog: Catalog, audits: Sequence[Audit]) -> dict[UseCaller, tuple[str, ...]]:
    """The operations with a successful call, by caller: method and path template, as the settings take them."""
    found: dict[UseCaller, set[str]] = {}
    for audit in audits:
        names = found.setdefault(audit.caller, set())
        for need in audit.needs:
            entry = entries_by_key(catalog).get(need.use.operation)
            if entry is not None:
                names.add(f"{entry.operation.method} {entry.operation.path}")
    return {caller: tuple(sorted(names, key=_by_path)) for caller, names in found.items() if names}


def _by_path(name: str) -> tuple[str, str]:
    method, _, path = name.partition(" ")
    return path, method


def operations_lines(catalog: Catalog, window: Window, audits: Sequence[Audit]) -> Iterator[str]:
    """TOML, to be pasted into an entry of ``[[accounts]]`` or into a key of the keys file."""
    for caller, names in operations_of(catalog, audits).items():
        yield f"# {json.dumps(caller_text(caller))[1:-1]}: what it called successfully in {window.says}"
        yield "operations = ["
        yield from (f"  {json.dumps(name)}," for name in names)
        yield "]"
        yield ""
