"""Checks of settings in combination: contradictions, dangers, missing files."""

import ssl
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

from kcproxy.errors import SettingsError
from kcproxy.network import is_loopback
from kcproxy.settings.accounts import check_accounts
from kcproxy.settings.api_keys import read_keys
from kcproxy.settings.file_checks import check_file, check_folder, check_own_file, check_socket, note_dangers
from kcproxy.settings.file_reading import content_of
from kcproxy.settings.file_safety import BESIDE_SQLITE
from kcproxy.settings.merge import Resolved
from kcproxy.settings.sources import Findings
from kcproxy.settings.values import AddressSettings

_PAIRS = (
    ("upstream.client_certificate_file", "upstream.client_key_file"),
    ("inbound.tls_certificate_file", "inbound.tls_key_file"),
)
_LISTENERS = ("listen", "admin_listen", "metrics_listen")
_PROTECTIONS = ("inbound.api_keys_file", "inbound.jwt_issuers", "inbound.tls_client_ca_file")


def check_together(resolved: Resolved, environ: Mapping[str, str], findings: Findings) -> None:
    """Report every contradiction and every file that cannot be used."""
    _check_upstream(resolved, findings)
    _check_addresses(resolved, findings)
    check_accounts(resolved, findings)
    _check_injection(resolved, findings)
    _check_inbound(resolved, findings)
    _check_named_files(resolved, findings)
    if environ.get("PROMETHEUS_MULTIPROC_DIR"):
        findings.problem("PROMETHEUS_MULTIPROC_DIR", "metrics are kept in memory, not in files", "unset it; scrape each process or pod")


def _is_any(host: str | None) -> bool:
    return host in {"0.0.0.0", "::", "0"}


def _check_upstream(resolved: Resolved, findings: Findings) -> None:
    if not resolved.has("upstream.url") and not resolved.file_is_unread:
        remedy = (
            'give the address of Keycloak: --upstream URL, KCPROXY_UPSTREAM=URL, or url = "http://localhost:8080" in [upstream] of the file'
        )
        findings.problem("upstream.url", "is missing", remedy)
    url = resolved.values.get("upstream.url")
    if url is None:
        return
    parts = urlsplit(url)
    location = resolved.location("upstream.url")
    _check_loop(resolved, findings)
    if parts.scheme == "http" and not is_loopback(parts.hostname or "") and resolved.accounts:
        findings.note(
            location,
            "secrets and tokens of accounts are sent to Keycloak unencrypted",
            "use https, unless you control the whole network path",
        )
    if parts.scheme == "http" and any(resolved.has("upstream." + name) for name in ("ca_file", "client_certificate_file")):
        findings.problem(location, "upstream.url is http, but certificates are given", "use https, or remove the certificates")


def _check_loop(resolved: Resolved, findings: Findings) -> None:
    parts = urlsplit(resolved.values["upstream.url"])
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    for key in _LISTENERS:
        own = resolved.value(key)
        if (
            key not in resolved.broken
            and own is not None
            and own.port == port
            and is_loopback(parts.hostname or "")
            and (own.is_local or _is_any(own.host))
        ):
            location = resolved.location("upstream.url")
            findings.problem(
                location,
                f"upstream.url is the proxy's own address ({key} {own})",
                "give the address of Keycloak, or another port for the proxy",
            )


def _check_addresses(resolved: Resolved, findings: Findings) -> None:
    if set(_LISTENERS) & resolved.broken:
        return
    listen, admin = resolved.value("listen"), resolved.value("admin_listen")
    for one, other in combinations(_LISTENERS, 2):
        _check_ports(resolved, one, other, findings)
    check_socket(resolved, "listen", listen.unix_path, findings)
    if not admin.is_local and not (resolved.has("admin_key") or resolved.has("admin_key_file")):
        remedy = (
            "set admin_key_file, so that the page of denials opens with a key; or, in a pod, leave admin_listen on loopback and set"
            " metrics_listen for probes and scrapes, which need no key"
        )
        findings.note(
            resolved.location("admin_listen"), f"admin_listen {admin} can be reached from other machines, and there is no key", remedy
        )


