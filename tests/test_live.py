"""Publish and subscribe: what a subscriber gets, and that none can hold up or bloat the others."""

import asyncio

from app import live


async def texts(subscription: live.Subscription) -> list[str]:
    """Return everything that waits."""
    found: list[str] = []
    while message := await subscription.next(0):
        found.append(message.text)
    return found


async def test_a_subscriber_gets_the_history_first_then_what_comes():
    hub = live.InProcess()
    await hub.publish("a", "1")
    async with hub.subscribe("a") as all_of_it, hub.subscribe("a", history=False) as only_new:
        await hub.publish("a", "2")
        await hub.publish("b", "not for them")
        assert await texts(all_of_it) == ["1", "2"]
        assert await texts(only_new) == ["2"]


async def test_a_waiting_subscriber_is_woken():
    hub = live.InProcess()
    async with hub.subscribe("a") as subscription:
        waiting = asyncio.create_task(subscription.next())
        await asyncio.sleep(0)
        await hub.publish("a", "1")
        message = await waiting
    assert message == live.Message(1, "1")


async def test_history_is_bounded_and_keeps_the_newest():
    hub = live.InProcess()
    for number in range(live.HISTORY + 50):
        await hub.publish("a", str(number))
    async with hub.subscribe("a") as subscription:
        assert await texts(subscription) == [str(number) for number in range(50, live.HISTORY + 50)]


async def test_a_slow_subscriber_loses_the_oldest_and_can_see_the_gap():
    hub = live.InProcess()
    async with hub.subscribe("a") as slow:
        for number in range(live.BACKLOG + 10):
            await hub.publish("a", str(number))
        first = await slow.next(0)
        assert first is not None
        assert first.number == 11
        assert (await texts(slow))[-1] == str(live.BACKLOG + 9)


async def test_idle_topics_are_forgotten_and_followed_ones_kept():
    hub = live.InProcess()
    async with hub.subscribe("followed"):
        await hub.publish("idle", "x")
        await hub.publish("followed", "x")
        for number in range(live.TOPICS):
            await hub.publish(f"topic {number}", "x")
        assert len(hub._topics) <= live.TOPICS
        async with hub.subscribe("followed") as late:
            assert await texts(late) == ["x"]
        async with hub.subscribe("idle") as late:
            assert await texts(late) == []


async def test_who_leaves_is_forgotten():
    hub = live.InProcess()
    async with hub.subscribe("a"):
        pass
    assert not hub._topics["a"].queues
