"""What stands in deployments/ can be deployed, as far as reading it tells: no container engine is asked."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.client.schemas.schedules import construct_schedule
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.schema_tools import validate

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import load_config
from labelhealth.flows.audit import audit_flow

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deployments"
# Prefect's own code, on the versions that the constraints name
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def document(name: str) -> dict[str, Any]:
    """Return a YAML file of the folder."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return found


DEPLOYMENTS = document("prefect.yaml")["deployments"]
SERVICES = document("compose.yaml")["services"]


def loaded(deployment: dict[str, Any]) -> Flow[..., Any]:
    """Return the flow of a deployment; an error while importing it is an error here."""
    return load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)


def test_deployments_are_what_prefect_reads_in_alphabetical_order() -> None:
    """Prefect's own model takes the file; names are sorted, and each pool is used."""
    names = [deployment["name"] for deployment in DEPLOYMENTS]

    assert [
        one.name for one in PrefectYamlModel.model_validate(document("prefect.yaml")).deployments
    ] == names
    assert names == sorted(set(names))
    assert {one["work_pool"]["name"] for one in DEPLOYMENTS} == {"docker", "kubernetes", "local"}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["name"])
def test_deployment_names_a_flow_that_takes_its_parameters(deployment: dict[str, Any]) -> None:
    """The entrypoint imports; the server's check of the parameters passes; a config in them is valid when run."""
    flow = loaded(deployment)
    schema = flow.parameters.model_dump_for_openapi()
    validate(deployment["parameters"], schema, raise_on_error=True)
    config = deployment["parameters"].get("config")
    if config is None:
        names = [Path(place).name for place in deployment["parameters"]["configs"]]
        assert names == ["labelhealth"], "the folder that containers and workers see"
        assert flow.validate_parameters(deployment["parameters"]) == deployment["parameters"]
        return
    if isinstance(config, str):
        deployment = {"parameters": {"config": str(FOLDER / "configs" / Path(config).name)}}

    assert isinstance(flow.validate_parameters(deployment["parameters"])["config"], AuditConfig)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["name"])
def test_deployment_has_schedules_with_time_zone_limit_and_tags(deployment: dict[str, Any]) -> None:
    """Each schedule is one to Prefect and names its time zone; a deployment runs once at a time."""
    assert deployment["schedules"]
    for schedule in deployment["schedules"]:
        assert construct_schedule(**schedule).timezone == schedule["timezone"]
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert deployment["tags"]


def test_config_paths_are_absolute() -> None:
    """A worker has a folder of its own, so nothing may depend on it."""
    given = [one["parameters"].get("config") for one in DEPLOYMENTS]
    files = [yaml.safe_load(path.read_text()) for path in sorted((FOLDER / "configs").glob("*.yaml"))]
    inline = [config for config in (*given, *files) if isinstance(config, dict)]
    paths = [config for config in given if isinstance(config, str)]
    paths += [
        config[part][key] for config in inline for part, key in (("dataset", "path"), ("store", "root"))
    ]

    assert len(inline) >= 2
    assert [path for path in paths if not path.startswith("/")] == []


def write_config(folder: Path, text: str) -> str:
    """Return the path of a config file."""
    path = folder / "audit.yaml"
    path.write_text(text)
    return str(path)


def test_path_of_a_config_is_read_when_the_flow_is_called(tmp_path: Path) -> None:
    """A path as parameter: relative paths in the file are taken from its folder."""
    path = write_config(tmp_path, "dataset: {path: train.parquet}\ninput: {label: species}\n")

    assert audit_flow.validate_parameters({"config": path}) == {"config": load_config(Path(path))}
    assert load_config(Path(path)).dataset.path == str(tmp_path / "train.parquet")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset: {path: x}\n", "audit.yaml is not a valid config:\n  `input` is missing"),
        ("dataset: {path: x}\ninptu: {label: a}\n", "`inptu` is not a known key; did you mean input?"),
        ("dataset: [", "`config` must be valid YAML"),
        (None, "`config` must be a YAML file; cannot read"),
    ],
)
def test_config_that_is_none_is_told_once(tmp_path: Path, text: str | None, message: str) -> None:
    """A file with a mistake, or none: one error that names the file and the field."""
    path = str(tmp_path / "none.yaml") if text is None else write_config(tmp_path, text)

    with pytest.raises(Exception, match=re.escape(message)) as caught:
        audit_flow.validate_parameters({"config": path})
    assert str(caught.value).count("\n - config: ") == 1