def _check_ports(resolved: Resolved, one: str, other: str, findings: Findings) -> None:
    first, second = resolved.value(one), resolved.value(other)
    if first is None or second is None or first.unix_path is not None or not first.port == second.port != 0:
        return
    if _overlap(first, second):
        location = resolved.location(other) if resolved.has(other) else resolved.location(one)
        findings.problem(location, f"{one} and {other} are both on port {first.port}", "give them different ports")


def _overlap(one: AddressSettings, other: AddressSettings) -> bool:
    same = one.host == other.host or (one.is_local and other.is_local)
    return same or _is_any(one.host) or _is_any(other.host)


def _check_injection(resolved: Resolved, findings: Findings) -> None:
    if not resolved.accounts or "listen" in resolved.broken:
        return
    listen = resolved.value("listen")
    if listen.is_local or any(resolved.has(key) for key in _PROTECTIONS):
        return
    what = f"listen {listen} can be reached from other machines, and every client that reaches it would use the token of an account"
    remedy = (
        "listen on 127.0.0.1 or unix:PATH (enough for a sidecar); or let callers authenticate with keys (inbound.api_keys_file), with tokens"
        " (inbound.jwt_issuers and inbound.jwt_audience) or with client certificates (inbound.tls_client_ca_file); or remove the accounts, so that"
        " callers send their own tokens"
    )
    findings.problem(resolved.location("listen"), what, remedy)


def _check_inbound(resolved: Resolved, findings: Findings) -> None:
    for one, other in (*_PAIRS, *((b, a) for a, b in _PAIRS)):
        if resolved.has(one) and not resolved.has(other):
            findings.problem(resolved.location(one), f"{one} needs {other}", "set both or neither")
    if resolved.has("inbound.tls_client_ca_file") and not resolved.has("inbound.tls_certificate_file"):
        location = resolved.location("inbound.tls_client_ca_file")
        findings.problem(
            location, "client certificates need TLS on the listener", "set inbound.tls_certificate_file and inbound.tls_key_file"
        )
    if resolved.values.get("inbound.jwt_issuers") and not resolved.has("inbound.jwt_audience"):
        location = resolved.location("inbound.jwt_issuers")
        findings.problem(
            location,
            "without inbound.jwt_audience, every token of these issuers is accepted",
            "set inbound.jwt_audience to the name of this proxy",
        )
    if resolved.has("inbound.jwt_audience") and not resolved.has("inbound.jwt_issuers"):
        findings.problem(resolved.location("inbound.jwt_audience"), "inbound.jwt_audience needs inbound.jwt_issuers", "set both or neither")
    _check_allowed_hosts(resolved, findings)
    if resolved.values.get("inbound.jwt_issuers") == ():
        findings.problem(resolved.location("inbound.jwt_issuers"), "the list of issuers is empty", "name an issuer, or remove the setting")


def _check_allowed_hosts(resolved: Resolved, findings: Findings) -> None:
    if not resolved.values.get("inbound.allowed_hosts") or "listen" in resolved.broken:
        return
    listen = resolved.value("listen")
    if listen.unix_path is None and listen.is_local and not any(resolved.has(key) for key in _PROTECTIONS):
        return
    what = f"inbound.allowed_hosts has no effect: the Host of requests is looked at only on a loopback address without keys, and listen is {listen}"
    findings.note(resolved.location("inbound.allowed_hosts"), what, "remove it")


