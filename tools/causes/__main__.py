"""Write ``docs/causes``: one page a cause, and the list of them.

python -m tools.causes
"""

import json
import sys
from pathlib import Path
from string import Formatter

from devkit.explain.cases import CASES
from devkit.explain.stage import refused
from kcproxy.explain import render
from kcproxy.explain.remedies import REMEDIES
from kcproxy.explain.text import SENTENCES
from kcproxy.model import Cause, Explanation
from tools.causes.meanings import MEANINGS

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "causes"
_WORDS = {
    "where": " in realm *realm*",
    "operation": "*method and path*",
    "who": "*caller*",
    "roles_phrase": "*role of client*",
    "are": "is",
    "were": "was",
}
_GRANTED = (
    "Grant exactly the missing role to exactly the account that calls. The explanation has the steps for the Admin console and the commands for kcadm.sh, curl "
    "and Terraform, with the real names in them; below is the one of the example."
)


def page(cause: Cause) -> str:
    """One page, in Markdown."""
    sentence = SENTENCES[cause]
    parts = [
        f"# {cause.value}",
        f"> {_plain(sentence.summary)}",
        "## What it means",
        MEANINGS[cause],
        "## How to see it",
        _plain(sentence.check),
        "## How to fix it",
        _remedy(cause),
        "## An example",
        _example(cause),
        "[All causes](README.md)",
    ]
    return "\n\n".join(parts) + "\n"


def overview() -> str:
    """The list of all causes."""
    rows = "\n".join(f"| [{cause.value}]({cause.value}.md) | {_cell(_plain(SENTENCES[cause].summary))} |" for cause in Cause)
    head = (
        "# Causes\n\nWhy Keycloak refused: the closed vocabulary of `explanation.cause`, of the header `Kcproxy-Cause` and of the metrics. `confidence` is `certain` "
        "only where facts prove it, `likely` where one cause is likelier than all others, `possible` where it is merely not ruled out.\n\n"
    )
    return f"{head}| cause | in one sentence |\n| --- | --- |\n{rows}\n"


def _plain(template: str) -> str:
    text = []
    for literal, name, _, _ in Formatter().parse(template):
        text.append(literal)
        if name:
            text.append(_WORDS.get(name, f"*{name.replace('_', ' ')}*"))
    return "".join(text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _remedy(cause: Cause) -> str:
    remedies = REMEDIES.get(cause, ())
    if not remedies:
        return (
            _GRANTED
            if cause is not Cause.RESPONSE_REDUCED
            else "Grant the roles that the notice names, if the thinner answer is not enough."
        )
    lines = []
    for remedy in remedies:
        lines.append(_plain(remedy.summary) + ".")
        lines += [f"{number}. {_plain(step)}" for number, step in enumerate(remedy.steps, 1)]
        lines += [f"\n**Mind:** {remedy.warning}."] if remedy.warning else []
    return "\n".join(lines[:1]) + ("\n\n" + "\n".join(lines[1:]) if lines[1:] else "")


def _example(cause: Cause) -> str:
    case = next((case for case in CASES if case.truth is cause), None)
    if case is None:
        return _without_case(cause)
    explanation = refused(case.method, case.path, **{**case.ask, "facts": case.facts})
    return "\n\n".join(
        [
            f"{case.says[0].upper()}{case.says[1:]}. The request was `{case.method} {case.path}`, and Keycloak answered {explanation.answer.status} with",
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
            "`GET /admin/realms/demo/users` with a token that has only `query-users` answers 200 and `[]`, however many users there are. Through kcproxy the same "
            "answer has the header\n\n```\nKcproxy-Notice: answer may be reduced (no items): the full one takes view-users of realm-management\n```"
        )
    if cause is Cause.ROLE_GRANTED_TO_OTHER_ACCOUNT:
        return (
            "A backend calls with the service account of client `app`, and `view-users` was granted to the user `app` instead of to `service-account-app`. Without "
            "look-ups kcproxy answers `role-missing` (`likely`) and names this among the alternatives."
        )
    raise LookupError(f"no reported case shows {cause.value}")


def pages() -> dict[str, str]:
    """Every file of the folder by name."""
    return {"README.md": overview(), **{f"{cause.value}.md": page(cause) for cause in Cause}}


def main() -> int:
    """Write them, and drop pages of causes that are no more."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for stale in set(FOLDER.glob("*.md")) - {FOLDER / name for name in wanted}:
        stale.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{len(wanted)} pages in docs/causes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
