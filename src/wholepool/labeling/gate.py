"""Who may speak to the page's server: this machine's browser that has the address, and no other.

A site that the browser has open could have its own name lead to 127.0.0.1 (DNS rebinding: Host
tells), or send requests to it (forgery: Origin tells). Whoever lacks the token is refused too.
"""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

#: sent with every answer; nothing is loaded from elsewhere, and no other page may frame this one
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def guarded(application: Application, port: int, token: str) -> Application:
    """The same ASGI application below /TOKEN/, for `port` of this machine; 403 to all others."""
    hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    async def guard(scope: Message, receive: Any, send: Any) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", []))
                names = {name.lower() for name, _ in given}
                more = HEADERS if b"cache-control" in names else HEADERS | NO_STORE
                given += [(name.lower().encode(), text.encode()) for name, text in more.items()]
                message["headers"] = given
            await send(message)

        if scope["type"] != "http":  # no socket is offered, and there is nothing to begin or end
            return
        if wrong := refusal(scope, hosts, token):
            await refuse(sent, wrong)
            return
        path = "/" + scope["path"].lstrip("/").partition("/")[2]
        await application({**scope, "path": path, "raw_path": path.encode()}, receive, sent)

    return guard


NO_STORE = {"Cache-Control": "no-store"}


def refusal(scope: Message, hosts: set[str], token: str) -> str:
    """Why a request is refused; empty if it is not."""
    found: dict[bytes, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.lower(), []).append(value.decode("latin-1").lower())
    host, origin = found.get(b"host", []), found.get(b"origin", [])
    if len(host) != 1 or host[0] not in hosts:
        return "this server is for this machine only: open the address that it printed"
    if origin and origin != [f"http://{host[0]}"]:
        return "another site may not ask this server"
    given, slash, _ = scope["path"].lstrip("/").partition("/")
    if not secrets.compare_digest(given.encode("utf-8", "replace"), token.encode()) or not slash:
        return "the address lacks its token: open the address that the command printed"
    return ""


async def refuse(send: Any, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
