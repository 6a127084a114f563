"""A page whose server is far away, and which takes its time over every message, as a slow machine does."""

LATE_MS = 2_000
"""From a message of the server until the page hears of it."""
ASKED_MS = 300
"""From a question of the page until the server hears of it."""
EACH_MS = 10
"""Between two messages: what comes first is there, and can be changed, before the rest."""
_FAR_AWAY = f"""
const Prompt = window.WebSocket;
window.WebSocket = class extends Prompt {{
  last = 0;
  addEventListener(kind, heard, options) {{
    const late = (event) => {{
      const now = performance.now();
      this.last = Math.max(now + {LATE_MS}, this.last + {EACH_MS});
      setTimeout(() => heard(event), this.last - now);
    }};
    super.addEventListener(kind, kind === "message" ? late : heard, options);
  }}
  send(data) {{
    setTimeout(() => super.send(data), {ASKED_MS});
  }}
}};
"""


def opened_late(open_page, address):
    """The page of this address; nothing of it is there yet."""
    page = open_page("about:blank")
    page.add_init_script(_FAR_AWAY)
    page.goto(address)
    return page
