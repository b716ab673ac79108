"""The account that receives a role, and how commands name it."""

from msgspec import Struct

SERVICE_ACCOUNT_PREFIX = "service-account-"


class Grantee(Struct, frozen=True, kw_only=True):
    """The account's realm and name, its id if the token or a look-up gives it, and its client."""

    realm: str
    username: str | None
    user_id: str | None = None
    client_id: str | None = None
    client_uuid: str | None = None

    @property
    def is_service_account(self) -> bool:
        """Whether the account is the client's own service account; an exchanged token may be of another client's."""
        return self.client_id is not None and self.username == SERVICE_ACCOUNT_PREFIX + self.client_id.lower()

    @property
    def is_named(self) -> bool:
        """Whether a command can name the account at all; some lightweight tokens show neither name nor id."""
        return self.username is not None or self.user_id is not None

    @property
    def by_name(self) -> str | None:
        """The user name, if commands can rely on it; None if they use the id.

        A name with ``@`` may be an address that a mapper put into ``preferred_username``, and one with a first ``-`` looks like an option.
        """
        doubtful = self.username is not None and (self.username.startswith("-") or "@" in self.username)
        return None if doubtful and self.user_id is not None else self.username
