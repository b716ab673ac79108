"""Why Keycloak gives the proxy's own account no token: the same rules as for a caller who asks for one, as two sentences."""

from kcproxy import catalog as catalogs
from kcproxy.explain.api import explain
from kcproxy.explain.claims import read_caller
from kcproxy.model import Answer, RequestFacts, Target, TargetKind


def why_no_token(*, realm: str, client_id: str, status: int | None, error: str | None, description: str | None) -> str | None:
    """The cause and its fix, from the token endpoint's own words; None where they do not tell."""
    path = f"/realms/{realm}/protocol/openid-connect/token"
    explanation = explain(
        explanation_id="",
        request=RequestFacts(
            target=Target(kind=TargetKind.TOKEN, method="POST", raw_path=path, realm=realm),
            form={"grant_type": "client_credentials", "client_id": client_id},
        ),
        caller=read_caller(None),
        answer=Answer(status=status or 0, json={"error": error or "", "error_description": description or ""}),
        catalog=catalogs.load(catalogs.default_version()),
        facts=None,
        now_epoch_seconds=0,
    )
    if explanation is None or explanation.verdict.cause.value == "unexplained":
        return None
    return f"{explanation.summary} {explanation.fixes[0].summary}." if explanation.fixes else explanation.summary
