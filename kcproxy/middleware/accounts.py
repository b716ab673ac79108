"""Service accounts as a program names them. They become settings of the proxy when they are used."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kcproxy.settings import AccountSettings, InspectorSettings, Secret

DEFAULT_BUDGET_SECONDS = 0.3
_MASTER = "master"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """A confidential client with a service account.

    ``realm``: that of the client. Give exactly one of the others: a secret, a file with it, a file with a private key (PEM or JSON Web Key, for
    ``private_key_jwt``), or a file with a projected token. Files are read for each token request, so that a rotated secret is used.
    """

    realm: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    client_secret_file: str | Path | None = None
    private_key_file: str | Path | None = None
    assertion_file: str | Path | None = None
    scopes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError if not exactly one credential is given, or a value is of the wrong kind."""
        _check_names(self)
        given = [self.client_secret, self.client_secret_file, self.private_key_file, self.assertion_file]
        if sum(each is not None for each in given) != 1:
            raise ValueError(
                f"The service account {self.client_id} needs exactly one of client_secret, client_secret_file, private_key_file and assertion_file."
            )

    def settings(self) -> "AccountSettings":
        """The account as settings."""
        return _account(self, (self.realm,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspector(ServiceAccount):
    """A read-only account for look-ups (view-clients, view-realm, view-users in each of ``realms``).

    ``realm``: that of its client. ``realms``: where it may look; ``*`` means everywhere. ``budget_seconds``: how long a refusal may wait for look-ups.
    """

    realm: str = _MASTER
    realms: tuple[str, ...] = ("*",)
    budget_seconds: float = DEFAULT_BUDGET_SECONDS
    cache_seconds: float = 10.0
    max_lookups_per_second: float = 20.0
    ca_file: str | Path | None = None

    def __post_init__(self) -> None:
        """Raises ValueError as ``ServiceAccount`` does, and for limits that are not positive."""
        ServiceAccount.__post_init__(self)
        _check_collection("realms", self.realms)
        for name in ("budget_seconds", "cache_seconds", "max_lookups_per_second"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} of the inspector {self.client_id} is not positive: {getattr(self, name)!r}.")

    def inspector_settings(self) -> "InspectorSettings":
        """The inspector as settings."""
        from kcproxy.settings import InspectorSettings  # noqa: PLC0415 - only programs with an account need the settings

        return InspectorSettings(
            account=_account(self, self.realms),
            budget_seconds=self.budget_seconds,
            cache_seconds=self.cache_seconds,
            max_lookups_per_second=self.max_lookups_per_second,
        )


def _check_names(account: ServiceAccount) -> None:
    for name in ("realm", "client_id"):
        if not getattr(account, name):
            raise ValueError(f"{name} of a service account is empty.")
    _check_collection("scopes", account.scopes)


def _check_collection(name: str, value: Any) -> None:
    """A string would be read as its characters."""
    if isinstance(value, str) or not all(isinstance(each, str) and each for each in value):
        raise ValueError(
            f"{name} is not a tuple of names: {value!r}. Example: ({value!r},)" if isinstance(value, str) else f"{name} has an empty name."
        )


def _account(account: ServiceAccount, realms: tuple[str, ...]) -> "AccountSettings":
    from kcproxy.settings import AccountSettings, ClientAuthMethod  # noqa: PLC0415 - as above

    method = ClientAuthMethod.CLIENT_SECRET_POST
    if account.private_key_file is not None:
        method = ClientAuthMethod.PRIVATE_KEY_JWT
    elif account.assertion_file is not None:
        method = ClientAuthMethod.FEDERATED_JWT
    return AccountSettings(
        realms=realms,
        token_realm=account.realm,
        client_id=account.client_id,
        secret=_secret(account),
        auth=method,
        scopes=account.scopes,
    )


def _secret(account: ServiceAccount) -> "Secret":
    from kcproxy.settings import Secret  # noqa: PLC0415 - as above

    if account.client_secret is not None:
        return Secret(account.client_secret)
    file = account.client_secret_file or account.private_key_file or account.assertion_file
    return Secret(path=Path(file or ""))
