"""What is judged is what is sent, and an injected token goes only with what everybody reads alike: over any bytes, and tampered paths.

``make targets`` runs it over 250,000 targets; the ordinary run over some thousands. Both count them.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from devkit.hostile_targets import METHODS, Dice, hostile_target
from devkit.keycloak_reader import Reader
from kcproxy.catalog import Catalog, load
from kcproxy.catalog.targets import JudgedTarget, judge
from kcproxy.errors import RequestRefused
from kcproxy.http1.framing import request_head
from kcproxy.http1.headers import RequestFields
from kcproxy.model import Target
from kcproxy.proxy.credentials import Accounts
from kcproxy.proxy.header_block import REQUEST_LINE
from kcproxy.settings import AccountSettings

TARGETS_IN_ALL = int(os.environ.get("TEST_TARGETS", "10000"))
TARGETS_OF_ONE_DRAW = 50
TABLES = {version: load(version) for version in ("24.0.5", "26.7.4")}
READERS = {
    version: Reader((entry.operation.method, entry.operation.path) for entry in table.operations) for version, table in TABLES.items()
}
TEMPLATES = sorted({entry.operation.path for table in TABLES.values() for entry in table.operations})
VERSIONS = tuple(TABLES)
ACCOUNTS = Accounts((AccountSettings(realms=("*",), token_realm="master", client_id="robot"),))
ODD_BYTES = frozenset({*range(0x21), 0x23, 0x5C, *range(0x7F, 0x100)})


@pytest.fixture(scope="module")
def seen() -> Iterator[Counter[str]]:
    """What became of all the targets; printed at the end."""
    counts: Counter[str] = Counter()
    yield counts
    sys.stdout.write(f"\ntargets judged: {', '.join(f'{count} {what}' for what, count in sorted(counts.items()))}\n")


def judged(table: Catalog, method: str, raw: bytes) -> JudgedTarget | None:
    try:
        return judge(table, method, raw)
    except RequestRefused as error:
        return None if (error.status_hint, error.reason) == (400, "target") else pytest.fail(f"refused with {error.reason}")


def on_the_wire(method: str, sent: str) -> bytes:
    """The target in the head that goes to Keycloak."""
    head = request_head(method, sent, [(b"Host", b"keycloak")])
    line, _, fields = head.partition(b"\r\n")
    assert fields == b"Host: keycloak\r\n\r\n"
    start, target, version = line.split(b" ")
    assert (start, version) == (method.encode(), b"HTTP/1.1")
    return target


def carries_a_token(target: Target) -> bool:
    return ACCOUNTS.account_for(target, RequestFields([], {})) is not None


@settings(
    max_examples=TARGETS_IN_ALL // TARGETS_OF_ONE_DRAW,
    deadline=None,
    database=None,
    phases=(Phase.generate,),  # the note names the target; making the bytes fewer that it came from says no more
    suppress_health_check=list(HealthCheck),
)
@given(source=st.binary(min_size=1500, max_size=1500))
def test_what_is_judged_is_what_is_sent_and_a_token_goes_only_where_all_read_alike(seen: Counter[str], source: bytes) -> None:
    dice = Dice(source)
    for _ in range(TARGETS_OF_ONE_DRAW):
        method, raw, version = dice.one_of(METHODS), hostile_target(dice, TEMPLATES), dice.one_of(VERSIONS)
        try:
            check(method, raw, version, seen)
        except Exception as error:
            error.add_note(f"{method} {raw!r} by the table of {version}")
            raise


def check(method: str, raw: bytes, version: str, seen: Counter[str]) -> None:
    table = TABLES[version]
    found = judged(table, method, raw)
    seen["in all"] += 1
    if found is None:
        seen["refused"] += 1
        assert REQUEST_LINE.match(b"%b %b HTTP/1.1\r\n" % (method.encode(), raw)) is None, f"the lane would have sent {raw!r}"
        return
    text, target = found
    sent = on_the_wire(method, text)
    check_nothing_is_left_out(raw, sent, target)
    check_the_judgement_is_of_what_is_sent(table, method, sent, target)
    check_both_ways_send_the_same(method, raw, sent)
    if carries_a_token(target):
        seen["with a token"] += 1
        check_everybody_reads_the_same(READERS[version], method, sent, target)


def check_nothing_is_left_out(raw: bytes, sent: bytes, target: Target) -> None:
    """A token goes with exactly the bytes that came, all of them plain."""
    if carries_a_token(target):
        assert sent == raw
        assert not ODD_BYTES & set(raw.partition(b"?")[0])
        assert not frozenset({*range(0x21), 0x23, *range(0x7F, 0x100)}) & set(raw)
    assert raw.endswith(sent) or (sent.startswith(b"/") and raw.endswith(sent[1:])) or sent == b"*"
    assert sent.partition(b"?")[0] == target.raw_path.encode("utf-8", "surrogateescape")


def check_the_judgement_is_of_what_is_sent(table: Catalog, method: str, sent: bytes, target: Target) -> None:
    found = judged(table, method, sent)
    assert found is not None
    text, again = found
    assert text.encode("utf-8", "surrogateescape") == sent
    assert (again.kind, again.operation, again.realm) == (target.kind, target.operation, target.realm)
    assert (again.parameters, again.raw_path) == (target.parameters, target.raw_path)


def check_both_ways_send_the_same(method: str, raw: bytes, sent: bytes) -> None:
    """The fast path sends the request line unchanged. So the general path has to send all that it accepts unchanged, too."""
    line = REQUEST_LINE.match(b"%b %b HTTP/1.1\r\n" % (method.encode(), raw))
    if line is not None:
        assert line[2] == raw == sent


def check_everybody_reads_the_same(reader: Reader, method: str, sent: bytes, target: Target) -> None:
    template = None if target.operation is None else target.operation.path
    for reading in reader.readings(method, sent):
        assert reading.admin, (sent, reading)
        assert reading.realm == target.realm, (sent, reading)
        assert reading.template in {None, template}, (sent, reading)
