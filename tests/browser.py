"""A page as a browser shows it: headless Chromium with the network off, driven through its debugging pipe."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's package chromium)")

_CHUNK = 1 << 20
#: Gives a program two open files as 3 and 4, whatever their numbers are.
_PLUG = """
import fcntl, os, sys
files = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for place, file in enumerate(files, 3):
    os.dup2(file, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
_KEY_CODES = {"Tab": 9, "Enter": 13, " ": 32, "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36}
_KEY_CODES |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
_OFFLINE = ("file:", "data:", "blob:")
#: What a test asks of every page.
_BROKEN = "[...document.images].filter(one => !one.complete || one.naturalWidth === 0).map(one => one.alt)"
_LOAD = """Promise.all([...document.images].map(one => {
    one.loading = 'eager';
    return one.decode().catch(() => null);
}))"""
_WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


#: Text whose contrast with what is behind it is below 4.5 (WCAG 2, level AA), with the contrast.
_FAINT = """(() => {
  const parts = text => [...text.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
  const linear = value => value <= 10.3 ? value / 3294.6 : ((value / 255 + .055) / 1.055) ** 2.4;
  const light = colour => .2126 * linear(colour[0]) + .7152 * linear(colour[1]) + .0722 * linear(colour[2]);
  const ground = one => {
    const layers = [];
    for (; one; one = one.parentElement) layers.unshift(parts(getComputedStyle(one).backgroundColor));
    return layers.reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = new Set();
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement, style = getComputedStyle(one);
    if (!walker.currentNode.data.trim() || !one.getClientRects().length) continue;
    const behind = ground(one), drawn = one instanceof SVGElement ? style.fill : style.color;
    const [high, low] = [light(over(parts(drawn), behind)), light(behind)].sort((a, b) => b - a);
    const contrast = (high + .05) / (low + .05);
    if (contrast < 4.5) faint.add(`${contrast.toFixed(2)}: ${walker.currentNode.data.trim().slice(0, 60)}`);
  }
  return [...faint];
})()"""


class Page:
    """An open page; ``complaints`` are the errors and warnings of its console, and what it asked the network for."""

    def __init__(self, write: Any, read: Any) -> None:
        self._write, self._read, self._number, self._tab = write, read, 0, ""
        self.complaints: list[str] = []
        self._loaded, self._unread = False, b""

    def open(self, path: Path, width: int = 1280, height: int = 900) -> float:
        """Open a file and return how long that took, s."""
        self._attach()
        self.resize(width, height)
        self._loaded, begun = False, time.monotonic()
        self.send("Page.navigate", url=path.resolve().as_uri())
        while not self._loaded:
            self._hear()
        self.run("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        return time.monotonic() - begun

    def _attach(self) -> None:
        """Have a tab, with the network off."""
        if not self._tab:
            target = self.send("Target.createTarget", url="about:blank")["targetId"]
            self._tab = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.send(f"{domain}.enable")
            # else keys that are pressed just after a page has opened can be lost
            self.send("Emulation.setFocusEmulationEnabled", enabled=True)
            self.send(
                "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
            )

    def resize(self, width: int, height: int = 900) -> None:
        """Change the size of the window."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def run(self, script: str) -> Any:
        """Return the value of an expression, or what it promises."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key: a letter, or one such as Tab or Enter."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else None)
        code = _KEY_CODES.get(key) or ord(key.upper())
        named: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown", **named, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **named)

    def click(self, x: float, y: float) -> None:
        """Click at a place of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def wheel(self, x: float, y: float, by: float) -> None:
        """Turn the wheel with the pointer at a place of the window; up is negative."""
        self.send("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=by)

    def type(self, text: str) -> None:
        """Write text where the focus is."""
        self.send("Input.insertText", text=text)

    def downloads_to(self, folder: Path) -> None:
        """Save what the page offers to a folder."""
        self.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def before_scripts(self, script: str) -> str:
        """Run a script in every page opened from now on, before its own; return its name, see `without`."""
        self._attach()
        return str(self.send("Page.addScriptToEvaluateOnNewDocument", source=script)["identifier"])

    def without(self, name: str) -> None:
        """Run a script of `before_scripts` no more."""
        self.send("Page.removeScriptToEvaluateOnNewDocument", identifier=name)

    def picture(self, path: Path) -> None:
        """Save what the whole page looks like, as a PNG."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True, format="png")["data"]
        path.write_bytes(base64.b64decode(shot))

    def assert_sound(self) -> None:
        """Check that pictures are there, no part cut off and no text faint, and that the browser has not complained."""
        self.run(_LOAD)
        broken = self.run(_BROKEN)
        assert not broken, f"pictures are not there: {broken}"
        for width in (1280, 400):
            self.resize(width)
            assert self.run(_WIDER) <= 0, f"wider than a window of {width} px"
        self.resize(1280)
        faint = self.run(_FAINT)
        assert not faint, f"text with too little contrast: {faint}"
        assert not self.complaints, "; ".join(self.complaints)

    def send(self, method: str, **parameters: Any) -> Any:
        """Send a command of the DevTools protocol and return its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._tab:
            message["sessionId"] = self._tab
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while (answer := self._hear()).get("id") != self._number:
            pass
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            more = self._read.read1(_CHUNK)
            assert more, "the browser has ended"
            self._unread += more
        text, _, self._unread = self._unread.partition(b"\0")
        heard = json.loads(text)
        method, told = heard.get("method"), heard.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(told["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(told["args"]))
        elif method == "Network.requestWillBeSent" and not told["request"]["url"].startswith(
            ("file:", "data:", "blob:")
        ):
            self.complaints.append(f"asks for {told['request']['url'][:200]}")
        return heard


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Start Chromium with a profile of its own below a folder, and end it.

    Chromium reads commands from file descriptor 3 and answers on 4.
    """
    assert CHROMIUM is not None
    (commands, write), (read, answers) = os.pipe(), os.pipe()
    words = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
        *("--no-first-run", "--hide-scrollbars", "--disable-background-networking", "--disable-dev-shm-usage"),
        f"--user-data-dir={folder / 'profile'}",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", _PLUG, str(commands), str(answers), *words],
        pass_fds=(commands, answers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(commands)
    os.close(answers)
    with os.fdopen(write, "wb") as to_browser, os.fdopen(read, "rb") as from_browser:
        page = Page(to_browser, from_browser)
        try:
            yield page
        finally:
            process.terminate()
            process.wait(timeout=20)
