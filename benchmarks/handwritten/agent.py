"""The agent that both are asked about: it says nothing of how it is tested."""

from pydantic_ai import Agent

agent = Agent("openai-chat:gpt-4.1-mini", instructions="You are a helpful assistant.", defer_model_check=True)
