"""How test servers stop listening without losing a connection."""

import asyncio


async def stop_listening(server: asyncio.Server) -> None:
    """Accept no more connections, and let those that were just accepted reach their handler.

    asyncio never closes the socket of a connection that it accepted just before ``Server.close``: it warns much later, in another test.
    """
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    await turns()
    server.close()


async def turns() -> None:
    """Let the event loop do what is due: between accepting a connection and its handler are four turns."""
    for _ in range(8):
        await asyncio.sleep(0)
