"""Reads the configuration: environment over credentials directory over conf.d over config.toml over defaults.

All problems are found at once, each with file, line, key, what to do, and a code. Nothing is ever written here.
"""

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from edge.config.checks import Finding, misfits, secrets_in
from edge.config.locate import Path, Sources, error_line
from edge.config.model import Settings, Table
from edge.errors import EdgeError

PREFIX = "HALL_EDGE__"
SCHEMA_ID = "/usr/share/hall-edge/config.schema.json"


class Problem(NamedTuple):
    """One thing wrong with the configuration."""

    file: str
    line: int | None
    key: str
    code: str
    text: str
    remedy: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.key} \u2013 {self.text}. {self.remedy} ({self.code})"


class ConfigErrors(EdgeError):
    """The configuration cannot be used; all that is wrong with it. The process ends with 78."""

    slug: ClassVar[str] = "config-broken"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), problems=len(problems))
        self.problems = tuple(problems)


def load(path: FilePath, *, environ: Mapping[str, str] | None = None, credentials: FilePath | None = None) -> Settings:
    """The settings of this file, its `conf.d` beside it, credentials and environment. Raises ConfigErrors.

    `environ` defaults to the process's own; `credentials` to the directory that systemd names in it.
    """
    environ = os.environ if environ is None else environ
    if credentials is None and environ.get("CREDENTIALS_DIRECTORY"):
        credentials = FilePath(environ["CREDENTIALS_DIRECTORY"])
    sources, problems = _read_files(path)
    if problems:
        raise ConfigErrors(problems)
    found = list(secrets_in(sources.values))
    problems = _unknown_variables(environ)
    settings: Settings | None = None
    try:
        settings = _build(sources, environ, credentials)
        # What came from the environment must fit as well: a door is not less open for being opened there.
        found += misfits(settings.model_dump(exclude={"mqtt_password", "access_key", "backup_key"}))
    except ValidationError as error:
        found += misfits(sources.values)
        problems += [_from_finding(sources, environ, finding) for finding in found]
        found = []
        told = {(problem.file, problem.line, problem.key) for problem in problems}
        for details in error.errors(include_url=False):
            problem = _from_details(sources, environ, details)
            if (problem.file, problem.line, problem.key) not in told:
                problems.append(problem)
    except SettingsError as error:
        problems.append(
            Problem("environment", None, PREFIX + "*", "HE1014", str(error), "Lists and tables are JSON there.")
        )
    problems += [_from_finding(sources, environ, finding) for finding in found]
    if problems or settings is None:
        raise ConfigErrors(sorted(problems, key=lambda problem: (problem.file, problem.line or 0)))
    return settings


def json_schema() -> dict[str, Any]:
    """JSON Schema of config.toml, for editors; shipped as a file and named in the example's first line."""
    schema = Settings.model_json_schema()
    for secret in ("mqtt_password", "access_key", "backup_key"):
        schema["properties"].pop(secret)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}


