"""Chat templates, which are programs of strangers: rendered in a process of their own, within limits.

The process may use so much time, memory and output for a row and no more; Stop ends it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from akl_viz.errors import InvalidInput

_WORKER = Path(__file__).with_name("template_worker.py")
_POLL_S = 0.1
_START_S = 120
"""Seconds of the clock in which the process must have started, on a machine however busy."""


@dataclass(frozen=True)
class Limits:
    """What one conversation may cost."""

    seconds: int = 10
    """Of a processor, for a text; of the clock six times as much, for systems that do not count and busy machines."""
    all_seconds: int = 120
    """Of a processor, for all texts of a conversation."""
    memory: int = 2_000_000_000
    """Bytes of the whole process, the interpreter included."""
    characters: int = 50_000_000
    """Of a rendered text."""


class ChatTemplate:
    """The chat template of a tokenizer; a context that holds the process that renders it.

    The texts are those of `tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)`. A long chat has many,
    each up to another message: they are asked for one by one, and never held all at once.
    """

    def __init__(self, tokenizer: Any, check: Callable[[], None] | None = None, limits: Limits | None = None) -> None:
        """The template of a tokenizer.

        Args:
            tokenizer: with a chat template.
            check: called while a text is waited for; raises to give up.
            limits: what one conversation may cost.
        """
        self._tokenizer = tokenizer
        self._check = check or (lambda: None)
        self._limits = limits or Limits()
        self._process: subprocess.Popen[str] | None = None
        self._of = ""
        self._lines: queue.Queue[str] = queue.Queue()
        self._first: str | None = None

    def __enter__(self) -> ChatTemplate:
        """The process starts with the first text."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self.close()

    def close(self) -> None:
        """End the process; the next text starts another one."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    # What was not written yet cannot be, now that nobody reads.
                    continue
        self._process = None

    def begin(self, messages: Sequence[dict[str, Any]], tools: Sequence[Any] = ()) -> None:
        """Take a chat, whose texts are asked for then.

        Raises:
            InvalidInput: the tokenizer has no chat template, or several and none to use.
        """
        template = self._template(bool(tools))
        if self._process is None or template != self._of:
            self.close()
            self._start(template)
        self._first = None
        chat = {"messages": [_given(message) for message in messages], "tools": list(tools) or None}
        self._write(json.dumps(chat, default=str))

    def text(self, count: int, *, opened: bool = False) -> str:
        """The text of the first so many messages of the chat.

        Args:
            count: number of messages.
            opened: whether the beginning of the assistant's next message follows.

        Raises:
            InvalidInput: the template refuses the messages or goes beyond a limit.
        """
        reply = self._answer(json.dumps({"count": count, "open": opened}), 6 * self._limits.seconds)
        if "begins" in reply:
            assert self._first is not None
            return self._first[: reply["begins"]]
        if "text" not in reply:
            self._refuse(reply)
        text = str(reply["text"])
        self._first = text if self._first is None else self._first
        return text

    def _template(self, tools: bool) -> str:
        """The template that transformers would choose: there may be one of its own for tools."""
        if not getattr(self._tokenizer, "chat_template", None):
            raise InvalidInput("The models' tokenizer has no chat template: switch the chat template off.")
        try:
            found: str = self._tokenizer.get_chat_template(None, [{}] if tools else None)
        except ValueError as error:
            raise InvalidInput(
                "The models' tokenizer has several chat templates and none named default: keep the one to use."
            ) from error
        return found

    def _start(self, template: str) -> None:
        """Start the process, with its limits."""
        quiet = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
        self._lines = queue.Queue()
        # -P: what lies beside the worker is no library of it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env=os.environ | quiet,
        )
        threading.Thread(target=_read, args=(self._process.stdout, self._lines), daemon=True).start()
        self._of = template
        limits = self._limits
        setup = {
            "template": template,
            "tokens": _special_tokens(self._tokenizer),
            "memory": limits.memory,
            "seconds": limits.seconds,
            "all_seconds": limits.all_seconds,
            "characters": limits.characters,
        }
        if "ready" not in self._answer(json.dumps(setup), _START_S):
            self.close()
            raise InvalidInput(
                "The process that renders chat templates did not start: free some memory, or switch the template off."
            )

    def _write(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            # The process has ended: the empty line it leaves behind is the answer.
            return

    def _answer(self, job: str, seconds: int) -> dict[str, Any]:
        """What the process says to a line within so many seconds of the clock."""
        self._write(job)
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                self._check()
                try:
                    line = self._lines.get(timeout=_POLL_S)
                except queue.Empty:
                    continue
                return dict(json.loads(line)) if line else {"error": self._end()}
        except BaseException:
            self.close()
            raise
        return {"error": "Clock"}

    def _end(self) -> str:
        """Why the process has ended: the system ends one that has used its time."""
        assert self._process is not None
        out_of_time = getattr(signal, "SIGXCPU", None)
        return "Seconds" if out_of_time is not None and self._process.wait() == -out_of_time else "Ended"

    def _refuse(self, reply: dict[str, Any]) -> NoReturn:
        """Raise what a reply without a text means."""
        limits, kind = self._limits, reply["error"]
        over = {
            "Seconds": f"{limits.seconds} seconds for one text",
            "Clock": f"{6 * limits.seconds} seconds of the clock for one text",
            "AllSeconds": f"{limits.all_seconds} seconds for all turns of one row",
            "MemoryError": f"{limits.memory // 1_000_000:,} MB for one row",
            "TooLong": f"{limits.characters:,} characters for one row",
        }
        if kind in over:
            self.close()
            raise InvalidInput(
                f"The tokenizer's chat template takes more than {over[kind]}: use another template, shorten the row, "
                "or switch the chat template off."
            )
        if kind == "Ended":
            self.close()
            raise InvalidInput(
                "The process that renders the tokenizer's chat template ended before it had a text, as it does where "
                "memory runs out: free some memory, shorten the row, or switch the chat template off."
            )
        said = " ".join(str(reply.get("said", "")).split()).rstrip(".")
        raise InvalidInput(
            f"The tokenizer's chat template refuses a row of the text ({kind}{': ' * bool(said)}{said}): "
            "check the order of its roles, or switch the chat template off."
        )


def _read(pipe: Any, lines: queue.Queue[str]) -> None:
    """Hand on what the process writes; an empty line where it has ended."""
    try:
        for line in pipe:
            lines.put(line)
    except (OSError, ValueError):
        # The pipe was closed while it was read.
        pass
    lines.put("")


def _given(message: dict[str, Any]) -> dict[str, Any]:
    """A message without fields that have no value, as transformers hands it to a template."""
    return {name: value for name, value in message.items() if value is not None}


def _special_tokens(tokenizer: Any) -> dict[str, Any]:
    """The special tokens by name, as templates read them."""
    found = {}
    for name, value in tokenizer.special_tokens_map.items():
        found[name] = [str(one) for one in value] if isinstance(value, list | tuple) else str(value)
    return found
