"""One kind of denial, changed by several instances in any order: nothing is counted twice or forgotten, and the columns hold all of it."""

from hypothesis import given
from hypothesis import strategies as st

from kcproxy.observe.denials.course import State
from kcproxy.observe.denials.records import Resolution, Stored
from kcproxy.observe.shared.kinds import MAX_INSTANCES, KindState, apply

HOUR = 3600.0
TIMES = st.floats(min_value=0.0, max_value=20 * HOUR, allow_nan=False)


def stored(at: float, why: str = "role-missing") -> Stored:
    return Stored(id="d", at=at, group="g", verified=True, document=b"{}", why=why)


EVENTS = st.lists(
    st.tuples(
        st.one_of(
            st.builds(stored, TIMES, st.sampled_from(["role-missing", "role-revoked"])),
            st.builds(lambda at: Resolution(group="g", at=at), TIMES),
        ),
        st.sampled_from(["one", "two", "three"]),
    )
)


def applied(events: list[tuple[Stored | Resolution, str]]) -> KindState:
    state = KindState(first_at=20 * HOUR, last_at=0.0)
    for item, instance in events:
        apply(state, item, instance)
    return state


@given(EVENTS)
def test_every_denial_is_counted_once_in_any_order(events: list[tuple[Stored | Resolution, str]]) -> None:
    state = applied(events)
    denials = [item for item, _ in events if isinstance(item, Stored)]
    assert state.count == sum(state.instances.values()) == sum(state.course.hours.values()) == len(denials)
    if denials:
        assert state.last_at == max(item.at for item in denials)
        assert state.first_at == min([20 * HOUR, *(item.at for item in denials)])


@given(EVENTS)
def test_its_columns_hold_all_of_it(events: list[tuple[Stored | Resolution, str]]) -> None:
    state = applied(events)
    names = ("first_at", "last_at", "count", "resolved_at", "changes", "hours", "instances")
    again = KindState.of(dict(zip(names, state.columns(), strict=True)))
    assert (again.first_at, again.last_at, again.count, again.resolved_at) == (
        state.first_at,
        state.last_at,
        state.count,
        state.resolved_at,
    )
    assert (again.instances, again.course.hours, again.course.changes) == (state.instances, state.course.hours, state.course.changes)


@given(EVENTS)
def test_it_is_resolved_exactly_if_its_course_says_so(events: list[tuple[Stored | Resolution, str]]) -> None:
    state = applied(events)
    assert (state.resolved_at is not None) == (state.course.state is State.FIXED)


def test_a_denial_that_was_written_late_does_not_begin_it_again() -> None:
    state = applied([(stored(10.0), "one"), (Resolution(group="g", at=20.0), "two"), (stored(15.0), "three")])
    assert (state.count, state.resolved_at, state.course.state) == (2, 20.0, State.FIXED)


def test_an_end_that_is_older_than_a_denial_ends_nothing() -> None:
    state = applied([(stored(10.0), "one"), (Resolution(group="g", at=5.0), "two")])
    assert (state.resolved_at, state.course.state) == (None, State.FAILS)


def test_instances_are_bounded_and_the_latest_stay() -> None:
    state = applied([(stored(float(number)), f"pod-{number}") for number in range(MAX_INSTANCES + 5)])
    assert len(state.instances) == MAX_INSTANCES
    assert "pod-4" not in state.instances
    assert f"pod-{MAX_INSTANCES + 4}" in state.instances
