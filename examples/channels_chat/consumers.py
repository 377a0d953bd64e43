from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

ROOM = "room"
MAX_MESSAGE_CHARACTERS = 500


class ChatConsumer(AsyncJsonWebsocketConsumer):
    """One visitor's connection to the room."""

    async def connect(self) -> None:
        await self.channel_layer.group_add(ROOM, self.channel_name)
        await self.accept()
        await self.send_json({"author": "Host", "text": "Welcome. Whatever you write, everybody here can read."})

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(ROOM, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if not isinstance(content, dict):
            return
        author, text = (str(content.get(name, "")).strip() for name in ("author", "text"))
        if text:
            message = {"author": author[:40] or "Guest", "text": text[:MAX_MESSAGE_CHARACTERS]}
            await self.channel_layer.group_send(ROOM, {"type": "chat.message", "message": message})

    async def chat_message(self, event: dict[str, Any]) -> None:
        await self.send_json(event["message"])
