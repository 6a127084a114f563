"""What a browser has of a page of Streamlit, message by message, so that a test says what it has heard when it asks.

It speaks with a real server and draws nothing. Of Streamlit's own browser it does what decides over a person's choices:
a widget begins with its default or with the value it is sent, a later value that is sent takes the place of what is
there, and every run is asked for with the widgets there are and the address of that moment.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

PATIENCE_S = 90
"""The first run of a server imports torch; the machine may be busy."""


def _listed(element: Any, default: bool) -> list[str]:
    places = element.default if default else ()
    return [element.options[place] for place in places] if default else list(element.raw_values)


def _group(element: Any, default: bool) -> list[str]:
    return [element.options[place].content for place in element.default] if default else list(element.raw_values)


def _menu(element: Any, default: bool) -> str | None:
    if default:
        return element.options[element.default] if element.HasField("default") else None
    return str(element.raw_value)


def _plain(element: Any, default: bool) -> Any:
    return element.default if default else element.value


WIDGETS = {
    "button_group": (_group, "string_array_value"),
    "checkbox": (_plain, "bool_value"),
    "multiselect": (_listed, "string_array_value"),
    "number_input": (_plain, "double_value"),
    "selectbox": (_menu, "string_value"),
    "text_area": (_plain, "string_value"),
    "text_input": (_plain, "string_value"),
}
"""Kind -> what reads its value from a message, and the field of it in a question."""


class LateBrowser:
    """A browser on a page, at an address."""

    def __init__(self, server: str, page: str, query: str = ""):
        self.query = query
        self.sent_again: list[str] = []
        """Keys of the widgets whose value was sent, in order."""
        self._page, self._hash = page, ""
        self._kinds: dict[str, str] = {}
        self._has: dict[str, Any] = {}
        address = server.replace("http", "ws", 1) + "/_stcore/stream"
        self._open = ExitStack()
        self._socket = self._open.enter_context(
            connect(address, origin=server, subprotocols=["streamlit"], max_size=None, proxy=None)
        )

    def close(self) -> None:
        self._open.close()

    def ask(self, chosen: dict[str, Any] | None = None, *, back: bool = False) -> deque[ForwardMsg]:
        """Ask for a run after a person's choices, by key; returns the whole answer, of which nothing is heard yet.

        Args:
            chosen: what a person put into widgets.
            back: whether the browser's Back led to the address.
        """
        for key, value in (chosen or {}).items():
            self._has[self._id(key)] = value
        question = BackMsg()
        run = question.rerun_script
        run.query_string, run.page_script_hash, run.page_name = self.query, self._hash, self._page
        run.is_history_navigation = back
        for name, value in self._has.items():
            if value is None:
                continue
            state = run.widget_states.widgets.add(id=name)
            field = WIDGETS[self._kinds[name]][1]
            if field == "string_array_value":
                state.string_array_value.data.extend(value)
            else:
                setattr(state, field, value)
        self._socket.send(question.SerializeToString())
        return self._answer()

    def hear(self, answer: deque[ForwardMsg], until: str | None = None) -> None:
        """Take an answer, or what is left of it; `until` the widget of that key is there."""
        while answer:
            key = self._take(answer.popleft())
            if until is not None and key == until:
                return

    def __getitem__(self, key: str) -> Any:
        return self._has[self._id(key)]

    def _answer(self) -> deque[ForwardMsg]:
        found: deque[ForwardMsg] = deque()
        while True:
            message = ForwardMsg()
            message.ParseFromString(self._socket.recv(timeout=PATIENCE_S))
            found.append(message)
            if message.WhichOneof("type") == "navigation":
                # Known beforehand: the address bar says which page it is.
                self._hash = message.navigation.page_script_hash
            ended = message.WhichOneof("type") == "script_finished"
            if ended and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return found

    def _take(self, message: ForwardMsg) -> str | None:
        """Take one message; the key of its widget."""
        if message.WhichOneof("type") == "page_info_changed":
            self.query = message.page_info_changed.query_string
        kind = message.delta.new_element.WhichOneof("type") if message.WhichOneof("type") == "delta" else None
        if kind not in WIDGETS:
            return None
        element = getattr(message.delta.new_element, kind)
        key = _key(element.id)
        self._kinds[element.id] = kind
        if element.set_value:
            self.sent_again.append(key)
        if element.set_value or element.id not in self._has:
            self._has[element.id] = WIDGETS[kind][0](element, not element.set_value)
        return key

    def _id(self, key: str) -> str:
        return next(name for name in self._kinds if _key(name) == key)


def _key(name: str) -> str:
    """The key in the name that Streamlit gives a widget: a sign, a hash, the key."""
    return name.split("-", 2)[2]
