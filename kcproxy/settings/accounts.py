"""Service accounts: checks that they are complete, consistent and unique for each realm, and builds their values."""

from pathlib import Path
from typing import Any

from kcproxy.settings.declaration import plain_fields
from kcproxy.settings.file_checks import check_file
from kcproxy.settings.merge import Resolved, alternatives
from kcproxy.settings.outbound_model import AccountSettings, InspectorSettings
from kcproxy.settings.sources import Findings
from kcproxy.settings.values import ClientAuthMethod, Secret

_AUTH = ClientAuthMethod
_WANTS = {
    _AUTH.CLIENT_SECRET_BASIC: "client_secret",
    _AUTH.CLIENT_SECRET_POST: "client_secret",
    _AUTH.CLIENT_SECRET_JWT: "client_secret",
    _AUTH.PRIVATE_KEY_JWT: "private_key_file",
    _AUTH.FEDERATED_JWT: "assertion_file",
    _AUTH.TLS_CLIENT_AUTH: "",
}
_IMPLIED_BY = {
    "client_secret": _AUTH.CLIENT_SECRET_POST,
    "client_secret_file": _AUTH.CLIENT_SECRET_POST,
    "private_key_file": _AUTH.PRIVATE_KEY_JWT,
    "assertion_file": _AUTH.FEDERATED_JWT,
}
_PROOFS = tuple(_IMPLIED_BY)
_PREVIOUS = "client_secret_previous_file"
ANY_REALM = "*"


def prefixes(resolved: Resolved) -> tuple[str, ...]:
    """``accounts[0].``, ``accounts[1].``, …, and ``inspector.`` if there is one."""
    own = tuple(f"accounts[{index}]." for index in range(resolved.accounts))
    return (*own, "inspector.") if any(key.startswith("inspector.") for key in resolved.given) else own


def check_accounts(resolved: Resolved, findings: Findings) -> None:
    """Report every account that cannot work."""
    for prefix in prefixes(resolved):
        _check_complete(resolved, prefix, findings)
        _check_proof(resolved, prefix, findings)
        check_file(resolved, prefix + "client_secret_file", findings, secret=True)
        _check_previous(resolved, prefix, findings)
        check_file(resolved, prefix + "private_key_file", findings, pem="PRIVATE KEY", jwk=True, secret=True)
        check_file(resolved, prefix + "assertion_file", findings, secret=True)
    _check_realms(resolved, findings)
    _check_clients(resolved, findings)


def _check_clients(resolved: Resolved, findings: Findings) -> None:
    """Report a client with two sets of credentials: its token is fetched once and shared by its accounts."""
    seen: dict[tuple[str, str], tuple[str, list[object]]] = {}
    for index in range(resolved.accounts):
        prefix = f"accounts[{index}]."
        client = resolved.values.get(prefix + "client_id")
        if client is None or not realms_of(resolved, prefix):
            continue
        proof = [resolved.values.get(prefix + name) for name in (*_PROOFS, _PREVIOUS, "auth", "key_id", "algorithm", "scopes")]
        other, others = seen.setdefault((token_realm(resolved, prefix), client), (prefix.rstrip("."), proof))
        if others != proof:
            what = f"{prefix.rstrip('.')} and {other} are the same client, but have different credentials or scopes"
            findings.problem(
                resolved.location(prefix + "client_id"),
                what,
                "give both the same secret, auth and scopes, or use one account with realms = […]",
            )


def token_realm(resolved: Resolved, prefix: str) -> str:
    """The realm that contains the client of an account for which a realm is given."""
    first: str = realms_of(resolved, prefix)[0]
    stated: str | None = resolved.values.get(prefix + "token_realm")
    return stated or ("master" if first == ANY_REALM else first)


def _somewhere(resolved: Resolved, prefix: str) -> str:
    """The location of any setting of an account, for messages about missing ones."""
    return next((item.location for key, item in resolved.given.items() if key.startswith(prefix)), prefix.rstrip("."))


def _check_complete(resolved: Resolved, prefix: str, findings: Findings) -> None:
    location, name = _somewhere(resolved, prefix), prefix.rstrip(".")
    variable = "KCPROXY_INSPECTOR__" if prefix == "inspector." else "KCPROXY_ACCOUNT__"
    if not resolved.has(prefix + "client_id"):
        findings.problem(location, f"{name} has no client_id", f'add client_id = "…" or {variable}CLIENT_ID=…')
    if not resolved.has(prefix + "realm") and not resolved.has(prefix + "realms"):
        findings.problem(location, f"{name} has no realm", f'add realm = "…" or {variable}REALM=…')
    reported: set[str] = set()
    for key in (prefix + "realm", *(prefix + proof for proof in _PROOFS)):
        others = [other for other in alternatives(key) if resolved.has(other) and other not in reported]
        if resolved.has(key) and others:
            reported |= {key, *others}
            names = " and ".join(k.removeprefix(prefix) for k in (key, *others))
            findings.problem(resolved.location(key), f"{name} has {names}", "keep one of them")


