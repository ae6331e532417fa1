"""What a newcomer does in the first minute, on nothing but the embedded defaults."""

from __future__ import annotations

import json
import urllib.request

from tests.e2e.conftest import Program


def test_ping_is_answered_on_embedded_defaults(program: Program) -> None:
    """No account, key, server or network is needed for the first answer."""
    (line,) = program.say("/ping")

    assert ("answered", "Pong.") == (line["status"], line["text"])


def test_echo_gives_back_every_byte(program: Program) -> None:
    """Diagnostics must not touch what they carry."""
    said = (
        "  two  spaces, \"quotes', --flags /slashes `code` *stars* <@U1> e\u0301 "
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u202e rtl"
    )

    (line,) = program.say(f"/echo {said}")

    assert said == line["text"]


def test_plain_output_separates_answers(program: Program) -> None:
    """Scripts split at the line of three dashes."""
    done = program.call("console", stdin="/ping\n/echo again\n")

    assert "Pong.\n---\nagain\n---\n" == done.stdout


def test_lines_are_answered_in_order(program: Program) -> None:
    """One line is one message; the n-th answer belongs to the n-th line."""
    lines = program.say(*(f"/echo {number}" for number in range(40)))

    assert [(n + 1, str(n)) for n in range(40)] == [(line["n"], line["text"]) for line in lines]


def test_an_unknown_command_names_the_nearest(program: Program) -> None:
    """A typo must not end in a shrug."""
    (line,) = program.say("/pnig", expect=1)

    assert "/ping" in line["text"]


def test_chat_without_a_model_says_how_to_connect_one(program: Program) -> None:
    """The bot works without a model and says what would switch one on."""
    (line,) = program.say("hello there")

    assert "answered" == line["status"]
    assert all(word in line["text"] for word in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "built-in"))


def test_a_stranger_gets_one_fixed_sentence(program: Program) -> None:
    """Unknown people get no commands, no model, no hint of what there is."""
    lines = program.say("/ping", "/help", "what is up?", options=("--as", "slack:T1:U9"))

    assert {"denied"} == {line["status"] for line in lines}
    assert 1 == len({line["text"] for line in lines})


def test_a_viewer_may_what_the_surface_says(program: Program) -> None:
    """The role table holds from the first day."""
    program.call("person", "grant", "slack:T1:U9", "viewer")

    lines = program.say(
        "/ping",
        "/echo x",
        "/whoami",
        "/help",
        '/schedule add "0 9 * * *" UTC /digest',
        options=("--as", "slack:T1:U9"),
    )

    assert ["answered"] * 4 + ["denied"] == [line["status"] for line in lines]
    assert "/schedule" not in lines[3]["text"]


def test_health_metrics_and_readiness_answer_while_it_runs(program: Program) -> None:
    """The operator watches three addresses."""
    with program.serving():

        def get(path: str) -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{program.port}{path}", timeout=20) as answer:
                text: str = answer.read().decode()
                return text

        healthy, ready, metrics = json.loads(get("/healthz")), json.loads(get("/readyz")), get("/metrics")

    assert {"status": "ok"} == healthy
    assert (True, "ok") == (ready["ready"], ready["database"])
    assert "quarterdeck_" in metrics


def test_a_second_run_names_the_first(program: Program) -> None:
    """Two processes on one data folder would lose or double messages."""
    with program.serving() as first:
        second = program.call("run", expect=1)

    assert str(first.pid) in second.stderr


def test_the_console_speaks_to_the_bot_that_runs(program: Program) -> None:
    """The same conversation is there whether or not the bot serves."""
    with program.serving():
        (served,) = program.say("/ping")
    (alone,) = program.say("/ping")

    assert "Pong." == served["text"] == alone["text"]
    assert served["id"] != alone["id"]


def test_a_wrong_setting_is_refused_with_its_place(program: Program) -> None:
    """The message names file, line, column and the fix."""
    (program.folder / "quarterdeck.yaml").write_text("http:\n  prot: 8421\n")

    checked = json.loads(program.call("check", "--json", expect=1).stdout)
    error = json.loads(program.call("person", "list", "--json", expect=1).stderr)["error"]

    assert ("setup", 2) == (error["kind"], error["line"])
    assert "port" in error["hint"]
    assert 2 in [finding["line"] for finding in checked if finding["level"] == "error"]


def test_wrong_usage_exits_with_two(program: Program) -> None:
    """Scripts tell wrong usage from failure."""
    done = program.call("knowledge", "ad", expect=2)

    assert "add" in done.stderr
