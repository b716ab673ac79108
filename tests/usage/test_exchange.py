"""A record of use as a document, and back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.model import CallerKind
from kcproxy.usage.exchange import NoRecordDocument, record_document, record_of_document
from kcproxy.usage.model import NamedRoles, Outcome, Use, UseCaller, UseRecord

NAMES = st.text(max_size=8)
TIMES = st.floats(min_value=0, max_value=2e9, allow_nan=False)
CALLERS = st.builds(UseCaller, client=NAMES, token_realm=NAMES, kind=st.sampled_from(CallerKind), injected=st.booleans())
COUNTS = st.dictionaries(st.sampled_from(Outcome), st.integers(min_value=1, max_value=1 << 40), min_size=1).map(
    lambda counts: {outcome: counts[outcome] for outcome in Outcome if outcome in counts}
)
USES = st.builds(Use, caller=CALLERS, realm=st.none() | NAMES, operation=NAMES, variant=NAMES, counts=COUNTS, first_at=TIMES, last_at=TIMES)
ROLES = st.builds(NamedRoles, by_owner=st.dictionaries(NAMES, st.lists(NAMES).map(tuple)), seen_at=TIMES)
RECORDS = st.builds(
    UseRecord, uses=st.lists(USES).map(tuple), roles=st.dictionaries(CALLERS, ROLES), days=st.frozensets(st.integers(0, 30_000))
)


@given(RECORDS)
def test_a_record_comes_back_as_it_was(record: UseRecord) -> None:
    again = record_of_document(json.loads(json.dumps(record_document(record))))
    assert sorted(map(repr, again.uses)) == sorted(map(repr, record.uses))
    assert (again.roles, again.days) == (record.roles, record.days)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        {},
        {"schema": 2, "days": [], "callers": []},
        {"schema": 1, "days": ["x"], "callers": []},
        {"schema": 1, "days": [], "callers": [{}]},
        {"schema": 1, "days": [], "callers": {"a": 1}},
        {
            "schema": 1,
            "days": [],
            "callers": [{"client": "a", "tokenRealm": "b", "kind": "user", "injected": False, "roles": [], "uses": []}],
        },
    ],
    ids=repr,
)
def test_anything_else_is_refused(document: Any) -> None:
    with pytest.raises(NoRecordDocument):
        record_of_document(document)


def test_a_kind_of_a_newer_version_is_unknown() -> None:
    caller = {"client": "a", "tokenRealm": "b", "kind": "robot", "injected": False, "roles": {}, "rolesAt": 1, "uses": []}
    (found,) = record_of_document({"schema": 1, "days": [], "callers": [caller]}).roles
    assert found.kind is CallerKind.UNKNOWN
