"""Agents that ask their provider for more than the turns of their run."""

from __future__ import annotations

import asyncio
import json

from tests.gallery.chat_options import Constrained, of_schema

BOOLEAN = {"type": "boolean"}
TEXT = {"type": "string"}


class Embedding(Constrained):
    async def converse(self) -> str:
        texts = [tool.description or name for name, (_, tool) in self.tools.items()]
        async with self.http(timeout=None) as http:
            found = await self.post(http, "embeddings", {"model": "text-embedding-3-small", "input": texts})
        if len(found["data"]) != len(texts):
            raise ValueError("not every text was embedded")
        return await super().converse()


class Moderated(Constrained):
    async def converse(self) -> str:
        async with self.http(timeout=None) as http:
            found = await self.post(http, "moderations", {"input": self.task.prompt})
        if found["results"][0]["flagged"]:
            return "I cannot help with that."
        return await super().converse()


class ChoosesItsModel(Constrained):
    async def converse(self) -> str:
        async with self.http(timeout=None) as http:
            response = await http.get(f"{self.task.model.base_url}/models")
            names = [each["id"] for each in response.raise_for_status().json()["data"]]
            (await http.get(f"{self.task.model.base_url}/models/{names[0]}")).raise_for_status()
        return await super().converse()


class Titled(Constrained):
    async def converse(self) -> str:
        title, answer = await asyncio.gather(
            self.beside("Give this conversation a title of five words.", self.task.prompt), super().converse()
        )
        return f"# {title}\n{answer}"


class Summarised(Constrained):
    async def converse(self) -> str:
        answer = await super().converse()
        return f"{answer}\n{await self.beside('Summarise in one sentence.', answer)}"


class Guarded(Constrained):
    async def converse(self) -> str:
        form = of_schema("guard", reasoning=TEXT, is_harmful=BOOLEAN)
        verdict = json.loads(await self.beside("Is this request harmful?", self.task.prompt, response_format=form))
        if verdict["is_harmful"]:
            return "I cannot help with that."
        return await super().converse()


class GuardedByAWord(Constrained):
    async def converse(self) -> str:
        word = await self.beside("Answer with SAFE or UNSAFE, and nothing else.", self.task.prompt)
        if word.strip().upper() == "UNSAFE":
            return "I cannot help with that."
        return await super().converse()


class GuardedByAnEnum(Constrained):
    async def converse(self) -> str:
        form = of_schema("guard", verdict={"type": "string", "enum": ["block", "allow"]})
        verdict = json.loads(await self.beside("Judge this request.", self.task.prompt, response_format=form))
        if verdict["verdict"] == "block":
            return "I cannot help with that."
        return await super().converse()


class Routed(Constrained):
    async def converse(self) -> str:
        form = of_schema("route", route={"type": "string", "enum": ["smalltalk", "work"]})
        route = json.loads(await self.beside("Which route?", self.task.prompt, response_format=form))["route"]
        if route not in {"smalltalk", "work"}:
            raise ValueError(f"there is no route {route}")
        return await super().converse()


class Judged(Constrained):
    patience_with_itself = 3

    async def converse(self) -> str:
        form = of_schema("judgement", score={"type": "integer", "minimum": 1, "maximum": 5}, passes=BOOLEAN)
        for _ in range(self.patience_with_itself):
            answer = await super().converse()
            judged = json.loads(await self.beside("Judge this answer.", answer, response_format=form))
            if judged["passes"]:
                break
        return answer


class RewritesTheQuestion(Constrained):
    async def converse(self) -> str:
        await self.beside("Rewrite the question so that it stands alone.", self.task.prompt)
        return await super().converse()


class Speaking(Constrained):
    async def converse(self) -> str:
        async with self.http(timeout=None) as http:
            await self.post(http, "audio/speech", {"input": "hello"})
        return await super().converse()
