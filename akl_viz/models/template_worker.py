"""The process that renders chat templates: run by path, fed lines of JSON, ended by its limits or by its parent.

It imports neither torch nor anything of this package. The rendering is transformers' own, so a text is what
`tokenizer.apply_chat_template` gives, in a process that a template may break.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

try:
    import resource
except ImportError:  # Windows has no such limits: the parent's clock ends a template there.
    resource = None  # type: ignore[assignment]


def limited(memory: int) -> None:
    """Bound the memory of this process, where the system does so."""
    if resource is not None:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def started(seconds: int) -> None:
    """Give the next conversations so much time of a processor, after which the system ends this process."""
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime) + seconds + 1
        highest = resource.getrlimit(resource.RLIMIT_CPU)[1]
        kept = limit if highest == resource.RLIM_INFINITY else min(limit, highest)
        resource.setrlimit(resource.RLIMIT_CPU, (kept, highest))


def rendered(chat: dict[str, Any], asked: dict[str, Any], setup: dict[str, Any]) -> str:
    """The text of the first messages of a chat."""
    text: str = render_jinja_template(
        [chat["messages"][: asked["count"]]],
        tools=chat["tools"],
        chat_template=setup["template"],
        add_generation_prompt=asked["open"],
        **setup["tokens"],
    )[0][0]
    return text


def answer(chat: dict[str, Any], asked: dict[str, Any], setup: dict[str, Any]) -> dict[str, Any]:
    """The text that is asked for, or why there is none; by its length where the first one begins with it."""
    if time.process_time() - chat["since"] > setup["all_seconds"]:
        return {"error": "AllSeconds"}
    started(setup["seconds"])
    try:
        text = rendered(chat, asked, setup)
    except MemoryError:
        return {"error": "MemoryError"}
    except Exception as error:  # noqa: BLE001 - whatever a stranger's template raises is told
        return {"error": type(error).__name__, "said": str(error)[:300]}
    if len(text) > setup["characters"]:
        return {"error": "TooLong"}
    if "first" in chat and chat["first"].startswith(text):
        return {"begins": len(text)}
    chat.setdefault("first", text)
    return {"text": text}


def said(reply: dict[str, Any]) -> None:
    """Write one line of JSON."""
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer the lines read: the first holds the template and the limits, later ones a chat or ask for a text of it."""
    setup = json.loads(sys.stdin.readline())
    limited(setup["memory"])
    # The clock of a conversation starts when this process has.
    said({"ready": True})
    chat: dict[str, Any] = {}
    for line in sys.stdin:
        given = json.loads(line)
        if "messages" in given:
            # It is told nothing until a text is asked for.
            chat = given | {"since": time.process_time()}
        else:
            said(answer(chat, given, setup))


if __name__ == "__main__":
    main()
