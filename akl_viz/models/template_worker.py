"""The process that renders chat templates: run by path, fed lines of JSON, ended by its limits or by its parent.

It imports neither torch nor anything of this package. The rendering is transformers' own, so a text is what
`tokenizer.apply_chat_template` gives, in a process that a template may break.
"""

from __future__ import annotations

import contextlib
import json
import sys
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


def answer(job: dict[str, Any], template: str, tokens: dict[str, Any], characters: int) -> dict[str, Any]:
    """The texts of a job, or why there are none."""
    try:
        texts = []
        for part in job["parts"]:
            text = render_jinja_template(
                [part["messages"]],
                tools=job["tools"],
                chat_template=template,
                add_generation_prompt=part["open"],
                **tokens,
            )[0][0]
            if len(text) > characters:
                return {"error": "TooLong"}
            texts.append(text)
        return {"texts": texts}
    except MemoryError:
        return {"error": "MemoryError"}
    except Exception as error:  # noqa: BLE001 - whatever a stranger's template raises is told
        return {"error": type(error).__name__, "said": str(error)[:300]}


def said(reply: dict[str, Any]) -> None:
    """Write one line of JSON."""
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer a line of JSON for each one read; the first one holds the template and the limits."""
    setup = json.loads(sys.stdin.readline())
    limited(setup["memory"])
    # The clock of a conversation starts when this process has.
    said({"ready": True})
    for line in sys.stdin:
        job = json.loads(line)
        started(setup["seconds"])
        reply = answer(job, setup["template"], setup["tokens"], setup["characters"])
        said(reply)


if __name__ == "__main__":
    main()
