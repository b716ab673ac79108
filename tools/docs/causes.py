"""docs/causes/: one page for each cause, and the list of all, from the specs of the causes and from reported cases."""

import json

from devkit.explain.cases import CASES
from devkit.explain.stage import refused
from kcproxy.admin.cause_texts import CausePage, cause_page
from kcproxy.explain import render
from kcproxy.model import Cause, Explanation

FOLDER = "docs/causes"
_BELOW = " Below is the one of the example."


def documents() -> dict[str, str]:
    """Every file of the folder by its path."""
    return {f"{FOLDER}/README.md": overview(), **{f"{FOLDER}/{cause.value}.md": page(cause_page(cause)) for cause in Cause}}


def page(content: CausePage) -> str:
    """One page, in Markdown."""
    parts = [
        f"# {content.cause.value}",
        f"> {content.sentence}",
        "## What it means",
        content.meaning,
        "## How to see it",
        content.check,
        "## How to fix it",
        _remedy(content),
        "## An example",
        _example(content.cause),
        "[All causes](README.md)",
    ]
    return "\n\n".join(parts) + "\n"


def overview() -> str:
    """The list of all causes."""
    rows = "\n".join(f"| [{cause.value}]({cause.value}.md) | {_cell(cause_page(cause).sentence)} |" for cause in Cause)
    head = (
        "# Causes\n\nWhy Keycloak refused a request: the values of `explanation.cause`, of the field `Kcproxy-Cause` and of the metrics. `confidence` is `certain` "
        "only if facts prove the cause, `likely` if it is likelier than all others, and `possible` if it is not ruled out.\n\n"
    )
    return f"{head}| cause | in one sentence |\n| --- | --- |\n{rows}\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _remedy(page: CausePage) -> str:
    lines = []
    for remedy in page.remedies:
        lines.append(remedy.summary + (_BELOW if page.example_follows else ""))
        lines += [f"{number}. {step}" for number, step in enumerate(remedy.steps, 1)]
        lines += [f"\n**Warning:** {remedy.warning}."] if remedy.warning else []
    return "\n".join(lines[:1]) + ("\n\n" + "\n".join(lines[1:]) if lines[1:] else "")


def _example(cause: Cause) -> str:
    case = next((case for case in CASES if case.truth is cause), None)
    if case is None:
        return _without_case(cause)
    explanation = refused(case.method, case.path, **{**case.ask, "facts": case.facts})
    return "\n\n".join(
        [
            f"{case.says[0].upper()}{case.says[1:]}. The request was `{case.method} {case.path}`, and Keycloak responded with {explanation.answer.status} and",
            f"```\n{_respond(explanation)}\n```",
            f"kcproxy says (`{explanation.verdict.confidence.value}`):",
            f"> {explanation.summary}",
            *_evidence(explanation),
            *_commands(explanation),
        ]
    )


def _respond(explanation: Explanation) -> str:
    answer = explanation.answer
    return json.dumps(answer.json, ensure_ascii=False) if answer.json is not None else answer.text or "(no body)"


def _evidence(explanation: Explanation) -> list[str]:
    lines = "\n".join(f"- {line}" for line in explanation.verdict.evidence)
    return [f"Evidence:\n\n{lines}"] if lines else []


def _commands(explanation: Explanation) -> list[str]:
    fixes = render.document(explanation)["fixes"]
    commands = "\n".join(fixes[0]["kcadm"]) if fixes else ""
    return [f"The fix as commands:\n\n```sh\n{commands}\n```"] if commands else []


def _without_case(cause: Cause) -> str:
    if cause is Cause.RESPONSE_REDUCED:
        return (
            "`GET /admin/realms/demo/users` with a token that has only `query-users` returns 200 and `[]`, regardless of how many users exist. Through kcproxy the same "
            "response has the field\n\n```\nKcproxy-Notice: response may be reduced (no items): the full one requires view-users of realm-management\n```"
        )
    if cause is Cause.ROLE_GRANTED_TO_OTHER_ACCOUNT:
        return (
            "A backend calls with the service account of client `app`, and `view-users` was granted to the user `app` instead of to `service-account-app`. Without "
            "look-ups kcproxy reports `role-missing` (`likely`) and lists this cause among the alternatives."
        )
    raise LookupError(f"no reported case shows {cause.value}")
