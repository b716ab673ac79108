"""Why Keycloak issues no token to an account of the proxy: the same rules as for a caller who requests one, as two sentences."""

from kcproxy import catalog as catalogs
from kcproxy.explain.api import explain
from kcproxy.explain.claims import assertion_facts, read_caller
from kcproxy.explain.inputs import Inputs
from kcproxy.model import Answer, Cause, RequestFacts, Target, TargetKind


def why_no_token(
    *, realm: str, client_id: str, status: int | None, error: str | None, description: str | None, assertion: str | None = None
) -> str | None:
    """The cause and its fix, from the words of the token endpoint; None if they do not say.

    ``assertion``: the client assertion that was sent. Only its iss, sub and aud are read.
    """
    path = f"/realms/{realm}/protocol/openid-connect/token"
    inputs = Inputs(
        request=RequestFacts(
            target=Target(kind=TargetKind.TOKEN, method="POST", raw_path=path, realm=realm),
            form={"grant_type": "client_credentials", "client_id": client_id},
            **assertion_facts(assertion or ""),
        ),
        caller=read_caller(None),
        answer=Answer(status=status or 0, json={"error": error or "", "error_description": description or ""}),
        catalog=catalogs.load(catalogs.default_version()),
        now_epoch_seconds=0,
    )
    explanation = explain("", inputs)
    if explanation is None or explanation.verdict.cause is Cause.UNEXPLAINED:
        return None
    return f"{explanation.summary} {explanation.fixes[0].summary}." if explanation.fixes else explanation.summary
