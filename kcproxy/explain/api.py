"""From the facts of one refused request to its Explanation."""

from kcproxy.explain.engine import diagnose
from kcproxy.explain.inputs import Inputs
from kcproxy.model import Explanation


def explain(explanation_id: str, inputs: Inputs) -> Explanation | None:
    """Why Keycloak responded in this way, how sure that is, and the least-privilege fix. Pure.

    None for every response that is a success, or that no rule applies to.
    """
    diagnosis = diagnose(inputs)
    return None if diagnosis is None else diagnosis.explanation(explanation_id, inputs)
