"""Whether a policy or permission concerns the caller and nobody else, so that what is added to it opens nothing for others."""

from kcproxy.permissions.model import AggregatedCondition, ClientCondition, Identity, Logic, Permission, Policy, Rules, UserCondition
from kcproxy.permissions.policies import DEPTH, Effect, Situation, acts_as_client, agrees, judge


def only_caller(permission: Permission, situation: Situation) -> bool:
    """Whether nobody but the caller can get anything from the permission: without the policies that name the caller alone, the others do not suffice."""
    alone = sum(_permits_only_caller(policy, situation, 0) for policy in permission.policies)
    return alone > 0 and not agrees(permission.strategy, len(permission.policies) - alone, len(permission.policies))


def names_only_caller(policy: Policy | None, situation: Situation) -> bool:
    """Whether the policy permits the caller and names nothing else. A negative policy permits everybody whom it does not name."""
    if policy is None or policy.logic is not Logic.POSITIVE or judge(policy.id, situation).effect is not Effect.PERMIT:
        return False
    identity = situation.identity
    if isinstance(policy.condition, UserCondition):
        own = _named_as(identity, situation.rules)
        return own is not None and policy.condition.users == {own}
    return (
        isinstance(policy.condition, ClientCondition) and policy.condition.clients == {identity.client_id} and is_alone_in_client(identity)
    )


def is_alone_in_client(identity: Identity) -> bool:
    """Whether every token of the client is of its service account, so that a client policy concerns no user."""
    return identity.service_account is True and identity.users_log_in is False


def _permits_only_caller(policy_id: str, situation: Situation, depth: int) -> bool:
    policy = situation.permissions.policies.get(policy_id)
    if policy is None or not isinstance(policy.condition, AggregatedCondition):
        return names_only_caller(policy, situation)
    parts = policy.condition.policies
    if policy.logic is not Logic.POSITIVE or depth > DEPTH or not parts:
        return False
    alone = sum(_permits_only_caller(part, situation, depth + 1) for part in parts)
    return not agrees(policy.condition.strategy, len(parts) - alone, len(parts))


def _named_as(identity: Identity, rules: Rules) -> str | None:
    """The ID by which user policies know the caller; None if that is not known."""
    as_client = acts_as_client(identity, rules)
    return None if as_client is None else identity.client_id if as_client else identity.account_id
