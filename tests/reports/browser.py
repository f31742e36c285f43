"""Real Chromium, asked over its debugging pipe: no driver to install, no port to open.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip

# Chromium reads from descriptor 3 and writes to 4. What lies there now is moved out of the way first.
_LAUNCH = """
import fcntl, os, sys
reads, writes = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(reads, 3)
os.dup2(writes, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def executable() -> str | None:
    """Chromium, where there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Event(NamedTuple):
    method: str
    params: dict[str, Any]


class Tab:
    """One tab. `events` are all that Chromium told since its page was opened."""

    def __init__(self, pipe: Pipe, session: str) -> None:
        self._pipe, self._session = pipe, session

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return self._pipe.ask(method, params, self._session)

    @property
    def events(self) -> list[Event]:
        return self._pipe.events

    def look(self, width: int, dark: bool = False, height: int = 900) -> None:
        """Show the page in this width and colour scheme."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media="screen", features=[scheme])

    def open(self, path: Path) -> None:
        """Open a file; `events` begin anew."""
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        self._pipe.wait_for("Page.loadEventFired")

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        codes = {"Tab": 9, "Enter": 13}
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], **text)

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        data = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def printed(self) -> bytes:
        """The page as it would be printed: PDF."""
        return base64.b64decode(self.ask("Page.printToPDF", printBackground=True)["data"])


class Pipe:
    """Messages to and from Chromium, each ended by a NUL."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._rest = b""
        self._last = 0
        self.events: list[Event] = []

    def ask(self, method: str, params: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        self._last += 1
        message = {"id": self._last, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            answer = self._next(end)
            if answer.get("id") == self._last:
                assert "error" not in answer, f"{method}: {answer}"
                result: dict[str, Any] = answer["result"]
                return result

    def wait_for(self, method: str) -> None:
        end = time.monotonic() + PATIENCE
        while not any(event.method == method for event in self.events):
            self._next(end)

    def _next(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reads], [], [], max(0.0, end - time.monotonic()))
            assert ready, "Chromium does not answer"
            part = os.read(self._reads, 1 << 20)
            assert part, "Chromium has ended"
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self.events.append(Event(message["method"], message["params"]))
        return message


@contextmanager
def chromium(program: str, folder: Path) -> Iterator[Tab]:
    """A tab of a Chromium of its own, which is ended afterwards."""
    to_child, from_us = os.pipe()
    from_child, to_us = os.pipe()
    argv = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(to_child), str(to_us), program, *_FLAGS]
    argv += [f"--user-data-dir={folder}"]
    environment = {**os.environ, "HOME": str(folder)}
    process = subprocess.Popen(
        [*argv, "about:blank"], pass_fds=(to_child, to_us), env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_child)
    os.close(to_us)
    try:
        pipe = Pipe(from_child, from_us)
        target = pipe.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = pipe.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        tab = Tab(pipe, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.ask(f"{domain}.enable")
        yield tab
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(from_child)
        os.close(from_us)