def _check_previous(resolved: Resolved, prefix: str, findings: Findings) -> None:
    """Report a second secret that cannot be used. It may be missing or empty between rotations."""
    key = prefix + _PREVIOUS
    if not resolved.has(key):
        return
    if not (resolved.has(prefix + "client_secret_file") or resolved.has(prefix + "client_secret")):
        what = f"{prefix.rstrip('.')} has {_PREVIOUS} without client_secret_file"
        findings.problem(resolved.location(key), what, "only a client secret has a previous one: give client_secret_file, or remove it")
    path = resolved.values.get(key)
    if path is not None and path.is_file() and path.stat().st_size:
        check_file(resolved, key, findings, secret=True)


def _auth(resolved: Resolved, prefix: str) -> ClientAuthMethod | None:
    implied = next((method for name, method in _IMPLIED_BY.items() if resolved.has(prefix + name)), None)
    stated = resolved.values.get(prefix + "auth")
    return stated if isinstance(stated, ClientAuthMethod) else implied


def _check_proof(resolved: Resolved, prefix: str, findings: Findings) -> None:
    location, name = _somewhere(resolved, prefix), prefix.rstrip(".")
    given = [proof for proof in _PROOFS if resolved.has(prefix + proof)]
    method = _auth(resolved, prefix)
    if method is None:
        remedy = "give client_secret_file (from the client's Credentials tab), private_key_file or assertion_file"
        findings.problem(location, f"{name} has no credentials", remedy)
        return
    wanted = _WANTS[method]
    if wanted and not any(proof.startswith(wanted) for proof in given):
        file = wanted if wanted.endswith("_file") else wanted + "_file"
        findings.problem(resolved.location(prefix + "auth"), f"{name}: auth {method.value} needs {file}", f"add {file}, or remove auth")
    if method is _AUTH.TLS_CLIENT_AUTH and not resolved.has("upstream.client_certificate_file"):
        findings.problem(
            resolved.location(prefix + "auth"), f"{name}: auth tls_client_auth needs a certificate", "set upstream.client_certificate_file"
        )
    if resolved.has(prefix + "client_secret"):
        remedy = "a file is safer: variables are inherited by child processes and shown by inspection tools"
        findings.note(resolved.location(prefix + "client_secret"), f"{name}: the client secret is in an environment variable", remedy)


def realms_of(resolved: Resolved, prefix: str) -> tuple[str, ...]:
    """The realms of an account, from realm or realms."""
    several = resolved.values.get(prefix + "realms", ())
    one = resolved.values.get(prefix + "realm")
    return (one,) if one else tuple(several)


def _check_realms(resolved: Resolved, findings: Findings) -> None:
    seen: dict[str, str] = {}
    for index in range(resolved.accounts):
        prefix = f"accounts[{index}]."
        key = prefix + ("realm" if resolved.has(prefix + "realm") else "realms")
        for realm in realms_of(resolved, prefix):
            if realm in seen:
                what = f"realm {realm} has two accounts, accounts[{index}] and {seen[realm]}"
                findings.problem(
                    resolved.location(key),
                    what,
                    "a realm has one account: give the roles to one client, or remove the realm from one of them",
                )
            seen.setdefault(realm, f"accounts[{index}]")
        if realms_of(resolved, prefix) == () and resolved.values.get(key) == ():
            findings.problem(
                resolved.location(key), f"accounts[{index}] has an empty list of realms", 'name a realm, or "*" for every realm'
            )


def account(resolved: Resolved, prefix: str) -> AccountSettings:
    """The value of an account that has been checked."""
    realms = realms_of(resolved, prefix)
    method = _auth(resolved, prefix)
    if method is None:
        raise LookupError(f"{prefix} was not checked")
    previous = resolved.values.get(prefix + _PREVIOUS)
    return AccountSettings(
        realms=realms,
        token_realm=token_realm(resolved, prefix),
        client_id=resolved.values[prefix + "client_id"],
        auth=method,
        secret=secret(
            resolved, prefix + "client_secret", *(prefix + p for p in ("client_secret_file", "private_key_file", "assertion_file"))
        ),
        previous_secret=None if previous is None else Secret(path=previous),
        key_id=resolved.values.get(prefix + "key_id"),
        algorithm=resolved.values.get(prefix + "algorithm"),
        scopes=resolved.value(prefix + "scopes"),
        operations=resolved.value(prefix + "operations"),
        mode=resolved.value(prefix + "mode"),
    )


def inspector(resolved: Resolved) -> InspectorSettings | None:
    """The inspector, if it is given."""
    if "inspector." not in prefixes(resolved):
        return None
    bounds: dict[str, Any] = {name: resolved.value("inspector." + name) for name in plain_fields(InspectorSettings)}
    return InspectorSettings(account=account(resolved, "inspector."), **bounds)


def secret(resolved: Resolved, literal_key: str, *file_keys: str) -> Secret | None:
    """The secret, from the setting that is given."""
    path: Path | None = next((resolved.values[key] for key in file_keys if key in resolved.values), None)
    if path is not None:
        return Secret(path=path)
    literal = resolved.values.get(literal_key)
    return Secret(literal) if literal else None
