"""The production form keeps the promises of the README and stays readable by both compose tools."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILES = [ROOT / "api" / "Dockerfile", ROOT / "worker" / "Dockerfile"]


def test_it_uses_nothing_that_one_generation_of_the_tool_does_not_know():
    text = (ROOT / "docker-compose.yml").read_text()
    assert "name" not in COMPOSE
    assert "start_interval" not in text
    for service in SERVICES.values():
        assert not isinstance(service.get("env_file"), dict)
        for condition in (service.get("depends_on") or {}).values():
            assert "restart" not in condition


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_confined_and_watched(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert "no-new-privileges:true" in service["security_opt"]
    assert "healthcheck" in service
    assert "build" in service or "image" in service


def test_every_module_that_a_container_runs_exists():
    text = (ROOT / "docker-compose.yml").read_text()
    modules = re.findall(r'"-m", "([\w.]+)"|"-A", "([\w.]+)"', text)
    names = {first or second for first, second in modules}
    assert "worker.health" in names
    for name in names:
        assert (ROOT / Path(*name.split("."))).with_suffix(".py").exists(), name


def test_no_secret_stands_in_the_file():
    text = (ROOT / "docker-compose.yml").read_text()
    for variable in ("POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        uses = re.findall(r"\$\{" + variable + r"(.*?)\}", text)
        assert uses
        assert all(use.startswith(":?") for use in uses), "a missing secret must be an error"


def test_redis_keeps_every_message_it_accepted():
    command = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_the_migration_ends_before_api_and_workers_start():
    for name in ("api", "worker", "ingest", "worker-gpu"):
        condition = SERVICES[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"


def test_only_the_gpu_profile_reserves_gpus():
    reserving = {name for name, service in SERVICES.items() if "deploy" in service}
    assert reserving == {"worker-gpu"}
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_images_run_as_an_ordinary_user_and_build_with_any_builder(file):
    text = file.read_text()
    users = re.findall(r"^USER (\S+)", text, re.MULTILINE)
    assert users[-1] not in {"root", "0"}
    assert "<<" not in text
    assert "# syntax" not in text


def test_the_api_image_installs_no_torch():
    installs = re.findall(r"pip install .*", (ROOT / "api" / "Dockerfile").read_text())
    assert installs == ["pip install --no-cache-dir -c constraints.txt -e '.[api]'"]
    metadata = (ROOT / "pyproject.toml").read_text()
    api_extra = re.search(r"^api = \[(.*?)\]", metadata, re.DOTALL | re.MULTILINE)
    core = re.search(r"^dependencies = \[(.*?)\]", metadata, re.DOTALL | re.MULTILINE)
    assert api_extra is not None
    assert core is not None
    assert "torch" not in api_extra[1] + core[1]
