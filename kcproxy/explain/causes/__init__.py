"""Every cause in one place: a ``CauseSpec`` with its word, rules, sentence, check, remedy and meaning.

To add a cause:

1. Add its word to ``model.causes.Cause``.
2. Write its rule and its spec in the file that fits, and add the spec to the ``SPECS`` of that file.
3. Put the rule into the order in which ``decide`` tries rules.
4. Add a case to ``devkit.explain``; its page in ``docs/causes`` shows it. Run ``make docs``.

``tests/explain/test_causes.py`` fails if one of these is missing.
"""

from collections.abc import Mapping
from types import MappingProxyType

from kcproxy.explain.causes import (
    addresses,
    client_registration,
    defects,
    guards,
    issuers,
    neighbours,
    not_keycloak,
    open_refusals,
    paths,
    permissions,
    realms,
    reduced_responses,
    revoked_tokens,
    roles,
    scopes,
    token_endpoint,
    tokens,
)
from kcproxy.explain.causes.spec import CauseSpec
from kcproxy.model import Cause

_FILES = (
    roles,
    scopes,
    realms,
    guards,
    defects,
    permissions,
    open_refusals,
    not_keycloak,
    client_registration,
    neighbours,
    tokens,
    issuers,
    revoked_tokens,
    token_endpoint,
    addresses,
    paths,
    reduced_responses,
)
ALL: tuple[CauseSpec, ...] = tuple(spec for file in _FILES for spec in file.SPECS)
SPECS: Mapping[Cause, CauseSpec] = MappingProxyType({spec.cause: spec for spec in ALL})
"""The specs by their word."""
