"""The variables in which providers' SDKs look up their keys: in a hermetic run an agent finds none of the host's there.

The list is that of pydantic-ai's provider classes and of the SDKs below them, for every provider that is spoken to in
one of the protocols of the scripted model. `tests/adapters/test_provider_keys.py` compares it with the installed ones.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from matrix.model import Agent

_NAMES = (
    "ALIBABA_API_KEY",
    "ANTHROPIC_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "CEREBRAS_API_KEY",
    "COPILOT_GITHUB_TOKEN",
    "CRUSOE_API_KEY",
    "DASHSCOPE_API_KEY",
    "DEEPSEEK_API_KEY",
    "FIREWORKS_API_KEY",
    "GEMINI_API_KEY",
    "GITHUB_API_KEY",
    "GITHUB_COPILOT_API_KEY",
    "GITHUB_COPILOT_API_TOKEN",
    "GOOGLE_API_KEY",
    "GROQ_API_KEY",
    "HEROKU_INFERENCE_KEY",
    "META_API_KEY",
    "MOONSHOTAI_API_KEY",
    "NEBIUS_API_KEY",
    "OLLAMA_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
    "OVHCLOUD_API_KEY",
    "SAMBANOVA_API_KEY",
    "SNOWFLAKE_TOKEN",
    "SYSTEM_ONE_API_KEY",
    "TOGETHER_API_KEY",
    "TYPESAFE_API_KEY",
    "VERCEL_AI_GATEWAY_API_KEY",
    "VERCEL_OIDC_TOKEN",
    "VLLM_API_KEY",
    "ZAI_API_KEY",
)
PROVIDER_KEYS: Mapping[str, str] = {
    **dict.fromkeys(_NAMES, "placeholder"),
    "PYDANTIC_AI_GATEWAY_API_KEY": "pylf_v1_us_placeholder",  # its region is read from the key
}
"""What stands in each of them while an agent is imported, made and run."""


def set_variables(agent: Agent, environ: MutableMapping[str, str], *, live: bool) -> None:
    """Give an agent's process the variables that it is to find.

    In a hermetic run the row's `env` goes before what the host has, placeholders stand in for the providers' keys, and
    what the row calls a key for live runs (`live_keys`) is there only if `env` gives it. In a live run the host goes
    first.
    """
    if live:
        for name, value in agent.env.items():
            environ.setdefault(name, value)
        return
    for name in agent.live_keys:
        environ.pop(name, None)
    environ.update(PROVIDER_KEYS)
    environ.update(agent.env)
