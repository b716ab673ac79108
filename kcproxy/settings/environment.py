"""The environment: ``KCPROXY_…`` variables to raw values."""

import re
from collections.abc import Mapping

from kcproxy.settings.given import Findings, Flat, Given, Layer
from kcproxy.settings.schema import BY_KEY, FIELDS, PREFIX, variable_of
from kcproxy.settings.suggest import closest

CONFIG_VARIABLE = "KCPROXY_CONFIG"
SINGLE = "account."
"""Key prefix of the single-account shorthand ``KCPROXY_ACCOUNT__…`` until it is known which account it is."""

# A Kubernetes Service named kcproxy… makes the kubelet set these in every pod of the namespace (service links).
_SERVICE_LINK = re.compile(r"KCPROXY(_[A-Z0-9_]+?)??_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?|PORT)")
_INDEXED = re.compile(r"KCPROXY_ACCOUNTS__(\d{1,3})__(\w+)")


def read_environment(environ: Mapping[str, str], findings: Findings) -> Flat:
    """Every known setting among the variables. An empty variable counts as not set; an unknown one is a problem."""
    known = {variable_of(field.key): field.key for field in FIELDS} | {f.shorthand: f.key for f in FIELDS if f.shorthand}
    result: Flat = {}
    for name, raw in sorted(environ.items()):
        if not name.startswith(PREFIX) or not raw.strip() or name == CONFIG_VARIABLE or _SERVICE_LINK.fullmatch(name):
            continue
        key = _indexed(name) or known.get(name)
        if key is None:
            _unknown(name, known, findings)
            continue
        if key.startswith("accounts."):
            key = SINGLE + key.removeprefix("accounts.")
        result.setdefault(key, Given(raw=raw, place=name, layer=Layer.ENVIRONMENT))
    return result


def _indexed(name: str) -> str | None:
    match = _INDEXED.fullmatch(name)
    if not match or f"accounts.{match[2].lower()}" not in BY_KEY:
        return None
    return f"accounts[{int(match[1])}].{match[2].lower()}"


def _unknown(name: str, known: Mapping[str, str], findings: Findings) -> None:
    # Without what all have in common, which would make every name look alike.
    near = closest(name.removeprefix(PREFIX), (other.removeprefix(PREFIX) for other in known))
    remedy = f"did you mean {PREFIX}{near}?" if near else "see the list of variables in docs/settings.md, or unset it"
    findings.problem(name, "no setting has this variable", remedy)
