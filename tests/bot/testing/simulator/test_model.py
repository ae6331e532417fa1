"""Prove with the OpenAI client that the scripted model speaks its wire format."""

from openai import AsyncOpenAI

from quarterdeck.testing.simulator.model import NO_ANSWER, ScriptedModel
from quarterdeck.testing.simulator.transcript import Answer

ANSWERS = (Answer(to="weather", say="Sunny. ", times=3, pieces=5),)


async def test_it_answers_what_it_was_told_at_once_and_in_pieces() -> None:
    """And says so where the transcript has no answer."""
    async with ScriptedModel(ANSWERS) as model:
        url = model.environment()["QUARTERDECK__PROVIDERS__CUSTOM__BASE_URL"]
        async with AsyncOpenAI(base_url=url, api_key="none") as client:
            ask = [{"role": "user", "content": "How is the Weather?"}]
            whole = await client.chat.completions.create(model="scripted", messages=ask)
            stream = await client.chat.completions.create(model="scripted", messages=ask, stream=True)
            pieces = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices]
            other = await client.chat.completions.create(
                model="scripted", messages=[{"role": "user", "content": "x"}]
            )

    assert "Sunny. " * 3 == whole.choices[0].message.content
    assert ["Sunny", ". Sun", "ny. S", "unny.", " ", None] == pieces
    assert NO_ANSWER == other.choices[0].message.content
