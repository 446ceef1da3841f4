"""Settings: argument over environment over default; every mistake named, no secret shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmtrace.config import TABLE, Secret, Settings, load_settings
from llmtrace.errors import ConfigError

GOOD = {
    "home": "/somewhere",
    "disabled": "true",
    "service_name": "shop",
    "environment": "prod",
    "capture_content": "none",
    "max_body_bytes": "10",
    "sample_ratio": "0.5",
    "endpoint": "http://127.0.0.1:4318",
    "traces_endpoint": "http://127.0.0.1:4318/v1/traces",
    "resource_attributes": "team=blue,note=a%20b",
    "headers": "X-Key=one,other=two=2",
    "export_timeout_s": "3",
    "flush_interval_s": "0.5",
    "exit_flush_s": "1",
    "max_queue_bytes": "5",
    "max_spool_bytes": "6",
    "max_spool_age_s": "7",
    "prices_file": "/prices.yaml",
    "token": "hunter2",
    "forward_to": "jaeger=http://127.0.0.1:4318,https://b.example/otlp",
    "forward_headers": "jaeger:X-Key=one",
    "forward_compression": "none",
    "max_forward_bytes": "8",
}
BAD = {
    "LLMTRACE_DISABLED": "perhaps",
    "LLMTRACE_CAPTURE_CONTENT": "all",
    "LLMTRACE_MAX_BODY_BYTES": "0",
    "LLMTRACE_SAMPLE_RATIO": "1.5",
    "LLMTRACE_ENDPOINT": "localhost:4318",
    "LLMTRACE_FLUSH_INTERVAL": "-1",
    "LLMTRACE_EXIT_FLUSH": "inf",
    "LLMTRACE_MAX_QUEUE_BYTES": "many",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "nan",
    "LLMTRACE_FORWARD_COMPRESSION": "zstd",
}


def rows(variable: bool) -> list[tuple[str, str]]:
    """Return every (setting, variable), so that a new row of the table is tested at once."""
    return [(row.name, name) for row in TABLE for name in (row.variables if variable else [""])]


def test_nothing_given_means_the_defaults() -> None:
    settings = load_settings({})

    assert settings == Settings(home=Path("~/.llmtrace").expanduser())


@pytest.mark.parametrize(("name", "variable"), rows(variable=True))
def test_every_variable_sets_its_setting(name: str, variable: str) -> None:
    text = GOOD.get(name)
    if text is None:
        pytest.skip(f"no example for {name}")

    settings = load_settings({variable: text})

    assert getattr(settings, name) != getattr(Settings(), name)
    assert getattr(settings, name) is not None


def test_an_argument_wins_over_the_environment() -> None:
    settings = load_settings({"LLMTRACE_SAMPLE_RATIO": "0.5"}, sample_ratio=0.25)

    assert settings.sample_ratio == 0.25


def test_the_first_variable_of_a_row_wins() -> None:
    both = {"OTEL_SERVICE_NAME": "second", "LLMTRACE_SERVICE": "first"}

    assert load_settings(both).service_name == "first"


def test_an_empty_variable_is_not_set() -> None:
    assert load_settings({"LLMTRACE_SAMPLE_RATIO": ""}).sample_ratio == 1.0


@pytest.mark.parametrize("variable", BAD)
def test_a_wrong_variable_is_named_with_its_value(variable: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({variable: BAD[variable]})

    assert variable in str(caught.value)
    assert repr(BAD[variable]) in str(caught.value)


def test_a_wrong_argument_is_named_with_its_value() -> None:
    with pytest.raises(ConfigError, match=r"argument sample_ratio=7: write a number from 0 to 1"):
        load_settings({}, sample_ratio=7)


def test_an_unknown_argument_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'endpoint'"):
        load_settings({}, endpiont="http://127.0.0.1")


def test_with_on_error_each_mistake_is_reported_and_the_rest_is_taken() -> None:
    errors: list[ConfigError] = []

    settings = load_settings(
        {"LLMTRACE_SAMPLE_RATIO": "x", "LLMTRACE_SERVICE": "shop"},
        on_error=errors.append,
        endpiont="y",
    )

    assert len(errors) == 2
    assert (settings.sample_ratio, settings.service_name) == (1.0, "shop")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("no_content", "none"),
        ("false", "none"),
        ("span_only", "redacted"),
        ("EVENT_ONLY", "redacted"),
        ("span_and_event", "redacted"),
        ("true", "redacted"),
        ("full", "full"),
    ],
)
def test_opentelemetrys_words_for_content_are_understood(text: str, meaning: str) -> None:
    variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

    assert load_settings({variable: text}).capture_content == meaning


def test_resource_attributes_are_decoded_and_may_name_the_service() -> None:
    variables = {"OTEL_RESOURCE_ATTRIBUTES": "service.name=shop,note=a%20b%2C%20c,bad"}

    settings = load_settings(variables)

    assert settings.resource_attributes == {"service.name": "shop", "note": "a b, c"}
    assert settings.service_name == "shop"


def test_headers_are_secret_and_their_names_lower_case() -> None:
    settings = load_settings({"OTEL_EXPORTER_OTLP_HEADERS": "X-Key=hunter2=="})

    assert settings.headers is not None
    assert settings.headers["x-key"].reveal() == "hunter2=="
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("shown", [str, repr, "{}".format, "{!s}".format, "%s".__mod__])
def test_a_secret_never_shows_itself(shown: object) -> None:
    secret = Secret("hunter2")

    assert "hunter2" not in shown(secret)  # type: ignore[operator]  # each is a function
    assert f"{secret}" == "***"
    assert secret.reveal() == "hunter2"


def test_a_wrong_secret_is_not_in_its_error() -> None:
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_HEADERS") as refusal:
        load_settings({"OTEL_EXPORTER_OTLP_HEADERS": "hunter2"})
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    "given", ["a=https://me:hunter2@b.example", {"a": "https://me:hunter2@b.example"}]
)
def test_a_password_in_a_url_is_refused_and_not_shown(given: object) -> None:
    with pytest.raises(ConfigError, match="write them as a header") as refusal:
        load_settings({}, forward_to=given)
    assert "hunter2" not in str(refusal.value)


def test_the_home_folder_is_absolute_and_without_a_tilde() -> None:
    assert load_settings({"LLMTRACE_HOME": "~/x"}).home == Path.home() / "x"
    assert load_settings({"LLMTRACE_HOME": "x"}).home == Path.cwd() / "x"


def test_every_row_names_a_field_and_says_what_it_means() -> None:
    fields = set(Settings.__dataclass_fields__)

    assert {row.name for row in TABLE} == fields
    assert all(row.meaning.endswith(".") and row.variables for row in TABLE)


def test_a_secret_handed_on_stays_what_it_is() -> None:
    token = Secret("s3cret")

    settings = load_settings({}, token=token, headers={"Authorization": token})

    assert settings.token is not None
    assert settings.headers is not None
    assert settings.token.reveal() == "s3cret"
    assert settings.headers["authorization"].reveal() == "s3cret"


def test_headers_are_percent_decoded_as_opentelemetry_specifies() -> None:
    settings = load_settings({"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20YWJj,x-a=b%2Cc"})

    assert settings.headers is not None
    assert {name: value.reveal() for name, value in settings.headers.items()} == {
        "authorization": "Basic YWJj",
        "x-a": "b,c",
    }


@pytest.mark.parametrize("name", ["sample_ratio", "token", "home", "service_name"])
def test_a_mapping_where_one_value_belongs_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"argument {name}=.*: ") as refusal:
        load_settings({}, on_error=None, **{name: {"s3cret": 1}})
    assert name != "token" or "s3cret" not in str(refusal.value)


def test_a_user_without_a_home_folder_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given: HOME is not set and the user is in no password file, as in some containers
    def no_home(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    errors: list[ConfigError] = []

    # when
    settings = load_settings({}, on_error=errors.append)

    # then
    assert settings.home == Path("/dev/null/llmtrace")
    assert "set LLMTRACE_HOME" in str(errors[0])
    with pytest.raises(ConfigError):
        load_settings({})
