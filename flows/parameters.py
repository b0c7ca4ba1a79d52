"""What a flow takes as its config: the config itself, or the path of the YAML file that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import at_home, load_config, parse_config


def read_config(given: Any) -> Any:
    """Return the config that a parameter stands for; a path is read where the flow runs, when it runs.

    Raises
    ------
    ConfigFileError
        If there is no such file, or it holds no valid config. Prefect tells it as the state of the flow run.
    """
    if isinstance(given, (str, Path)):
        return load_config(at_home(str(given)).absolute())
    if isinstance(given, Mapping):
        return parse_config(given, base=Path.cwd(), source="`config`")
    return given


ConfigParameter = Annotated[
    AuditConfig, BeforeValidator(read_config, json_schema_input_type=AuditConfig | str)
]