def json_schema_text() -> str:
    """The same as a file's text."""
    return json.dumps(json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _read_files(path: FilePath) -> tuple[Sources, list[Problem]]:
    sources, problems = Sources(), []
    parts = path.parent / "conf.d"
    for file in (path, *sorted(parts.glob("*.toml"))):
        name = file.name if file == path else f"conf.d/{file.name}"
        try:
            content = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            problems.append(
                Problem(str(file), None, "file", "HE1001", "is not there", "Make one from config.example.toml.")
            )
            continue
        except (OSError, UnicodeDecodeError) as error:
            remedy = "It must be UTF-8, and readable for the group hall-edge."
            problems.append(Problem(str(file), None, "file", "HE1017", f"cannot be read ({error})", remedy))
            continue
        try:
            sources.add(name, content)
        except tomllib.TOMLDecodeError as error:
            line, text = error_line(error, content)
            shown = content.splitlines()[line - 1].strip()[:60] if content.strip() else ""
            problems.append(
                Problem(name, line, f"`{shown}`", "HE1002", f"is not TOML: {text}", "Compare with config.example.toml.")
            )
        except ValueError as error:
            # A number of thousands of digits: tomllib lets the interpreter's own refusal through.
            problems.append(
                Problem(name, None, "file", "HE1002", f"is not TOML: {error}", "Compare with config.example.toml.")
            )
    return sources, problems


def _build(sources: Sources, environ: Mapping[str, str], credentials: FilePath | None) -> Settings:
    """Let pydantic-settings put the sources together in their order."""

    class Environment(EnvSettingsSource):
        def _load_env_vars(self) -> Mapping[str, str | None]:
            return {name.lower(): value for name, value in environ.items()}

    class Everything(BaseSettings, Settings):
        model_config = SettingsConfigDict(
            env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            ordered: list[PydanticBaseSettingsSource] = [Environment(settings_cls)]
            if credentials is not None and credentials.is_dir():
                ordered.append(SecretsSettingsSource(settings_cls, secrets_dir=credentials))
            return (*ordered, init_settings)

    return Everything(**sources.values)


def _from_finding(sources: Sources, environ: Mapping[str, str], finding: Finding) -> Problem:
    path = finding.path
    variable = _variable(sources, path, environ)
    if variable is not None:
        return Problem("environment", None, variable, finding.code, finding.text, finding.remedy)
    place = sources.place(path)
    file, line = place if place else (sources.files[0], None)
    return Problem(file, line, _key_text(sources.values, path), finding.code, finding.text, finding.remedy)


def _from_details(sources: Sources, environ: Mapping[str, str], details: ErrorDetails) -> Problem:
    path: Path = details["loc"]
    code, text, remedy = _words(path, details)
    variable = _variable(sources, path, environ)
    key = _key_text(sources.values, path)
    if variable is not None:
        return Problem("environment", None, variable, code, text, remedy)
    place = sources.place(path)
    file, line = place if place else (sources.files[0] if sources.files else "config.toml", None)
    given = details["input"]
    if code not in ("HE1003", "HE1004") and isinstance(given, str | int | float):
        key += f" = {json.dumps(given, ensure_ascii=False)}"
    return Problem(file, line, key, code, text, remedy)


def _words(path: Path, details: ErrorDetails) -> tuple[str, str, str]:
    """Code, text and remedy of one of pydantic's findings."""
    kind, context = details["type"], details.get("ctx", {})
    name = str(path[-1])
    table = _table_at(path[:-1])
    if kind == "extra_forbidden":
        known = sorted(table.model_fields) if table else []
        close = get_close_matches(name, known, 1, 0.6)
        remedy = f"Did you mean {close[0]}?" if close else f"Known here: {', '.join(known)}."
        return "HE1003", "is not a key of the configuration", remedy
    if kind == "missing":
        return "HE1004", "is missing", f"Add {name} = … here; config.example.toml shows how."
    if path[0] == "line" and name == "baud":
        return "HE1012", "SAS lines run at 19200 (or 9600)", "Write baud = 19200, or leave it out."
    if path[0] == "line" and name == "url":
        return (
            "HE1010",
            "does not begin with a kind of line",
            "SAS: tty: tcp9: tcp: rfc2217: memory: · Modbus: modbus-tcp: modbus-rtu: modbus-rtu-tcp:",
        )
    if kind == "literal_error":
        close = get_close_matches(str(details["input"]), [w.strip("'") for w in _expected(context)], 1, 0.5)
        remedy = f"Did you mean {close[0]}?" if close else f"Write one of: {', '.join(_expected(context))}."
        return "HE1016", "is not one of the words allowed here", remedy
    if kind.endswith(("_type", "_parsing")) or kind in ("int_from_float",):
        return "HE1005", _sentence(details["msg"]), "Compare with config.example.toml."
    remedy = "Choose a value within these bounds." if "than" in kind else "Compare with config.example.toml."
    return "HE1006", _sentence(details["msg"]), remedy


def _expected(context: Mapping[str, Any]) -> list[str]:
    return str(context.get("expected", "")).replace(" or ", ", ").split(", ")


def _sentence(text: str) -> str:
    text = text.removeprefix("Value error, ").removeprefix("Input ")
    return text[:1].lower() + text[1:]


def _table_at(path: Path) -> type[BaseModel] | None:
    """The model of the table at this path."""
    model: type[BaseModel] = Settings
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(str(part))
        inner = _table_in(field.annotation) if field else None
        if inner is None:
            return None
        model = inner
    return model


def _table_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next((found for part in getattr(annotation, "__args__", ()) if (found := _table_in(part))), None)


def _key_text(values: Mapping[str, Any], path: Path) -> str:
    """A path as people read it: line "A": poll_ms."""
    words: list[str] = []
    part: Any = values
    for name in path:
        try:
            part = part[name]
        except (KeyError, IndexError, TypeError):
            part = None
        if isinstance(name, int):
            called = _called(part)
            words[-1] += f" {called}" if called else f"[{name + 1}]"
        else:
            words.append(name)
    return ": ".join(words)


def _called(table: Any) -> str | None:
    if isinstance(table, Mapping):
        for name in ("name", "asset", "id", "key_id"):
            if isinstance(table.get(name), str | int):
                return json.dumps(table[name], ensure_ascii=False)
    return None


def _variable(sources: Sources, path: Path, environ: Mapping[str, str]) -> str | None:
    """The variable of the environment that said this; None: it stands in a file, or nowhere."""
    names = {name.upper() for name in environ}
    parts = [str(part).upper() for part in path if isinstance(part, str)]
    for length in range(len(parts), 0, -1):
        name = PREFIX + "__".join(parts[:length])
        if name in names and (length == len(parts) or not sources.has(path)):
            return name
    return None


def _unknown_variables(environ: Mapping[str, str]) -> list[Problem]:
    """Variables that carry our prefix and name no table of ours: most likely misspelt, so never ignored."""
    problems = []
    for variable in sorted(environ):
        if not variable.upper().startswith(PREFIX):
            continue
        first = variable[len(PREFIX) :].split("__", 1)[0].lower()
        if first not in Settings.model_fields:
            close = get_close_matches(first, list(Settings.model_fields), 1, 0.6)
            meant = f"Did you mean {PREFIX}{close[0].upper()}?" if close else "Take it out of the environment."
            text = "names no table of the configuration"
            problems.append(Problem("environment", None, variable, "HE1014", text, meant))
    return problems
