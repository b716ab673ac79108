"""What the Admin console of each version calls its links, tabs and buttons, as the server's own files have it.

The data is generated (``python -m tools.console_labels``) from the message file and the program of the console in each distribution.
"""

import json
from functools import lru_cache
from importlib.resources import files

from msgspec import Struct

from kcproxy.catalog.versions import nearest


class Labels(Struct, frozen=True, kw_only=True):
    """Texts by their keys in ``messages_en.properties``, the addresses of tabs, and how the dialog *Assign role* begins."""

    texts: dict[str, str]
    service_account_tab: str
    assign_opens_menu: bool
    """Whether *Assign role* asks first whether client or realm roles are meant (since 26.3); before, its list begins with realm roles."""

    def __getitem__(self, key: str) -> str:
        """A text by its key."""
        return self.texts[key]


def labels(version: tuple[int, ...]) -> Labels:
    """Those of a version, or of the nearest that has some."""
    known = _all()
    return known[nearest(".".join(map(str, version)), tuple(known))]


@lru_cache(maxsize=1)
def _all() -> dict[str, Labels]:
    document = json.loads(files("kcproxy.explain.fixes").joinpath("data", "console.json").read_text(encoding="utf-8"))
    return {
        version: Labels(
            texts={**document["texts"], **found.get("texts", {})},
            service_account_tab=found["serviceAccountTab"],
            assign_opens_menu=found["assignOpensMenu"],
        )
        for version, found in document["versions"].items()
    }