def _check_named_files(resolved: Resolved, findings: Findings) -> None:
    for key in ("upstream.ca_file", "upstream.client_certificate_file", "inbound.tls_certificate_file", "inbound.tls_client_ca_file"):
        check_file(resolved, key, findings, pem="CERTIFICATE")
    for key in ("upstream.client_key_file", "inbound.tls_key_file"):
        check_file(resolved, key, findings, pem="PRIVATE KEY", secret=True)
    for key in ("admin_key_file", "inbound.api_keys_file"):
        check_file(resolved, key, findings, secret=True)
    _check_api_keys(resolved, findings)
    for certificate, key in _PAIRS:
        _check_pair(resolved, certificate, key, findings)
    for key in ("history.path", "use.path"):
        check_own_file(resolved, key, findings, beside=BESIDE_SQLITE)
    if resolved.has("use.path") and resolved.values.get("use.path") == resolved.values.get("history.path"):
        findings.problem(resolved.location("use.path"), "use.path and history.path are the same file", "give each a file of its own")
    check_file(resolved, "history.password_file", findings, secret=True)
    _check_database(resolved, findings)
    if resolved.file is not None:
        note_dangers(str(resolved.file), "", resolved.file, findings)
    if resolved.has("admin_key") and resolved.has("admin_key_file"):
        findings.problem(resolved.location("admin_key"), "admin_key and admin_key_file are both given", "keep one of them")


def _check_database(resolved: Resolved, findings: Findings) -> None:
    location = resolved.location("history.url")
    if resolved.has("history.url") and resolved.has("history.path"):
        findings.problem(location, "history.url and history.path are both given", "keep one of them")
    if resolved.has("history.url") and resolved.value("fleet.peers"):
        what = "history.url and fleet.peers are both given: the denials of each instance would be counted twice"
        findings.problem(location, what, "keep one of them; the database needs no peers")
    if resolved.has("history.password_file") and not resolved.has("history.url"):
        location = resolved.location("history.password_file")
        findings.note(location, "history.password_file has no effect without history.url", "set history.url, or remove it")
    _check_pending_dir(resolved, findings)
    url = resolved.values.get("history.url")
    if url is None:
        return
    if url.password is not None and resolved.has("history.password_file"):
        findings.problem(location, "history.url contains a password, and history.password_file is given", "keep one of them")
    if not url.is_local and url.ssl_mode not in {"verify-ca", "verify-full"}:
        what = f"history.url has sslmode={url.ssl_mode or 'prefer'}, so the proxy does not check which server it sends denials and the password to"
        remedy = "use sslmode=verify-full, with sslrootcert=FILE if the authority is not in ~/.postgresql/root.crt"
        findings.note(location, what, remedy)


def _check_pending_dir(resolved: Resolved, findings: Findings) -> None:
    if resolved.has("history.pending_dir") and not resolved.has("history.url"):
        location = resolved.location("history.pending_dir")
        remedy = (
            "remove it: the pending files of history.path are beside it"
            if resolved.has("history.path")
            else "set history.url, or remove it"
        )
        findings.note(location, "history.pending_dir has no effect without history.url", remedy)
    check_folder(resolved, "history.pending_dir", findings)


def _check_api_keys(resolved: Resolved, findings: Findings) -> None:
    file = resolved.values.get("inbound.api_keys_file")
    if file is None or not _readable(file):
        return  # it is not given, or has been reported as unreadable
    try:
        read_keys(file)
    except SettingsError as error:
        location = resolved.location("inbound.api_keys_file")
        findings.problems.extend(f"{location}: inbound.api_keys_file: {problem}" for problem in error.problems)


def _check_pair(resolved: Resolved, certificate: str, key: str, findings: Findings) -> None:
    chain, own = (_pem(resolved.values.get(name)) for name in (certificate, key))
    if chain is None or own is None:
        return  # one is missing, not PEM, or encrypted: it has been reported
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(chain, own)
    except (OSError, ssl.SSLError) as error:
        what = f"{certificate} and {key} do not belong together ({getattr(error, 'reason', None) or 'they cannot be read'})"
        remedy = "give a certificate (followed by its chain) and its unencrypted key"
        findings.problem(resolved.location(certificate), what, remedy)


def _pem(file: Path | None) -> Path | None:
    """The file, if it is safe to give to OpenSSL, which would ask the terminal for the pass phrase of an encrypted key."""
    if file is None or not _readable(file):
        return None
    content = content_of(file)
    return file if b"-----BEGIN " in content and b"ENCRYPTED" not in content else None


def _readable(file: Path) -> bool:
    try:
        return bool(content_of(file).strip())
    except OSError:
        return False