def test_compose_file_has_what_a_server_needs() -> None:
    """PostgreSQL, server and worker are checked for health and start in that order; Dask only when asked for."""
    assert {name for name, one in SERVICES.items() if "profiles" not in one} == {
        "database",
        "deploy",
        "server",
        "worker",
    }
    assert {name for name, one in SERVICES.items() if one.get("profiles") == ["dask"]} == {
        "dask-scheduler",
        "dask-worker",
    }
    for name in ("database", "server", "worker", "dask-scheduler"):
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    waits = {name: list(one.get("depends_on", {})) for name, one in SERVICES.items()}
    assert (waits["server"], waits["worker"], waits["deploy"]) == (["database"], ["server"], ["worker"])
    assert {
        condition["condition"]
        for one in SERVICES.values()
        for condition in one.get("depends_on", {}).values()
    } == {"service_healthy"}


def test_compose_file_pins_images_binds_loopback_and_holds_no_secret() -> None:
    """Each image has a version, each port is bound to 127.0.0.1, and passwords come from the environment."""
    images = {one["image"] for one in SERVICES.values()}
    ports = [port for one in SERVICES.values() for port in one.get("ports", [])]
    secrets = [
        value
        for one in SERVICES.values()
        for key, value in one.get("environment", {}).items()
        if "PASSWORD" in key
    ]

    assert [image for image in images if not re.search(r":\d+(\.\d+)+", image)] == []
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert len(secrets) == 2
    assert [secret for secret in secrets if not secret.startswith("${")] == []


def test_server_keeps_leases_across_restarts() -> None:
    """The module of the setting is there: leases in memory would leave a limit taken for ever."""
    from importlib import import_module

    name = SERVICES["server"]["environment"]["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"]

    assert import_module(name).ConcurrencyLeaseStorage
    assert "server:/home/labelhealth/.prefect" in SERVICES["server"]["volumes"]


def instructions(name: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile."""
    text = (FOLDER / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_image_is_made_of_files_that_are_there_and_pinned() -> None:
    """What is copied exists and is not ignored; the packages are those of the README, at the constraints' versions."""
    steps = instructions("Dockerfile")
    copied = [source for word, rest in steps if word == "COPY" for source in shlex.split(rest)[:-1]]
    (pip,) = [rest for word, rest in steps if word == "RUN" and "pip install" in rest]
    allowed = (FOLDER / "Dockerfile.dockerignore").read_text().split()

    assert set(copied) >= {
        "pyproject.toml",
        "constraints.txt",
        "core",
        "configs",
        "tasks",
        "flows",
        "labelhealth",
    }
    assert [source for source in copied if not (ROOT / source).exists() or f"!{source}" not in allowed] == []
    assert pip.replace(" --no-cache-dir", "") in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "-c constraints.txt" in pip


def test_image_runs_as_a_user_and_its_base_is_pinned() -> None:
    """The last user is not root, the base has a full version, nothing is fetched, and no secret stands in it."""
    steps = instructions("Dockerfile")
    users = [rest for word, rest in steps if word == "USER"]
    (base,) = [rest for word, rest in steps if word == "FROM"]

    assert users
    assert users[-1] != "root"
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)
    assert {word for word, _ in steps} <= {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "CMD"}
    assert not re.search(r"(?i)password|secret|token|key", (FOLDER / "Dockerfile").read_text())
