"""The system prompt of simple, a template with four variables."""

from collections.abc import Mapping

VARIABLES = ("user_preferences", "personal_attributes", "technical_knowledge", "run_id")
UNKNOWN = "None recorded yet."

TEMPLATE = """\
You are a helpful general assistant. Answer plainly and briefly, and use a tool wherever one knows better.

What you know about this user, from your memory:
- Preferences: {user_preferences}
- Personal attributes: {personal_attributes}
- Technical knowledge: {technical_knowledge}

When the user tells you something of this kind, keep it with store_memory under user_preferences,
personal_attributes or technical_knowledge. You can send WhatsApp messages and reactions when asked to.

Run: {run_id}
"""


def render(values: Mapping[str, str | None]) -> str:
    """Fill in the template; a variable without a value says that nothing is known."""
    return TEMPLATE.format(**{name: values.get(name) or UNKNOWN for name in VARIABLES})
