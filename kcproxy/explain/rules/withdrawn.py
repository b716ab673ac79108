"""401: a token that was good and is so no more. Session, account, client and not-before are looked up; without look-ups all are left open."""

from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.rules.tokens import expected_issuer, is_readable
from kcproxy.explain.situation import Situation
from kcproxy.explain.text import shown
from kcproxy.model import Cause


def session_ended(situation: Situation) -> Finding | None:
    """Looked up, where the token's signature proved to be the realm's."""
    if situation.facts.session_alive is not False or not is_readable(situation):
        return None
    evidence = "looked up: the account has no session with the token's sid"
    return found(situation, Cause.SESSION_ENDED, CERTAIN, evidence)


def not_before(situation: Situation) -> Finding | None:
    """Realm, client or account were given a not-before time after the token was issued."""
    issued, facts = situation.caller.issued_at_epoch_seconds, situation.facts
    times = {
        "realm": facts.realm_not_before_epoch_seconds,
        "client": facts.client_not_before_epoch_seconds,
        "account": facts.account_not_before_epoch_seconds,
    }
    if not is_readable(situation) or issued is None:
        return None
    for owner, time in times.items():
        if time and issued < time:
            return found(
                situation, Cause.NOT_BEFORE, CERTAIN, f"looked up: the {owner}'s not-before is {time - issued} s after the token's iat"
            )
    return None


def account_disabled(situation: Situation) -> Finding | None:
    """The user of ``sub`` is disabled or gone."""
    facts = situation.facts
    if not is_readable(situation) or (facts.account_known is not False and facts.account_enabled is not False):
        return None
    state = "does not exist" if facts.account_known is False else "is disabled"
    return found(situation, Cause.ACCOUNT_DISABLED, CERTAIN, f"looked up: the account of the token's sub {state}")


def client_disabled(situation: Situation) -> Finding | None:
    """The client of ``azp`` is disabled or gone."""
    facts = situation.facts
    if not is_readable(situation) or (facts.client_known is not False and facts.client_enabled is not False):
        return None
    state = "does not exist" if facts.client_known is False else "is disabled"
    return found(situation, Cause.CLIENT_DISABLED, CERTAIN, f"looked up: client {situation.words['client']} {state}")


def token_revoked(situation: Situation) -> Finding | None:
    """Revoked by itself (RFC 7009): Keycloak keeps such tokens' ids where nobody can look. What is left when all else was looked up and is well."""
    if not is_readable(situation):
        return None
    if not _all_else_is_well(situation):
        return None if situation.facts.signature_valid is False else found(situation, Cause.TOKEN_REVOKED, POSSIBLE)
    well = "looked up: the token's signature, issuer, session, account and client are in order, and no not-before time is later than it"
    return found(situation, Cause.TOKEN_REVOKED, LIKELY, well)


def _all_else_is_well(situation: Situation) -> bool:
    facts, caller = situation.facts, situation.caller
    session = caller.session_id is None or facts.session_alive
    known = facts.account_enabled and facts.client_enabled and facts.realm_not_before_epoch_seconds is not None
    return bool(facts.signature_valid and facts.issuer == caller.issuer and session and known and not caller.bound_to_key)


def token_rejected(situation: Situation) -> Finding | None:
    """What is left: the token reads well. The causes look alike from outside and are named as alternatives."""
    if not is_readable(situation):
        return None
    return found(situation, Cause.TOKEN_REJECTED, LIKELY, "the token is readable, an access token, and within its time")


def open_causes(situation: Situation) -> list[Finding]:
    """The causes of a bare 401 that nothing has ruled out yet, each with its own check."""
    if not is_readable(situation):
        return []
    facts, caller = situation.facts, situation.caller
    open_: list[Cause] = []
    if caller.session_id is not None and facts.session_alive is None:
        open_.append(Cause.SESSION_ENDED)
    if facts.account_enabled is None and facts.account_known is not False:
        open_.append(Cause.ACCOUNT_DISABLED)
    if facts.client_enabled is None and facts.client_known is not False:
        open_.append(Cause.CLIENT_DISABLED)
    if facts.realm_not_before_epoch_seconds is None or facts.account_not_before_epoch_seconds is None:
        open_.append(Cause.NOT_BEFORE)
    if facts.key_ids is None:
        open_.append(Cause.SIGNING_KEY_UNKNOWN)
    if facts.issuer is None and expected_issuer(situation) is None:
        open_.append(Cause.ISSUER_MISMATCH)
    words = {"issuer": shown(caller.issuer or ""), "expected": "perhaps another"}
    return [found(situation, cause, POSSIBLE, names=words) for cause in open_]
