"""The concurrency limit is fair, and loses no slot."""

import asyncio

import pytest

from kcproxy.errors import UpstreamBusy
from kcproxy.server.concurrency_limit import ConcurrencyLimit


async def test_waiting_requests_get_slots_in_order() -> None:
    gate, order = ConcurrencyLimit(5, 5), []
    for _ in range(5):
        await gate.acquire()

    async def one(number: int) -> None:
        await gate.acquire()
        order.append(number)

    waiting = [asyncio.create_task(one(number)) for number in range(5)]
    await asyncio.sleep(0)
    for _ in range(5):
        gate.release()
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4]
    assert gate.active == 5


async def test_a_request_that_waits_too_long_fails_and_takes_no_slot() -> None:
    gate = ConcurrencyLimit(1, 0.05)
    await gate.acquire()
    with pytest.raises(UpstreamBusy):
        await gate.acquire()
    gate.release()
    assert gate.active == 0
    await gate.acquire()
    assert gate.active == 1


async def test_no_more_wait_than_can_be_inside() -> None:
    gate = ConcurrencyLimit(1, 5)
    await gate.acquire()
    waiting = asyncio.create_task(gate.acquire())
    await asyncio.sleep(0)
    with pytest.raises(UpstreamBusy):
        await gate.acquire()
    gate.release()
    await waiting


async def test_a_request_cancelled_when_it_gets_a_slot_passes_it_on() -> None:
    gate = ConcurrencyLimit(2, 5)
    await gate.acquire()
    await gate.acquire()
    first, second = asyncio.create_task(gate.acquire()), asyncio.create_task(gate.acquire())
    await asyncio.sleep(0)
    gate.release()  # it is the first one's turn …
    first.cancel()  # … who does not come any longer
    await asyncio.wait_for(second, 1)
    gate.release()
    gate.release()
    assert gate.active == 0


async def test_new_limits_apply_to_further_requests() -> None:
    gate = ConcurrencyLimit(1, 0.05)
    await gate.acquire()
    gate.resize(2, 0.05)
    await gate.acquire()
    assert gate.active == 2
